"""Products over the API: who sees what of them, samples and queries with access, and how they are registered."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.handlers import answer_query, send_command
from datamesh.handlers.portal import products
from datamesh.logic.link_plans import LinkConfig, read_plan
from datamesh.models.catalog import CatalogColumn
from datamesh.models.events import Envelope, Metadata
from datamesh.models.policy import DEFAULT_POLICY
from datamesh.models.registry import Save
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    MARKETING,
    SALES,
    event,
    product_spec,
    register_product,
    request_access,
    table_spec,
)
from tests.support.portal import Person

REQUEST = uuid.UUID(int=7)
PATH = "/v1/domains/sales/products/air_travel"
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
COLUMNS: list[dict[str, Any]] = [
    {"name": "carrier", "type": "string", "comment": "Two letters", "examples": ["AA", "UA", "DL"]},
    {"name": "passenger", "type": "string", "pii": True, "examples": ["Ann", "Ben"]},
    {"name": "address", "type": "struct<city:string>", "pii": False},
    {"name": "address.city", "type": "string", "pii": True, "examples": ["Rome"]},
    {"name": "delay", "type": "bigint", "pii": False},
]
FLIGHTS = table_spec("flights", description="One row per flight", columns=COLUMNS)
AIRPORTS = table_spec("airports", format="csv", columns=[{"name": "faa", "type": "string", "examples": ["JFK"]}])
PRODUCT = product_spec(FLIGHTS, AIRPORTS, pii=True, classification="confidential")


@pytest.fixture
def central(mesh: Any) -> FakeCentral:
    """Central with a product of sales, in front of which the API stands."""
    made = central_with("sales", "marketing", "finance", product=PRODUCT)
    stand_before(mesh, made)
    return made


def stand_before(mesh: Any, central: FakeCentral) -> None:
    mesh.registry.items = central.registry.items


def grant(central: FakeCentral, request_id: uuid.UUID = REQUEST, **asked: Any) -> None:
    """Let marketing be granted something of the product, with its owner's approval."""
    central.deliver(request_access(request_id, **{"tables": ["flights"], **asked}))
    if central.registry.request(request_id).status == "PENDING":  # type: ignore[union-attr]
        central.vote(request_id)
    assert central.registry.request(request_id).status == "GRANTED"  # type: ignore[union-attr]


def index(central: FakeCentral, *names: str, database: str = "datamesh_sales_nrac", **columns: Any) -> None:
    """Let a crawler be done, which found nothing but what was declared, or `columns` by table."""
    for name, found in columns.items():
        table = central.catalog.tables[database, name]
        central.catalog.tables[database, name] = table.model_copy(update={"columns": found})
    tables = [{"name": name, "columns": 1, "digest": "d", "changed": True} for name in names]
    mode = {"access_mode": "tbac"} if database.endswith("_tbac") else {}
    fact = event("DataProductSchemaUpdated", {"domain": "sales", "product": "air_travel", "tables": tables} | mode)
    assert central.deliver(fact).status == "SUCCEEDED"


def see(*groups: str) -> Any:
    answer = Person(answer_query.handler, *groups).get(PATH)
    assert answer.status == 200, answer.body
    return answer.json


def table(detail: Any, name: str = "flights") -> Any:
    return next(each for each in detail["tables"] if each["name"] == name)


def hide(mesh: Any, **rule: Any) -> None:
    discovery = [{"name": "hidden", "visible_to": "nobody", **rule}]
    mesh.registry.policy_document = json.dumps(DEFAULT_POLICY.model_dump(mode="json") | {"discovery": discovery})


# --- Who sees it ---


@pytest.mark.parametrize(
    ("groups", "sees"),
    [
        ((), False),
        (("finance.owner",), False),
        (("sales_owner", "sales.owner.x"), False),
        (("marketing.member",), True),
        (("sales.member",), True),
        (("mesh.auditor",), True),
        (("mesh.operator",), True),
    ],
)
def test_what_may_not_be_discovered_is_not_there(
    central: FakeCentral, mesh: Any, groups: tuple[str, ...], sees: bool
) -> None:
    grant(central)
    hide(mesh, when={"producers": ["sales"]})
    answer = Person(answer_query.handler, *groups).get(PATH)
    assert answer.status == (200 if sees else 404)
    if not sees:
        # A product that is hidden looks like one that never was.
        never = Person(answer_query.handler, *groups).get("/v1/domains/sales/products/nothing")
        assert answer.json["detail"].replace("air_travel", "nothing") == never.json["detail"]
        assert answer.code == never.code == "NotFound"


def test_access_that_is_over_shows_nothing_any_more(
    central: FakeCentral, mesh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(central, duration_days=30)
    hide(mesh, when={})
    (record,) = central.registry.grants("sales", "air_travel")
    over = record.expires_at
    assert over is not None
    for moment, status in ((over - timedelta(seconds=1), 200), (over, 404)):
        monkeypatch.setattr(products, "utc_now", lambda moment=moment: moment)
        assert Person(answer_query.handler, "marketing.member").get(PATH).status == status


def test_everybody_finds_what_no_rule_speaks_of(central: FakeCentral, mesh: Any) -> None:
    assert see()["name"] == "air_travel"
    hide(mesh, when={"classifications": ["restricted"]})
    assert see()["name"] == "air_travel"
    hide(mesh, when={"sensitive": True})
    assert Person(answer_query.handler).get(PATH).status == 404


def test_what_is_being_registered_for_the_first_time_only_its_domain_sees(central: FakeCentral, mesh: Any) -> None:
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    begun = {"content": None, "pending": record.content, "status": "REGISTERING", "version": record.version + 1}
    central.registry.write([Save(record.model_copy(update=begun))])
    assert Person(answer_query.handler, "marketing.owner").get(PATH).status == 404
    detail = see("sales.member")
    assert (detail["status"], detail["description"]) == ("REGISTERING", "Flights")


def test_a_product_that_has_left_is_not_there(central: FakeCentral, mesh: Any) -> None:
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    left = record.model_copy(update={"status": "DEREGISTERED", "version": record.version + 1})
    central.registry.write([Save(left)])
    for groups in ((), ("sales.owner",), ("mesh.admin",)):
        assert Person(answer_query.handler, *groups).get(PATH).status == 404
    assert Person(answer_query.handler, "sales.owner").get("/v1/domains/sales/products").json["items"] == []


# --- What they see ---


def test_schema_is_what_was_declared_with_what_was_found(central: FakeCentral, mesh: Any) -> None:
    index(
        central,
        "flights",
        flights=(
            CatalogColumn(name="carrier", type="varchar(2)", comment="Found"),
            CatalogColumn(name="passenger"),
            CatalogColumn(name="address", type="struct<city:string>"),
            CatalogColumn(name="seat", parameters={"pii_flag": "true"}),
            CatalogColumn(name="gate"),
        ),
    )
    columns = {column["name"]: column for column in table(see())["columns"]}
    assert list(columns) == ["carrier", "passenger", "address", "address.city", "seat", "gate", "delay"]
    assert (columns["carrier"]["type"], columns["carrier"]["comment"]) == ("varchar(2)", "Two letters")
    pii = {name: column["pii"] for name, column in columns.items()}
    assert pii == {
        "carrier": None,
        "passenger": True,
        "address": False,
        "address.city": True,
        "seat": True,
        "gate": None,
        "delay": False,
    }


def test_a_table_tells_how_it_is(central: FakeCentral, mesh: Any) -> None:
    before = table(see())
    assert (before["crawl_status"], before["linked"], before["sensitive"]) == (None, False, True)
    assert before["column_count"] == 4
    failed = [
        {"name": "flights", "status": "FAILED", "error": "Insufficient permissions"},
        {"name": "airports", "status": "SUCCEEDED", "error": None},
    ]
    fact = event("DataProductCrawlFailed", {"domain": "sales", "product": "air_travel", "tables": failed})
    assert central.deliver(fact).status == "SUCCEEDED"
    stranger, member = see(), see("sales.member")
    assert stranger["crawl_status"] == member["crawl_status"] == "FAILED"
    assert table(stranger)["crawl_error"] is None
    assert table(member)["crawl_error"] == "Insufficient permissions"
    assert table(stranger, "airports")["crawl_status"] == "SUCCEEDED"
    assert table(stranger, "airports")["format"] == "csv"


def test_where_the_data_lies_only_those_see_who_may_change_the_product(central: FakeCentral, mesh: Any) -> None:
    for groups, may in [
        ((), False),
        (("sales.member",), False),
        (("sales.steward",), False),
        (("marketing.owner",), False),
        (("mesh.auditor",), False),
        (("sales.owner",), True),
        (("mesh.admin",), True),
    ]:
        detail = see(*groups)
        assert detail["may_edit"] is may
        assert (table(detail)["location"] is not None) is may
        assert ("s3://" in json.dumps(detail)) is may


def test_owners_are_shown_to_everybody(central: FakeCentral, mesh: Any) -> None:
    detail = see()
    assert [person["email"] for person in detail["owners"]] == ["owner@sales.example"]
    assert [person["email"] for person in detail["stewards"]] == ["steward@sales.example"]
    assert (detail["account_id"], detail["classification"], detail["pii"]) == (SALES, "confidential", True)
    assert detail["table_count"] == 2


# --- Samples and queries ---


@pytest.mark.parametrize("role", ["owner", "steward", "member"])
def test_members_of_the_domain_see_all_samples(central: FakeCentral, mesh: Any, role: str) -> None:
    detail = see(f"sales.{role}")
    assert [row["values"] for row in table(detail)["samples"]] == [
        {"carrier": "AA", "passenger": "Ann", "address.city": "Rome"},
        {"carrier": "UA", "passenger": "Ben"},
        {"carrier": "DL"},
    ]
    assert detail["readable_by"] == []
    assert detail["queries"] == []


@pytest.mark.parametrize("groups", [(), ("marketing.owner",), ("mesh.admin",), ("mesh.auditor",), ("sales.owner.x",)])
def test_without_access_there_are_no_samples(central: FakeCentral, mesh: Any, groups: tuple[str, ...]) -> None:
    answer = Person(answer_query.handler, *groups).get(PATH)
    assert [each["samples"] for each in answer.json["tables"]] == [None, None]
    for value in ("Ann", "Rome", "JFK"):
        assert value not in answer.body


def test_a_request_that_waits_gives_no_samples(central: FakeCentral, mesh: Any) -> None:
    central.deliver(request_access(REQUEST))
    assert central.registry.request(REQUEST).status == "PENDING"  # type: ignore[union-attr]
    detail = see("marketing.member")
    assert (detail["readable_by"], table(detail)["samples"]) == ([], None)


def test_of_granted_columns_there_are_samples_and_a_query(central: FakeCentral, mesh: Any) -> None:
    grant(central, columns={"flights": ["carrier", "address", "delay"]})
    detail = see("marketing.member", "finance.owner")
    assert detail["readable_by"] == ["marketing"]
    assert [row["values"] for row in table(detail)["samples"]] == [
        {"carrier": "AA", "address.city": "Rome"},
        {"carrier": "UA"},
        {"carrier": "DL"},
    ]
    assert table(detail, "airports")["samples"] is None
    assert detail["queries"] == [
        {
            "table": "flights",
            "database": "datamesh_sales",
            "sql": 'SELECT "carrier", "address", "delay"\nFROM "datamesh_sales"."flights"\nLIMIT 10',
        }
    ]
    # Somebody of another domain has nothing of it.
    assert table(see("finance.owner"))["samples"] is None


def test_where_rows_are_filtered_there_are_no_samples(central: FakeCentral, mesh: Any) -> None:
    grant(central, columns={"flights": ["carrier"]}, rows={"flights": "carrier = 'UA'"})
    detail = see("marketing.member")
    assert table(detail)["samples"] == []
    assert len(detail["queries"]) == 1
    # Another grant of whole rows shows its own columns, and no others.
    grant(central, uuid.UUID(int=8), columns={"flights": ["delay", "passenger"]}, principals=[f"{ANALYST}-2"])
    assert [row["values"] for row in table(see("marketing.member"))["samples"]] == [
        {"passenger": "Ann"},
        {"passenger": "Ben"},
    ]


def test_the_names_in_a_query_are_those_that_linking_gives(central: FakeCentral, mesh: Any) -> None:
    grant(central, tables=None)
    (granted,) = central.said("DataProductAccessGranted")
    config = LinkConfig(MARKETING, CENTRAL, "datamesh", "role", (), "crawler", "reader")
    fact = event("DataProductAccessGranted", granted, account=CENTRAL, source="datamesh.central")
    fact["detail"]["metadata"]["target_account"] = MARKETING
    plan = read_plan(Envelope.read(fact), config)
    assert plan is not None
    hints = see("marketing.member")["queries"]
    assert {(hint["database"], hint["table"]) for hint in hints} == {
        (database.local, name) for database in plan.databases for name in database.tables
    }


def test_what_is_shared_by_tag_is_read_by_its_tags(mesh: Any) -> None:
    flights = table_spec(
        "flights",
        columns=[
            {"name": "origin", "type": "string", "examples": ["JFK"]},
            {
                "name": "tailnum",
                "type": "string",
                "pii": True,
                "tags": {"confidentiality": "sensitive"},
                "examples": ["N1"],
            },
        ],
        tags={"classification": "internal", "confidentiality": "non-sensitive"},
    )
    central = central_with("sales", "marketing", product=product_spec(flights, access_mode="both"))
    stand_before(mesh, central)
    expression = {"classification": ["internal"], "confidentiality": ["non-sensitive"]}
    central.deliver(request_access(REQUEST, product=None, expression=expression))
    if central.registry.request(REQUEST).status == "PENDING":  # type: ignore[union-attr]
        central.vote(REQUEST)
    assert central.registry.tag_grants()
    detail = see("marketing.member")
    assert detail["readable_by"] == ["marketing"]
    assert [row["values"] for row in table(detail)["samples"]] == [{"origin": "JFK"}]
    assert [(hint["database"], hint["sql"].splitlines()[0]) for hint in detail["queries"]] == [
        ("datamesh_sales_tbac", 'SELECT "origin"')
    ]
    (grant_seen,) = Person(answer_query.handler, "sales.owner").get(f"{PATH}/grants").json["items"]
    assert grant_seen["expression"] == {name: list(values) for name, values in expression.items()}
    assert grant_seen["columns"] == {"flights": ["origin"]}
    assert grant_seen["product"] is None


# --- Lists ---


def test_the_products_of_a_domain_come_by_name(central: FakeCentral, mesh: Any) -> None:
    other = table_spec("roads", location=FLIGHTS["location"].replace("air_travel", "rail"))
    assert central.deliver(register_product(product_spec(other, name="a_rail"))).status == "SUCCEEDED"
    person = Person(answer_query.handler, "sales.member")
    first = person.get("/v1/domains/sales/products", limit="1").json
    second = person.get("/v1/domains/sales/products", limit="1", cursor=first["next_cursor"]).json
    assert [item["name"] for page in (first, second) for item in page["items"]] == ["a_rail", "air_travel"]
    assert second["next_cursor"] is None
    assert [item["table_count"] for item in second["items"]] == [2]


def test_grants_of_a_product_come_with_what_they_show(central: FakeCentral, mesh: Any) -> None:
    grant(central, columns={"flights": ["carrier"]}, rows={"flights": "carrier = 'UA'"})
    person = Person(answer_query.handler, "sales.member")
    (item,) = person.get(f"{PATH}/grants").json["items"]
    assert (item["consumer"], item["account_id"], item["principals"]) == ("marketing", MARKETING, [ANALYST])
    assert (item["columns"], item["rows"]) == ({"flights": ["carrier"]}, {"flights": "carrier = 'UA'"})
    assert item["databases"] == ["datamesh_sales"]
    assert person.get("/v1/domains/sales/products/nothing/grants").status == 404


def test_lf_tags_come_by_key(mesh: Any) -> None:
    person = Person(answer_query.handler)
    assert person.get("/v1/lf-tags").json["items"] == [
        {"key": "domain", "values": ["marketing", "sales"]},
        {"key": "sensitivity", "values": ["high", "low"]},
    ]
    page = person.get("/v1/lf-tags", limit="1").json
    assert [tag["key"] for tag in page["items"]] == ["domain"]
    assert person.get("/v1/lf-tags", limit="1", cursor=page["next_cursor"]).json["next_cursor"] is None


def test_lf_tags_that_others_made_are_listed_with_all_their_letters(mesh: Any) -> None:
    person = Person(answer_query.handler)
    mesh.lf_tags.values = dict.fromkeys(("domain", "größe", "ärea"), ("x",))
    found, cursor = list[str](), dict[str, str]()
    for _ in range(3):
        page = person.get("/v1/lf-tags", limit="1", **cursor).json
        found += [tag["key"] for tag in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(found) == ["domain", "größe", "ärea"]
    assert cursor == {"cursor": None}


# --- Registering ---

NEW = product_spec(table_spec("flights"))
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: 0f8e5f4e-6a0e-4f7c-9a55-7d0d3b1c2a10
version: 1.0.0
status: active
domain: sales
name: air_travel
description:
  purpose: Flights
customProperties:
  - property: datamesh.classification
    value: internal
servers:
  - server: production
    type: s3
    location: s3://datamesh-domain-clean-222222222222-eu-west-1/products/air_travel/{model}/
    format: parquet
schema:
  - name: flights
    properties:
      - name: carrier
        logicalType: string
        classification: internal
"""


def owner(function: Any = send_command) -> Person:
    return Person(function.handler, "sales.owner")


def deliver(central: FakeCentral, entry: Any) -> Any:
    metadata = Metadata.model_validate(entry.detail["metadata"])
    central.now = metadata.occurred_at
    envelope = register_product() | {
        "source": entry.source,
        "detail-type": entry.detail_type,
        "account": CENTRAL,
        "detail": entry.detail,
    }
    return central.deliver(envelope)


def test_a_product_is_registered_by_the_meshs_own_form(mesh: Any) -> None:
    central = central_with("sales")
    stand_before(mesh, central)
    answer = owner().ask("POST", "/v1/domains/sales/products", body={"product": NEW})
    assert (answer.status, answer.json["command"]) == (202, "RegisterDataProduct"), answer.body
    (entry,) = mesh.bus.entries
    assert entry.detail["metadata"]["person"] == "ann@sales.example"
    assert deliver(central, entry).status == "SUCCEEDED"
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert record.status == "REGISTERED"


def test_a_product_is_registered_by_a_manifest(mesh: Any) -> None:
    central = central_with("sales")
    stand_before(mesh, central)
    answer = owner().ask("POST", "/v1/domains/sales/products", body={"manifest": CONTRACT})
    assert answer.status == 202, answer.body
    assert deliver(central, mesh.bus.entries[0]).status == "SUCCEEDED"
    (record,) = central.registry.tables("sales", "air_travel")
    assert [column.name for column in record.spec.columns] == ["carrier"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "manifest"),
        ({"manifest": CONTRACT, "product": NEW}, "manifest"),
        ({"manifest": CONTRACT.replace("domain: sales", "domain: marketing")}, "domain"),
        (
            {"manifest": CONTRACT.replace("logicalType: string", "logicalType: strnig")},
            "schema[0].properties[0].logicalType",
        ),
        ({"manifest": "{"}, None),
        (
            {"product": product_spec(table_spec("flights", location="s3://else/products/f/"))},
            "product.tables.0.location",
        ),
    ],
)
def test_what_cannot_be_registered_is_refused_by_its_field(mesh: Any, body: Any, field: str | None) -> None:
    stand_before(mesh, central_with("sales"))
    answer = owner().ask("POST", "/v1/domains/sales/products", body=body)
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer.body
    if field is not None:
        assert answer.json["field"] == field
    assert mesh.bus.entries == []


def test_a_plan_names_all_problems_with_their_lines(mesh: Any) -> None:
    stand_before(mesh, central_with("sales"))
    broken = CONTRACT.replace("domain: sales", "domain: marketing").replace(
        "logicalType: string", "logicalType: strnig"
    )
    answer = owner(answer_query).ask("POST", "/v1/domains/sales/product-plans", body={"manifest": broken})
    assert answer.status == 200
    errors = {each["field"]: each["line"] for each in answer.json["problems"] if each["severity"] == "error"}
    assert errors["domain"] == 6
    assert errors["schema[0].properties[0].logicalType"] == 22
    assert answer.json["product"] is None


def test_locations_of_a_manifest_are_those_of_the_domain(mesh: Any) -> None:
    stand_before(mesh, central_with("sales"))
    elsewhere = CONTRACT.replace("222222222222", "333333333333")
    answer = owner(answer_query).ask("POST", "/v1/domains/sales/product-plans", body={"manifest": elsewhere})
    (error,) = [each for each in answer.json["problems"] if each["severity"] == "error"]
    assert (error["line"], "is not below" in error["message"]) == (19, True)


def breaking(central: FakeCentral) -> dict[str, Any]:
    """Return the product, with a column less of those that marketing reads."""
    grant(central, columns={"flights": ["carrier", "delay"]})
    fewer = table_spec("flights", description="One row per flight", columns=COLUMNS[1:])
    return product_spec(fewer, AIRPORTS, pii=True, classification="confidential")


def test_a_change_that_breaks_consumers_has_to_be_meant(central: FakeCentral, mesh: Any) -> None:
    body = {"product": breaking(central)}
    plan = owner(answer_query).ask("POST", "/v1/domains/sales/product-plans", body=body).json
    assert [(change["column"], change["breaking"]) for change in plan["changes"]] == [("carrier", True)]
    assert [(each["consumer"], each["request_id"]) for each in plan["affected"]] == [("marketing", str(REQUEST))]
    for method, path in (("POST", "/v1/domains/sales/products"), ("PUT", PATH)):
        answer = owner().ask(method, path, body=body)
        assert (answer.status, answer.code) == (409, "BreakingChange")
        assert "flights.carrier" in answer.json["detail"]
        assert "marketing" in answer.json["detail"]
    assert mesh.bus.entries == []
    meant = owner().ask("PUT", PATH, body=body | {"accept_breaking_changes": True})
    assert meant.status == 202
    assert deliver(central, mesh.bus.entries[0]).status == "SUCCEEDED"


def test_what_the_mesh_never_does_is_refused_even_if_it_is_meant(central: FakeCentral, mesh: Any) -> None:
    moved = table_spec("flights", location=FLIGHTS["location"].replace("flights", "elsewhere"), columns=COLUMNS)
    body = {"product": product_spec(moved, AIRPORTS, pii=True, classification="confidential")}
    answer = owner().ask("PUT", PATH, body=body | {"accept_breaking_changes": True})
    assert (answer.status, answer.code) == (409, "StateConflict")
    assert mesh.bus.entries == []


def test_an_update_is_of_the_product_in_the_path(central: FakeCentral, mesh: Any) -> None:
    answer = owner().ask("PUT", "/v1/domains/sales/products/nothing", body={"product": PRODUCT})
    assert (answer.status, answer.code) == (404, "NotFound")
    other = product_spec(table_spec("roads"), name="other")
    answer = owner().ask("PUT", PATH, body={"product": other})
    assert (answer.status, answer.json["field"]) == (400, "product.name")
    assert mesh.bus.entries == []


def test_a_domain_that_is_not_there_registers_nothing(mesh: Any) -> None:
    for function, path in ((send_command, "products"), (answer_query, "product-plans")):
        answer = Person(function.handler, "sales.owner").ask("POST", f"/v1/domains/sales/{path}", body={"product": NEW})
        assert (answer.status, answer.code) == (404, "NotFound")


def test_a_command_that_no_workflow_could_carry_is_refused(mesh: Any) -> None:
    stand_before(mesh, central_with("sales"))
    columns = [{"name": f"column_{number}", "type": "string", "comment": "x" * 200} for number in range(1_500)]
    body = {"product": product_spec(table_spec("flights", columns=columns))}
    answer = owner().ask("POST", "/v1/domains/sales/products", body=body)
    assert (answer.status, answer.code) == (422, "CommandTooLarge")
    assert mesh.bus.entries == []


def test_a_product_leaves(central: FakeCentral, mesh: Any) -> None:
    answer = owner().ask("DELETE", PATH)
    assert (answer.status, answer.json["command"]) == (202, "DeregisterDataProduct")
    assert deliver(central, mesh.bus.entries[0]).status == "SUCCEEDED"
    assert owner().ask("DELETE", PATH).status == 404
