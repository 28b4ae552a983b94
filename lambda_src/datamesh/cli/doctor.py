"""`datamesh doctor`: what keeps the command line from the mesh, and what to do about it."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal, NamedTuple

import typer
from pydantic import ValidationError
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.aws.clients import SDK_ERRORS
from datamesh.aws.cognito import SignInFailed
from datamesh.aws.domain_account import DomainAccount
from datamesh.cli.access_tables import when
from datamesh.cli.bus import Bus, bus_of
from datamesh.cli.client import ApiClient, ApiRefused, ApiUnreachable, Transport, pooled
from datamesh.cli.config import DEFAULT, Profile, ProfileName, config_path, profiles_in
from datamesh.cli.output import OK, REFUSED, Format, Output, answer
from datamesh.cli.session import Session, TokenCache
from datamesh.cli.signing_in import api, user_pool
from datamesh.models.api.domains import DomainDetail, DomainPage
from datamesh.models.api.identity import Me
from datamesh.models.errors import DatameshError

State = Literal["ok", "warn", "fail"]
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
# A token lives an hour; a clock that is off by minutes makes it look over, or not begun.
TOLERATED_SKEW = timedelta(seconds=60)
MOST_DOMAINS = 50
Config = tuple[Profile | None, "Finding"]


class Finding(NamedTuple):
    """What was found of one thing."""

    check: str
    state: State
    message: str
    hint: str = ""


def doctor(
    profile: ProfileName = DEFAULT,
    *,
    listen: Annotated[
        bool, typer.Option("--listen", help="Bus mode: also try to hear an event, which takes a rule and a queue.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Check the profile, the way to the mesh, who you are there, and your domains. Changes nothing.

    In bus mode an event that nobody acts on is put on the own bus. Ends with 1 when something fails, with 0 otherwise.
    """
    findings = list(examine(profile, listen=listen))
    answer([each._asdict() for each in findings], output, table=lambda: _table(findings))
    raise typer.Exit(REFUSED if any(each.state == "fail" for each in findings) else OK)


def examine(name: str, *, listen: bool = False) -> Iterator[Finding]:
    """Yield what is found, one after the other. What depends on something that fails is left out."""
    chosen, finding = _configured(name)
    yield finding
    if chosen is None:
        return
    if chosen.mode == "api":
        yield from _by_api(name, chosen)
    else:
        yield from _on_bus(chosen, listen=listen)


def _configured(name: str) -> Config:
    path = config_path()
    values = profiles_in(path).get(name)
    if values is None:
        state = "has no such profile" if path.exists() else "is not there"
        return None, Finding(f"profile {name}", "fail", f"{path} {state}", f"datamesh configure --profile {name}")
    try:
        found = Profile.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "profile"
        said = fault["msg"].removeprefix("Value error, ")
        return None, Finding(f"profile {name}", "fail", f"{path}: {field}: {said}", "mend the line, or configure again")
    whose = found.email if found.mode == "api" else found.domain
    return found, Finding(f"profile {name}", "ok", f"{path}: mode {found.mode}, {whose or 'nobody yet'}")


# --- a person, by the API ---


def _by_api(name: str, profile: Profile) -> Iterator[Finding]:
    findings = list(_reached(profile, pooled()))
    yield from findings
    yield (signed_in := _signed_in(profile))
    if signed_in.state == "fail" or findings[0].state == "fail":
        return
    client = api(name)
    try:
        me = client.ask("get_me", Me)
    except DatameshError as error:
        yield Finding("roles", "fail", f"{error.code}: {error.message}", "sign in again: datamesh login")
        return
    yield _roles(me)
    yield from _links(client, me)


def _reached(profile: Profile, send: Transport) -> Iterator[Finding]:
    """Ask without a token: the API says 401, and when."""
    url = (profile.api_url or "").rstrip("/")
    try:
        found = send("GET", f"{url}/v1/me", {"Accept": "application/json"}, None)
    except ApiUnreachable as error:
        yield Finding("API", "fail", error.message, "check api_url, the network and its proxies")
        return
    if found.status != 401:
        what = f"{url}/v1/me answers {found.status} where an API of the mesh answers 401"
        yield Finding("API", "fail", what, "check api_url: it is the address of the portal")
        return
    yield Finding("API", "ok", f"{url} answers")
    date = next((value for key, value in found.headers.items() if key.lower() == "date"), None)
    skew = _skew(date)
    if skew is not None and abs(skew) > TOLERATED_SKEW:
        what = f"this machine's clock is off by {skew.total_seconds():.0f} s"
        yield Finding("clock", "warn", what, "set it by NTP: tokens and signatures depend on it")


def _skew(date: str | None) -> timedelta | None:
    try:
        return datetime.now(UTC) - parsedate_to_datetime(date) if date else None
    except (ValueError, TypeError):
        return None


def _signed_in(profile: Profile) -> Finding:
    cache = TokenCache()
    if cache.read(profile) is None:
        return Finding("sign-in", "fail", "nobody is signed in", "datamesh login")
    try:
        Session(profile, user_pool(profile), cache).id_token()
    except SignInFailed as error:
        return Finding("sign-in", "fail", error.message, "datamesh login")
    except SDK_ERRORS as error:
        return Finding("sign-in", "fail", str(error), "check region, user_pool_id and client_id")
    tokens = cache.read(profile)
    left = (tokens.expires_at - datetime.now(UTC)).total_seconds() / 60 if tokens is not None else 0
    return Finding("sign-in", "ok", f"{profile.email} is signed in; the token is renewed in {left:.0f} min")


def _roles(me: Me) -> Finding:
    roles = [f"{each.domain}: {', '.join(each.roles)}" for each in me.domains]
    roles += [f"the mesh: {', '.join(me.mesh_roles)}"] if me.mesh_roles else []
    if not roles:
        hint = "an administrator puts you into groups like <domain>.member; sign in again afterwards"
        return Finding("roles", "warn", f"{me.email} has none", hint)
    return Finding("roles", "ok", "; ".join(roles))


def _links(client: ApiClient, me: Me) -> Iterator[Finding]:
    try:
        names = [each.domain for each in me.domains]
        if me.mesh_roles:
            names += [each.domain for each in client.pages("list_domains", DomainPage, most=MOST_DOMAINS)]
        for name in dict.fromkeys(names):
            yield _link(client, name)
    except DatameshError as error:
        yield Finding("domains", "fail", f"{error.code}: {error.message}")


def _link(client: ApiClient, name: str) -> Finding:
    try:
        found = client.ask("get_domain", DomainDetail, domain=name)
    except ApiRefused as error:
        if error.problem.status != 404:
            raise
        hint = f"datamesh domain register {name} --config-secret-arn …"
        return Finding(f"domain {name}", "warn", "is not registered", hint)
    link = found.link
    if found.status not in {"REGISTERED", "REGISTERING"}:
        return Finding(f"domain {name}", "warn", f"is {found.status}{f': {found.error}' if found.error else ''}")
    if link.health == "FAILING":
        hint = "datamesh workflow list --status FAILED, and the account's own logs"
        return Finding(f"domain {name}", "fail", f"its last workflow failed: {link.last_failure or '?'}", hint)
    if link.health == "WAITING":
        hint = "not all is answered; where commands get stuck, look at the account's rules and dead-letter queues"
        return Finding(
            f"domain {name}", "warn", f"not heard since central addressed it {when(link.last_sent_at)}", hint
        )
    if link.health == "UNKNOWN":
        return Finding(f"domain {name}", "ok", "nothing was sent to it or heard of it lately")
    return Finding(f"domain {name}", "ok", f"events reach it, last heard {when(link.last_heard_at)}")


# --- an account, on its own bus ---


def _on_bus(profile: Profile, *, listen: bool) -> Iterator[Finding]:
    try:
        account = account_of(profile)
    except SDK_ERRORS as error:
        yield Finding("credentials", "fail", str(error), "check aws_profile")
        return
    region = account.region
    if region is None:
        yield Finding("region", "fail", "none is set", "give the profile a region")
        return
    yield Finding("region", "ok", region)
    try:
        identity = account.identity()
    except SDK_ERRORS as error:
        hint = "give the profile an aws_profile, or AWS_ACCESS_KEY_ID and so on in the environment"
        yield Finding("credentials", "fail", str(error), hint)
        return
    yield Finding("credentials", "ok", f"account {identity.account}, {identity.arn}")
    yield _looked("own bus", account.bus, "events:DescribeEventBus", f"is {profile.prefix} the mesh's prefix?")
    yield _looked(
        "config secret", account.config_secret, "secretsmanager:DescribeSecret", "is the account applied to the mesh?"
    )
    yield _spoken(account, profile)
    if listen:
        yield _heard(bus_of(profile))


def account_of(profile: Profile) -> DomainAccount:
    """Return the account of a profile. Raises what boto3 has against it."""
    return DomainAccount.of(
        prefix=profile.prefix,
        region=profile.region,
        aws_profile=profile.aws_profile,
        endpoint_url=profile.endpoint_url,
    )


def _looked(check: str, look: Callable[[], str], right: str, missing: str) -> Finding:
    try:
        return Finding(check, "ok", look())
    except SDK_ERRORS as error:
        # Without an answer of AWS there is no code.
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if code is None:
            return Finding(check, "fail", str(error))
        if code in {"ResourceNotFoundException", "ResourceNotFound"}:
            return Finding(check, "fail", str(error), missing)
        return Finding(check, "warn", f"cannot be looked at: {error}", f"{right} would tell; commands do not need it")


def _spoken(account: DomainAccount, profile: Profile) -> Finding:
    try:
        account.try_to_put()
    except (DatameshError, *SDK_ERRORS) as error:
        hint = f"allow events:PutEvents on the bus {profile.prefix}-domain"
        return Finding("putting events", "fail", str(error), hint)
    return Finding("putting events", "ok", "an event that nobody acts on was taken")


def _heard(bus: Bus) -> Finding:
    try:
        with bus.listening(uuid.uuid4()):
            return Finding("listening", "ok", "an event was heard by a rule and a queue, which are gone again")
    except (DatameshError, *SDK_ERRORS) as error:
        return Finding("listening", "fail", str(error), "without it commands need --no-wait")


def _table(findings: list[Finding]) -> RenderableType:
    table = Table("", "check", "found", "what to do")
    for each in findings:
        table.add_row(Text(each.state, style=STYLES[each.state]), *map(Text, (each.check, each.message, each.hint)))
    return table
