"""record_event: whom an event concerns, what is kept of it, and that nothing secret is."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.record_event import (
    CUT,
    LEFT_OUT,
    MAX_CAUSE,
    MAX_DATA,
    Recorded,
    Recording,
    redacted,
    small,
    subject_of,
)
from datamesh.models.base import iso
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Envelope
from datamesh.models.executions import STATUS_CHANGE
from datamesh.models.facts import EVENTS_BY_DETAIL_TYPE
from datamesh.models.timeline import TimelineExecution
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    FINANCE,
    MARKETING,
    NOW,
    REGION,
    SALES,
    product_spec,
    register_domain,
    register_product,
    request_access,
    table_spec,
)
from tests.support.events import load_event

OWNERS = {account: domain for domain, account in ACCOUNTS.items()}
REQUEST = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
MACHINE = f"arn:aws:states:{REGION}:{CENTRAL}:stateMachine:datamesh-central-register-data-product"
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAe" + "x8Fv" * 60


def recording(owners: dict[str, str] | None = None) -> Recording:
    known = OWNERS if owners is None else owners
    return Recording(known.get, account_id=CENTRAL, state_machine_prefix="datamesh-central-")


def said(
    detail_type: str, account: str = CENTRAL, to: str | None = None, person: str | None = None, **data: Any
) -> Any:
    """Return an event as it comes off central's bus."""
    metadata = {
        "schema_version": "1.0",
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, detail_type)),
        "correlation_id": REQUEST,
        "occurred_at": iso(NOW),
        "target_account": to,
        "person": person,
    }
    return {
        "version": "0",
        "id": "5a1d2c3b",
        "detail-type": detail_type,
        "source": "datamesh.central" if account == CENTRAL else "datamesh.domain",
        "account": account,
        "time": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": {"metadata": metadata, "data": data},
    }


def recorded(event: dict[str, Any], owners: dict[str, str] | None = None) -> Recorded:
    return recording(owners).event(Envelope.read(event))


def status(status: str, started_by: Any = None, **detail: Any) -> dict[str, Any]:
    """Return the event of an execution's new status."""
    return {
        "version": "0",
        "id": "1",
        "detail-type": STATUS_CHANGE,
        "source": "aws.states",
        "account": CENTRAL,
        "time": "2026-03-02T12:00:09Z",
        "region": REGION,
        "resources": [],
        "detail": {
            "executionArn": MACHINE.replace("stateMachine", "execution") + ":one",
            "stateMachineArn": MACHINE,
            "name": "one",
            "status": status,
            "startDate": int(NOW.timestamp() * 1000),
            "stopDate": None if status == "RUNNING" else int(NOW.timestamp() * 1000) + 9_000,
            "input": None if started_by is None else json.dumps(started_by),
            "inputDetails": {"included": started_by is not None},
        }
        | detail,
    }


def execution(event: dict[str, Any]) -> TimelineExecution:
    found = recording().execution(Envelope.read(event))
    assert found is not None
    return found


# --- Events ---


@pytest.mark.parametrize(
    ("event", "domains"),
    [
        # Who says it, and for whom.
        (said("RegisterDataProduct", SALES, domain="sales", product={"name": "air_travel"}), ("sales",)),
        # Whose product it is hears from central what comes of a request, not what it was asked with.
        (
            said(
                "RequestDataProductAccess",
                MARKETING,
                domain="marketing",
                product={"domain": "sales", "name": "air_travel"},
            ),
            ("marketing",),
        ),
        (
            said(
                "DataProductAccessGranted",
                to=MARKETING,
                domain="marketing",
                product={"domain": "sales", "name": "air_travel"},
            ),
            ("marketing", "sales"),
        ),
        (
            said(
                "DataProductAccessProvisioned",
                MARKETING,
                domain="marketing",
                product={"domain": "sales", "name": "air_travel"},
            ),
            ("marketing", "sales"),
        ),
        # An addressee that the data does not name, and what a change means for all others, which it is not told.
        (
            said("DataProductTagsChanged", to=MARKETING, domain="sales", changes=[{"consumer": "finance"}]),
            ("sales", "marketing"),
        ),
        (said("WidenDataProductAccess", producer="sales"), ("sales",)),
        # A person's command comes from central; the answer is addressed to central's own account.
        (said("RegisterDataProduct", person="ann@sales.example", domain="sales", product={}), ("sales",)),
        (said("CommandRejected", to=CENTRAL, command="RegisterDataProduct", domain="sales"), ("sales",)),
        # Somebody speaks for another: both see it.
        (said("RegisterDataProduct", MARKETING, domain="sales", product={}), ("sales", "marketing")),
        (said("WorkflowFailed", SALES, workflow="datamesh-domain-link-data-product"), ("sales",)),
        (said("WorkflowFailed", workflow="datamesh-central-share-data-product"), ()),
        (said("GrantDriftFound", items=[{"domain": "sales"}]), ()),
        (said("RegisterDataDomain", "999999999999", domain="newcomer"), ("newcomer",)),
        (said("RegisterDataDomain", "999999999999", domain="No Domain#at all"), ()),
        (said("RegisterDataDomain", "999999999999", domain=["sales"]), ()),
    ],
    ids=lambda each: each["detail-type"] if isinstance(each, dict) else None,
)
def test_whom_an_event_concerns(event: dict[str, Any], domains: tuple[str, ...]) -> None:
    assert recorded(event).event.domains == domains


def test_a_domain_beside_central_is_not_concerned_by_all_that_central_says() -> None:
    owners = OWNERS | {CENTRAL: "platform"}
    assert recorded(said("DataProductRegistered", to=SALES, domain="sales", product="p"), owners).event.domains == (
        "sales",
    )
    rejection = said("CommandRejected", to=CENTRAL, command="RegisterDataProduct", domain="sales")
    assert recorded(rejection, owners).event.domains == ("sales",)
    own = said("DataProductTagsChanged", to=CENTRAL, domain="sales")
    assert recorded(own, owners).event.domains == ("sales", "platform")


def test_every_event_of_the_mesh_is_kept_with_its_ids() -> None:
    for detail_type in EVENTS_BY_DETAIL_TYPE:
        event = load_event(detail_type)
        envelope = Envelope.read(event | {"account": CENTRAL if "central" in event["source"] else event["account"]})
        metadata = envelope.metadata_or_substitute()
        kept = recording().event(envelope).event
        assert (kept.event_id, kept.correlation_id) == (metadata.event_id, metadata.correlation_id)
        assert (kept.detail_type, kept.source, kept.account) == (detail_type, envelope.source, envelope.account)
        # Of a product only the example values are missing.
        assert kept.data == envelope.detail["data"] or detail_type == "RegisterDataProduct"
        assert str(kept.request_id) == str(envelope.detail["data"].get("request_id"))


def test_an_event_without_metadata_is_kept_too() -> None:
    event = said("ReconcileAccess")
    event["detail"] = {"data": {}}
    kept = recorded(event).event
    assert kept.event_id == kept.correlation_id
    assert recorded(event).event == kept


def test_a_person_is_believed_of_central_only() -> None:
    assert recorded(said("RegisterDataProduct", person="ann@sales.example")).event.person == "ann@sales.example"
    assert recorded(said("RegisterDataProduct", SALES, person="ann@sales.example")).event.person is None


def test_who_says_that_it_is_central_and_is_not_is_refused() -> None:
    forged = said("DataProductRegistered", SALES, domain="sales") | {"source": "datamesh.central"}
    with pytest.raises(InvalidEvent, match=SALES):
        recorded(forged)


def test_nobody_stands_on_top_by_a_clock_that_is_ahead() -> None:
    event = said("RegisterDataProduct", SALES, domain="sales")
    event["detail"]["metadata"]["occurred_at"] = "2031-01-01T00:00:00.000000Z"
    assert recorded(event).event.occurred_at <= NOW + timedelta(minutes=5)


def test_example_values_are_left_out() -> None:
    column = {"name": "email", "type": "string", "examples": ["ann@example.com"]}
    spec = product_spec(table_spec("flights", columns=[column]))
    event = register_product(spec)
    event["detail"]["data"]["product"]["tables"][0]["columns"][0]["examples"] = ["ann@example.com"]
    kept = recorded(event).event
    assert "ann@example.com" not in kept.model_dump_json()
    assert kept.data["product"]["tables"][0]["columns"] == [{"name": "email", "type": "string"}]
    # A table of that name is none of a column's.
    asked = request_access(tables=["examples"], columns={"examples": ["month"]})
    assert recorded(asked).event.data["columns"] == {"examples": ["month"]}


def test_what_is_too_large_is_cut_with_a_mark() -> None:
    columns = [{"name": f"column_{number}", "type": "string"} for number in range(2_000)]
    event = register_product(product_spec(table_spec("flights", columns=columns), table_spec("airports")))
    kept = recorded(event).event.data
    assert len(json.dumps(kept)) <= MAX_DATA
    listed = kept["product"]["tables"][0]["columns"]
    assert listed[0]["name"] == "column_0"
    assert listed[-1] == f"{CUT} {2_000 - (len(listed) - 1)} more"
    assert kept["product"]["tables"][1]["name"] == "airports"


@pytest.mark.parametrize(
    "data",
    [
        {"text": "x" * 100_000},
        {f"key_{number}": "x" * 90 for number in range(9_000)},
        {"deep": {"deeper": [{"text": "x" * 300}] * 900}},
        {"map": {f"key_{number}": "x" for number in range(9_000)}},
    ],
    ids=["text", "keys", "deep", "map"],
)
def test_whatever_is_too_large_becomes_small(data: dict[str, Any]) -> None:
    shorter = small(data)
    assert len(json.dumps(shorter)) <= MAX_DATA
    assert CUT in json.dumps(shorter, ensure_ascii=False)


def test_what_is_small_is_kept_as_it_is() -> None:
    data = {"list": list(range(500)), "text": "x" * 3_000}
    assert small(data) is data


# --- How central and a domain reach each other ---


def test_signs_of_the_link() -> None:
    def signs(event: dict[str, Any]) -> list[tuple[str, str, str | None]]:
        return [(sign.domain, sign.sign, sign.text) for sign in recorded(event).signs]

    assert signs(said("DataProductRegistered", to=SALES, domain="sales")) == [("sales", "SENT", None)]
    assert signs(said("DataProductLinked", SALES, domain="sales")) == [("sales", "HEARD", None)]
    failed = said("WorkflowFailed", SALES, workflow="link", error="Boom", cause=f"it broke with {TOKEN}")
    assert signs(failed) == [
        ("sales", "HEARD", None),
        ("sales", "FAILED", f"link: Boom: it broke with {LEFT_OUT}"),
    ]
    # What a domain says of another is no sign of that one; what is said to nobody, or by nobody known, is none.
    assert signs(said("DataProductLinked", MARKETING, domain="sales")) == [("marketing", "HEARD", None)]
    assert signs(said("GrantDriftFound")) == []
    assert signs(said("RegisterDataDomain", "999999999999", domain="sales")) == []
    assert signs(said("CommandRejected", to=CENTRAL, command="x", domain="sales")) == []


# --- Executions ---


def test_an_execution_is_told_of_by_what_started_it() -> None:
    event = register_product(product_spec(table_spec("flights")))
    found = execution(status("FAILED", event, error="Boom", cause="It broke", redriveCount=2))
    metadata = event["detail"]["metadata"]
    assert (found.execution_id, found.workflow) == ("register_data_product:one", "register_data_product")
    assert (str(found.correlation_id), str(found.event_id)) == (metadata["correlation_id"], metadata["event_id"])
    assert (found.source, found.account) == ("datamesh.domain", SALES)
    assert (found.domains, found.subject) == (("sales",), "sales.air_travel")
    assert (found.status, found.error, found.cause, found.redrive_count) == ("FAILED", "Boom", "It broke", 2)
    assert (found.started_at, found.stopped_at) == (NOW, NOW + timedelta(seconds=9))


def test_an_execution_without_its_input_is_kept_all_the_same() -> None:
    found = execution(status("SUCCEEDED"))
    assert (found.correlation_id, found.domains, found.subject) == (None, (), None)
    assert (found.source, found.account) == (None, None)


def test_an_execution_of_a_schedule_belongs_to_the_flow_that_its_event_has() -> None:
    event = said("ReconcileAccess")
    event["detail"] = {"data": {}}
    assert execution(status("RUNNING", event)).correlation_id == recorded(event).event.correlation_id


def test_of_a_cause_no_token_is_kept_and_no_more_than_people_read() -> None:
    found = execution(status("FAILED", cause=f"Task {TOKEN} failed: https://x/y?signature=abcDEF-_ {'long ' * 2_000}"))
    assert found.cause is not None
    assert len(found.cause) == MAX_CAUSE
    assert found.cause.endswith(CUT)
    assert TOKEN[:100] not in found.cause
    assert "abcDEF" not in found.cause


def test_what_is_none_of_central_s_workflows_is_let_be() -> None:
    other = f"arn:aws:states:{REGION}:{CENTRAL}:stateMachine:payroll"
    change = status("FAILED", stateMachineArn=other, executionArn=other.replace("stateMachine", "execution") + ":one")
    assert recording().execution(Envelope.read(change)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"account": FINANCE},
        {"source": "somebody"},
        {"detail-type": "Something else"},
        {"detail": {"status": "FAILED"}},
        {"detail": {**status("RUNNING")["detail"], "status": "GONE"}},
    ],
    ids=["account", "source", "detail-type", "detail", "status"],
)
def test_what_is_no_execution_of_this_account_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        recording().execution(Envelope.read(status("FAILED") | changes))


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (register_product(product_spec(table_spec("flights"))), "sales.air_travel"),
        (register_domain("sales"), "sales"),
        (request_access(uuid.UUID(REQUEST)), REQUEST),
        (said("DeregisterDataProduct", domain="sales", name="air_travel"), "sales.air_travel"),
        (said("DataProductSchemaUpdated", domain="sales", product="air_travel"), "sales.air_travel"),
        (said("DataProductLinked", domain="marketing", product={"domain": "sales", "name": "p"}), "sales.p"),
        (said("ReconcileAccess"), None),
    ],
    ids=lambda each: each["detail-type"] if isinstance(each, dict) else None,
)
def test_what_an_event_is_about(event: dict[str, Any], subject: str | None) -> None:
    assert subject_of(event["detail"]["data"]) == subject


def test_what_people_read_is_not_redacted() -> None:
    text = "arn:aws:states:eu-west-1:111111111111:execution:datamesh-central-register-data-product:0f8fad5b s3://b/p/"
    assert redacted(text) == text
