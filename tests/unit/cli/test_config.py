"""Profiles: read, written, and refused with the field and the file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from datamesh.cli.app import app
from datamesh.cli.config import Profile, profiles_in, write_privately, write_profile

API = {
    "api_url": "https://portal.example.com",
    "region": "eu-west-1",
    "user_pool_id": "eu-west-1_abc",
    "client_id": "1example",
}


def run(file: Path, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["--config-file", str(file), *arguments], input=given)
    return done.exit_code, done.stdout, done.stderr


def test_profiles_are_written_beside_each_other_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "below" / "config"
    write_profile(file, "default", Profile.model_validate(API))
    write_profile(file, "pipeline", Profile(mode="bus", domain="sales"))
    found = profiles_in(file)
    assert found["default"] == {"mode": "api", "prefix": "datamesh", **API}
    assert found["pipeline"] == {"mode": "bus", "domain": "sales", "prefix": "datamesh"}
    assert "[profile pipeline]" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_is_replaced_whole_and_keeps_nothing_of_a_broken_attempt(tmp_path: Path) -> None:
    file = tmp_path / "config"
    (tmp_path / ".config.part").write_text("left behind")
    write_privately(file, "one")
    write_privately(file, "two")
    assert file.read_text() == "two"
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_configure_asks_for_what_is_missing_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "config"
    code, _, err = run(file, "configure", "--region", "eu-west-1", given="https://a.example\npool\nclient\n")
    assert code == 0
    assert "has the profile default" in err
    code, _, _ = run(file, "configure", "--email", "Owner@Sales.example")
    assert code == 0
    assert profiles_in(file)["default"] == {
        "mode": "api",
        "region": "eu-west-1",
        "api_url": "https://a.example",
        "user_pool_id": "pool",
        "client_id": "client",
        "email": "owner@sales.example",
        "prefix": "datamesh",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no profile default"),
        ("[profile other]\nmode = bus\n", "has no profile default"),
        ("[default]\nmode = api\nregion = eu-west-1\n", "needs api_url, user_pool_id, client_id"),
        ("[default]\nmode = pigeon\n", "profile default: mode"),
        ("[default]\nmode = bus\ndomain = Sales\n", "profile default: domain"),
        ("[default]\nmode = bus\ndomain = sales\ncolour = red\n", "profile default: colour"),
        ("[default]\napi_url = http://example.com\n", "profile default: api_url"),
        ("[default]\napi_url = https://user@example.com\n", "profile default: api_url"),
        ("no section", "cannot be read"),
        ("[default]\na = 1\n[default]\n", "cannot be read"),
    ],
)
def test_a_profile_that_will_not_do_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    code, _, err = run(file, "domain", "list")
    assert code == 2
    assert message in err
    assert str(file) in err


def test_the_environment_names_file_and_profile(tmp_path: Path) -> None:
    file = tmp_path / "config"
    write_profile(file, "other", Profile(mode="bus", domain="sales"))
    done = CliRunner().invoke(app, ["login"], env={"DATAMESH_CONFIG_FILE": str(file), "DATAMESH_PROFILE": "other"})
    assert done.exit_code == 2
    assert "the profile other speaks on a domain's bus" in done.stderr


def test_plain_http_goes_to_this_machine_only() -> None:
    for url in ("http://127.0.0.1:4566", "http://localhost/x", "http://e1.localhost:4566/", "https://a.b"):
        assert Profile.model_validate({**API, "api_url": url}).api_url == url
    for url in ("http://a.b", "http://localhost.evil.example", "ftp://a", "https://a?b", "http://127.0.0.1.nip.io"):
        with pytest.raises(ValueError, match="api_url"):
            Profile.model_validate({**API, "api_url": url})
