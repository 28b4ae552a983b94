"""register_data_product: steps that fail, answers that are lost, executions that meet."""

from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.models.errors import AwsTemporarilyUnavailable, CatalogInconsistent, LeaseLost
from datamesh.models.permissions import IAM_ALLOWED_PRINCIPALS
from datamesh.models.registry import Take
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    SALES,
    bucket_of,
    product_spec,
    register_domain,
    register_product,
    table_spec,
)
from tests.support.central_fakes import share_of

BUCKET = bucket_of(SALES)
DATABASE = "datamesh_sales_nrac"


@pytest.fixture
def central() -> FakeCentral:
    return central_with("sales")


def last(central: FakeCentral) -> dict[str, Any]:
    """Return the last DataProductRegistered."""
    return central.said("DataProductRegistered")[-1]


STEPS = ["admit", "tables", "grant", "record", "confirm"]


@pytest.mark.parametrize("step", [*STEPS, "publish"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_step_is_recorded_and_the_command_sent_again_heals(central: FakeCentral, step: str, when: Any) -> None:
    if (step, when) == ("publish", "after"):
        when = "before"  # a service integration has no afterwards
    command = register_product()
    central.fail_once(step, RuntimeError("broken"), when)
    walk = central.deliver(command)
    assert (walk.status, walk.error) == ("FAILED", "RuntimeError")
    record = central.registry.product("sales", "air_travel")
    if record is not None and (step, when) != ("confirm", "after"):
        assert record.status == "FAILED"
        assert "broken" in (record.error or "")
    assert central.deliver(command).status == "SUCCEEDED"
    healthy = central_with("sales")
    healthy.deliver(command)
    mended, expected = central.state(), healthy.state()
    for state in (mended, expected):
        del state["registry"]["DOMAIN#sales/META"]
    assert mended == expected
    assert "registered" in {fact["outcome"] for fact in central.said("DataProductRegistered")}


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_is_asked_for_again(central: FakeCentral, step: str) -> None:
    central.fail_once(step, AwsTemporarilyUnavailable("lost"), "after")
    assert central.deliver(register_product()).status == "SUCCEEDED"
    assert [fact["outcome"] for fact in central.said("DataProductRegistered")] == ["registered"]


def test_an_update_that_failed_before_it_was_said_is_said_later(central: FakeCentral) -> None:
    central.deliver(register_product())
    update = register_product(product_spec(description="new"), minute=1)
    central.fail_once("publish", RuntimeError("broken"))
    central.deliver(update)
    central.deliver(register_product(product_spec(description="new"), minute=2))
    assert last(central)["outcome"] == "updated"


def test_the_same_command_twice_at_once_runs_once(central: FakeCentral) -> None:
    command = register_product()
    assert central.step("register_data_product", "admit", command, "one")["outcome"] == "admitted"
    assert central.step("register_data_product", "admit", command, "two")["outcome"] == "duplicate"
    assert central.step("register_data_product", "admit", command, "one")["outcome"] == "admitted"


def test_a_crashed_execution_is_replaced_after_its_lease(central: FakeCentral) -> None:
    command = register_product()
    central.step("register_data_product", "admit", command, "crashed")
    central.step("register_data_product", "tables", command, "crashed")
    central.now += LEASE
    assert central.deliver(command).path[-1] == "Product Registered"
    for step in ("tables", "grant", "record", "confirm"):
        with pytest.raises(LeaseLost):
            central.step("register_data_product", step, command, "crashed")


def test_defaults_are_cleared_before_anything_is_granted(central: FakeCentral) -> None:
    central.catalog.default_permissions = True
    assert central.deliver(register_product()).status == "SUCCEEDED"
    assert not [who for who, _ in central.lake_formation.granted if who == IAM_ALLOWED_PRINCIPALS]


def test_a_grant_that_is_not_listed_yet_is_waited_for(central: FakeCentral) -> None:
    command = register_product()
    for step in ("admit", "tables"):
        central.step("register_data_product", step, command)
    central.lake_formation.listing_lags = 2
    central.fail_once("grant", AwsTemporarilyUnavailable("busy"))
    walk = central.deliver(register_product(product_spec(name="other"), minute=1))
    assert walk.status == "SUCCEEDED"  # refused: the name is taken
    with pytest.raises(Exception, match="not listed"):
        central.step("register_data_product", "grant", command)
    assert central.step("register_data_product", "grant", command)["resource_shares"] == {"nrac": [share_of(SALES)]}


def test_a_table_created_in_between_is_compared(central: FakeCentral) -> None:
    command = register_product()
    central.step("register_data_product", "admit", command)
    donor = central_with("sales", product=product_spec()).catalog.tables[DATABASE, "flights"]
    create = central.catalog.create_table

    def raced(database: str, table: Any) -> bool:
        central.catalog.tables[DATABASE, "flights"] = donor
        return create(database, table)

    central.catalog.create_table = raced  # type: ignore[method-assign]
    result = central.step("register_data_product", "tables", command)
    assert result["tables"] == [{"mode": "nrac", "name": "flights", "outcome": "created"}]


def test_a_table_that_exists_unseen_fails(central: FakeCentral) -> None:
    command = register_product()
    central.step("register_data_product", "admit", command)
    central.catalog.create_table = lambda *_: False  # type: ignore[method-assign]
    with pytest.raises(CatalogInconsistent):
        central.step("register_data_product", "tables", command)


@pytest.mark.parametrize("missing", ["location", "database", "domain"])
def test_nothing_is_published_that_lake_formation_does_not_protect(central: FakeCentral, missing: str) -> None:
    command = register_product()
    central.step("register_data_product", "admit", command)
    if missing == "location":
        central.lake_formation.locations.clear()
    elif missing == "database":
        central.catalog.databases.clear()
    else:
        central.registry.items = {
            key: item for key, item in central.registry.items.items() if (key.pk, key.sk) != ("DOMAIN#sales", "META")
        }
    with pytest.raises(CatalogInconsistent):
        central.step("register_data_product", "tables", command)


def test_a_table_indexed_while_it_is_recorded_keeps_both(central: FakeCentral) -> None:
    central.deliver(register_product())
    command = register_product(product_spec(table_spec("flights", description="new")), minute=1)
    for step in ("admit", "tables"):
        central.step("register_data_product", step, command)

    def interleave(_changes: object) -> None:
        central.registry.before_write = None
        [table] = central.registry.tables("sales", "air_travel")
        central.registry.items[table.key] = table.model_copy(
            update={"version": table.version + 1, "linked": table.stamp}
        )

    central.registry.before_write = interleave
    central.step(
        "register_data_product", "record", command, tables=[{"mode": "nrac", "name": "flights", "outcome": "updated"}]
    )
    [table] = central.registry.tables("sales", "air_travel")
    assert table.spec.description == "new"
    assert table.linked is not None


def test_failing_before_anything_is_held_records_nothing(central: FakeCentral) -> None:
    broken = register_product({"name": "Not A Name"})
    assert central.step("register_data_product", "fail", broken) == {"outcome": "failed", "recorded": False}
    assert central.step("register_data_product", "fail", register_product())["recorded"] is False


def test_central_as_a_domain_needs_no_grant_to_itself() -> None:
    central = FakeCentral(account_id=SALES)
    central.deliver(register_domain())
    assert central.deliver(register_product()).status == "SUCCEEDED"
    assert last(central)["resource_shares"] == []


def test_a_record_that_changes_while_names_are_claimed_is_read_again(central: FakeCentral) -> None:
    def interleave(changes: Any) -> None:
        if any(isinstance(change, Take) for change in changes):
            central.registry.before_write = None
            record = central.registry.product("sales", "air_travel")
            assert record is not None
            central.registry.items[record.key] = record.model_copy(update={"version": record.version + 1})

    central.registry.before_write = interleave
    assert central.deliver(register_product()).path[-1] == "Product Registered"


def test_a_held_record_with_nothing_pending_is_not_held(central: FakeCentral) -> None:
    central.step("register_data_product", "admit", register_product())
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    central.registry.items[record.key] = record.model_copy(update={"pending": None})
    with pytest.raises(LeaseLost, match="nothing pending"):
        central.step("register_data_product", "tables", register_product())


@pytest.mark.parametrize("place", ["product", "column", "partition key"])
def test_a_late_word_that_something_is_personal_data_counts_where_the_newer_is_silent(
    central: FakeCentral, place: str
) -> None:
    def command(pii: bool | None, minute: int) -> dict[str, Any]:
        named = {"name": "passenger", "type": "string", "pii": pii}
        changes = {"column": {"columns": [named]}, "partition key": {"partition_keys": [named]}}
        more: dict[str, Any] = changes.get(place, {})
        spec = product_spec(table_spec("flights", **more), pii=pii if place == "product" else False)
        return register_product(spec, minute=minute)

    central.deliver(command(None, 2))
    central.deliver(command(True, 1))
    record = central.registry.product("sales", "air_travel")
    [table] = central.registry.tables("sales", "air_travel")
    assert record is not None
    assert record.content is not None
    flags = {"product": [record.content.pii], "column": [column.pii for column in table.spec.columns]}
    assert flags.get(place, [key.pii for key in table.spec.partition_keys]) == [True]
    found = central.catalog.tables[DATABASE, "flights"]
    parameters = {"product": found.parameters, "column": found.columns and found.columns[0].parameters}
    assert (parameters.get(place) or found.partition_keys[0].parameters)["pii_flag"] == "true"


@pytest.mark.parametrize("names", [["flights"], ["flights", "airports"]])
def test_an_older_command_does_not_overwrite_a_newer_one_that_failed(central: FakeCentral, names: list[str]) -> None:
    central.deliver(register_product(minute=0))
    newer = register_product(product_spec(pii=True, classification="restricted"), minute=2)
    central.fail_once("grant", RuntimeError("down"))
    central.deliver(newer)
    older = register_product(product_spec(*[table_spec(name) for name in names], pii=False), minute=1)
    central.deliver(older)
    assert central.catalog.tables[DATABASE, "flights"].parameters["pii_flag"] == "true"
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    newest = record.pending or record.content
    assert newest is not None
    assert (newest.pii, newest.classification) == (True, "restricted")
    central.deliver(newer)
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert (record.status, record.content and record.content.pii) == ("REGISTERED", True)
