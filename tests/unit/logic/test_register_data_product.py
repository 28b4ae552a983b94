"""register_data_product: tables, their names and locations, repetition, and what remains of what went wrong."""

from typing import Any

import pytest

from datamesh.models.registry import table_claim
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    MARKETING,
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


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a command that must be rejected, and return what the sender is told."""
    before = central.state()
    walk = central.deliver(envelope)
    assert walk.status == "SUCCEEDED"
    assert walk.path[-1] == "Command Rejected"
    assert central.state() == before, "a rejection leaves nothing behind"
    told: dict[str, Any] = central.published[-1]["Detail"]["data"]
    assert told["command"] == "RegisterDataProduct"
    return told


def last(central: FakeCentral) -> dict[str, Any]:
    """Return the last DataProductRegistered."""
    return central.said("DataProductRegistered")[-1]


def test_a_new_product_gets_tables_grants_and_answer(central: FakeCentral) -> None:
    flights = table_spec(
        "flights",
        columns=[
            {"name": "carrier", "type": "string", "comment": "Two letters"},
            {"name": "origin", "type": "struct<airport:string,owner:string>"},
            {"name": "origin.owner", "type": "string", "pii": False},
        ],
        partition_keys=[{"name": "month", "type": "string", "pii": False}],
        description="Departures",
    )
    walk = central.deliver(register_product(product_spec(flights, table_spec("airports", format="csv"))))
    assert walk.path[-1] == "Product Registered"

    table = central.catalog.tables[DATABASE, "flights"]
    assert table.location == f"s3://{BUCKET}/products/air_travel/flights/"
    assert table.description == "Departures"
    assert table.parameters == {
        "classification": "parquet",
        "data_classification": "internal",
        "data_product": "air_travel",
        "data_owner": SALES,
        "pii_flag": "false",
    }
    assert [column.name for column in table.columns] == ["carrier", "origin"]
    assert table.columns[1].parameters == {"owner.pii_flag": "false"}
    assert table.partition_keys[0].parameters == {"pii_flag": "false"}
    assert central.catalog.tables[DATABASE, "airports"].parameters["skip.header.line.count"] == "1"
    for name in ("flights", "airports"):
        assert central.lake_formation.on_table(SALES, name) == {"SELECT", "DESCRIBE", "ALTER"}

    fact = last(central)
    assert fact["outcome"] == "registered"
    assert fact["tables"] == [
        {"name": name, "location": f"s3://{BUCKET}/products/air_travel/{name}/", "outcome": "created"}
        for name in ("airports", "flights")
    ]
    assert fact["resource_shares"] == [share_of(SALES)]
    assert central.published[-1]["Detail"]["metadata"]["target_account"] == SALES
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert (record.status, record.table_count, record.pending) == ("REGISTERED", 2, None)
    assert central.registry.owner(table_claim("sales", "flights", "air_travel")) == "air_travel"


def test_transitions_do_not_grow_with_the_number_of_tables() -> None:
    counts = []
    for number in (1, 100):
        central = central_with("sales")
        tables = [table_spec(f"table_{index}") for index in range(number)]
        walk = central.deliver(register_product(product_spec(*tables)))
        assert walk.path[-1] == "Product Registered"
        assert len(central.registry.tables("sales", "air_travel")) == number
        counts.append(walk.transitions)
    assert counts[0] == counts[1]
    assert counts[0] <= 10


def test_a_duplicate_changes_nothing_and_says_nothing(central: FakeCentral) -> None:
    command = register_product()
    central.deliver(command)
    before, said, calls = central.state(), len(central.published), central.lake_formation.calls
    assert central.deliver(command).path[-1] == "Already Done"
    assert (central.state(), len(central.published), central.lake_formation.calls) == (before, said, calls)


def test_the_same_content_again_is_unchanged_whatever_the_crawler_found(central: FakeCentral) -> None:
    spec = product_spec(table_spec("flights", columns=[{"name": "carrier", "type": "string"}]))
    central.deliver(register_product(spec))
    table = central.catalog.tables[DATABASE, "flights"]
    crawled = table.model_copy(
        update={
            "columns": (
                table.columns[0].model_copy(update={"type": "varchar(2)"}),
                table.columns[0].model_copy(update={"name": "delay", "type": "bigint"}),
            ),
            "parameters": {**table.parameters, "recordCount": "7"},
        }
    )
    central.catalog.tables[DATABASE, "flights"] = crawled
    central.catalog.writes.clear()
    central.deliver(register_product(spec, minute=1))
    assert last(central)["outcome"] == "unchanged"
    assert last(central)["tables"][0]["outcome"] == "unchanged"
    assert central.catalog.writes == []
    assert central.catalog.tables[DATABASE, "flights"] == crawled


def test_a_new_declaration_is_written_and_nothing_found_is_lost(central: FakeCentral) -> None:
    central.deliver(register_product())
    table = central.catalog.tables[DATABASE, "flights"]
    found = table.model_copy(update={"parameters": {**table.parameters, "recordCount": "7"}})
    central.catalog.tables[DATABASE, "flights"] = found
    columns = [{"name": "passenger", "type": "string", "pii": True}]
    spec = product_spec(
        table_spec("flights", columns=columns, description="Now described"), classification="confidential"
    )
    central.deliver(register_product(spec, minute=1))
    assert last(central)["outcome"] == "updated"
    assert last(central)["tables"][0]["outcome"] == "updated"
    table = central.catalog.tables[DATABASE, "flights"]
    assert table.description == "Now described"
    assert table.columns[0].parameters == {"pii_flag": "true"}
    assert table.parameters["recordCount"] == "7"
    assert table.parameters["data_classification"] == "confidential"


def test_a_flag_is_not_taken_away_by_saying_nothing(central: FakeCentral) -> None:
    central.deliver(register_product(product_spec(pii=True)))
    central.deliver(register_product(product_spec(pii=None, classification=None), minute=1))
    parameters = central.catalog.tables[DATABASE, "flights"].parameters
    assert parameters["pii_flag"] == "true"
    assert "data_classification" not in parameters


def test_tables_can_be_added_and_others_stay(central: FakeCentral) -> None:
    central.deliver(register_product())
    central.deliver(register_product(product_spec(table_spec("airports")), minute=1))
    assert {row["name"]: row["outcome"] for row in last(central)["tables"]} == {
        "airports": "created",
        "flights": "unchanged",
    }
    assert last(central)["outcome"] == "updated"


def test_a_table_that_was_deleted_out_of_band_comes_back(central: FakeCentral) -> None:
    central.deliver(register_product())
    del central.catalog.tables[DATABASE, "flights"]
    central.deliver(register_product(minute=1))
    assert last(central)["tables"][0]["outcome"] == "created"
    assert last(central)["outcome"] == "updated"


def test_a_late_command_adds_only_what_nobody_said_since(central: FakeCentral) -> None:
    newer = product_spec(table_spec("flights", description="new"), description="new")
    central.deliver(register_product(newer, minute=5))
    older = product_spec(table_spec("flights", description="old"), table_spec("airports"), description="old")
    central.deliver(register_product(older, minute=1))
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert record.content is not None
    assert record.content.description == "new"
    assert central.catalog.tables[DATABASE, "flights"].description == "new"
    assert (DATABASE, "airports") in central.catalog.tables


def test_a_late_command_that_says_nothing_new_ends(central: FakeCentral) -> None:
    central.deliver(register_product(minute=5))
    before = central.state()
    assert central.deliver(register_product(product_spec(description="old"), minute=1)).path[-1] == "Already Done"
    assert central.state() == before


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        f"s3://{bucket_of(MARKETING)}/products/x/",
        f"s3://{BUCKET}/raw/x/",
        f"s3://{BUCKET}/products-of-another/x/",
        f"s3://{BUCKET}/productsx/",
        f"s3://{BUCKET}/products/",
        f"s3://{BUCKET}/",
        f"s3://{BUCKET}/products/../raw/x/",
        f"s3://{BUCKET}/products/./x/",
        f"s3://{BUCKET}-evil/products/x/",
    ],
)
def test_a_location_outside_the_domain_is_refused(central: FakeCentral, location: str) -> None:
    told = rejection(central, register_product(product_spec(table_spec("good"), table_spec("bad", location=location))))
    assert (told["code"], told["field"]) == ("LocationOutsideDomain", "product.tables.1.location")


@pytest.mark.parametrize(
    "location",
    [f"s3://{BUCKET}/products/x", f"s3://{BUCKET}/products//x/", f"s3://{BUCKET}/products/%2e%2e/x/", "file:///x/"],
)
def test_a_location_that_is_none_is_refused(central: FakeCentral, location: str) -> None:
    told = rejection(central, register_product(product_spec(table_spec("bad", location=location))))
    assert (told["code"], told["field"]) == ("InvalidCommand", "product.tables.0.location")


def test_tables_inside_one_another_are_refused(central: FakeCentral) -> None:
    inner = table_spec("inner", location=f"s3://{BUCKET}/products/air_travel/flights/inner/")
    assert rejection(central, register_product(product_spec(table_spec("flights"), inner)))["code"] == "LocationOverlap"


def other_product(location: str, **changes: Any) -> dict[str, Any]:
    """Return a registration of a second product with one table."""
    table = table_spec("other", location=f"s3://{BUCKET}/products/{location}")
    return register_product(product_spec(table, name="other", **changes))


@pytest.mark.parametrize("location", ["air_travel/flights/", "air_travel/flights/2026/", "air_travel/"])
@pytest.mark.parametrize("state", ["registered", "being registered", "failed", "recorded before locations were"])
def test_products_of_a_domain_share_no_objects(central: FakeCentral, location: str, state: str) -> None:
    first = register_product(product_spec(pii=True))
    if state in {"registered", "recorded before locations were"}:
        central.deliver(first)
    else:
        central.step("register_data_product", "admit", first)
    if state == "failed":
        central.step("register_data_product", "fail", first)
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    if state == "recorded before locations were":
        central.registry.items[record.key] = record.model_copy(update={"locations": ()})
    told = rejection(central, other_product(location))
    assert (told["code"], told["field"]) == ("LocationOverlap", "product.tables.0.location")


def test_products_side_by_side_are_no_overlap(central: FakeCentral) -> None:
    central.deliver(register_product())
    assert central.deliver(other_product("air_travel/flights_2026/")).path[-1] == "Product Registered"
    assert central.deliver(register_product(minute=1)).path[-1] == "Product Registered"


def test_of_two_overlapping_products_at_once_one_is_seen(central: FakeCentral) -> None:
    first = register_product(product_spec(pii=True))

    def interleave(_changes: object) -> None:
        central.registry.before_write = None
        central.step("register_data_product", "admit", first, "faster")

    central.registry.before_write = interleave
    result = central.step("register_data_product", "admit", other_product("air_travel/"), "slower")
    assert (result["outcome"], result["code"]) == ("rejected", "LocationOverlap")
    assert central.registry.product("sales", "other") is None


def test_a_location_given_back_is_free(central: FakeCentral) -> None:
    central.deliver(register_product())
    more = register_product(product_spec(table_spec("flights"), table_spec("more")), minute=1)
    central.catalog.tables[DATABASE, "more"] = central.catalog.tables[DATABASE, "flights"].model_copy(
        update={"name": "more", "parameters": {}}
    )
    assert central.deliver(more).path[-1] == "Command Rejected"
    assert central.deliver(other_product("air_travel/more/")).path[-1] == "Product Registered"


def test_another_account_cannot_register_for_a_domain() -> None:
    central = central_with("sales", "marketing")
    told = rejection(central, register_product(account=MARKETING))
    assert (told["code"], told["domain"]) == ("SenderNotOwner", "sales")


def test_an_unregistered_domain_is_refused() -> None:
    assert rejection(FakeCentral(), register_product())["code"] == "DomainNotRegistered"


def test_a_domain_whose_registration_failed_is_refused() -> None:
    central = FakeCentral()
    central.fail_once("prepare", RuntimeError("broken"))
    central.deliver(register_domain())
    assert rejection(central, register_product())["code"] == "DomainNotRegistered"


def test_a_product_waits_for_its_domain() -> None:
    central = FakeCentral()
    central.step("register_data_domain", "admit", register_domain())
    assert central.deliver(register_product()).error == "RecordBusy"


def test_a_table_cannot_move(central: FakeCentral) -> None:
    central.deliver(register_product())
    moved = product_spec(table_spec("flights", location=f"s3://{BUCKET}/products/elsewhere/"))
    told = rejection(central, register_product(moved, minute=1))
    assert (told["code"], told["field"]) == ("LocationChanged", "product.tables.0.location")


def test_a_table_name_belongs_to_one_product_of_a_domain(central: FakeCentral) -> None:
    central.deliver(register_product())
    other = product_spec(table_spec("flights", location=f"s3://{BUCKET}/products/other/"), name="other")
    told = rejection(central, register_product(other, minute=1))
    assert (told["code"], told["field"]) == ("TableNameTaken", "product.tables")
    assert "air_travel" in told["message"]


def test_a_name_taken_in_between_is_refused_and_leaves_nothing(central: FakeCentral) -> None:
    tables = [table_spec(f"table_{number:03}") for number in range(100)]
    claim = table_claim("sales", "table_099", "rival")

    def interleave(changes: Any) -> None:
        if len(changes) > 1:  # the first chunk of claims
            central.registry.before_write = None
            central.registry.items[claim.key] = "rival"

    central.registry.before_write = interleave
    walk = central.deliver(register_product(product_spec(*tables)))
    assert walk.path[-1] == "Command Rejected"
    assert central.said("CommandRejected")[-1]["code"] == "TableNameTaken"
    assert central.registry.product("sales", "air_travel") is None
    assert [item for item in central.registry.items.values() if item == "air_travel"] == []
    assert central.registry.owner(claim) == "rival"


def test_more_tables_than_a_product_may_have_are_refused(central: FakeCentral) -> None:
    central.deliver(register_product(product_spec(*[table_spec(f"table_{number}") for number in range(100)])))
    told = rejection(central, register_product(product_spec(table_spec("one_more")), minute=1))
    assert told["code"] == "TooManyTables"


def test_a_table_of_another_in_the_catalog_is_not_overwritten(central: FakeCentral) -> None:
    central.deliver(register_product())
    stranger = central.catalog.tables[DATABASE, "flights"].model_copy(
        update={"name": "airports", "parameters": {"data_owner": MARKETING}}
    )
    central.catalog.tables[DATABASE, "airports"] = stranger
    told = rejection(central, register_product(product_spec(table_spec("airports")), minute=1))
    assert told["code"] == "TableOwnedByAnother"
    assert central.catalog.tables[DATABASE, "airports"] == stranger


def test_a_first_registration_that_meets_a_stranger_leaves_nothing(central: FakeCentral) -> None:
    other = central_with("sales", product=product_spec())
    stranger = other.catalog.tables[DATABASE, "flights"].model_copy(
        update={"location": f"s3://{BUCKET}/products/elsewhere/"}
    )
    central.catalog.tables[DATABASE, "flights"] = stranger
    assert rejection(central, register_product())["code"] == "LocationChanged"


def test_a_rejection_keeps_an_earlier_failure(central: FakeCentral) -> None:
    central.fail_once("grant", RuntimeError("broken"))
    central.deliver(register_product())
    table = central.catalog.tables[DATABASE, "flights"]
    central.catalog.tables[DATABASE, "flights"] = table.model_copy(update={"parameters": {}})
    walk = central.deliver(register_product(minute=1))
    assert walk.path[-1] == "Command Rejected"
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert record.status == "FAILED"


def test_a_command_that_no_state_machine_can_carry_is_refused(central: FakeCentral) -> None:
    columns = [{"name": f"c_{number}", "type": "string", "comment": "x" * 200} for number in range(1000)]
    told = rejection(central, register_product(product_spec(table_spec("wide", columns=columns))))
    assert told["code"] == "CommandTooLarge"
