"""`datamesh login`, `logout` and `configure`: who speaks, and to which mesh."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from datamesh.aws.clients import SDK_ERRORS
from datamesh.aws.cognito import SignInFailed
from datamesh.cli.client import ApiClient
from datamesh.cli.config import DEFAULT, Profile, ProfileName, config_path, profile_of, profiles_in, write_profile
from datamesh.cli.output import REFUSED, Format, Output, answer, remark, unanswered
from datamesh.cli.session import CognitoUserPool, PasswordChange, Session, TokenCache, Tokens, UserPool
from datamesh.models.api.identity import Me


def login(
    profile: ProfileName = DEFAULT,
    email: Annotated[str | None, typer.Option(help="Whose address.", show_default="the profile's")] = None,
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password (and a second line: a new one) from stdin.")
    ] = False,
) -> None:
    """Sign in. The password is asked for, and never kept; a temporary one has to be changed."""
    chosen = _api_profile(profile)
    who = email or chosen.email or typer.prompt("E-mail")
    if who != chosen.email:
        try:
            chosen = Profile.model_validate({**chosen.model_dump(), "email": who})
        except ValidationError:
            unanswered(f"{who!r} is not an address")
        write_profile(config_path(), profile, chosen)
    password = _line() if password_stdin else typer.prompt("Password", hide_input=True, err=True)
    pool = user_pool(chosen)
    try:
        tokens = _signed_in(pool, chosen.email or who, password, password_stdin=password_stdin)
    except SignInFailed as error:
        remark(f"datamesh: {error.message}")
        raise typer.Exit(REFUSED) from error
    TokenCache().write(chosen, tokens)
    remark(f"{chosen.email} is signed in.")


def logout(profile: ProfileName = DEFAULT) -> None:
    """Forget who is signed in, and have the tokens revoked."""
    chosen, cache = _api_profile(profile), TokenCache()
    tokens = cache.read(chosen)
    if tokens is not None:
        try:
            user_pool(chosen).revoke(tokens)
        except (SignInFailed, *SDK_ERRORS) as error:
            remark(f"datamesh: the tokens are forgotten here, but were not revoked, and hold until they end: {error}")
    remark(f"{chosen.email or 'Nobody'} was signed in." if cache.forget(chosen) else "Nobody was signed in.")


def whoami(profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """Say who is signed in, and what that person may do."""
    me = api(profile).ask("get_me", Me)
    roles = [f"{each.domain}: {', '.join(each.roles)}" for each in me.domains]
    mesh = [f"the mesh: {', '.join(me.mesh_roles)}"] if me.mesh_roles else []
    answer(me.to_json(), output, table=lambda: Text("\n".join([str(me.email), *roles, *mesh])))


def configure(  # noqa: PLR0917 - options have no order
    profile: ProfileName = DEFAULT,
    mode: Annotated[str | None, typer.Option(help="api, or bus.", show_default="api")] = None,
    api_url: Annotated[str | None, typer.Option(help="Of the portal.", show_default=False)] = None,
    region: Annotated[str | None, typer.Option(help="Of the mesh.", show_default=False)] = None,
    user_pool_id: Annotated[str | None, typer.Option(help="Of the portal's people.", show_default=False)] = None,
    client_id: Annotated[str | None, typer.Option(help="Of the user pool's client.", show_default=False)] = None,
    cognito_endpoint: Annotated[str | None, typer.Option(help="Where that is not AWS.", show_default=False)] = None,
    email: Annotated[str | None, typer.Option(help="Who signs in.", show_default=False)] = None,
    domain: Annotated[str | None, typer.Option(help="bus: whose account it is.", show_default=False)] = None,
    prefix: Annotated[str | None, typer.Option(help="bus: the mesh's prefix.", show_default="datamesh")] = None,
    aws_profile: Annotated[str | None, typer.Option(help="bus: of the AWS CLI.", show_default=False)] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="bus: where that is not AWS.", show_default=False)] = None,
) -> None:
    """Make a profile, or change one. What is not given stays; what is needed and missing is asked for."""
    given = {
        "mode": mode,
        "api_url": api_url,
        "region": region,
        "user_pool_id": user_pool_id,
        "client_id": client_id,
        "cognito_endpoint": cognito_endpoint,
        "email": email,
        "domain": domain,
        "prefix": prefix,
        "aws_profile": aws_profile,
        "endpoint_url": endpoint_url,
    }
    path = config_path()
    values = {**profiles_in(path).get(profile, {}), **{name: text for name, text in given.items() if text is not None}}
    needed = ("domain", "region") if values.get("mode") == "bus" else ("api_url", "region", "user_pool_id", "client_id")
    for name in needed:
        if name not in values:
            values[name] = typer.prompt(name, err=True)
    try:
        made = Profile.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        unanswered(f"{'.'.join(map(str, fault['loc'])) or profile}: {fault['msg'].removeprefix('Value error, ')}")
    write_profile(path, profile, made)
    remark(f"{path} has the profile {profile}.")


def api(name: str) -> ApiClient:
    """Return the API of a profile, asked as the profile's person."""
    profile = _api_profile(name)
    session = Session(profile, user_pool(profile), TokenCache())
    return ApiClient(profile.api_url or "", session.id_token)


def user_pool(profile: Profile) -> UserPool:
    """Return the user pool of a profile."""
    return CognitoUserPool(profile)


def _api_profile(name: str) -> Profile:
    profile = profile_of(name)
    if profile.mode != "api":
        unanswered(f"only the API does this, and the profile {name} speaks on a domain's bus: use one of the mode api")
    return profile


def _signed_in(pool: UserPool, email: str, password: str, *, password_stdin: bool) -> Tokens:
    try:
        return pool.sign_in(email, password)
    except PasswordChange:
        remark("The password was a temporary one.")
    if password_stdin:
        chosen = _line()
    else:
        chosen = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return pool.choose_password(email, password, chosen)


def _line() -> str:
    text = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    if not text:
        unanswered("there is no password on stdin")
    return text
