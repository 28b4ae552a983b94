"""Profiles: which mesh the command line speaks to, and how. A file like the AWS CLI's, `~/.config/datamesh/config`.

[default]
mode          = api
api_url       = https://portal.example.com
region        = eu-west-1
user_pool_id  = eu-west-1_AbCdEfGhI
client_id     = 1example23456789
email         = owner@sales.example

[profile pipeline]
mode        = bus
domain      = sales
region      = eu-west-1
aws_profile = sales
"""

import configparser
import io
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Literal, Self

import typer
from pydantic import Field, StringConstraints, ValidationError, model_validator

from datamesh.cli.output import unanswered
from datamesh.models.base import DomainName, Model
from datamesh.models.people import Email

DEFAULT = "default"
SECTION = "profile "
# Plain HTTP only to this machine: there the sandbox listens.
Url = Annotated[
    str,
    StringConstraints(
        pattern=r"^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|[^\s/?#@.]+\.localhost)(:\d+)?)(/[^\s?#]*)?$"
    ),
]


def _names(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a profile. Nothing is said here: a shell is listening."""
    given = context.find_root().params.get("config_file")
    parser = _parser()
    with suppress(OSError, UnicodeDecodeError, configparser.Error):
        parser.read_string((given or config_path()).read_text(encoding="utf-8"))
    names = [section.removeprefix(SECTION) for section in parser.sections()]
    return [name for name in names if name.startswith(incomplete)]


ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        envvar="DATAMESH_PROFILE",
        help="The profile of the configuration file.",
        autocompletion=_names,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config-file",
        envvar="DATAMESH_CONFIG_FILE",
        help="The configuration file.",
        show_default="~/.config/datamesh/config",
    ),
]


class Profile(Model):
    """A profile. With `api` a person signs in and the API is asked; with `bus` an account speaks on its own bus."""

    mode: Literal["api", "bus"] = "api"
    region: str | None = None
    api_url: Url | None = None
    cognito_endpoint: Url | None = Field(None, description="Where another than the region's is asked.")
    user_pool_id: str | None = None
    client_id: str | None = None
    email: Email | None = None
    domain: DomainName | None = None
    prefix: str = "datamesh"
    aws_profile: str | None = None
    endpoint_url: Url | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = ("api_url", "region", "user_pool_id", "client_id") if self.mode == "api" else ("domain",)
        if missing := [name for name in needed if getattr(self, name) is None]:
            raise ValueError(f"a profile of the mode {self.mode} needs {', '.join(missing)}")
        return self


_chosen: ContextVar[Path | None] = ContextVar("config_file", default=None)


def choose_file(path: Path | None) -> None:
    """Take profiles from this file; with None from where they are when nobody says otherwise."""
    _chosen.set(path)


def config_path() -> Path:
    """Return where the profiles are: where `--config-file` says, before any command, else below the home directory."""
    return _chosen.get() or Path.home() / ".config" / "datamesh" / "config"


def profile_of(name: str) -> Profile:
    """Return a profile; ends the command when there is none, or it is not complete."""
    path = config_path()
    values = profiles_in(path).get(name)
    if values is None:
        unanswered(f"{path} has no profile {name}: `datamesh configure --profile {name}` makes one")
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        unanswered(
            f"{path}: profile {name}: {field + ': ' if field else ''}{fault['msg'].removeprefix('Value error, ')}"
        )


def profiles_in(path: Path) -> dict[str, dict[str, str]]:
    """Return the profiles of a file by name; none when there is no file. Ends the command when it is no such file."""
    parser = _parser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        unanswered(f"{path} cannot be read: {' '.join(str(error).split())}")
    return {
        section.removeprefix(SECTION): {key: value for key, value in parser[section].items() if value}
        for section in parser.sections()
        if section == DEFAULT or section.startswith(SECTION)
    }


def write_profile(path: Path, name: str, profile: Profile) -> None:
    """Put a profile into a file; the others stay. Ends the command when that is not possible."""
    known = profiles_in(path)
    known[name] = {key: str(value) for key, value in profile.to_json().items() if value is not None}
    parser = _parser()
    for each, values in known.items():
        parser[each if each == DEFAULT else f"{SECTION}{each}"] = values
    text = io.StringIO()
    parser.write(text)
    try:
        write_privately(path, text.getvalue())
    except OSError as error:
        unanswered(f"{path} cannot be written: {error}")


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600, exist_ok=False)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(default_section="(none)", interpolation=None)
