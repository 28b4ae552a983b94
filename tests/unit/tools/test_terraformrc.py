from __future__ import annotations

from pathlib import Path

import pytest

from tools import terraformrc
from tools.terraformrc import is_mirror, render, system, write_terraformrc

PLUGINS = Path("/cache")


def provider(mirror: Path) -> Path:
    return mirror / "registry.terraform.io" / "hashicorp" / "aws"


def test_a_mirror_may_be_unpacked_or_packed(tmp_path: Path) -> None:
    unpacked = provider(tmp_path / "unpacked") / "6.0.0" / system()
    unpacked.mkdir(parents=True)
    (unpacked / "terraform-provider-aws_v6.0.0_x5").touch()
    packed = provider(tmp_path / "packed")
    packed.mkdir(parents=True)
    (packed / f"terraform-provider-aws_6.0.0_{system()}.zip").touch()

    assert is_mirror(tmp_path / "unpacked")
    assert is_mirror(tmp_path / "packed")


def test_a_mirror_for_another_machine_is_none(tmp_path: Path) -> None:
    other = provider(tmp_path) / "6.0.0" / "plan9_mips"
    other.mkdir(parents=True)
    (other / "terraform-provider-aws_v6.0.0_x5").touch()

    assert not is_mirror(tmp_path)


def test_with_a_mirror_only_the_aws_provider_comes_from_it() -> None:
    text = render(Path("/mirror"), "", PLUGINS)

    assert 'path    = "/mirror"' in text
    assert text.count('["registry.terraform.io/hashicorp/aws"]') == 2
    assert "plugin_cache_dir" not in text


def test_without_a_mirror_downloads_are_kept() -> None:
    text = render(None, "", PLUGINS)

    assert 'plugin_cache_dir = "/cache"' in text
    assert "provider_installation" not in text


@pytest.mark.parametrize("mirror", [None, Path("/mirror")])
def test_an_own_provider_installation_is_used_as_it_is(mirror: Path | None) -> None:
    own = 'provider_installation {\n  network_mirror { url = "https://terraform.example.com/" }\n}\n'

    assert render(mirror, own, PLUGINS) == own


def test_own_settings_are_kept() -> None:
    own = 'credentials "app.terraform.io" {\n  token = "x"\n}\n'

    assert own in render(Path("/mirror"), own, PLUGINS)
    assert own in render(None, own, PLUGINS)


def test_the_file_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraformrc, "find_mirror", lambda: None)
    monkeypatch.setattr(terraformrc, "own_configuration", str)
    target = tmp_path / "build" / "terraformrc"

    first = write_terraformrc(target).stat().st_mtime_ns

    assert write_terraformrc(target).stat().st_mtime_ns == first
    assert (tmp_path / "build" / "terraform-plugins").is_dir()


def test_a_configuration_that_is_named_but_missing_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert terraformrc.own_configuration() == ""
