"""Example values of columns: they reach the record of their table, and nothing and nobody else."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from datamesh.aws.registry import record_to_item
from datamesh.handlers import register_data_product
from datamesh.handlers._runtime import bound, step_handler
from datamesh.logic.answers import MAX_COMMAND_BYTES
from datamesh.models.base import Model
from datamesh.models.catalog import CatalogColumn
from datamesh.models.commands import MAX_EXAMPLES, Column
from datamesh.models.registry import TableRecord
from datamesh.observability import logger
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    MARKETING,
    by_person,
    event,
    product_spec,
    register_product,
    request_access,
    table_spec,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

CONTEXT = cast(
    "LambdaContext",
    SimpleNamespace(
        function_name="flow",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:111111111111:function:flow",
        aws_request_id="request",
    ),
)
SECRET = "Ada-Lovelace-1815"
REQUEST = uuid.UUID(int=7)
TAGS = {"confidentiality": "non-sensitive"}


def flights(*examples: str, **more: Any) -> dict[str, Any]:
    """Return a product with a table whose columns have examples."""
    columns = [{"name": "carrier", "type": "string", "examples": list(examples)}, {"name": "id", "type": "bigint"}]
    return product_spec(table_spec("flights", columns=columns), **more)


def spec_of(central: FakeCentral) -> TableRecord:
    (table,) = central.registry.tables("sales", "air_travel")
    return table


def written(value: object) -> str:
    """Return everything that a value holds as text."""
    if isinstance(value, Model):
        return value.model_dump_json()
    if is_dataclass(value) and not isinstance(value, type):
        return json.dumps(asdict(value), default=str)
    return json.dumps(value, default=written) if isinstance(value, dict | list | tuple) else repr(value)


# --- where they are ---------------------------------------------------------------------------------------------------


def test_they_reach_the_record_of_the_table() -> None:
    central = central_with("sales", product=flights("UA", "AA"))
    assert spec_of(central).spec.columns[0].examples == ("UA", "AA")
    item = record_to_item(spec_of(central))
    assert item["spec"]["columns"][0]["examples"] == ["UA", "AA"]


def test_the_newest_word_on_them_counts() -> None:
    central = central_with("sales")
    central.deliver(register_product(flights("new"), minute=5))
    central.deliver(register_product(flights("old"), minute=1))
    assert spec_of(central).spec.columns[0].examples == ("new",)
    central.deliver(register_product(flights(), minute=6))
    assert spec_of(central).spec.columns[0].examples == (), "whoever says none any more takes them back"


def test_other_examples_change_nothing_but_the_record() -> None:
    # GIVEN a product that somebody is granted
    central = central_with("sales", "marketing", product=flights("UA"))
    central.deliver(request_access(REQUEST))
    granted, tables = dict(central.lake_formation.granted), dict(central.catalog.tables)

    # WHEN its examples are others
    central.deliver(register_product(flights("AA"), minute=5))

    # THEN the record has them and neither the catalog nor anybody's access is touched: it is a new declaration, no more
    assert spec_of(central).spec.columns[0].examples == ("AA",)
    assert (central.lake_formation.granted, central.catalog.tables) == (granted, tables)
    assert central.said("DataProductRegistered")[-1]["outcome"] == "updated"


# --- where they are not -----------------------------------------------------------------------------------------------


def live(central: FakeCentral, mode: str) -> list[Any]:
    """Let a product with examples live through all its flows; return how each execution ended."""
    tags = TAGS if mode != "nrac" else {}
    product = flights(SECRET, access_mode=mode, tags=tags)
    flagged = flights(SECRET, access_mode=mode, tags=tags, pii=True)
    columns = [*flagged["tables"][0]["columns"], {"name": "phone", "examples": [SECRET]}]
    wider = {**flagged, "tables": [{**flagged["tables"][0], "columns": columns}]}
    asked = {"product": None, "expression": {"confidentiality": ["non-sensitive"]}} if mode == "tbac" else {}
    walks = [
        central.deliver(register_product(product, minute=1)),
        central.deliver(request_access(REQUEST, requested_by="mia@marketing.example", **asked)),
        central.deliver(register_product(flagged, minute=2)),
        central.deliver(by_person(register_product(wider, minute=3))),
    ]
    for (database, name), table in list(central.catalog.tables.items()):
        found = (*table.columns, CatalogColumn(name="phone", type="string"))
        unique = {column.name: column for column in found}
        central.catalog.tables[database, name] = table.model_copy(update={"columns": tuple(unique.values())})
    for number, placed in enumerate(("nrac", "tbac") if mode == "both" else (mode,)):
        tables = [{"name": "flights", "columns": 3, "digest": "d", "changed": True}]
        data = {"domain": "sales", "product": "air_travel", "access_mode": placed, "tables": tables}
        walks.append(central.deliver(event("DataProductSchemaUpdated", data, minute=10 + number)))
    # What was asked meanwhile is decided on, a new request among it.
    other = uuid.UUID(int=8)
    walks.append(central.deliver(request_access(other, **asked)))
    if central.registry.approvals(other):
        walks += central.vote(other)
    revoke = {"request_id": str(REQUEST), "domain": "marketing", "reason": "Done"}
    walks.append(central.deliver(event("RevokeDataProductAccess", revoke, account=MARKETING)))
    leave = {"domain": "sales", "name": "air_travel"}
    central.step("deregister_data_product", "admit", event("DeregisterDataProduct", leave, minute=50))
    return walks


@pytest.mark.parametrize("mode", ["nrac", "tbac", "both"])
def test_nothing_that_leaves_has_them(mode: str) -> None:
    central = central_with("sales", "marketing")
    walks = live(central, mode)
    assert {entry["DetailType"] for entry in central.published} >= {"DataProductRegistered", "DataProductIndexed"}
    assert central.registry.ledger
    assert SECRET in written(spec_of(central)), "otherwise this test would look for nothing"
    places = {
        "facts": central.published,
        "the ledger": [entry.to_json() for entry in central.registry.ledger],
        "notices": central.outbox.queued,
        "the catalog": list(central.catalog.tables.values()),
        "grants": [repr(granted) for granted in central.lake_formation.granted],
        "filters": [repr(found) for found in central.filters.found.values()],
        "what executions return": [walk.output for walk in walks],
    }
    assert [name for name, content in places.items() if SECRET in written(content)] == []


@pytest.mark.parametrize("mode", ["nrac", "tbac", "both"])
def test_no_other_record_has_them(mode: str) -> None:
    central = central_with("sales", "marketing")
    live(central, mode)
    found = [str(key) for key, item in central.registry.items.items() if SECRET in written(item)]
    assert found == [str(spec_of(central).key)]
    assert SECRET not in written(spec_of(central).index), "what is indexed and searched has none"
    assert SECRET not in written(spec_of(central).tagged)


@pytest.mark.parametrize("examples", [[SECRET * 10], [SECRET] * (MAX_EXAMPLES + 1), [{"value": SECRET}], SECRET])
def test_a_refusal_names_the_field_and_not_the_example(examples: Any) -> None:
    central = central_with("sales")
    product = flights()
    product["tables"][0]["columns"][0]["examples"] = examples
    central.deliver(by_person(register_product(product, minute=5)))
    entry = central.published[-1]
    assert entry["Detail"]["metadata"]["target_account"] == CENTRAL
    assert entry["Detail"]["data"]["code"] == "InvalidCommand"
    assert entry["Detail"]["data"]["field"].startswith("product.tables.0.columns.0.examples")
    assert SECRET not in json.dumps(central.published)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Return what is logged, however little else the function would log, and whatever else was tested before."""
    stream, level = io.StringIO(), logger.log_level
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    logger.setLevel("DEBUG")
    yield stream
    logger.setLevel(level)


@pytest.mark.parametrize("fault", [None, ValueError("broken")], ids=["done", "failed"])
def test_no_line_that_is_logged_has_them(
    fault: Exception | None, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN the function as it is deployed, which may fail
    central = central_with("sales")

    def refuse(_changes: object) -> None:
        if fault is not None:
            raise fault

    central.registry.before_write = refuse
    handler = step_handler(lambda: bound(central.flow("register_data_product"), register_data_product.STEPS))
    command = register_product(flights(SECRET), minute=5)
    execution = {"id": "arn", "name": "name", "started_at": "2026-03-02T12:00:00.000Z"}

    # WHEN it takes a command with examples
    if fault is None:
        handler({"step": "admit", "event": command, "execution": execution}, CONTEXT)
    else:
        with pytest.raises(ValueError, match="broken"):
            handler({"step": "admit", "event": command, "execution": execution}, CONTEXT)

    # THEN its log speaks of the step alone
    logged = log.getvalue() + capsys.readouterr().out
    assert "Step done" in logged or "Step failed" in logged
    assert SECRET not in logged


# --- how many there may be --------------------------------------------------------------------------------------------


def test_there_are_few_and_short_ones() -> None:
    column = Column.model_validate({"name": "a", "examples": ["x" * 128] * MAX_EXAMPLES})
    assert len(column.examples) == MAX_EXAMPLES
    assert Column.model_validate({"name": "a"}).examples == ()


def wide(columns: int, example: str) -> dict[str, Any]:
    """Return a product whose one table has many columns, each with one example."""
    said = [{"name": f"c{number}", "examples": [example]} for number in range(columns)]
    return product_spec(table_spec("flights", columns=said))


def test_a_product_with_too_many_examples_is_refused_clearly() -> None:
    central = central_with("sales")
    central.deliver(register_product(wide(2_000, "x" * 128), minute=5))
    rejected = central.said("CommandRejected")[-1]
    assert rejected["code"] == "CommandTooLarge"
    assert "example" in rejected["message"]
    assert central.registry.product("sales", "air_travel") is None


@pytest.mark.parametrize("letter", ["x", "é", "🙂"])
def test_whatever_a_command_can_carry_fits_into_the_record(letter: str) -> None:
    # GIVEN as many columns as there may be, with examples as long as one command can carry them
    length = 128
    command = register_product(wide(2_000, letter * length), minute=5)
    while len(json.dumps(command).encode()) > MAX_COMMAND_BYTES:
        length -= 1
        command = register_product(wide(2_000, letter * length), minute=5)
    central = central_with("sales")
    assert central.deliver(command).status == "SUCCEEDED"
    record_to_item(spec_of(central))

    # WHEN the crawler finds them all, with long comments
    table = central.catalog.tables["datamesh_sales_nrac", "flights"]
    found = tuple(CatalogColumn(name=f"c{number}", comment="x" * 200) for number in range(2_000))
    central.catalog.tables["datamesh_sales_nrac", "flights"] = table.model_copy(update={"columns": found})
    tables = [{"name": "flights", "columns": 2_000, "digest": "d", "changed": True}]
    data = {"domain": "sales", "product": "air_travel", "tables": tables}
    assert central.deliver(event("DataProductSchemaUpdated", data, minute=6)).status == "SUCCEEDED"

    # THEN the record holds the declaration whole, and of what was found what there is room for
    record = spec_of(central)
    record_to_item(record)
    assert record.index is not None
    assert len(record.spec.columns) == record.index.column_count == 2_000
