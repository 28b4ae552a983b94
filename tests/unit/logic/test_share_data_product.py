"""share_data_product: what is granted, what never is, repetition, and what remains of what went wrong."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.models.catalog import CatalogColumn, CatalogTable
from datamesh.models.errors import AwsTemporarilyUnavailable, LeaseLost, RecordBusy
from datamesh.models.permissions import FilterResource
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    SALES,
    event,
    product_spec,
    register_domain,
    register_product,
    request_access,
)
from tests.support.central_commands import (
    table_spec as bare_table_spec,
)
from tests.support.central_fakes import share_of

DATABASE = "datamesh_sales_nrac"
COLUMNS = [{"name": "id", "type": "bigint"}, {"name": "name", "type": "string"}]
REQUEST = uuid.UUID(int=7)
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"


def table_spec(name: str, **changes: Any) -> dict[str, Any]:
    """Return a table with two columns."""
    return bare_table_spec(name, **({"columns": COLUMNS} | changes))


def filter_of(request_id: uuid.UUID) -> str:
    """Return the name of a request's filters."""
    return f"datamesh_{request_id.hex}"


def shown(central: FakeCentral, who: str, table: str, database: str = DATABASE) -> set[str]:
    """Return the columns that an account or principal may read of a table, by all filters that it is granted."""
    found: set[str] = set()
    for (principal, resource), (held, _) in central.lake_formation.granted.items():
        if isinstance(resource, FilterResource) and (principal, resource.table) == (who, table) and "SELECT" in held:
            found |= set(central.filters.found[database, table, resource.name].columns)
    return found


def status(central: FakeCentral, request_id: uuid.UUID = REQUEST) -> str:
    """Return the state of a request."""
    record = central.registry.request(request_id)
    assert record is not None
    return record.status


def waits(central: FakeCentral, envelope: dict[str, Any]) -> str:
    """Deliver a request that people have to decide on, and return why; nothing is granted."""
    before = central.state()["grants"]
    walk = central.deliver(envelope)
    assert walk.path[-1] == "Ask for Approval"
    assert central.waiting
    assert (central.state()["grants"], central.filters.found) == (before, {})
    record = central.registry.request(uuid.UUID(envelope["detail"]["data"]["request_id"]))
    assert record is not None
    assert record.ruling is not None
    assert (record.status, record.decided_by, record.ruling.sensitive) == ("PENDING", None, True)
    assert central.said("DataProductAccessRequested")[-1]["status"] == "PENDING"
    return "; ".join(record.ruling.reasons)


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
    assert shown(central, MARKETING, "flights") == {"id", "name"}
    assert shown(central, MARKETING, "airports") == set()
    assert central.lake_formation.on_table(MARKETING, "flights") == frozenset(), "never the table as a whole"

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
    assert "not-sensitive" in entries[1]["Detail"]["data"]["reason"]
    granted = entries[2]["Detail"]["data"]
    assert granted["catalog_account"] == CENTRAL
    assert granted["database"] == DATABASE
    assert granted["tables"] == ["flights"]
    assert granted["principals"] == [ANALYST]
    assert granted["filters"] == [{"table": "flights", "filter": filter_of(REQUEST)}]
    assert (granted["permissions"], granted["grant_to"]) == (["SELECT"], "account")
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


def test_what_happened_is_in_the_ledger(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST))
    kinds = [entry.kind for entry in central.registry.ledger]
    assert kinds == ["PolicyInForce", "AccessRequested", "AccessApproved", "AccessGranted"]
    central.deliver(request_access())
    assert [entry.kind for entry in central.registry.ledger[4:]] == kinds[1:], "the policy is entered once"


@pytest.mark.parametrize("repeated", ["same event", "same request"])
def test_a_repeated_request_changes_nothing_and_says_nothing(central: FakeCentral, repeated: str) -> None:
    command = request_access(REQUEST)
    central.deliver(command)
    before, said = central.state(), len(central.published)
    again = command if repeated == "same event" else request_access(REQUEST, minute=1)
    assert central.deliver(again).path[-1] == "Already Done"
    assert (central.state(), len(central.published)) == (before, said)


def test_every_request_has_filters_of_its_own(central: FakeCentral) -> None:
    central.deliver(request_access(tables=["flights"]))
    central.deliver(request_access(tables=["flights"], principals=[f"arn:aws:iam::{MARKETING}:user/second"]))
    assert len(central.registry.grants("sales", "air_travel")) == len(central.filters.found) == 2


def test_a_grant_to_a_consumer_can_be_passed_on_inside_its_account_only(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"]))
    resource = FilterResource(catalog_id=CENTRAL, database=DATABASE, table="flights", name=filter_of(REQUEST))
    assert central.lake_formation.granted[MARKETING, resource] == (frozenset({"SELECT"}), frozenset({"SELECT"}))


def test_columns_and_rows_are_granted_as_asked_and_partition_keys_always() -> None:
    spec = table_spec("flights", partition_keys=[{"name": "day", "type": "date"}])
    central = central_with("sales", "marketing", product=product_spec(spec))
    asked = {"columns": {"flights": ["id"]}, "rows": {"flights": "id > 3"}}
    central.deliver(request_access(REQUEST, tables=["flights"], **asked))
    [made] = central.filters.found.values()
    assert (made.columns, made.rows) == (("day", "id"), "id > 3")
    [grant] = central.registry.grants("sales", "air_travel")
    assert grant.shown["flights"].all_columns is False


def test_a_sensitive_column_that_is_not_asked_for_does_not_count(central: FakeCentral) -> None:
    flagged = CatalogColumn(name="passenger", parameters={"pii_flag": "true"})
    table = central.catalog.tables[DATABASE, "flights"]
    change_table(central, "flights", columns=(*table.columns, flagged))
    central.deliver(request_access(REQUEST, tables=["flights"], columns={"flights": ["id", "name"]}))
    assert shown(central, MARKETING, "flights") == {"id", "name"}


def test_a_table_without_columns_is_granted_nothing_yet() -> None:
    central = central_with("sales", "marketing", product=product_spec(bare_table_spec("flights")))
    assert central.deliver(request_access()).path[-1] == "Access Granted"
    assert (central.filters.found, central.said("DataProductAccessGranted")[0]["tables"]) == ({}, [])


def test_an_access_ends_when_the_policy_or_the_request_says_so(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, duration_days=10))
    ends = central.now + timedelta(days=10)
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.expires_at == central.registry.grants("sales", "air_travel")[0].expires_at == ends
    assert {name: at for name, (at, _, _) in central.schedules.set_for.items()} == {
        f"datamesh-expire-{REQUEST}": ends,
        f"datamesh-warn-{REQUEST}": central.now + timedelta(days=8),
    }
    _, detail_type, detail = central.schedules.set_for[f"datamesh-expire-{REQUEST}"]
    assert (detail_type, detail["data"]["request_id"]) == ("ExpireDataProductAccess", str(REQUEST))


# --- people decide ---------------------------------------------------------------------------------------------------


def test_what_people_approve_is_granted_to_the_principals_alone() -> None:
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights"), pii=True))
    waits(central, request_access(REQUEST))
    told = [entry["Detail"]["metadata"]["target_account"] for entry in central.published[-2:]]
    assert told == [MARKETING, SALES]
    [walk] = central.vote(REQUEST)
    assert walk.path[-1] == "Access Granted"
    assert (shown(central, ANALYST, "flights"), shown(central, MARKETING, "flights")) == ({"id", "name"}, set())
    [grant] = central.registry.grants("sales", "air_travel")
    assert (grant.grant_to, set(grant.shown["flights"].approved)) == ("principals", {"id", "name"})
    record = central.registry.request(REQUEST)
    assert record is not None
    assert [step.status for step in record.history] == ["PENDING", "APPROVED", "GRANTED"]
    assert record.decided_by == "person:owner@sales.example"
    assert central.registry.access_work("marketing") is None


def test_a_denial_is_an_outcome_that_is_told() -> None:
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights"), pii=True))
    waits(central, request_access(REQUEST))
    [walk] = central.vote(REQUEST, decision="DENY")
    assert (walk.status, walk.path[-1]) == ("SUCCEEDED", "Access Denied")
    assert status(central) == "DENIED"
    assert [fact["decided_by"] for fact in central.said("DataProductAccessDenied")] == [
        "person:owner@sales.example"
    ] * 2
    assert (central.filters.found, central.registry.grants("sales", "air_travel")) == ({}, [])
    assert central.deliver(request_access(REQUEST)).path[-1] == "Already Done", "denied stays denied"


def test_what_nobody_decides_on_expires() -> None:
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights"), pii=True))
    waits(central, request_access(REQUEST))
    [walk] = central.time_out()
    assert (walk.status, walk.path[-1], status(central)) == ("SUCCEEDED", "Access Denied", "EXPIRED")


def test_a_request_that_waits_is_asked_once(central: FakeCentral) -> None:
    become_sensitive(central)
    command = request_access(REQUEST)
    waits(central, command)
    asked = len(central.outbox.queued)
    assert central.deliver(command).path[-1] == "Already Done"
    assert len(central.outbox.queued) == asked


def test_whoever_asks_again_is_told_again_when_the_answer_was_lost(central: FakeCentral) -> None:
    become_sensitive(central)
    command = request_access(REQUEST)
    first = central.step("share_data_product", "admit", command)
    before = central.state()
    assert central.step("share_data_product", "admit", command) == first
    assert central.state() == before


def test_what_changes_while_people_decide_is_asked_anew(central: FakeCentral) -> None:
    become_sensitive(central)
    waits(central, request_access(REQUEST))
    flagged = CatalogColumn(name="customer", parameters={"pii_flag": "true"})
    change_table(central, "airports", columns=(flagged,))
    [walk] = central.vote(REQUEST)
    assert (walk.path[-1], status(central)) == ("Ask for Approval", "PENDING")
    assert (central.filters.found, central.registry.access_work("marketing")) == ({}, None)
    [walk] = central.vote(REQUEST)
    assert walk.path[-1] == "Access Granted"
    assert shown(central, ANALYST, "airports") == {"customer"}


def test_what_changes_again_and_again_fails(central: FakeCentral) -> None:
    become_sensitive(central)
    waits(central, request_access(REQUEST))
    for number in range(3):
        flagged = CatalogColumn(name=f"customer_{number}", parameters={"pii_flag": "true"})
        change_table(central, "airports", columns=(flagged,))
        [walk] = central.vote(REQUEST)
    assert (walk.status, walk.error, status(central)) == ("FAILED", "ExposureChanged", "FAILED")
    assert (central.filters.found, central.registry.access_work("marketing")) == ({}, None)


def test_stages_come_one_after_the_other(central: FakeCentral) -> None:
    become_sensitive(central)
    stages = [
        {"name": name, "approvers": [group]}
        for name, group in (("owners", "product_owners"), ("stewards", "data_stewards"))
    ]
    rule = {"name": "both", "stages": stages, "max_duration_days": 30, "grant_to": "account"}
    central.registry.policy_document = json.dumps({"groups": {}, "rules": [rule]})
    waits(central, request_access(REQUEST))
    [walk] = central.vote(REQUEST)
    assert (walk.path[-1], status(central)) == ("Ask for Approval", "PENDING")
    [walk] = central.vote(REQUEST, approver="steward@sales.example", number=1)
    assert (walk.path[-1], status(central)) == ("Access Granted", "GRANTED")
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.decided_by == "person:owner@sales.example, person:steward@sales.example"
    assert record.expires_at == central.now + timedelta(days=30)
    assert shown(central, MARKETING, "flights") == {"passenger"}


def test_where_nobody_could_decide_nobody_is_asked(central: FakeCentral) -> None:
    become_sensitive(central)
    told = rejection(central, request_access(REQUEST, requested_by="owner@sales.example"))
    assert (told["code"], status(central)) == ("QuorumUnreachable", "REJECTED")


# --- what is sensitive ------------------------------------------------------------------------------------------------


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
    assert reason in waits(central, request_access(REQUEST))


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
    waits(central, request_access(tables=["flights"]))


@pytest.mark.parametrize("parameter", ["pii_flag", "data_classification"])
def test_a_table_that_says_nothing_is_sensitive(central: FakeCentral, parameter: str) -> None:
    change_table(central, "flights", parameters=without(central.catalog.tables[DATABASE, "flights"], parameter))
    assert parameter in waits(central, request_access(tables=["flights"]))


def test_the_sensitivity_of_a_table_does_not_touch_its_siblings(central: FakeCentral) -> None:
    become_sensitive(central)
    assert central.deliver(request_access(tables=["airports"])).path[-1] == "Access Granted"


def test_a_flag_that_was_declared_counts_as_long_as_the_column_is_shown(central: FakeCentral) -> None:
    columns = [{"name": "passenger", "type": "string", "pii": True}]
    central.deliver(register_product(product_spec(table_spec("flights", columns=columns)), minute=1))
    change_table(central, "flights", columns=(CatalogColumn(name="passenger"),))
    assert "flights.passenger" in waits(central, request_access(tables=["flights"]))


def test_a_declaration_that_is_just_being_made_is_waited_for(central: FakeCentral) -> None:
    stricter = register_product(product_spec(classification="restricted"), minute=1)
    central.step("register_data_product", "admit", stricter, "another")
    with pytest.raises(RecordBusy, match="being registered"):
        central.step("share_data_product", "admit", request_access())
    central.now += LEASE
    # One that has died counts with what it declared.
    assert "restricted" in waits(central, request_access())


def become_sensitive(central: FakeCentral) -> None:
    """Flag a column of flights."""
    change_table(central, "flights", columns=(CatalogColumn(name="passenger", parameters={"pii_flag": "true"}),))


def test_what_becomes_sensitive_after_the_decision_is_asked_about_before_it_is_granted(central: FakeCentral) -> None:
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    become_sensitive(central)
    result = central.step("share_data_product", "grant", command)
    assert (result["outcome"], status(central)) == ("pending", "PENDING")
    assert central.filters.found == {}


@pytest.mark.parametrize("step", ["admit", "grant"])
def test_what_an_attempt_granted_is_taken_back_when_people_have_to_decide_after_all(
    central: FakeCentral, step: str
) -> None:
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    assert shown(central, MARKETING, "flights")
    become_sensitive(central)
    if step == "admit":
        central.now += LEASE
        result = central.step("share_data_product", "admit", command, "again")
    else:
        result = central.step("share_data_product", "grant", command)
    assert (result["outcome"], status(central)) == ("pending", "PENDING")
    assert (central.filters.found, central.registry.grants("sales", "air_travel")) == ({}, [])
    assert shown(central, MARKETING, "flights") == set()
    assert central.lake_formation.on_table(SALES, "flights")


def test_what_another_request_was_granted_stays_when_one_is_refused(central: FakeCentral) -> None:
    central.deliver(request_access(tables=["flights"]))
    command = request_access(REQUEST)
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    del central.registry.items[central.registry.tables("sales", "air_travel")[0].key]
    assert central.step("share_data_product", "grant", command)["code"] == "TableNotFound"
    assert shown(central, MARKETING, "flights") == {"id", "name"}
    assert shown(central, MARKETING, "airports") == set()
    assert status(central) == "REJECTED"


def test_a_refusal_whose_answer_was_lost_is_said_again(central: FakeCentral) -> None:
    command = request_access(REQUEST, principals=[f"arn:aws:iam::{SALES}:role/analyst"])
    first = central.step("share_data_product", "admit", command)
    before = central.state()
    again = central.step("share_data_product", "admit", command, "again")
    assert again == first
    assert again["outcome"] == "rejected"
    assert central.state() == before


# --- extended, widened -----------------------------------------------------------------------------------------------

OTHER = uuid.UUID(int=9)


def extend(**changes: Any) -> dict[str, Any]:
    """Return an ExtendDataProductAccess of marketing."""
    account = changes.pop("account", MARKETING)
    data = {
        "request_id": str(OTHER),
        "domain": "marketing",
        "extends": str(REQUEST),
        "duration_days": 90,
        "justification": "It goes on",
    }
    return event("ExtendDataProductAccess", data | changes, account=account)


def widen(columns: dict[str, list[str]], account: str = CENTRAL) -> dict[str, Any]:
    """Return what central itself asks for."""
    data = {"request_id": str(OTHER), "widens": str(REQUEST), "columns": columns}
    return event("WidenDataProductAccess", data, account=account, source="datamesh.central")


def test_an_access_is_extended_by_a_new_decision(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, duration_days=10))
    walk = central.deliver(extend())
    assert walk.path[-1] == "Access Granted"
    ends = central.now + timedelta(days=90)
    base, extension = central.registry.request(REQUEST), central.registry.request(OTHER)
    assert base is not None
    assert extension is not None
    assert base.expires_at == extension.expires_at == ends
    assert central.registry.grants("sales", "air_travel")[0].expires_at == ends
    assert central.schedules.set_for[f"datamesh-expire-{REQUEST}"][0] == ends
    assert central.said("DataProductAccessExtended")[0]["extends"] == str(REQUEST)
    assert [entry.kind for entry in central.registry.ledger][-3:] == [
        "AccessRequested",
        "AccessApproved",
        "AccessExtended",
    ]
    assert central.deliver(extend()).path[-1] == "Already Done"


def test_an_extension_of_what_has_become_sensitive_waits_for_people(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"], duration_days=10))
    columns = (CatalogColumn(name="id", parameters={"pii_flag": "true"}),)
    change_table(central, "flights", columns=columns)
    assert central.deliver(extend()).path[-1] == "Ask for Approval"
    central.vote(OTHER)
    [grant] = central.registry.grants("sales", "air_travel")
    assert grant.shown["flights"].approved == ("id",)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"extends": str(uuid.UUID(int=77))}, "RequestNotFound"),
        ({"domain": "finance", "account": FINANCE}, "RequestNotFound"),
        ({"account": SALES}, "SenderNotOwner"),
        ({"duration_days": 0}, "InvalidCommand"),
    ],
)
def test_only_the_consumer_extends_what_stands(central: FakeCentral, changes: dict[str, Any], code: str) -> None:
    central.deliver(request_access(REQUEST, duration_days=10))
    central.deliver(extend(**changes))
    assert central.said("CommandRejected")[-1]["code"] == code
    assert central.registry.ledger[-1].kind == "CommandRefused"


def test_what_does_not_end_cannot_be_extended(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST))
    central.deliver(extend())
    assert central.said("CommandRejected")[-1]["field"] == "extends"


def test_central_widens_a_standing_grant_by_what_people_approve(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"]))
    flagged = CatalogColumn(name="passenger", parameters={"pii_flag": "true"})
    table = central.catalog.tables[DATABASE, "flights"]
    change_table(central, "flights", columns=(*table.columns, flagged))
    assert central.deliver(widen({"flights": ["passenger"]})).path[-1] == "Ask for Approval"
    assert shown(central, MARKETING, "flights") == {"id", "name"}
    central.vote(OTHER)
    [grant] = central.registry.grants("sales", "air_travel")
    assert grant.shown["flights"].approved == ("passenger",)
    assert shown(central, ANALYST, "flights") == {"id", "name", "passenger"}
    assert shown(central, MARKETING, "flights") == set(), "what is sensitive is for the principals alone"
    [changed] = central.said("DataProductAccessChanged")
    assert (changed["request_id"], changed["columns"]) == (str(REQUEST), ["passenger"])
    assert central.said("DataProductAccessGranted")[-1]["grant_to"] == "principals"


def test_a_table_is_added_to_a_standing_grant(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"]))
    assert central.deliver(widen({"airports": ["id"]})).path[-1] == "Access Granted"
    assert shown(central, MARKETING, "airports") == {"id"}
    assert central.said("DataProductAccessGranted")[-1]["tables"] == ["airports", "flights"]


def test_nobody_but_central_widens(central: FakeCentral) -> None:
    central.deliver(request_access(REQUEST, tables=["flights"]))
    central.deliver(widen({"flights": ["id"]}, account=MARKETING))
    assert central.said("CommandRejected")[-1]["code"] == "SenderNotOwner"


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
        ({"columns": {"flights": ["nothing"]}}, "UnknownColumn", "columns.flights.0"),
        ({"columns": {"nothing": ["id"]}}, "TableNotFound", "columns"),
        ({"rows": {"flights": "id = 1; id = 2"}}, "InvalidRowFilter", "rows.flights"),
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
    refused = request_access(REQUEST, tables=["later"])
    rejection(central, refused)
    said = central.published[-1]
    assert central.deliver(refused).path[-1] == "Command Rejected"
    assert central.published[-1]["Detail"] == said["Detail"], "the same answer, event id included"
    central.deliver(register_product(product_spec(table_spec("later")), minute=2))
    assert central.deliver(request_access(REQUEST, tables=["later"], minute=3)).path[-1] == "Access Granted"
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
        assert (central.filters.found, central.registry.grants("sales", "air_travel")) == ({}, []), "nothing stays"
    assert central.deliver(command).status == "SUCCEEDED"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.error) == ("GRANTED", None)
    assert len(central.registry.grants("sales", "air_travel")) == 1
    assert shown(central, MARKETING, "flights") == {"id", "name"}
    assert central.registry.access_work("marketing") is None
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


def test_a_consumer_in_centrals_account_is_granted_to_its_principals() -> None:
    central = FakeCentral(account_id=MARKETING)
    for domain in ("sales", "marketing"):
        central.deliver(register_domain(domain))
    central.deliver(register_product(product_spec(table_spec("flights"))))
    assert central.deliver(request_access()).path[-1] == "Access Granted"
    assert (shown(central, MARKETING, "flights"), shown(central, ANALYST, "flights")) == (set(), {"id", "name"})
