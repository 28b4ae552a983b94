"""index_data_product and LF-tags: columns are tagged as they appear, and who gains or loses by them is told."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.logic.tag_work import tag_work
from datamesh.models.catalog import CatalogColumn
from datamesh.models.errors import AwsTemporarilyUnavailable, CatalogInconsistent, RecordBusy
from datamesh.models.registry import Save, TableRecord, TagChangeRecord, TagGrantRecord
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    MARKETING,
    NOW,
    SALES,
    event,
    product_spec,
    register_domain,
    register_product,
    table_spec,
)

NRAC, TBAC = "datamesh_sales_nrac", "datamesh_sales_tbac"
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
OPEN, CLOSED = {"confidentiality": "non-sensitive"}, {"confidentiality": "sensitive"}
SHARED_ANEW = product_spec(access_mode="tbac", tags=OPEN, description="Newer")


def central_with_flights(columns: list[dict[str, Any]] | None = None, **product: Any) -> FakeCentral:
    """Return central with one table of sales that is shared by LF-tag, and not crawled yet."""
    flights = table_spec("flights", columns=columns or [])
    spec = product_spec(flights, **({"access_mode": "tbac", "tags": OPEN} | product))
    return central_with("sales", "marketing", product=spec)


def grant(central: FakeCentral, expression: dict[str, str]) -> None:
    """Let marketing hold a tag expression."""
    record = TagGrantRecord(
        request_id=uuid.UUID(int=1),
        consumer="marketing",
        account_id=MARKETING,
        expression={key: (value,) for key, value in expression.items()},
        principals=(ANALYST,),
        granted_at=NOW,
    )
    central.registry.write([Save(record)])


def crawl(central: FakeCentral, *columns: str, database: str = TBAC) -> None:
    """Let a crawler find columns of `flights`."""
    found = central.catalog.tables[database, "flights"]
    update = {"columns": tuple(CatalogColumn(name=name) for name in columns)}
    central.catalog.tables[database, "flights"] = found.model_copy(update=update)


def crawled(minute: int = 1, mode: str = "tbac", **more: Any) -> dict[str, Any]:
    """Return what the producer says when its crawl has ended."""
    tables = [{"name": "flights", "columns": 1, "digest": "d", "changed": True}]
    data = {"domain": "sales", "product": "air_travel", "access_mode": mode, "tables": tables}
    return event("DataProductSchemaUpdated", data, minute=minute, **more)


def table(central: FakeCentral) -> TableRecord:
    """Return the record of `flights`."""
    [found] = central.registry.tables("sales", "air_travel")
    return found


def told(central: FakeCentral, account: str) -> list[dict[str, Any]]:
    """Return what an account was told of changed tags, without what registration said."""
    return [
        entry["Detail"]["data"]
        for entry in central.published
        if entry["DetailType"] == "DataProductTagsChanged" and entry["Detail"]["metadata"]["target_account"] == account
    ][0 if account == MARKETING else 1 :]


def recorded(central: FakeCentral) -> list[TagChangeRecord]:
    """Return the changes of access that were recorded, the latest last."""
    found = [item for item in central.registry.items.values() if isinstance(item, TagChangeRecord)]
    return sorted(found, key=lambda change: change.key.sk)


def test_columns_that_appear_are_tagged_as_declared_and_told() -> None:
    central = central_with_flights([{"name": "a"}, {"name": "b", "tags": {"classification": "public"}}])
    grant(central, OPEN)
    crawl(central, "a", "b")
    before = len(central.said("DataProductTagsChanged"))
    walk = central.deliver(crawled())
    assert len(central.said("DataProductTagsChanged")) == before + 2
    assert walk.output is not None
    assert (walk.output["outcome"], walk.output["tags_changed"]) == ("indexed", True)
    assert central.lf_tags.on_columns[TBAC, "flights", "b"] == {"classification": "public"}
    assert central.lf_tags.on_columns.get((TBAC, "flights", "a"), {}) == {}
    index = table(central).index
    assert index is not None
    assert [(column.name, column.tags) for column in index.columns] == [("a", {}), ("b", {"classification": "public"})]
    assert index.tags == {"lob": "sales"} | OPEN
    [news] = told(central, MARKETING)
    assert [(change["effect"], change["gained"]) for change in news["changes"]] == [("widened", ["a", "b"])]
    assert news["tables"][0]["columns"] == {"b": {"classification": "public"}}
    assert len(told(central, SALES)) == 1
    assert recorded(central)[-1].changes[0].gained_count == 2


def test_a_column_declared_otherwise_stays_hidden_when_it_appears() -> None:
    central = central_with_flights([{"name": "b", "tags": CLOSED}])
    crawl(central, "a", "b")
    central.deliver(crawled())
    grant(central, OPEN)
    crawl(central, "a", "b", "c")
    central.deliver(crawled(minute=2))
    [news] = told(central, MARKETING)
    assert news["changes"][0]["gained"] == ["c"]
    assert central.lf_tags.on_columns[TBAC, "flights", "b"] == CLOSED


def test_columns_that_disappear_are_told_as_lost() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a", "b")
    central.deliver(crawled())
    crawl(central, "a")
    central.deliver(crawled(minute=2))
    assert [(change["effect"], change["lost"]) for change in told(central, MARKETING)[-1]["changes"]] == [
        ("narrowed", ["b"])
    ]


def test_what_did_not_change_is_not_told_again() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a", "b")
    central.deliver(crawled())
    said = central.said("DataProductTagsChanged")
    crawl(central, "b", "a")
    walk = central.deliver(crawled(minute=2))
    assert walk.output["tags_changed"] is False
    assert central.said("DataProductTagsChanged") == said


@pytest.mark.parametrize("step", ["index", "tell"])
def test_a_lost_answer_changes_nothing_about_what_is_told(step: str) -> None:
    said = []
    for broken in (False, True):
        central = central_with_flights()
        grant(central, OPEN)
        crawl(central, "a")
        if broken:
            central.fail_once(step, AwsTemporarilyUnavailable("lost"), when="after")
        assert central.deliver(crawled(event_id=uuid.UUID(int=5))).status == "SUCCEEDED"
        said.append([(entry["Detail"]["metadata"]["event_id"], entry["Detail"]["data"]) for entry in central.published])
    assert said[0][-2:] == said[1][-2:]
    assert len(said[0]) == len(said[1])


def test_a_repeated_fact_says_the_same_events_again() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a")
    fact = crawled()
    central.deliver(fact)
    before = central.state()
    first = [entry["Detail"]["metadata"]["event_id"] for entry in central.published[-2:]]
    central.deliver(fact)
    assert [entry["Detail"]["metadata"]["event_id"] for entry in central.published[-2:]] == first
    assert central.state() == before


def test_a_step_that_finds_more_when_it_is_repeated_adds_to_what_it_recorded() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a")
    fact = crawled()
    central.step("index_data_product", "index", fact)
    crawl(central, "a", "b")
    central.step("index_data_product", "index", fact)
    assert [change.gained for change in recorded(central)[-1].changes] == [("a",), ("b",)]


def test_tags_that_would_show_something_sensitive_are_withheld_and_recorded() -> None:
    closed_table = {"tags": CLOSED, "pii": False}
    central = central_with_flights(
        [{"name": "a", "pii": True, "tags": OPEN}, {"name": "b", "tags": OPEN}], **closed_table
    )
    grant(central, OPEN)
    crawl(central, "a", "b")
    result = central.step("index_data_product", "index", crawled())
    assert result["withheld"] == ["marketing: flights.a is declared as personal data"]
    assert central.lf_tags.on_columns.get((TBAC, "flights", "a"), {}) == {}
    assert central.lf_tags.on_columns[TBAC, "flights", "b"] == OPEN
    assert [change.gained for change in recorded(central)[-1].changes] == [("b",)]


def test_what_a_crawler_shows_that_is_sensitive_is_recorded_with_its_reasons() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    found = central.catalog.tables[TBAC, "flights"]
    flagged = (CatalogColumn(name="passenger", parameters={"pii_flag": "true"}),)
    central.catalog.tables[TBAC, "flights"] = found.model_copy(update={"columns": flagged})
    central.deliver(crawled())
    assert recorded(central)[-1].reasons == ("marketing: flights.passenger is flagged as personal data",)
    index = table(central).index
    assert index is not None
    assert index.sensitive


def test_sensitive_tags_make_the_index_sensitive() -> None:
    central = central_with_flights(tags=CLOSED)
    crawl(central, "a")
    central.deliver(crawled())
    index = table(central).index
    assert index is not None
    assert index.reasons == ("table flights carries the LF-tag confidentiality=sensitive",)


def test_a_fact_about_the_other_database_reads_that_one_and_changes_no_tags() -> None:
    central = central_with_flights(access_mode="both")
    crawl(central, "a", database=NRAC)
    writes = list(central.lf_tags.writes)
    with tag_work(central.registry, "somebody/else", central.now):
        walk = central.deliver(crawled(mode="nrac"))
    assert (walk.status, walk.output["tags_changed"]) == ("SUCCEEDED", False)
    index = table(central).index
    assert index is not None
    assert [column.name for column in index.columns] == ["a"]
    assert index.tags == {"lob": "sales"} | OPEN
    assert central.lf_tags.writes == writes


def test_a_fact_about_a_database_that_the_product_is_not_in_is_rejected() -> None:
    central = central_with_flights()
    walk = central.deliver(crawled(mode="nrac"))
    assert (walk.output["outcome"], walk.output["code"]) == ("rejected", "InvalidEvent")


def test_others_wait_while_tags_are_worked_on() -> None:
    central = central_with_flights()
    with tag_work(central.registry, "somebody/grant", central.now), pytest.raises(RecordBusy):
        central.step("index_data_product", "index", crawled())


def test_tags_that_somebody_else_put_on_a_column_are_taken_off() -> None:
    central = central_with_flights()
    crawl(central, "a")
    central.lf_tags.set_column_tags(TBAC, "flights", {"a": {"classification": "public"}})
    central.deliver(crawled())
    assert central.lf_tags.on_columns[TBAC, "flights", "a"] == {}


def test_a_link_and_a_failed_crawl_say_what_they_have_found() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a")
    linked = {
        "domain": "sales",
        "product": {"domain": "sales", "name": "air_travel"},
        "role": "producer",
        "access_mode": "tbac",
        "database": TBAC,
        "tables": [{"name": "flights", "outcome": "created"}],
    }
    central.deliver(event("DataProductLinked", linked, minute=1))
    assert told(central, MARKETING)[-1]["changes"][0]["gained"] == ["a"]
    crawl(central, "a", "b")
    failed = {
        "domain": "sales",
        "product": "air_travel",
        "access_mode": "tbac",
        "tables": [{"name": "flights", "status": "FAILED", "error": "broken"}],
    }
    central.deliver(event("DataProductCrawlFailed", failed, minute=2))
    assert told(central, MARKETING)[-1]["changes"][0]["gained"] == ["b"]
    assert table(central).linked is not None


def test_a_registration_after_the_crawl_tells_only_what_it_changes() -> None:
    central = central_with_flights()
    grant(central, OPEN)
    crawl(central, "a", "b")
    central.deliver(crawled())
    flights = table_spec("flights", columns=[{"name": "b", "tags": CLOSED}])
    central.deliver(register_product(product_spec(flights, access_mode="tbac", tags=OPEN), minute=2))
    assert [(change["effect"], change["lost"]) for change in told(central, MARKETING)[-1]["changes"]] == [
        ("narrowed", ["b"])
    ]


def test_a_fact_waits_for_a_registration_and_does_not_undo_its_tags() -> None:
    central = central_with_flights([{"name": "a", "type": "string"}])
    flights = table_spec("flights", columns=[{"name": "a", "type": "string", "tags": CLOSED}])
    command = register_product(product_spec(flights, access_mode="tbac", tags=OPEN), minute=1)
    for step in ("admit", "tables"):
        central.step("register_data_product", step, command)
    with pytest.raises(RecordBusy, match="being registered"):
        central.step("index_data_product", "index", crawled(minute=2))
    assert central.registry.tag_work() is None
    central.step("register_data_product", "fail", command)
    assert central.deliver(crawled(minute=3)).status == "SUCCEEDED"
    assert central.lf_tags.on_columns[TBAC, "flights", "a"] == CLOSED


@pytest.mark.parametrize(("last", "error"), [("tables", "RecordBusy"), ("fail", None)])
def test_a_domains_tags_do_not_change_under_tables_of_which_nothing_is_recorded(last: str, error: str | None) -> None:
    central = central_with_flights()
    grant(central, {"classification": "public"} | OPEN)
    secret = table_spec("airports", columns=[{"name": "owner", "pii": True}])
    command = register_product(product_spec(secret, access_mode="tbac", tags=OPEN), minute=1)
    for step in ("admit", "tables", "fail")[: 3 if last == "fail" else 2]:
        central.step("register_data_product", step, command)
    walk = central.deliver(register_domain(tags={"classification": "public"}, minute=2))
    assert walk.error == error
    assert central.lf_tags.on_databases[TBAC] == {"lob": "sales"}
    if error is None:
        assert central.published[-1]["Detail"]["data"]["code"] == "ExposesSensitive"


def test_a_column_that_appears_after_a_failed_registration_does_not_show_by_its_tables_tags() -> None:
    central = central_with_flights([{"name": "b", "tags": {"classification": "public"}}])
    grant(central, OPEN | {"classification": "internal"})
    change = {"access_mode": "tbac", "tags": OPEN | {"classification": "internal"}}
    flights = table_spec("flights", columns=[{"name": "b", "tags": {"classification": "public"}}])
    central.fail_once("grant", CatalogInconsistent("gone"))
    assert central.deliver(register_product(product_spec(flights, **change), minute=1)).status == "FAILED"
    crawl(central, "a", "b")
    assert central.deliver(crawled(minute=2)).status == "SUCCEEDED"
    assert central.lf_tags.on_columns[TBAC, "flights", "b"] == {"classification": "public"}
    assert central.lf_tags.on_columns.get((TBAC, "flights", "a"), {}) == {}


def test_a_registration_that_died_is_not_waited_for_forever() -> None:
    central = central_with_flights([{"name": "a", "type": "string"}])
    central.step("register_data_product", "admit", register_product(minute=1, product=SHARED_ANEW))
    assert central.deliver(crawled(minute=2)).error == "RecordBusy"
    central.now += LEASE
    assert central.deliver(crawled(minute=2)).status == "SUCCEEDED"
