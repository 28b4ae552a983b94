"""What became sensitive is taken out of standing grants by name before anybody hears of it, and asked about."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic import access_work
from datamesh.models.catalog import PII_FLAG, CatalogColumn
from datamesh.models.commands import ProductRef
from datamesh.models.permissions import DataFilter, FilterResource, Grant
from datamesh.models.registry import GrantRecord, RequestRecord, Save, ShownTable, Stamp
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    MARKETING,
    NOW,
    event,
    product_spec,
    register_product,
    table_spec,
)

DATABASE = "datamesh_sales_nrac"
REQUEST = uuid.UUID(int=7)
FILTER = f"datamesh_{REQUEST.hex}"
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
RESOURCE = FilterResource(catalog_id=CENTRAL, database=DATABASE, table="flights", name=FILTER)


def column(name: str, **more: Any) -> dict[str, Any]:
    """Return a column as a command declares it."""
    return {"name": name, "type": "string", "pii": False} | more


def flights(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the product with its one table."""
    return product_spec(table_spec("flights", columns=list(columns), **more))


def schema_updated(minute: int = 30) -> dict[str, Any]:
    """Return what sales says after a crawl."""
    tables = [{"name": "flights", "columns": 1, "digest": "d", "changed": True}]
    data = {"domain": "sales", "product": "air_travel", "tables": tables}
    return event("DataProductSchemaUpdated", data, minute=minute)


@pytest.fixture
def central() -> FakeCentral:
    central = central_with("sales", "marketing", product=flights(column("origin"), column("email")))
    grant(central, columns=("email", "origin"))
    return central


def grant(central: FakeCentral, **changes: Any) -> None:
    """Let marketing's analyst have been granted the table, as share_data_product records it."""
    later = changes.pop("later_tables", "excluded")
    grant_to = changes.pop("grant_to", "account")
    shown = ShownTable.model_validate({"filter": FILTER, **changes})
    product = ProductRef(domain="sales", name="air_travel")
    request = RequestRecord(
        status="PROVISIONED",
        stamp=Stamp(occurred_at=NOW, event_id=REQUEST),
        execution_id="share",
        lease_expires_at=NOW,
        updated_at=NOW,
        request_id=REQUEST,
        digest="",
        domain="marketing",
        account_id=MARKETING,
        product=product,
        principals=(ANALYST,),
        justification="",
    )
    record = GrantRecord(
        request_id=REQUEST,
        product=product,
        consumer="marketing",
        account_id=MARKETING,
        database=DATABASE,
        tables=("flights",),
        shown={"flights": shown},
        later_tables=later,
        grant_to=grant_to,
        principals=(ANALYST,),
        permissions=("SELECT",),
        granted_at=NOW,
    )
    central.registry.write([Save(request), Save(record)])
    central.filters.ensure(DataFilter(database=DATABASE, table="flights", name=FILTER, columns=shown.columns))
    holder, grantable = (MARKETING, ("SELECT",)) if grant_to == "account" else (ANALYST, ())
    central.lake_formation.grant(
        [Grant(principal=holder, resource=RESOURCE, permissions=("SELECT",), grantable=grantable)]
    )


def shown(central: FakeCentral) -> ShownTable:
    """Return what the registry says that the grant shows."""
    [record] = central.registry.grants("sales", "air_travel")
    return record.shown["flights"]


def listed(central: FakeCentral) -> tuple[str, ...]:
    """Return what the filter in Lake Formation shows."""
    found = central.filters.get(DATABASE, "flights", FILTER)
    assert found is not None
    return found.columns


def test_a_column_declared_as_personal_is_held_back_before_the_declaration_is_in_force(central: FakeCentral) -> None:
    command = register_product(flights(column("origin"), column("email", pii=True)), minute=20)
    central.step("register_data_product", "admit", command, "new")
    central.step("register_data_product", "tables", command, "new")
    assert listed(central) == ("origin",)
    assert (shown(central).columns, shown(central).held_back) == (("origin",), ("email",))
    [entry] = [each for each in central.registry.ledger if each.kind == "AccessNarrowed"]
    assert entry.request_id == REQUEST
    assert entry.details["columns"] == {"flights": ["email"]}
    assert "declared as personal data" in str(entry.details["reasons"])


def test_doing_it_again_changes_nothing(central: FakeCentral) -> None:
    command = register_product(flights(column("origin"), column("email", pii=True)), minute=20)
    central.step("register_data_product", "admit", command, "new")
    central.step("register_data_product", "tables", command, "new")
    before = central.state()
    central.step("register_data_product", "tables", command, "new")
    assert central.state() == before
    assert [each.kind for each in central.registry.ledger].count("AccessNarrowed") == 1


def test_a_step_that_died_after_the_registry_was_written_is_finished_by_the_next(central: FakeCentral) -> None:
    command = register_product(flights(column("origin"), column("email", pii=True)), minute=20)
    central.step("register_data_product", "admit", command, "new")
    central.step("register_data_product", "tables", command, "new")
    central.filters.ensure(DataFilter(database=DATABASE, table="flights", name=FILTER, columns=("email", "origin")))
    central.step("register_data_product", "tables", command, "new")
    assert listed(central) == ("origin",)


def test_what_people_approved_stays(central: FakeCentral) -> None:
    grant_again = shown(central).model_copy(update={"approved": ("email",)})
    [record] = central.registry.grants("sales", "air_travel")
    update = {"shown": {"flights": grant_again}, "version": record.version + 1}
    central.registry.write([Save(record.model_copy(update=update))])
    central.deliver(register_product(flights(column("origin"), column("email", pii=True)), minute=20))
    assert listed(central) == ("email", "origin")
    assert not [each for each in central.registry.ledger if each.kind == "AccessNarrowed"]


@pytest.mark.parametrize("change", [{"classification": "confidential"}, {"pii": True}, {"classification": None}])
def test_where_the_product_becomes_sensitive_nothing_is_shown_any_more(
    central: FakeCentral, change: dict[str, Any]
) -> None:
    walk = central.deliver(register_product(flights(column("origin"), column("email")) | change, minute=20))
    assert walk.status == "SUCCEEDED"
    assert shown(central).columns == ()
    assert shown(central).held_back == ("email", "origin")
    assert (MARKETING, RESOURCE) not in central.lake_formation.granted, "a filter cannot show nothing"


def test_a_partition_key_cannot_be_left_out_so_everything_is_held_back() -> None:
    product = flights(column("origin"), partition_keys=[{"name": "customer", "type": "string", "pii": False}])
    central = central_with("sales", "marketing", product=product)
    grant(central, columns=("customer", "origin"), grant_to="principals")
    product = flights(column("origin"), partition_keys=[{"name": "customer", "type": "string", "pii": True}])
    central.deliver(register_product(product, minute=20))
    assert shown(central).columns == ()
    assert (ANALYST, RESOURCE) not in central.lake_formation.granted


def test_who_changes_what_the_consumer_is_granted_is_waited_for(central: FakeCentral) -> None:
    access_work.take(central.registry, "marketing", "another", central.now)
    command = register_product(flights(column("origin"), column("email", pii=True)), minute=20)
    walk = central.deliver(command)
    assert (walk.status, walk.error) == ("FAILED", "RecordBusy")
    access_work.release(central.registry, "marketing", "another")
    central.now += timedelta(minutes=1)
    assert central.deliver(command).status == "SUCCEEDED"
    assert listed(central) == ("origin",)


def questions(central: FakeCentral) -> list[dict[str, Any]]:
    """Return what central asked."""
    return central.said("WidenDataProductAccess")


def test_a_column_that_a_crawler_finds_is_not_shown_but_asked_for(central: FakeCentral) -> None:
    table = central.catalog.tables[DATABASE, "flights"]
    columns = (*table.columns, CatalogColumn(name="note"))
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"columns": columns})
    central.deliver(schema_updated())
    assert listed(central) == ("email", "origin")
    [asked] = questions(central)
    assert (asked["widens"], asked["columns"]) == (str(REQUEST), {"flights": ["note"]})
    central.deliver(schema_updated(minute=31))
    assert len({each["request_id"] for each in questions(central)}) == 1, "the same question has the same id"


def test_a_column_that_is_flagged_in_the_catalog_itself_is_held_back_and_asked_for(central: FakeCentral) -> None:
    table = central.catalog.tables[DATABASE, "flights"]
    columns = tuple(
        each.model_copy(update={"parameters": {PII_FLAG: "true"}}) if each.name == "email" else each
        for each in table.columns
    )
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"columns": columns})
    central.deliver(schema_updated())
    assert listed(central) == ("origin",)
    assert [each["columns"] for each in questions(central)] == [{"flights": ["email"]}]


def test_the_consumer_is_told_that_its_grant_shows_less(central: FakeCentral) -> None:
    central.deliver(register_product(flights(column("origin"), column("email", pii=True)), minute=20))
    central.deliver(schema_updated())
    [told] = central.said("DataProductAccessChanged")
    assert (told["effect"], told["table"], told["columns"]) == ("narrowed", "flights", ["email"])
    assert questions(central)[0]["request_id"] in told["reason"]
    [entry] = [each for each in central.published if each["DetailType"] == "DataProductAccessChanged"]
    assert entry["Detail"]["metadata"]["target_account"] == MARKETING


def test_who_asked_for_some_columns_is_not_asked_for_others(central: FakeCentral) -> None:
    [record] = central.registry.grants("sales", "air_travel")
    some = shown(central).model_copy(update={"all_columns": False})
    central.registry.write(
        [Save(record.model_copy(update={"shown": {"flights": some}, "version": record.version + 1}))]
    )
    table = central.catalog.tables[DATABASE, "flights"]
    columns = (*table.columns, CatalogColumn(name="note"))
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"columns": columns})
    central.deliver(schema_updated())
    assert questions(central) == []


@pytest.mark.parametrize(("later", "asked"), [("included", [{"weather": ["hour"]}]), ("excluded", [])])
def test_a_later_table_is_asked_for_where_that_was_agreed(later: str, asked: list[dict[str, Any]]) -> None:
    central = central_with("sales", "marketing", product=flights(column("origin")))
    grant(central, columns=("origin",), later_tables=later)
    product = flights(column("origin"))
    product["tables"].append(table_spec("weather", columns=[column("hour")]))
    central.deliver(register_product(product, minute=20))
    central.deliver(schema_updated())
    assert [each["columns"] for each in questions(central)] == asked


def test_what_was_answered_is_not_asked_again(central: FakeCentral) -> None:
    table = central.catalog.tables[DATABASE, "flights"]
    columns = (*table.columns, CatalogColumn(name="note"))
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"columns": columns})
    central.deliver(schema_updated())
    [asked] = questions(central)
    standing = central.registry.request(REQUEST)
    assert standing is not None
    request_id = uuid.UUID(asked["request_id"])
    answered = standing.model_copy(update={"request_id": request_id, "status": "DENIED", "version": 1})
    central.registry.write([Save(answered)])
    central.deliver(schema_updated(minute=32))
    assert len(questions(central)) == 1


def test_changed_flags_are_entered_with_who_changed_them(central: FakeCentral) -> None:
    central.deliver(register_product(flights(column("origin"), column("email", pii=True)), minute=20))
    [entry] = [each for each in central.registry.ledger if each.kind == "SensitivityChanged"]
    assert entry.details == {"product": "air_travel", "flags": {"flights.email": [False, True]}}
    assert entry.actor == "account:222222222222"
