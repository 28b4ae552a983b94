"""`datamesh audit` against DynamoDB (moto): what is printed, what is exported, and that no change goes unnoticed."""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from typer.testing import CliRunner

from datamesh.aws.registry import Registry
from datamesh.cli.app import app
from datamesh.cli.ledger_files import FileFormat, read_entries, write_entries
from datamesh.models.ledger import LedgerEntry, LedgerEvent
from datamesh.models.registry import Append
from tests.support.central_commands import NOW

LEDGER = "datamesh-ledger"
EVENTS = [
    LedgerEvent(
        kind="AccessRequested",
        at=NOW + timedelta(microseconds=number),
        actor="account:333333333333",
        request_id=UUID(int=number % 2),
        domain="sales" if number < 3 else None,
        details={"n": number, "half": number / 2, "who": ["Zoë", None, {"deep": True}]},
    )
    for number in range(5)
]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        for table in ("datamesh-registry", LEDGER):
            dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                BillingMode="PAY_PER_REQUEST",
            )
        registry = Registry("datamesh-registry", dynamodb, ledger_table=LEDGER)
        for event in EVENTS:
            registry.write([Append(event)])
        yield dynamodb


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", *arguments], env={"COLUMNS": "300"})
    return done.exit_code, done.stdout


def verified(*arguments: str) -> tuple[int, Any]:
    code, out = run("verify", *arguments, "--output", "json")
    return code, json.loads(out)


def test_a_sound_ledger_says_what_to_note(client: Any) -> None:
    code, found = verified()
    assert code == 0
    assert (found["sound"], found["entries"], found["broken"]) == (True, 5, None)
    code, out = run("verify")
    assert code == 0
    assert f"5:{found['digest']}" in out
    assert verified("--noted", f"5:{found['digest']}")[0] == 0
    assert verified("--noted", f"5:{'0' * 64}")[0] == 1


ATTRIBUTES = ["kind", "at", "actor", "request_id", "domain", "details", "sequence", "previous", "digest"]


@pytest.mark.parametrize("attribute", [*ATTRIBUTES, "more"])
@pytest.mark.parametrize("how", ["other", "gone"])
def test_an_attribute_that_was_changed_is_found(client: Any, attribute: str, how: str) -> None:
    # GIVEN an entry of which somebody changed or removed an attribute in the table itself
    key = {"pk": {"S": "LEDGER"}, "sk": {"S": "000000000003"}}
    item = client.get_item(TableName=LEDGER, Key=key)["Item"]
    if how == "gone":
        item.pop(attribute, None)
    else:
        item[attribute] = {"N": "7"} if attribute == "sequence" else {"S": '{"n": 2}'}
    client.put_item(TableName=LEDGER, Item=item)

    # THEN verification ends with 1 and names the entry
    code, found = verified()
    if (attribute, how) == ("more", "gone"):
        assert code == 0
    else:
        assert code == 1
        assert found["broken"]["sequence"] == 3
        assert found["entries"] == 2
        assert "Entry 3 is" in run("verify")[1]


def test_what_means_the_same_in_other_words_was_not_written_by_the_mesh(client: Any) -> None:
    key = {"pk": {"S": "LEDGER"}, "sk": {"S": "000000000003"}}
    item = client.get_item(TableName=LEDGER, Key=key)["Item"]
    item["details"]["S"] = item["details"]["S"].replace(": ", ":")
    client.put_item(TableName=LEDGER, Item=item)
    assert verified()[1]["broken"]["tampering"] == "altered"


def test_entries_that_are_gone_or_too_many_are_found(client: Any) -> None:
    key = {"pk": {"S": "LEDGER"}, "sk": {"S": "000000000005"}}
    item = client.get_item(TableName=LEDGER, Key=key)["Item"]
    client.delete_item(TableName=LEDGER, Key=key)
    assert verified()[1]["broken"]["tampering"] == "cut off"
    client.put_item(TableName=LEDGER, Item=item)
    assert verified()[0] == 0
    client.put_item(TableName=LEDGER, Item={**item, "sk": {"S": "#"}})
    assert verified()[1]["broken"] == {
        "sequence": 1,
        "tampering": "inserted",
        "problem": "it stands where no entry has its place",
    }


@pytest.mark.parametrize("file_format", FileFormat)
def test_an_export_is_the_ledger(client: Any, tmp_path: Path, file_format: FileFormat) -> None:
    file = tmp_path / "ledger"
    code, out = run("export", "--format", file_format, "--to", str(file), "-o", "json")
    assert (code, json.loads(out)) == (0, {"entries": 5, "file": str(file)})
    entries = [stored.entry for stored in read_entries(file)]
    assert [entry and entry.to_json() for entry in entries] == json.loads(run("show", "-o", "json")[1])
    assert verified("--file", str(file)) == verified()
    assert list(tmp_path.iterdir()) == [file]


def test_parquet_has_a_column_for_each_field(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "ledger.parquet"
    run("export", "--format", "parquet", "--to", str(file))
    table = pq.read_table(file)
    assert table.column("at").to_pylist() == [event.at for event in EVENTS]
    assert json.loads(table.column("details")[4].as_py()) == EVENTS[4].details
    assert table.column("domain").to_pylist() == ["sales"] * 3 + [None] * 2


@pytest.mark.parametrize("file_format", FileFormat)
def test_a_change_of_an_exported_file_is_found(client: Any, tmp_path: Path, file_format: FileFormat) -> None:
    run("export", "--format", file_format, "--to", str(tmp_path / "ledger"))
    entries = [stored.entry for stored in read_entries(tmp_path / "ledger")]
    forged = [
        entry.model_copy(update={"actor": "nobody"}) if n == 2 else entry for n, entry in enumerate(entries) if entry
    ]
    write_entries(forged, tmp_path / "forged", file_format)
    code, found = verified("--file", str(tmp_path / "forged"))
    assert (code, found["broken"]["sequence"]) == (1, 3)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=4),
    st.datetimes(NOW.replace(tzinfo=None), timezones=st.just(UTC)),
)
def test_whatever_an_entry_says_comes_back(tmp_path: Path, details: dict[str, Any], at: Any) -> None:
    entry = LedgerEntry.following(LedgerEvent(kind="VoteCast", at=at, actor="x", details=details))
    for file_format in FileFormat:
        write_entries([entry], tmp_path / "ledger", file_format)
        (stored,) = read_entries(tmp_path / "ledger")
        assert stored.entry is not None
        assert stored.entry.computed_digest() == entry.digest == stored.entry.digest


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["--request", str(UUID(int=1))], [2, 4]),
        (["--domain", "sales"], [1, 2, 3]),
        (["--domain", "sales", "--request", str(UUID(int=1))], [2]),
        (["--kind", "AccessDenied"], []),
        (["--last", "2"], [4, 5]),
    ],
)
def test_entries_are_shown_by_what_they_concern(client: Any, arguments: list[str], numbers: list[int]) -> None:
    code, out = run("show", *arguments, "--output", "json")
    assert code == 0
    assert [entry["sequence"] for entry in json.loads(out)] == numbers


def test_people_see_a_table(client: Any) -> None:
    _, out = run("show", "--last", "1")
    for word in ("AccessRequested", "account:333333333333", str(UUID(int=0)), "Zoë"):
        assert word in out


@pytest.mark.parametrize(
    "arguments",
    [["verify", "--file", "/nowhere"], ["verify", "--noted", "five"], ["export", "--to", "/nowhere/at/all"]],
)
def test_what_cannot_be_done_ends_without_an_answer(client: Any, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_what_is_no_export_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"nonsense", b"PAR1 and nothing else", b"\xff\xfe"):
        file.write_bytes(content)
        assert run("verify", "--file", str(file))[0] == 2
