"""`datamesh product validate` and `diff`: what they print, and how they end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from datamesh.cli import product as commands
from datamesh.cli.app import app
from datamesh.models.commands import ProductSpec
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import bucket_of, product_spec, request_access, table_spec
from tests.support.contracts import EXAMPLES, contract, custom, obj, prop, text_of

SALES = "222222222222"
LAKE = f"s3://{bucket_of(SALES)}/products/air_travel/"


def compared(*arguments: str) -> tuple[int, str, str]:
    """Compare with what is registered."""
    return run("diff", "--registry-table", "datamesh-registry", *arguments)


def run(*arguments: str, given: bytes | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["product", *arguments], env={"COLUMNS": "160"}, input=given)
    return done.exit_code, done.stdout, done.stderr


def written(folder: Path, file_name: str, *objects: dict[str, Any], **changes: Any) -> str:
    file = folder / file_name
    server = {"server": "lake", "type": "s3", "location": LAKE, "format": "parquet"}
    file.write_text(text_of(contract(*objects, **({"servers": [server]} | changes))), encoding="utf-8")
    return str(file)


# --- validate ---


@pytest.mark.parametrize("name", ["flights", "fleet", "operations"])
def test_the_examples_are_valid(name: str) -> None:
    code, out, _ = run("validate", str(EXAMPLES / f"{name}.odcs.yaml"))
    assert code == 0
    assert ": valid: sales." in out


def test_problems_are_printed_as_editors_read_them() -> None:
    file = str(EXAMPLES / "broken.odcs.yaml")
    code, out, _ = run("validate", file)
    assert code == 1
    *problems, last = out.splitlines()
    assert last == f"{file}: 12 errors"
    assert all(re.fullmatch(rf"{re.escape(file)}:\d+:\d+: (error|warning): .+ \[.+\]", line) for line in problems)
    assert f"{file}:18:22: error: there is no logicalType 'strng'; did you mean string?" in out


def test_a_long_line_is_not_broken(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 150)
    folder.mkdir()
    file = written(folder, "contract.yaml", obj("flights", prop("a", "strng")))
    _, out, _ = run("validate", file)
    assert out.count("\n") == 2


def test_programs_get_the_product(tmp_path: Path) -> None:
    code, out, _ = run("validate", written(tmp_path, "contract.yaml"), "--output", "json")
    assert code == 0
    (found,) = json.loads(out)
    assert (found["valid"], found["domain"], found["problems"]) == (True, "sales", [])
    assert ProductSpec.model_validate(found["product"]).name == "air_travel"
    _, out, _ = run("validate", str(EXAMPLES / "broken.odcs.yaml"), "--output", "yaml")
    (found,) = yaml.safe_load(out)
    assert (found["valid"], found["product"]) == (False, None)
    assert {"severity", "line", "column", "field", "message"} == set(found["problems"][0])


def test_several_files_are_checked_and_all_are_spoken_of(tmp_path: Path) -> None:
    good, missing = written(tmp_path, "good.yaml"), str(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    code, out, err = run("validate", good, str(EXAMPLES / "broken.odcs.yaml"))
    assert code == 1
    assert "good.yaml: valid" in out
    code, out, err = run("validate", missing, str(tmp_path / "latin.yaml"), good)
    assert code == 2
    assert "good.yaml: valid" in out
    assert "missing.yaml cannot be read" in err
    assert "latin.yaml cannot be read" in err


def test_a_contract_comes_from_stdin_too() -> None:
    code, out, _ = run("validate", "-", given=text_of(contract()).encode())
    assert (code, out.splitlines()[-1]) == (0, "(stdin): valid: sales.air_travel, 1 table, 1 column")


def test_warnings_can_be_errors(tmp_path: Path) -> None:
    file = written(tmp_path, "contract.yaml", team={"name": "sales"})
    assert run("validate", file)[0] == 0
    code, out, _ = run("validate", "--strict", file)
    assert (code, out.splitlines()[-1]) == (1, f"{file}: 1 error")


def test_variables_come_from_options_and_never_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE", "s3://from-the-environment/")
    servers = [
        {"server": name, "type": "s3", "location": f"${{LAKE}}{name}/", "format": "csv"} for name in ("dev", "prod")
    ]
    file = written(tmp_path, "contract.yaml", servers=servers)
    assert "${LAKE} has no value" in run("validate", file)[1]
    _, out, _ = run("validate", file, "--set", "LAKE=s3://a-lake/", "--server", "dev", "--output", "json")
    assert json.loads(out)[0]["product"]["tables"][0]["location"] == "s3://a-lake/dev/flights/"
    code, _, err = run("validate", file, "--set", "LAKE")
    assert (code, "LAKE is not NAME=VALUE" in err) == (2, True)


# --- diff ---


def test_two_contracts_are_compared(tmp_path: Path) -> None:
    before = written(tmp_path, "before.yaml", obj("flights", prop("a"), prop("b")))
    after = written(tmp_path, "after.yaml", obj("flights", prop("a", "date")))
    code, out, _ = run("diff", after, "--against", before)
    assert code == 1
    assert re.search(r"breaking .* flights .* a .* type .* string .* date", out)
    assert re.search(r"breaking .* flights .* b .* column removed", out)
    assert "Nobody is hit by it." in out
    code, out, _ = run("diff", before, "--against", before)
    assert (code, out) == (0, "Nothing would change.\n")
    code, out, _ = run(
        "diff", written(tmp_path, "more.yaml", obj("flights", prop("a"), prop("b"), prop("c"))), "--against", before
    )
    assert code == 0
    assert "Nothing of it breaks anything." in out


@pytest.fixture
def central(monkeypatch: pytest.MonkeyPatch) -> FakeCentral:
    """Central with a product of sales that marketing reads, in the place of the registry."""
    columns = [{"name": "carrier", "type": "string", "pii": False}]
    product = product_spec(table_spec("flights", columns=columns))
    central = central_with("sales", "marketing", product=product)
    assert central.deliver(request_access(minute=10)).status == "SUCCEEDED"
    monkeypatch.setattr(commands, "Registry", lambda table: central.registry)
    return central


def test_what_is_registered_is_compared_and_who_is_hit_is_named(central: FakeCentral, tmp_path: Path) -> None:
    before = central.state()
    file = written(tmp_path, "contract.yaml", obj("flights", prop("carrier", classification="pii")))
    code, out, _ = compared(file)
    assert code == 1
    for word in ("breaking", "classification", "Who is hit", "marketing", "role/analyst"):
        assert word in out
    code, out, _ = compared(file, "--output", "json")
    plan = json.loads(out)
    assert (code, plan["exists"], plan["breaking"]) == (1, True, True)
    assert [each["consumer"] for each in plan["affected"]] == ["marketing"]
    assert central.state() == before


def test_what_changes_nothing_ends_well(central: FakeCentral, tmp_path: Path) -> None:
    code, out, _ = compared(written(tmp_path, "contract.yaml"))
    assert (code, out) == (0, "Nothing would change.\n")


def test_a_product_that_is_not_registered_is_all_new(central: FakeCentral, tmp_path: Path) -> None:
    code, out, _ = compared(written(tmp_path, "contract.yaml", name="other"))
    assert (code, out) == (0, "The product is not registered yet: all of it is new.\n")


def test_a_place_outside_the_domain_is_said_with_its_line(central: FakeCentral, tmp_path: Path) -> None:
    server = {"server": "lake", "type": "s3", "location": "s3://another-bucket/", "format": "parquet"}
    file = written(tmp_path, "contract.yaml", servers=[server])
    code, out, _ = compared(file)
    assert code == 1
    line = next(number for number, text in enumerate(Path(file).read_text().splitlines(), 1) if "name: flights" in text)
    assert f"{file}:{line}:3: error:" in out
    assert "[schema[0]]" in out


def test_an_invalid_contract_is_refused_with_its_problems(central: FakeCentral) -> None:
    code, out, _ = compared(str(EXAMPLES / "broken.odcs.yaml"))
    assert code == 1
    assert "broken.odcs.yaml:18:22: error" in out


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"domain": None}, (), "names no domain: give --domain"),
        ({}, ("--domain", "finance"), "is a contract of the domain sales, not of finance"),
        ({}, ("--against", "broken"), "is not valid"),
        ({}, ("--against", "missing.yaml"), "cannot be read"),
    ],
)
def test_without_an_answer_it_ends_with_two(
    central: FakeCentral, tmp_path: Path, changes: dict[str, Any], arguments: tuple[str, ...], message: str
) -> None:
    words = [str(EXAMPLES / "broken.odcs.yaml") if word == "broken" else word for word in arguments]
    code, _, err = compared(written(tmp_path, "contract.yaml", **changes), *words)
    assert code == 2
    assert message in err


def test_a_domain_that_the_contract_leaves_open_is_given(central: FakeCentral, tmp_path: Path) -> None:
    file = written(tmp_path, "contract.yaml", domain=None, customProperties=custom(classification="internal"))
    assert compared(file, "--domain", "sales")[0] == 0
