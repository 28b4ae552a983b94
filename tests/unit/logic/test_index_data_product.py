"""index_data_product: what is taken into the registry, from whom, and what is too old."""

import uuid
from typing import Any

import pytest

from datamesh.models.catalog import CatalogColumn
from datamesh.models.errors import AwsTemporarilyUnavailable
from datamesh.models.registry import TableRecord
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    SALES,
    event,
    product_spec,
    register_product,
    request_access,
    table_spec,
)

DATABASE = "datamesh_sales_nrac"
REQUEST = uuid.UUID(int=7)
PRODUCT = {"domain": "sales", "name": "air_travel"}


@pytest.fixture
def central() -> FakeCentral:
    product = product_spec(table_spec("flights"), table_spec("airports"))
    return central_with("sales", "marketing", product=product)


def schema_updated(*names: str, **more: Any) -> dict[str, Any]:
    tables = [{"name": name, "columns": 1, "digest": "d", "changed": True} for name in names or ("flights",)]
    return event("DataProductSchemaUpdated", {"domain": "sales", "product": "air_travel", "tables": tables}, **more)


def crawl_failed(status: str = "FAILED", **more: Any) -> dict[str, Any]:
    tables = [
        {"name": "flights", "status": status, "error": "Insufficient permissions"},
        {"name": "airports", "status": "SUCCEEDED", "error": None},
    ]
    return event("DataProductCrawlFailed", {"domain": "sales", "product": "air_travel", "tables": tables}, **more)


def linked(role: str = "producer", domain: str = "sales", **more: Any) -> dict[str, Any]:
    data = {
        "domain": domain,
        "product": PRODUCT,
        "role": role,
        "database": "datamesh_sales",
        "tables": [{"name": "flights", "outcome": "created"}],
        "request_id": str(REQUEST) if role == "consumer" else None,
    }
    return event("DataProductLinked", data, **more)


def provisioned(**more: Any) -> dict[str, Any]:
    data = {
        "request_id": str(more.pop("request_id", REQUEST)),
        "domain": more.pop("domain", "marketing"),
        "product": PRODUCT,
        "database": "datamesh_sales",
        "tables": ["flights"],
        "principals": [f"arn:aws:iam::{MARKETING}:role/analyst"],
    }
    return event("DataProductAccessProvisioned", data, **({"account": MARKETING} | more))


def crawl(central: FakeCentral, *columns: CatalogColumn) -> None:
    """Let a crawler find columns of `flights`."""
    table = central.catalog.tables[DATABASE, "flights"]
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"columns": columns})


def table(central: FakeCentral, name: str = "flights") -> TableRecord:
    """Return a table's record."""
    return next(each for each in central.registry.tables("sales", "air_travel") if each.name == name)


def test_a_schema_is_read_from_centrals_own_catalog(central: FakeCentral) -> None:
    crawl(central, CatalogColumn(name="carrier", comment="Two letters"), CatalogColumn(name="delay", type="bigint"))
    walk = central.deliver(schema_updated())
    assert walk.status == "SUCCEEDED"
    # Constant: however many tables, one review of the standing grants.
    assert walk.transitions == 8
    assert walk.output == {
        "outcome": "indexed",
        "tables": ["flights"],
        "tags_changed": False,
        "product_changed": True,
        "entries": walk.output["entries"],
        "schema": True,
    }
    index = table(central).index
    assert index is not None
    assert [(column.name, column.type, column.comment) for column in index.columns] == [
        ("carrier", "string", "Two letters"),
        ("delay", "bigint", None),
    ]
    assert (index.column_count, index.truncated, index.data_classification) == (2, False, "internal")
    assert not index.sensitive
    assert len(index.digest) == 64
    crawl_state = table(central).crawl
    assert crawl_state is not None
    assert crawl_state.status == "SUCCEEDED"
    assert table(central, "airports").index is None


def test_sensitivity_is_indexed_with_its_reasons(central: FakeCentral) -> None:
    crawl(central, CatalogColumn(name="passenger", parameters={"pii_flag": "true"}))
    central.deliver(schema_updated())
    index = table(central).index
    assert index is not None
    assert index.sensitive
    assert index.reasons == ("flights.passenger is flagged as personal data",)
    assert index.columns[0].pii


def test_partition_keys_are_indexed_as_such(central: FakeCentral) -> None:
    found = central.catalog.tables[DATABASE, "flights"]
    central.catalog.tables[DATABASE, "flights"] = found.model_copy(
        update={"partition_keys": (CatalogColumn(name="month"),)}
    )
    central.deliver(schema_updated())
    index = table(central).index
    assert index is not None
    assert index.columns[0].partition_key


def test_an_older_fact_changes_nothing(central: FakeCentral) -> None:
    central.deliver(schema_updated(minute=9))
    before = central.state()
    walk = central.deliver(crawl_failed(minute=5))
    assert (
        table(central).crawl
        == TableRecord.model_validate(before["registry"]["PRODUCT#sales#air_travel/TABLE#flights"]).crawl
    )
    crawl(central, CatalogColumn(name="newer"))
    assert central.deliver(schema_updated(minute=4)).output["outcome"] == "ignored"
    assert walk.status == "SUCCEEDED"


def test_a_repeated_fact_changes_nothing(central: FakeCentral) -> None:
    fact = schema_updated()
    central.deliver(fact)
    before = dict(central.registry.items)
    assert central.deliver(fact).output["outcome"] == "ignored"
    assert central.registry.items == before


def test_a_failed_crawl_is_told_from_a_good_one(central: FakeCentral) -> None:
    central.deliver(crawl_failed("TIMED_OUT"))
    failed, good = table(central).crawl, table(central, "airports").crawl
    assert failed is not None
    assert good is not None
    assert (failed.status, failed.error, good.status) == ("TIMED_OUT", "Insufficient permissions", "SUCCEEDED")
    assert table(central).index is None
    assert table(central, "airports").index is not None


def test_a_link_of_the_producer_is_noted(central: FakeCentral) -> None:
    central.deliver(linked(minute=3))
    noted = table(central).linked
    assert noted is not None
    central.deliver(linked(minute=2))
    assert table(central).linked == noted


def test_a_link_of_a_consumer_needs_nothing(central: FakeCentral) -> None:
    walk = central.deliver(linked("consumer", "marketing", account=MARKETING))
    assert walk.output["outcome"] == "ignored"


def test_tables_that_the_product_does_not_have_are_left_out(central: FakeCentral) -> None:
    assert central.deliver(schema_updated("flights", "nothing")).output["tables"] == ["flights"]


def test_a_table_that_the_catalog_does_not_have_keeps_its_record(central: FakeCentral) -> None:
    del central.catalog.tables[DATABASE, "flights"]
    central.deliver(schema_updated())
    assert table(central).index is None


def test_provisioned_access_is_recorded(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST))
    assert central.deliver(provisioned()).output["outcome"] == "indexed"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.status == "PROVISIONED"
    assert central.deliver(provisioned(minute=-1)).output["outcome"] == "ignored"
    # The share's last step may come later than the consumer's answer.
    before = central.registry.request(REQUEST)
    central.deliver(request_access(REQUEST))
    assert central.registry.request(REQUEST) == before


def test_provisioning_before_the_share_is_confirmed_stays(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    for step in ("admit", "grant", "record"):
        central.step("share_data_product", step, command)
    central.deliver(provisioned())
    assert central.step("share_data_product", "confirm", command) == {"outcome": "confirmed"}
    assert central.step("share_data_product", "fail", command)["recorded"] is False
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.status == "PROVISIONED"


def test_provisioning_what_is_not_granted_is_ignored(central: FakeCentral) -> None:
    central.step("share_data_product", "admit", request_access(REQUEST))
    assert central.deliver(provisioned()).output["outcome"] == "ignored"


@pytest.mark.parametrize(
    "fact",
    [
        schema_updated(account=MARKETING),
        crawl_failed(account=MARKETING),
        linked(account=MARKETING),
        linked("consumer", "marketing", account=SALES),
        provisioned(account=SALES),
        provisioned(request_id=uuid.UUID(int=9)),
        provisioned(domain="finance", account=FINANCE),
        event("DataProductSchemaUpdated", {"domain": "sales", "product": "nothing", "tables": []}),
        event("DataProductSchemaUpdated", {"domain": "nobody", "product": "air_travel", "tables": []}),
    ],
    ids=lambda fact: f"{fact['detail-type']} of {fact['account']}",
)
def test_only_those_concerned_are_believed(central: FakeCentral, fact: dict[str, Any]) -> None:
    central.deliver(request_access(REQUEST))
    before = central.state()
    walk = central.deliver(fact)
    assert walk.status == "SUCCEEDED"
    assert (walk.output["outcome"], walk.output["code"]) == ("rejected", "SenderNotOwner")
    assert central.state() == before


@pytest.mark.parametrize(
    "fact",
    [
        event("DataProductSchemaUpdated", {"domain": "sales"}),
        event("SomethingElse", {}),
        schema_updated(minute=600),
        schema_updated(source="datamesh.central", account=CENTRAL),
    ],
    ids=["broken", "unknown", "future", "another source"],
)
def test_what_is_no_fact_is_rejected(central: FakeCentral, fact: dict[str, Any]) -> None:
    walk = central.deliver(fact)
    assert (walk.output["outcome"], walk.output["code"]) == ("rejected", "InvalidEvent")


def test_a_fact_about_a_product_not_yet_in_force_is_rejected() -> None:
    central = central_with("sales")
    central.step("register_data_product", "admit", register_product())
    assert central.deliver(schema_updated()).output["code"] == "SenderNotOwner"


def test_two_facts_at_once_both_count(central: FakeCentral) -> None:
    def interleave(_changes: object) -> None:
        central.registry.before_write = None
        central.deliver(linked(minute=1))

    central.registry.before_write = interleave
    central.deliver(schema_updated(minute=2))
    assert table(central).linked is not None
    assert table(central).crawl is not None


def test_a_table_that_keeps_changing_is_busy(central: FakeCentral) -> None:
    def touch(_changes: object) -> None:
        record = table(central)
        central.registry.items[record.key] = record.model_copy(update={"version": record.version + 1})

    central.registry.before_write = touch
    assert central.deliver(schema_updated()).error == "RecordBusy"


# --- what listeners are told -----------------------------------------------------------------------------------------


def indexed(central: FakeCentral) -> list[dict[str, Any]]:
    """Return the events that say that a product was indexed."""
    return [entry["Detail"] for entry in central.published if entry["DetailType"] == "DataProductIndexed"]


@pytest.mark.parametrize("fact", [schema_updated(), linked(), crawl_failed()], ids=lambda fact: fact["detail-type"])
def test_listeners_are_told_which_product_has_changed(central: FakeCentral, fact: dict[str, Any]) -> None:
    walk = central.deliver(fact)
    assert "Publish Product Indexed" in walk.path
    assert walk.status == "SUCCEEDED"
    [told] = indexed(central)
    assert told["data"] == {"domain": "sales", "product": "air_travel"}
    assert "target_account" not in told["metadata"], "it is for listeners in central, no domain is addressed"
    assert told["metadata"]["causation_id"] == fact["detail"]["metadata"]["event_id"]


def test_of_what_came_late_nobody_is_told(central: FakeCentral) -> None:
    central.deliver(schema_updated(minute=30))
    walk = central.deliver(schema_updated(minute=20))
    assert "Publish Product Indexed" not in walk.path
    assert len(indexed(central)) == 1


def test_a_fact_about_a_request_is_not_about_the_product(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST))
    assert central.deliver(provisioned()).output["outcome"] == "indexed"
    central.deliver(linked(role="consumer", domain="marketing", account=MARKETING))
    assert indexed(central) == []


def test_of_a_fact_that_was_refused_nobody_is_told(central: FakeCentral) -> None:
    assert central.deliver(schema_updated(account=FINANCE)).output["outcome"] == "rejected"
    assert central.deliver(schema_updated("nothing")).output["outcome"] == "ignored"
    assert indexed(central) == []


def test_listeners_are_told_though_the_answer_of_the_step_was_lost(central: FakeCentral) -> None:
    # GIVEN a step that has written everything when its answer is lost
    central.fail_once("index", AwsTemporarilyUnavailable("lost"), "after")

    # WHEN it is repeated, and the same fact arrives a second time
    fact = schema_updated()
    central.deliver(fact)
    central.deliver(fact)

    # THEN listeners hear of it, and the second time it is the same event
    told = indexed(central)
    assert len({each["metadata"]["event_id"] for each in told}) == 1


def test_listeners_hear_before_grants_are_reviewed(central: FakeCentral) -> None:
    path = central.deliver(schema_updated()).path
    assert path.index("Publish Product Indexed") < path.index("Review Grants")
