"""share_data_product: what is granted, what never is, repetition, and what remains of what went wrong."""

import uuid
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.models.catalog import CatalogColumn, CatalogTable
from datamesh.models.errors import AwsTemporarilyUnavailable, LeaseLost
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    MARKETING,
    SALES,
    product_spec,
    register_domain,
    register_product,
    request_access,
    table_spec,
)
from tests.support.central_fakes import share_of

DATABASE = "datamesh_sales_nrac"
REQUEST = uuid.UUID(int=7)
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"


@pytest.fixture
def central() -> FakeCentral:
    product = product_spec(table_spec("flights"), table_spec("airports"))
    return central_with("sales", "marketing", "finance", product=product)


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a request that must be refused, and return what the sender is told; nothing is granted."""
    before = central.state()["grants"]
    walk = central.deliver(envelope)
    assert walk.status == "SUCCEEDED"
    assert walk.path[-1] == "Command Rejected"
    assert central.state()["grants"] == before
    assert not central.said("DataProductAccessGranted")
    entry = central.published[-1]
    assert entry["Detail"]["metadata"]["target_account"] == envelope["account"]
    told: dict[str, Any] = entry["Detail"]["data"]
    return told


def change_table(central: FakeCentral, name: str, **changes: Any) -> None:
    """Change a table in the catalog."""
    table = central.catalog.tables[DATABASE, name]
    central.catalog.tables[DATABASE, name] = table.model_copy(update=changes)


def without(table: CatalogTable, parameter: str) -> dict[str, str]:
    """Return a table's parameters without one."""
    return {name: value for name, value in table.parameters.items() if name != parameter}


def test_a_request_for_one_table_is_granted_and_said(central: FakeCentral) -> None:
    command = request_access(REQUEST, tables=["flights"])
    walk = central.deliver(command)
    assert walk.path[-1] == "Access Granted"
    assert central.lake_formation.on_table(MARKETING, "flights") == {"SELECT", "DESCRIBE"}
    assert central.lake_formation.on_table(MARKETING, "airports") == frozenset()

    entries = central.published[-3:]
    assert [entry["DetailType"] for entry in entries] == [
        "DataProductAccessRequested",
        "DataProductAccessApproved",
        "DataProductAccessGranted",
    ]
    metadata = [entry["Detail"]["metadata"] for entry in entries]
    assert {each["target_account"] for each in metadata} == {MARKETING}
    assert {each["causation_id"] for each in metadata} == {command["detail"]["metadata"]["event_id"]}
    assert len({each["event_id"] for each in metadata}) == 3
    assert entries[1]["Detail"]["data"]["decided_by"] == "policy:not-sensitive"
    assert "internal" in entries[1]["Detail"]["data"]["reason"]
    granted = entries[2]["Detail"]["data"]
    assert granted["catalog_account"] == CENTRAL
    assert granted["database"] == DATABASE
    assert granted["tables"] == ["flights"]
    assert granted["principals"] == [ANALYST]
    assert granted["permissions"] == ["SELECT", "DESCRIBE"]
    assert granted["resource_shares"] == [share_of(MARKETING)]

    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.tables, record.decided_by) == ("GRANTED", ("flights",), "policy:not-sensitive")
    [grant] = central.registry.grants("sales", "air_travel")
    assert (grant.consumer, grant.tables, grant.principals) == ("marketing", ("flights",), (ANALYST,))


def test_no_tables_named_are_all_that_exist_now(central: FakeCentral) -> None:
    central.deliver(request_access())
    assert central.said("DataProductAccessGranted")[0]["tables"] == ["airports", "flights"]


def test_a_hundred_tables_take_as_many_transitions_as_one() -> None:
    counts = []
    for number in (1, 100):
        tables = [table_spec(f"table_{index}") for index in range(number)]
        central = central_with("sales", "marketing", product=product_spec(*tables))
        counts.append(central.deliver(request_access()).transitions)
    assert counts[0] == counts[1] <= 9


@pytest.mark.parametrize("repeated", ["same event", "same request"])
def test_a_repeated_request_changes_nothing_and_says_nothing(central: FakeCentral, repeated: str) -> None:
    command = request_access(REQUEST)
    central.deliver(command)
    before, said = central.state(), len(central.published)
    again = command if repeated == "same event" else request_access(REQUEST, minute=1)
    assert central.deliver(again).path[-1] == "Already Done"
    assert (central.state(), len(central.published)) == (before, said)


def test_a_second_request_for_other_principals_shares_the_grant(central: FakeCentral) -> None:
    central.deliver(request_access())
    calls = central.lake_formation.calls
    central.deliver(request_access(principals=[f"arn:aws:iam::{MARKETING}:user/second"]))
    assert central.lake_formation.calls == calls
    assert len(central.registry.grants("sales", "air_travel")) == 2


def test_a_grant_to_a_consumer_can_be_passed_on_inside_its_account_only(central: FakeCentral) -> None:
    central.deliver(request_access())
    grants = {who: grantable for (who, _), (_, grantable) in central.lake_formation.granted.items() if who == MARKETING}
    assert grants[MARKETING] == {"SELECT", "DESCRIBE"}


# --- never granted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        ({"classification": None}, "not classified"),
        ({"classification": "confidential"}, "confidential"),
        ({"classification": "restricted"}, "restricted"),
        ({"pii": None}, "does not say"),
        ({"pii": True}, "personal data"),
    ],
)
def test_what_the_producer_declared_counts(product: dict[str, Any], reason: str) -> None:
    central = central_with("sales", "marketing", product=product_spec(**product))
    told = rejection(central, request_access(REQUEST))
    assert (told["code"], told["field"], told["request_id"]) == ("SensitiveProduct", "product", str(REQUEST))
    assert reason in told["message"]
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.rejection) == ("REJECTED", "SensitiveProduct")


@pytest.mark.parametrize("value", ["true", "TRUE", "True", " true ", "yes", "1"])
@pytest.mark.parametrize("place", ["database", "table", "column", "struct field", "partition key"])
def test_a_flag_anywhere_in_the_catalog_counts(central: FakeCentral, place: str, value: str) -> None:
    flagged = {"pii_flag": value}
    match place:
        case "database":
            database = central.catalog.databases[DATABASE]
            central.catalog.databases[DATABASE] = database.model_copy(
                update={"parameters": {**database.parameters, **flagged}}
            )
        case "table":
            parameters = {**central.catalog.tables[DATABASE, "flights"].parameters, **flagged}
            change_table(central, "flights", parameters=parameters)
        case "column":
            change_table(central, "flights", columns=(CatalogColumn(name="passenger", parameters=flagged),))
        case "struct field":
            nested = CatalogColumn(name="booking", parameters={"passenger.name.pii_flag": value})
            change_table(central, "flights", columns=(nested,))
        case _:
            change_table(central, "flights", partition_keys=(CatalogColumn(name="customer", parameters=flagged),))
    assert rejection(central, request_access(tables=["flights"]))["code"] == "SensitiveProduct"


@pytest.mark.parametrize("parameter", ["pii_flag", "data_classification"])
def test_a_table_that_says_nothing_is_sensitive(central: FakeCentral, parameter: str) -> None:
    change_table(central, "flights", parameters=without(central.catalog.tables[DATABASE, "flights"], parameter))
    told = rejection(central, request_access(tables=["flights"]))
    assert told["code"] == "SensitiveProduct"
    assert parameter in told["message"]


def test_the_sensitivity_of_a_table_does_not_touch_its_siblings(central: FakeCentral) -> None:
    change_table(central, "flights", columns=(CatalogColumn(name="passenger", parameters={"pii_flag": "true"}),))
    assert central.deliver(request_access(tables=["airports"])).path[-1] == "Access Granted"


def test_a_flag_that_was_declared_counts_though_the_catalog_lost_it(central: FakeCentral) -> None:
    columns = [{"name": "passenger", "type": "string", "pii": True}]
    central.deliver(register_product(product_spec(table_spec("flights", columns=columns)), minute=1))
    change_table(central, "flights", columns=())
    assert "flights.passenger" in rejection(central, request_access(tables=["flights"]))["message"]


def test_a_declaration_that_is_just_being_made_counts(central: FakeCentral) -> None:
    stricter = register_product(product_spec(classification="restricted"), minute=1)
    central.step("register_data_product", "admit", stricter, "another")
    assert rejection(central, request_access())["code"] == "SensitiveProduct"


def test_what_becomes_sensitive_after_the_decision_is_not_granted(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    change_table(central, "flights", columns=(CatalogColumn(name="passenger", parameters={"pii_flag": "true"}),))
    result = central.step("share_data_product", "grant", command)
    assert (result["outcome"], result["code"]) == ("rejected", "SensitiveProduct")
    assert central.lake_formation.on_table(MARKETING, "flights") == frozenset()
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.status == "REJECTED"


def become_sensitive(central: FakeCentral) -> None:
    """Flag a column of flights."""
    change_table(central, "flights", columns=(CatalogColumn(name="passenger", parameters={"pii_flag": "true"}),))


@pytest.mark.parametrize("step", ["admit", "grant"])
def test_what_an_attempt_granted_is_revoked_when_the_request_is_refused_after_all(
    central: FakeCentral, step: str
) -> None:
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    assert central.lake_formation.on_table(MARKETING, "flights")
    become_sensitive(central)
    if step == "admit":
        central.step("share_data_product", "fail", command)
        result = central.step("share_data_product", "admit", command, "again")
    else:
        result = central.step("share_data_product", "grant", command)
    assert (result["outcome"], result["code"]) == ("rejected", "SensitiveProduct")
    assert central.lake_formation.on_table(MARKETING, "flights") == frozenset()
    assert central.lake_formation.on_table(MARKETING, "airports") == frozenset()
    assert central.lake_formation.on_table(SALES, "flights")


def test_a_grant_that_was_recorded_and_never_said_is_taken_back(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    central.fail_once("publish", RuntimeError("down"))
    central.deliver(command)
    assert central.registry.grants("sales", "air_travel")
    become_sensitive(central)
    assert central.deliver(command).path[-1] == "Command Rejected"
    assert central.registry.grants("sales", "air_travel") == []
    assert central.lake_formation.on_table(MARKETING, "flights") == frozenset()


def test_what_another_request_was_granted_stays_when_one_is_refused(central: FakeCentral) -> None:
    central.deliver(request_access(tables=["flights"]))
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    become_sensitive(central)
    central.step("share_data_product", "grant", command)
    assert central.lake_formation.on_table(MARKETING, "flights")
    assert central.lake_formation.on_table(MARKETING, "airports") == frozenset()


def test_a_refusal_whose_answer_was_lost_is_said_again(central: FakeCentral) -> None:
    command = request_access(REQUEST, principals=[f"arn:aws:iam::{SALES}:role/analyst"])
    first = central.step("share_data_product", "admit", command)
    before = central.state()
    again = central.step("share_data_product", "admit", command, "again")
    assert again == first
    assert again["outcome"] == "rejected"
    assert central.state() == before


def test_many_reasons_are_shortened() -> None:
    tables = [table_spec(f"table_{number}") for number in range(20)]
    central = central_with("sales", "marketing", product=product_spec(*tables))
    for number in range(20):
        change_table(central, f"table_{number}", parameters={})
    assert "more reasons" in rejection(central, request_access())["message"]


# --- refused ---------------------------------------------------------------------------------------------------------


def test_an_account_asks_only_for_its_own_domain(central: FakeCentral) -> None:
    assert rejection(central, request_access(account=SALES))["code"] == "SenderNotOwner"
    assert not [key for key in central.registry.items if key.pk.startswith("REQUEST#")]


def test_an_unregistered_consumer_is_refused() -> None:
    central = central_with("sales", product=product_spec())
    assert rejection(central, request_access())["code"] == "DomainNotRegistered"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"product": {"domain": "sales", "name": "nothing"}}, "ProductNotFound", "product"),
        ({"product": {"domain": "nobody", "name": "air_travel"}}, "ProductNotFound", "product"),
        ({"tables": ["flights", "nothing"]}, "TableNotFound", "tables.1"),
        ({"product": {"domain": "marketing", "name": "own"}}, "OwnProduct", "product"),
        ({"principals": [ANALYST, f"arn:aws:iam::{SALES}:role/x"]}, "PrincipalNotInDomain", "principals.1"),
        ({"principals": [f"arn:aws:iam::{MARKETING}:root"]}, "InvalidCommand", "principals.0"),
        ({"principals": ["*"]}, "InvalidCommand", "principals.0"),
        ({"principals": ["IAM_ALLOWED_PRINCIPALS"]}, "InvalidCommand", "principals.0"),
        ({"principals": [MARKETING]}, "InvalidCommand", "principals.0"),
        ({"principals": [ANALYST, ANALYST]}, "InvalidCommand", "principals"),
        ({"principals": []}, "InvalidCommand", "principals"),
        ({"tables": []}, "InvalidCommand", "tables"),
        ({"justification": ""}, "InvalidCommand", "justification"),
        ({"expires": "never"}, "InvalidCommand", "expires"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    central: FakeCentral, changes: dict[str, Any], code: str, field: str
) -> None:
    told = rejection(central, request_access(REQUEST, **changes))
    assert (told["code"], told["field"], told["request_id"]) == (code, field, str(REQUEST))


def test_a_request_id_that_is_none_is_not_repeated(central: FakeCentral) -> None:
    command = request_access()
    command["detail"]["data"]["request_id"] = "seven"
    told = rejection(central, command)
    assert (told["code"], told["field"], told["request_id"]) == ("InvalidCommand", "request_id", None)


def test_a_request_id_is_for_one_request(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"]))
    central.published.clear()
    told = rejection(central, request_access(REQUEST, tables=["airports"]))
    assert told["code"] == "RequestIdReused"


def test_the_order_of_names_does_not_make_another_request(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights", "airports"]))
    again = request_access(REQUEST, tables=["airports", "flights"])
    assert central.deliver(again).path[-1] == "Already Done"


def test_a_refused_request_has_one_answer_per_event_and_may_be_made_again(central: FakeCentral) -> None:
    central.deliver(register_product(product_spec(pii=True), minute=1))
    refused = request_access(REQUEST)
    rejection(central, refused)
    said = central.published[-1]
    assert central.deliver(refused).path[-1] == "Command Rejected"
    assert central.published[-1]["Detail"] == said["Detail"], "the same answer, event id included"
    central.deliver(register_product(product_spec(pii=False), minute=2))
    assert central.deliver(request_access(REQUEST, minute=3)).path[-1] == "Access Granted"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.rejection) == ("GRANTED", None)


def test_a_request_waits_for_a_product_that_is_being_registered() -> None:
    central = central_with("sales", "marketing")
    central.step("register_data_product", "admit", register_product())
    assert central.deliver(request_access()).error == "RecordBusy"


def test_a_product_whose_first_registration_failed_is_not_there() -> None:
    central = central_with("sales", "marketing")
    central.fail_once("tables", RuntimeError("broken"))
    central.deliver(register_product())
    assert rejection(central, request_access())["code"] == "ProductNotFound"


# --- failures and concurrency ----------------------------------------------------------------------------------------

STEPS = ["admit", "grant", "record", "confirm"]


@pytest.mark.parametrize("step", [*STEPS, "publish"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_step_is_recorded_and_the_command_sent_again_heals(central: FakeCentral, step: str, when: Any) -> None:
    if (step, when) == ("publish", "after"):
        when = "before"  # a service integration has no afterwards
    command = request_access(REQUEST)
    central.fail_once(step, RuntimeError("broken"), when)
    walk = central.deliver(command)
    assert (walk.status, walk.error) == ("FAILED", "RuntimeError")
    record = central.registry.request(REQUEST)
    if record is not None and (step, when) != ("confirm", "after"):
        assert record.status == "FAILED"
        assert "broken" in (record.error or "")
    assert central.deliver(command).status == "SUCCEEDED"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.error) == ("GRANTED", None)
    assert len(central.registry.grants("sales", "air_travel")) == 1
    assert central.lake_formation.on_table(MARKETING, "flights") == {"SELECT", "DESCRIBE"}
    # Said again, an event has the same identity.
    said = [entry for entry in central.published if entry["DetailType"] == "DataProductAccessGranted"]
    assert len({entry["Detail"]["metadata"]["event_id"] for entry in said}) == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_is_asked_for_again(central: FakeCentral, step: str) -> None:
    central.fail_once(step, AwsTemporarilyUnavailable("lost"), "after")
    assert central.deliver(request_access()).status == "SUCCEEDED"
    assert len(central.said("DataProductAccessGranted")) == 1


def test_the_same_request_twice_at_once_runs_once(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    assert central.step("share_data_product", "admit", command, "one")["outcome"] == "admitted"
    assert central.step("share_data_product", "admit", command, "two")["outcome"] == "duplicate"


def test_a_crashed_execution_is_replaced_after_its_lease(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command, "crashed")
    central.now += LEASE
    assert central.deliver(command).path[-1] == "Access Granted"
    for step in ("grant", "record", "confirm"):
        with pytest.raises(LeaseLost):
            central.step("share_data_product", step, command, "crashed")


def test_a_table_missing_in_the_catalog_fails(central: FakeCentral) -> None:
    del central.catalog.tables[DATABASE, "flights"]
    assert central.deliver(request_access()).error == "CatalogInconsistent"


def test_failing_before_anything_is_held_records_nothing(central: FakeCentral) -> None:
    broken = request_access(principals=[])
    assert central.step("share_data_product", "fail", broken) == {"outcome": "failed", "recorded": False}
    assert central.step("share_data_product", "fail", request_access())["recorded"] is False


def test_a_consumer_in_centrals_account_needs_no_grant_to_its_account() -> None:
    central = FakeCentral(account_id=MARKETING)
    for domain in ("sales", "marketing"):
        central.deliver(register_domain(domain))
    central.deliver(register_product())
    assert central.deliver(request_access()).path[-1] == "Access Granted"
    assert central.lake_formation.on_table(MARKETING, "flights") == frozenset()
