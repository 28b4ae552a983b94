"""An access ends wholly, nothing of another is touched, and only who may can end it."""

from __future__ import annotations

import copy
import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic import access_work
from datamesh.models.approvals import ApprovalRecord, OpenApproval
from datamesh.models.errors import AwsTemporarilyUnavailable, GrantStillVisible, LeaseLost, RecordBusy, StillLinked
from datamesh.models.permissions import FilterResource, TagPolicyResource
from datamesh.models.registry import AccessWork, Drop, GrantRecord, RequestRecord, Save, Stamp
from tests.support.asl_walk import TaskCall
from tests.support.central_commands import CENTRAL, FINANCE, MARKETING, NOW, SALES, event
from tests.support.ending import ANALYST, ENDS, NOTHING, REPORTING, EndingCentral, GrantTo, request_record

HAPPY = [
    "Admit Request",
    "Admitted?",
    "Cut Access",
    "Publish Ending",
    "Finish Access",
    "Publish End",
    "Confirm End",
    "Access Ended",
]
STEPS = ["admit", "cut", "publish", "finish", "confirm"]


@pytest.fixture
def central() -> EndingCentral:
    return EndingCentral("flights", "airlines")


def holders(central: EndingCentral) -> set[str]:
    """Return who is granted anything by name or by tag expression."""
    kinds = (FilterResource, TagPolicyResource)
    granted = central.lake_formation.granted.items()
    return {who for (who, what), (held, _) in granted if isinstance(what, kinds) and held != {"DROP"}}


# --- The whole way ---


@pytest.mark.parametrize("grant_to", ["account", "principals"])
def test_nothing_is_left_and_everybody_knows(central: EndingCentral, grant_to: GrantTo) -> None:
    record = central.grant("flights", "airlines", grant_to=grant_to)
    walk = central.deliver(central.revoke(record))
    assert (walk.status, walk.path) == ("SUCCEEDED", HAPPY)
    assert central.left(record) == NOTHING
    ended = central.request(record)
    assert (ended.status, ended.ending, ended.error) == ("REVOKED", None, None)
    said = [(change.status, change.by, change.why) for change in ended.history[1:]]
    by = f"account:{MARKETING}"
    assert said == [("REVOKING", by, "The project is over"), ("REVOKED", by, "The project is over")]
    assert central.entered() == ["AccessEnding", "AccessRevoked"]
    told = central.told("DataProductAccessRevoked")
    assert sorted(account for account, _ in told) == [SALES, MARKETING]
    assert {data["revoked_by"] for _, data in told} == {by}


def test_the_consumer_is_told_first_what_ends_and_what_stays(central: EndingCentral) -> None:
    record = central.grant("flights", "airlines", principals=(ANALYST, REPORTING))
    other = central.grant("flights", principals=(REPORTING,))
    central.deliver(central.revoke(record))
    ((account, data),) = central.told("DataProductAccessEnding")
    assert (account, data["catalog_account"], data["database"]) == (MARKETING, CENTRAL, "datamesh_sales_nrac")
    assert data["tables"] == [
        {"name": "airlines", "filter": f"datamesh_{record.request_id.hex}", "keep_link": False, "keep_principals": []},
        {
            "name": "flights",
            "filter": f"datamesh_{record.request_id.hex}",
            "keep_link": True,
            "keep_principals": [REPORTING],
        },
    ]
    assert data["databases"] == [{"name": "datamesh_sales_nrac", "keep_link": True, "keep_principals": [REPORTING]}]
    assert (data["principals"], data["reason"]) == ([ANALYST, REPORTING], "The project is over")
    assert central.request(other).status == "PROVISIONED"
    assert len(central.left(other)["granted"]) == 1


def test_principals_lose_what_they_were_granted_directly_before_anybody_is_waited_for(central: EndingCentral) -> None:
    record = central.grant(grant_to="principals")
    envelope = central.revoke(record)
    central.step("admit", envelope)
    assert holders(central) == {ANALYST}
    central.step("cut", envelope)
    assert holders(central) == set()


def test_an_account_keeps_its_grant_until_it_has_taken_back(central: EndingCentral) -> None:
    record = central.grant()
    envelope = central.revoke(record)
    central.step("admit", envelope)
    central.step("cut", envelope)
    with pytest.raises(StillLinked):
        central.step("finish", envelope)
    assert holders(central) == {MARKETING}


def test_a_consumer_that_does_not_answer_is_not_waited_for_any_longer(central: EndingCentral) -> None:
    record = central.grant()
    central.hears = lambda _detail: None
    walk = central.deliver(central.revoke(record))
    assert walk.status == "SUCCEEDED"
    assert central.left(record) == NOTHING
    assert central.registry.ledger[-1].details["unlinked"] is False
    assert central.now - NOW >= timedelta(seconds=120)


def test_other_products_other_consumers_and_the_same_tables_by_another_request_stay(central: EndingCentral) -> None:
    central.add_product("hotels", "rooms")
    record = central.grant("flights")
    others = [
        central.grant("flights"),
        central.grant("rooms", product="hotels"),
        central.grant("flights", consumer="finance", principals=(f"arn:aws:iam::{FINANCE}:role/cfo",)),
    ]
    before = [central.left(each) for each in others]
    central.deliver(central.revoke(record))
    assert [central.left(each) for each in others] == before
    ((_, data),) = central.told("DataProductAccessEnding")
    # The link to the one table is another request's, too; the local database has the other product's links as well.
    assert (data["tables"][0]["keep_link"], data["databases"][0]["keep_link"]) == (True, True)


def test_what_a_failed_grant_left_is_taken_back_too(central: EndingCentral) -> None:
    record = central.grant(status="FAILED", granted_at=None)
    (own,) = [item for item in central.registry.items.values() if isinstance(item, GrantRecord)]
    central.registry.write([Drop(own)])
    central.deliver(central.revoke(record))
    assert central.left(record) == NOTHING
    assert central.request(record).status == "REVOKED"


def test_grants_to_whom_nobody_knows_are_taken_back_with_the_filter(central: EndingCentral) -> None:
    record = central.grant()
    (key,) = central.left(record)["granted"]
    central.lake_formation.granted[REPORTING, key[1]] = central.lake_formation.granted[key]
    central.deliver(central.revoke(record))
    assert central.left(record) == NOTHING


def test_a_grant_that_stays_listed_is_looked_at_again(central: EndingCentral, monkeypatch: pytest.MonkeyPatch) -> None:
    record = central.grant()
    envelope = central.revoke(record)
    central.step("admit", envelope)
    central.now += timedelta(minutes=3)
    monkeypatch.setattr(central.lake_formation, "revoke", lambda _grants: None)
    with pytest.raises(GrantStillVisible):
        central.step("finish", envelope)
    assert len(central.left(record)["filters"]) == 1
    monkeypatch.undo()
    central.step("finish", envelope)
    assert central.left(record) == NOTHING | {"locks": central.left(record)["locks"]}


# --- By tag expression ---


@pytest.mark.parametrize("grant_to", ["account", "principals"])
def test_a_tag_expression_ends(central: EndingCentral, grant_to: GrantTo) -> None:
    central.tag("flights", {"channel": "web"})
    record = central.grant_by_tag(grant_to=grant_to)
    assert holders(central)
    assert central.deliver(central.revoke(record)).status == "SUCCEEDED"
    assert holders(central) == set()
    assert central.left(record) == NOTHING
    ((_, data),) = central.told("DataProductAccessEnding")
    assert data["expression"] == {"channel": ["web"]}
    # Whatever of other domains may have been linked once.
    assert [each["name"] for each in data["databases"]] == ["datamesh_finance_tbac", "datamesh_sales_tbac"]
    assert not any(each["keep_link"] for each in data["databases"])
    assert [account for account, _ in central.told("DataProductAccessRevoked")] == [MARKETING]


def test_an_expression_that_another_request_needs_stays(central: EndingCentral) -> None:
    central.tag("flights", {"channel": "web"})
    record, other = central.grant_by_tag(principals=(ANALYST, REPORTING)), central.grant_by_tag(principals=(REPORTING,))
    central.deliver(central.revoke(record))
    assert holders(central) == {MARKETING}
    ((_, data),) = central.told("DataProductAccessEnding")
    assert data["keep_expression_for"] == [REPORTING]
    kept = {each["name"]: each["keep_principals"] for each in data["databases"] if each["keep_link"]}
    assert kept == {"datamesh_sales_tbac": [REPORTING]}
    central.deliver(central.revoke(other))
    assert holders(central) == set()


def test_principals_whom_another_request_names_keep_the_expression(central: EndingCentral) -> None:
    record = central.grant_by_tag(principals=(ANALYST, REPORTING), grant_to="principals")
    central.grant_by_tag(principals=(REPORTING,), grant_to="principals")
    account_wide = central.grant_by_tag({"channel": ("shop",)})
    central.deliver(central.revoke(record))
    assert holders(central) == {REPORTING, MARKETING}
    central.deliver(central.revoke(account_wide))
    assert holders(central) == {REPORTING}


def test_only_consumer_and_governance_end_an_expression(central: EndingCentral) -> None:
    record = central.grant_by_tag()
    walk = central.deliver(central.revoke(record, "sales"))
    assert walk.path[-1] == "Command Rejected"
    assert central.deliver(central.revoke(record, None)).path == HAPPY


# --- Who may ---


@pytest.mark.parametrize("domain", ["marketing", "sales", None])
def test_consumer_owner_and_governance_may(central: EndingCentral, domain: str | None) -> None:
    record = central.grant()
    assert central.deliver(central.revoke(record, domain)).path == HAPPY
    by = {"marketing": MARKETING, "sales": SALES, None: CENTRAL}[domain]
    assert central.request(record).history[-1].by == f"account:{by}"


def forged(central: EndingCentral, record: RequestRecord) -> dict[str, dict[str, Any]]:
    return {
        "another domain": central.revoke(record, "finance"),
        "another domain in the consumer's name": central.revoke(record, "marketing", account=FINANCE),
        "another domain in the owner's name": central.revoke(record, "sales", account=FINANCE),
        "a domain as central": central.revoke(record, None, account=FINANCE),
        "an unknown domain": central.revoke(record, "marketing") | {"account": "999999999999"},
        "a domain as the schedule": central.expire(record, account=MARKETING),
        "a domain that did not ask": central.link_failed(record, FINANCE, "finance"),
        "a domain that did not ask, in the consumer's name": central.link_failed(record, FINANCE),
    }


@pytest.mark.parametrize("who", forged(EndingCentral(), request_record("marketing", "GRANTED")))
def test_strangers_end_nothing_learn_nothing_and_are_recorded(central: EndingCentral, who: str) -> None:
    record = central.grant()
    before = copy.deepcopy(central.left(record))
    walk = central.deliver(forged(central, record)[who])
    assert walk.path[-1] in {"Command Rejected", "Already Done"}
    assert central.left(record) == before
    assert central.request(record) == record
    (entry,) = central.registry.ledger
    assert entry.kind == "CommandRefused"
    for _, data in central.told("CommandRejected"):
        assert data["code"] in {"RequestNotFound", "SenderNotOwner"}


def test_a_stranger_is_answered_as_if_there_were_no_such_request(central: EndingCentral) -> None:
    record = central.grant()
    unknown = record.model_copy(update={"request_id": uuid.uuid4()})
    central.deliver(central.revoke(record, "finance"))
    central.deliver(central.revoke(unknown, "finance"))
    ((_, theirs), (_, nobodys)) = central.told("CommandRejected")
    assert theirs["message"].replace(str(record.request_id), "…") == nobodys["message"].replace(
        str(unknown.request_id), "…"
    )
    assert theirs["code"] == nobodys["code"] == "RequestNotFound"


def test_a_domain_says_which_one_it_is(central: EndingCentral) -> None:
    record = central.grant()
    envelope = central.revoke(record)
    envelope["detail"]["data"]["domain"] = None
    central.deliver(envelope)
    ((_, said),) = central.told("CommandRejected")
    assert (said["code"], said["field"]) == ("InvalidCommand", "domain")


# --- Expiry ---


def test_the_time_of_an_access_is_over(central: EndingCentral) -> None:
    record = central.grant()
    assert central.deliver(central.expire(record)).path == HAPPY
    assert central.left(record) == NOTHING
    assert central.request(record).status == "EXPIRED"
    assert central.entered() == ["AccessEnding", "AccessExpired"]
    told = central.told("DataProductAccessExpired")
    assert sorted(account for account, _ in told) == [SALES, MARKETING]
    assert {data["expired_at"] for _, data in told} == {"2026-04-01T12:00:00.000000Z"}


@pytest.mark.parametrize("warning", [True, False])
def test_an_access_that_was_extended_meanwhile_goes_on(central: EndingCentral, warning: bool) -> None:
    record = central.grant(expires_at=ENDS + timedelta(days=30))
    walk = central.deliver(central.expire(record, warning=warning))
    assert walk.path[-1] == "Already Done"
    assert (central.request(record), central.published, central.registry.ledger) == (record, [], [])


def test_the_consumer_is_warned(central: EndingCentral) -> None:
    record = central.grant()
    walk = central.deliver(central.expire(record, warning=True))
    assert walk.path == ["Admit Request", "Admitted?", "Publish Warning", "Warned"]
    ((account, data),) = central.told("DataProductAccessExpiring")
    assert (account, data["expires_at"]) == (MARKETING, "2026-04-01T12:00:00.000000Z")
    assert central.request(record) == record


@pytest.mark.parametrize("status", ["REVOKED", "EXPIRED", "DENIED", "FAILED", "CANCELLED"])
@pytest.mark.parametrize("warning", [True, False])
def test_a_late_schedule_changes_nothing(central: EndingCentral, status: Any, warning: bool) -> None:
    record = request_record("marketing", status)
    central.save(record)
    walk = central.deliver(central.expire(record, warning=warning))
    assert (walk.path[-1], central.request(record), central.published) == ("Already Done", record, [])


def test_a_schedule_of_what_nobody_knows_changes_nothing(central: EndingCentral) -> None:
    walk = central.deliver(central.expire(request_record("marketing", "GRANTED", principals=(ANALYST,))))
    assert walk.path[-1] == "Already Done"


# --- The consumer could not use it ---


def test_what_a_consumer_could_not_make_usable_is_taken_back(central: EndingCentral) -> None:
    record = central.grant(status="GRANTED")
    assert central.deliver(central.link_failed(record)).path == HAPPY
    ended = central.request(record)
    assert (ended.status, central.left(record)) == ("FAILED", NOTHING)
    assert "ConflictError: In the way" in ended.history[-1].why
    assert central.entered() == ["AccessEnding", "AccessFailed"]
    assert len(central.told("DataProductAccessRevoked")) == 2


def test_a_failure_from_before_the_access_could_be_used_ends_nothing(central: EndingCentral) -> None:
    usable = Stamp(occurred_at=NOW + timedelta(minutes=1), event_id=uuid.uuid4())
    record = central.grant(provisioned=usable)
    assert central.deliver(central.link_failed(record)).path[-1] == "Already Done"
    assert central.request(record) == record
    granted_again = central.grant(status="GRANTED", granted_at=NOW + timedelta(minutes=1))
    assert central.deliver(central.link_failed(granted_again)).path[-1] == "Already Done"


# --- What waits for a decision ---


def waiting(central: EndingCentral) -> RequestRecord:
    record = request_record("marketing", "PENDING", granted_at=None)
    central.save(
        record,
        ApprovalRecord(
            request_id=record.request_id,
            number=0,
            name="owners",
            digest="d",
            seats=(),
            opened_at=NOW,
            deadline=ENDS,
            task_token="token",
        ),
        OpenApproval(request_id=record.request_id, number=0, deadline=ENDS),
    )
    central.callbacks.waiting["token"] = None
    return record


def test_a_request_that_waits_is_taken_back_and_the_one_that_waits_ends_it(central: EndingCentral) -> None:
    record = waiting(central)
    walk = central.deliver(central.revoke(record))
    assert (walk.status, walk.path[-1]) == ("SUCCEEDED", "Already Done")
    approval = central.registry.approval(record.request_id, 0)
    assert approval is not None
    assert (approval.status, approval.answered) == ("CANCELLED", True)
    assert central.request(record) == record
    again = central.deliver(central.revoke(record))
    assert again.status == "FAILED", "until the execution that waits has ended the request it is tried again"


@pytest.mark.parametrize("make", ["expire", "link_failed"])
def test_only_people_take_back_what_waits(central: EndingCentral, make: str) -> None:
    record = waiting(central)
    assert central.deliver(getattr(central, make)(record)).path[-1] == "Already Done"
    approval = central.registry.approval(record.request_id, 0)
    assert approval is not None
    assert approval.status == "OPEN"


@pytest.mark.parametrize("status", ["DENIED", "REJECTED", "REVOKED", "EXPIRED"])
def test_there_must_be_something_to_end(central: EndingCentral, status: Any) -> None:
    record = request_record("marketing", status)
    central.save(record)
    central.deliver(central.revoke(record))
    ((_, said),) = central.told("CommandRejected")
    assert (said["code"], said["request_id"]) == ("RequestNotStanding", str(record.request_id))
    assert central.registry.ledger == []


def test_an_extension_is_not_what_ends(central: EndingCentral) -> None:
    record = central.grant()
    extension = request_record("marketing", "GRANTED", principals=(ANALYST,), sort="extension", of=record.request_id)
    central.save(extension)
    central.deliver(central.revoke(extension))
    ((_, said),) = central.told("CommandRejected")
    assert said["code"] == "RequestNotStanding"
    assert str(record.request_id) in said["message"]
    assert central.request(record) == record


# --- Twice, late, crashed, at once ---


@pytest.mark.parametrize("by_tag", [False, True])
def test_every_step_may_be_repeated(by_tag: bool) -> None:
    once, twice = EndingCentral("flights"), EndingCentral("flights")
    states = []
    for central, times in ((once, 1), (twice, 2)):
        record = central.grant_by_tag() if by_tag else central.grant()
        envelope = central.revoke(record)
        for step in ("admit", "cut", "finish", "confirm"):
            results = [central.step(step, envelope) for _ in range(times)]
            assert results[0] == results[-1]
            if step == "cut":
                central.publish(results[0]["entries"])
        states.append((central.request(record).history[1:], central.left(record), central.entered()))
    (history, left, entered), (again, left_again, entered_again) = states
    assert ([each.status for each in history], left, entered) == (
        [each.status for each in again],
        left_again,
        entered_again,
    )
    assert left == NOTHING


def test_a_duplicate_and_the_command_once_more_change_nothing(central: EndingCentral) -> None:
    record = central.grant()
    envelope = central.revoke(record)
    central.deliver(envelope)
    before = (central.request(record), len(central.published), central.entered())
    assert central.deliver(envelope).path[-1] == "Already Done"
    assert (central.request(record), len(central.published), central.entered()) == before


@pytest.mark.parametrize("by_tag", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_after_a_crash_the_command_sent_again_ends_it(step: str, when: str, by_tag: bool) -> None:
    central = EndingCentral("flights")
    record = central.grant_by_tag() if by_tag else central.grant(grant_to="principals")
    crash = LeaseLost("crashed")

    def fault(call: TaskCall) -> None:
        if (call.step or "publish") == step:
            raise crash

    setattr(central, when, fault)
    envelope = central.revoke(record)
    assert central.deliver(envelope).status == "FAILED"
    setattr(central, when, lambda _: None)
    central.deliver(envelope)
    assert central.left(record) == NOTHING
    ended = central.request(record)
    assert (ended.status, ended.in_progress) == ("REVOKED", False)
    assert central.entered() == ["AccessEnding", "AccessRevoked"]
    assert len(central.told("DataProductAccessRevoked")) == (1 if by_tag else 2)
    assert sum(change.status == "REVOKED" for change in ended.history) == 1


@pytest.mark.parametrize("by_tag", [False, True])
def test_after_a_crash_at_any_call_the_step_once_more_ends_it(by_tag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 40
    for number in range(calls):
        central = EndingCentral("flights", "airlines")
        record = central.grant_by_tag() if by_tag else central.grant("flights", "airlines", grant_to="principals")
        count = [0]
        for thing, names in (
            (central.lake_formation, ("revoke", "list_permissions")),
            (central.filters, ("delete",)),
            (central.schedules, ("remove",)),
            (central.registry, ("write",)),
            (central.outbox, ("put",)),
        ):
            for name in names:
                monkeypatch.setattr(thing, name, crashing(getattr(thing, name), count, number))
        central.hears = patient(central)
        walk = central.deliver(central.revoke(record))
        assert walk.status == "SUCCEEDED", number
        assert (central.left(record), central.request(record).status) == (NOTHING, "REVOKED"), number
        assert central.entered() == ["AccessEnding", "AccessRevoked"], number
        if count[0] <= number:
            return
    pytest.fail(f"more than {calls} calls")


def patient(central: EndingCentral) -> Any:
    """Return a consumer whose answer reaches central however often that takes."""

    def hears(detail: dict[str, Any]) -> None:
        try:
            central.unlink(detail)
        except AwsTemporarilyUnavailable:
            central.unlink(detail)

    return hears


def crashing(call: Any, count: list[int], number: int) -> Any:
    """Return the call, which is made, but whose answer is lost the one time."""

    def called(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        count[0] += 1
        if count[0] == number + 1:
            raise AwsTemporarilyUnavailable("The answer was lost")
        return result

    return called


def test_a_failed_execution_leaves_the_request_to_the_next_one(central: EndingCentral) -> None:
    record = central.grant()
    envelope = central.revoke(record)
    central.step("admit", envelope, "one")
    error = {"State": "Finish Access", "Error": "GrantFailed", "Cause": "refused"}
    assert central.step("fail", envelope, "one", error=error) == {"outcome": "failed", "recorded": True}
    failed = central.request(record)
    assert (failed.status, failed.error) == ("REVOKING", "Finish Access: GrantFailed: refused")
    assert central.left(record)["locks"] == []
    assert central.deliver(central.expire(record)).path == HAPPY
    # Whoever began decides what the end is called.
    assert (central.request(record).status, central.left(record)) == ("REVOKED", NOTHING)


def test_of_two_commands_at_once_one_ends_it(central: EndingCentral) -> None:
    record = central.grant()
    first, second = central.revoke(record), central.revoke(record, "sales")
    central.step("admit", first, "one")
    with pytest.raises(RecordBusy):
        central.step("admit", second, "two")
    assert central.step("admit", first, "three")["outcome"] == "duplicate"
    for step in ("cut", "confirm"):
        with pytest.raises(LeaseLost):
            central.step(step, second, "two")


def test_the_consumers_other_work_is_waited_for(central: EndingCentral) -> None:
    record = central.grant()
    access_work.take(central.registry, "marketing", "a grant", NOW)
    with pytest.raises(RecordBusy):
        central.step("admit", central.revoke(record))
    assert central.request(record) == record
    access_work.release(central.registry, "marketing", "a grant")
    assert central.step("admit", central.revoke(record))["outcome"] == "admitted"
    assert [item.consumer for item in central.registry.items.values() if isinstance(item, AccessWork)] == ["marketing"]


def test_a_lost_race_gives_the_lock_back(central: EndingCentral) -> None:
    record = central.grant()
    raced = [False]

    def race(changes: Any) -> None:
        mine = any(isinstance(change, Save) and isinstance(change.record, RequestRecord) for change in changes)
        if mine and not raced[0]:
            raced[0] = True
            current = central.request(record)
            newer = current.model_copy(update={"version": current.version + 1, "status": "EXPIRED"})
            central.registry.write([Save(newer)])

    central.registry.before_write = race
    result = central.step("admit", central.revoke(record))
    assert (result["outcome"], result["code"]) == ("rejected", "RequestNotStanding")
    assert central.left(record)["locks"] == []


# --- What the consumer says ---


def unlinked(central: EndingCentral, record: RequestRecord, **more: Any) -> dict[str, Any]:
    data = {"domain": "marketing", "role": "consumer", "request_id": str(record.request_id)}
    return central.said_by("DataProductUnlinked", data | more.pop("data", {}), **{"account": MARKETING, **more})


def test_only_the_consumer_says_that_it_has_unlinked(central: EndingCentral) -> None:
    record = central.grant()
    central.step("admit", central.revoke(record))
    central.now += timedelta(seconds=1)
    for envelope in (
        unlinked(central, record, account=FINANCE),
        unlinked(central, record, account=FINANCE, data={"domain": "finance"}),
    ):
        assert central.index(envelope)["outcome"] == "rejected"
    assert central.request(record).unlinked is None
    assert central.index(unlinked(central, record))["outcome"] == "indexed"
    assert central.request(record).unlinked is not None


def test_an_answer_from_before_or_after_the_end_says_nothing(central: EndingCentral) -> None:
    record = central.grant()
    early = unlinked(central, record)
    assert central.index(early)["outcome"] == "ignored"
    central.now += timedelta(seconds=1)
    central.step("admit", central.revoke(record))
    assert central.index(early)["outcome"] == "ignored"
    assert central.request(record).unlinked is None
    producers = event(
        "DataProductUnlinked",
        {"domain": "sales", "product": {"domain": "sales", "name": "air_travel"}, "role": "producer"},
        account=SALES,
    )
    assert central.index(producers)["outcome"] == "ignored"
