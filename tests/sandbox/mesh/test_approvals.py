"""Who may read what is sensitive, in the real mesh: people decide, attacks come to nothing, and every access ends."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.mesh import data, people
from sandbox.mesh.approver import LINK, Decision, Page
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, SALES, Account
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.approvals import (
    COLUMNS,
    MAKERS,
    OWNER,
    TAIL_NUMBERS,
    Approvals,
    left,
)
from tests.sandbox.mesh.story import DATABASE, Story, until
from tests.support.applied_mesh import Applied

GRANTED = "00000000-0000-4000-8000-00000000a001"
STARTED: dict[str, Any] = {}


@pytest.fixture(scope="module")
def personal_snapshot(applied: Applied) -> str:
    """Take the snapshot after the personal product and one that is not were registered, once."""
    applied.sandbox.restore("registered")
    story = Story(applied.sandbox, applied.mesh)
    story.register_product(Approvals(story).fleet())
    story.register_product(story.manifest(("airports", "planes")))
    story.settle()
    applied.sandbox.snapshot("personal")
    return "personal"


@pytest.fixture
def approvals(applied: Applied, personal_snapshot: str) -> Approvals:
    """The mesh in which nobody has asked yet for the personal product."""
    applied.sandbox.restore(personal_snapshot)
    applied.sandbox.clear_mails()
    return Approvals(Story(applied.sandbox, applied.mesh))


@pytest.fixture(scope="module")
def granted_snapshot(applied: Applied, personal_snapshot: str) -> str:
    """Take the snapshot after marketing's request was approved and provisioned, once."""
    applied.sandbox.restore(personal_snapshot)
    approvals = Approvals(Story(applied.sandbox, applied.mesh))
    STARTED["left"] = left(approvals.story)
    approvals.approve(approvals.ask(request_id=GRANTED))
    applied.sandbox.snapshot("granted")
    return "granted"


@pytest.fixture
def granted(applied: Applied, granted_snapshot: str) -> Approvals:
    """The mesh in which marketing's analyst reads what the owner approved, by the request GRANTED."""
    applied.sandbox.restore(granted_snapshot)
    applied.sandbox.clear_mails()
    return Approvals(Story(applied.sandbox, applied.mesh))


def refused(approvals: Approvals, sql: str = MAKERS, role: str = people.ANALYST, account: Account = MARKETING) -> None:
    """See that somebody cannot run a query."""
    with pytest.raises(QueryRefusedError):
        approvals.story.query(sql, role=role, account=account)


# --- the story ------------------------------------------------------------------------------------------------------


def test_a_person_approves_and_exactly_that_is_readable(approvals: Approvals) -> None:
    story = approvals.story
    request_id = approvals.ask()
    refused(approvals)
    before = left(story)
    # A mail scanner opens whatever it finds: nothing is decided by looking.
    for mail in approvals.sandbox.mails():
        if LINK.search(mail["text"]):
            assert approvals.owner.open(approvals.owner.link(mail)).status == 200
    assert approvals.status(request_id) == "PENDING"
    assert story.ledger(request_id, "VoteCast") == []
    assert left(story) == before

    approvals.approve(request_id)
    assert story.query(MAKERS).rows == [["BOEING"]]
    shown = story.query(f"SELECT * FROM {DATABASE}.registrations LIMIT 1").columns
    assert sorted(shown) == sorted(COLUMNS)
    refused(approvals, TAIL_NUMBERS)
    refused(approvals, role=people.INTERN)
    refused(approvals, account=FINANCE)
    # The grant names the person: not even marketing's own administrator could pass it on.
    given = {row for row in story.permissions(CENTRAL) if "datamesh_" + request_id.replace("-", "") in row[1]}
    readers = {row[0]: row[3] for row in given if "SELECT" in row[2]}
    assert readers.get(MARKETING.role_arn(people.ANALYST)) == ""
    assert MARKETING.id not in readers
    kinds = [entry.kind for entry in story.ledger(request_id)]
    wanted = ["AccessRequested", "StageOpened", "VoteCast", "AccessApproved", "AccessGranted", "AccessProvisioned"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    assert approvals.audit("verify").returncode == 0


# --- links ----------------------------------------------------------------------------------------------------------


def test_no_link_but_ones_own_decides_and_that_once(approvals: Approvals) -> None:
    mine, other = approvals.ask(), approvals.ask(principals=[MARKETING.role_arn(people.INTERN)])
    link, another = approvals.link(mine), approvals.link(other)
    form = {"decision": "APPROVE", "comment": "as if"}

    def forge(address: str, signature: str) -> Page:
        return approvals.owner.post(address, form | {"signature": signature})

    def signature_of(address: str) -> str:
        return address.partition("signature=")[2]

    # GIVEN links that were altered, and the one of another request
    path, signature = link.partition("?")[0], signature_of(link)
    swapped = signature[:-6] + ("AAAAAA" if not signature.endswith("AAAAAA") else "BBBBBB")
    head, _, link_id = path.rpartition("/")
    altered = f"{head}/{link_id[:-2]}{'xx' if not link_id.endswith('xx') else 'yy'}"
    # THEN none of them decides, and the ledger keeps who tried
    assert forge(altered, signature).status == 404
    assert forge(path, swapped).status == 403
    assert forge(path, signature_of(another)).status == 403
    assert forge(path, "").status == 403
    assert approvals.refusals(mine) == ["LinkForged"] * 3
    assert {approvals.status(mine), approvals.status(other)} == {"PENDING"}
    # No ticketing system is known here: nobody decides in another's name.
    hook = f"{head}/webhook"
    assert approvals.owner.post(hook, {"request_id": mine, "approver": OWNER, "decision": "APPROVE"}).status == 404
    # WHEN the owner decides at the same moment twice by one link
    decisions: tuple[Decision, ...] = ("APPROVE", "DENY")

    def say(decision: Decision) -> Page:
        fields = {"signature": signature, "decision": decision, "comment": "said at once"}
        return approvals.owner.post(link, fields)

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(say, decisions))
    # THEN one of the two counts
    assert sorted(page.status for page in pages) == [200, 409]
    (vote,) = approvals.story.ledger(mine, "VoteCast")
    winner = decisions[[page.status for page in pages].index(200)]
    assert vote.details["decision"] == winner
    # AND nobody changes it later, neither by the same link
    opposite: Decision = "DENY" if winner == "APPROVE" else "APPROVE"
    assert say(opposite).status == 409
    approvals.story.settle()
    assert approvals.status(mine) == ("PROVISIONED" if winner == "APPROVE" else "DENIED")
    assert approvals.status(other) == "PENDING"
    assert len(approvals.refusals(mine)) == 5


def test_after_the_deadline_a_request_has_expired_and_its_link_is_worth_nothing(approvals: Approvals) -> None:
    request_id = approvals.ask()
    link = approvals.link(request_id)
    approvals.advance(days=3.1)
    told = approvals.told("DataProductAccessDenied", request_id)
    assert told.data["status"] == "EXPIRED"
    approvals.story.settle()
    assert approvals.status(request_id) == "EXPIRED"
    signature = link.partition("signature=")[2]
    page = approvals.owner.post(link, {"signature": signature, "decision": "APPROVE", "comment": "late"})
    assert page.status in {409, 410}
    assert len(approvals.refusals(request_id)) == 1
    assert approvals.status(request_id) == "EXPIRED"
    refused(approvals)
    kinds = {entry.kind for entry in approvals.story.ledger(request_id)}
    assert kinds >= {"StageExpired", "AccessExpired", "VoteRefused"}


def test_a_denial_and_a_cancelling_are_outcomes(approvals: Approvals) -> None:
    denied, cancelled = approvals.ask(), approvals.ask(principals=[MARKETING.role_arn(people.INTERN)])
    link = approvals.link(cancelled)
    approvals.decide(denied, "DENY", "Nobody needs this.")
    approvals.revoke(cancelled, MARKETING, "We have what we need.")
    answer = approvals.told("DataProductAccessDenied", denied).data
    assert (answer["status"], answer["decided_by"], answer["reason"]) == (
        "DENIED",
        f"person:{OWNER}",
        "Nobody needs this.",
    )
    assert approvals.told("DataProductAccessDenied", cancelled).data["status"] == "CANCELLED"
    approvals.story.settle()
    assert (approvals.status(denied), approvals.status(cancelled)) == ("DENIED", "CANCELLED")
    ended = approvals.story.executions(CENTRAL, "share_data_product")
    assert {execution["status"] for execution in ended} == {"SUCCEEDED"}
    signature = link.partition("signature=")[2]
    page = approvals.owner.post(link, {"signature": signature, "decision": "APPROVE", "comment": "too late"})
    assert page.status == 409
    assert approvals.refusals(cancelled) == ["StageClosed"]
    refused(approvals)
    assert left(approvals.story)["filters"] == []


# --- events that must not be believed -------------------------------------------------------------------------------


def rejected(approvals: Approvals, account: Account, command: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What CommandRejected says about the command."""
    return approvals.story.listener.wait("CommandRejected", approvals.story.put(account, command, payload)).data


def test_another_domain_changes_nothing_in_marketings_name(granted: Approvals) -> None:
    story, entries = granted.story, len(granted.story.ledger())
    before = left(story)
    fresh = {"request_id": str(uuid.uuid4())}
    # GIVEN commands of finance that speak in the name of marketing
    reason = {"reason": "forged"}
    forged: list[tuple[str, dict[str, Any], str]] = [
        ("RevokeDataProductAccess", {"request_id": GRANTED, "domain": "marketing", **reason}, "SenderNotOwner"),
        ("RevokeDataProductAccess", {"request_id": GRANTED, "domain": "finance", **reason}, "DomainNotRegistered"),
        (
            "ExtendDataProductAccess",
            {**fresh, "domain": "marketing", "extends": GRANTED, "duration_days": 30, "justification": "forged"},
            "SenderNotOwner",
        ),
        ("RequestDataProductAccess", granted.request(), "SenderNotOwner"),
        (
            "RequestDataProductAccess",
            granted.request(principals=[FINANCE.role_arn(people.ANALYST)]),
            "SenderNotOwner",
        ),
    ]
    for command, payload, code in forged:
        assert rejected(granted, FINANCE, command, payload)["code"] == code
    # AND marketing itself names somebody of another account, or asks as one who would decide
    foreign = granted.request(principals=[FINANCE.role_arn(people.ANALYST)])
    assert rejected(granted, MARKETING, "RequestDataProductAccess", foreign)["code"] == "PrincipalNotInDomain"
    for requester in (OWNER, OWNER.replace("@", "+me@").upper()):
        asked = granted.request(requested_by=requester.lower())
        assert rejected(granted, MARKETING, "RequestDataProductAccess", asked)["code"] == "QuorumUnreachable"
    # THEN nothing has changed, and each is in the ledger
    story.settle()
    assert left(story) == before
    told = [entry.details["code"] for entry in story.ledger()[entries:] if entry.kind == "CommandRefused"]
    assert sorted(told) == sorted(
        [code for _, _, code in forged] + ["PrincipalNotInDomain", "QuorumUnreachable", "QuorumUnreachable"]
    )
    assert story.query(MAKERS).rows == [["BOEING"]]


def test_events_that_only_central_may_send_do_nothing_from_elsewhere(granted: Approvals) -> None:
    story, before = granted.story, left(granted.story)
    record = story.request_record(GRANTED)
    runs = {flow: len(story.executions(CENTRAL, flow)) for flow in ("share_data_product", "revoke_access")}
    widen = {"request_id": str(uuid.uuid4()), "widens": GRANTED, "columns": {"registrations": ["tailnum"]}}
    expire = {"request_id": GRANTED, "expires_at": record.to_json()["expires_at"], "warning": False}
    revoke = {"request_id": GRANTED, "domain": None, "reason": "forged"}
    for command, payload in (
        ("WidenDataProductAccess", widen),
        ("ExpireDataProductAccess", expire),
        ("RevokeDataProductAccess", revoke),
        ("DataProductAccessGranted", {"request_id": GRANTED}),
    ):
        for source in ("datamesh.central", "datamesh.domain"):
            granted.put_as(FINANCE, FINANCE, source, command, payload)
            error = granted.put_as(FINANCE, CENTRAL, source, command, payload)
            if source == "datamesh.central" or command != "RevokeDataProductAccess":
                assert error, f"central's bus takes {command} of {source} from finance"
    # An event of marketing's own bus that says that central has granted something.
    granted.put_as(FINANCE, MARKETING, "datamesh.central", "DataProductAccessEnding", {"request_id": GRANTED})
    story.settle()
    assert left(story) == before
    assert story.request_record(GRANTED).status == "PROVISIONED"
    assert len(story.executions(CENTRAL, "share_data_product")) == runs["share_data_product"]
    assert story.query(MAKERS).rows == [["BOEING"]]


# --- the end --------------------------------------------------------------------------------------------------------


def test_an_access_is_warned_of_extended_and_expires(granted: Approvals) -> None:
    story = granted.story
    granted.advance(days=24.5)
    warned = granted.told("DataProductAccessExpiring", GRANTED)
    first_end = warned.data["expires_at"]
    extension = str(uuid.uuid4())
    command = {
        "request_id": extension,
        "domain": MARKETING.domain,
        "extends": GRANTED,
        "duration_days": 60,
        "justification": "The study goes on.",
    }
    # What is sensitive is not extended without a person either.
    story.put(MARKETING, "ExtendDataProductAccess", command)
    granted.owner.mail(extension)
    granted.decide(extension)
    longer = granted.told("DataProductAccessExtended", extension).data["expires_at"]
    assert longer > first_end
    story.settle()
    granted.advance(days=10)
    story.settle()
    assert story.query(MAKERS).rows == [["BOEING"]]
    assert granted.status(GRANTED) == "PROVISIONED"
    granted.advance(days=60)
    assert granted.told("DataProductAccessExpired", GRANTED).data["expired_at"] == longer
    story.settle()
    refused(granted)
    assert left(story) == STARTED["left"]
    assert granted.status(GRANTED) == "EXPIRED"
    kinds = {entry.kind for entry in story.ledger()}
    assert kinds >= {"AccessExtended", "AccessEnding", "AccessExpired"}


def test_governance_ends_an_access_and_what_another_request_needs_stays(granted: Approvals) -> None:
    story = granted.story
    # GIVEN a second approved request of the same person for the same table
    other = granted.ask(columns={"registrations": ["manufacturer", "engine"]}, rows={})
    granted.approve(other)
    # WHEN governance revokes the first
    granted.govern("RevokeDataProductAccess", {"request_id": GRANTED, "domain": None, "reason": "An incident."})
    revoked = granted.told("DataProductAccessRevoked", GRANTED).data
    assert (revoked["revoked_by"], revoked["reason"]) == (f"account:{CENTRAL.id}", "An incident.")
    story.settle()
    # THEN exactly the other is readable; after the owner has ended that one, too, nothing is left
    assert sorted(story.query(f"SELECT * FROM {DATABASE}.registrations LIMIT 1").columns) == ["engine", "manufacturer"]
    refused(granted, f"SELECT model FROM {DATABASE}.registrations LIMIT 1")
    granted.revoke(other, SALES)
    granted.told("DataProductAccessRevoked", other)
    story.settle()
    refused(granted)
    assert left(story) == STARTED["left"]
    assert granted.audit("verify").returncode == 0


def test_what_the_consumer_cannot_use_is_taken_back(approvals: Approvals) -> None:
    story = approvals.story
    # GIVEN a table of marketing's own where the link would be
    glue = story.client("glue", MARKETING)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    glue.create_table(DatabaseName=DATABASE, TableInput={"Name": "registrations", "StorageDescriptor": {"Columns": []}})
    request_id = approvals.ask()
    # WHEN it is granted
    approvals.decide(request_id)
    failed = approvals.told("DataProductLinkFailed", request_id, CENTRAL)
    assert failed.sender == MARKETING.name
    until(lambda: approvals.status(request_id) == "FAILED", "the request to have failed")
    story.settle()
    # THEN nothing of it stays in central, and marketing's table is marketing's
    assert left(story)["filters"] == []
    assert not [row for row in story.permissions(CENTRAL) if people.ANALYST in row[0]]
    assert [table["Name"] for table in glue.get_tables(DatabaseName=DATABASE)["TableList"]] == ["registrations"]
    assert "AccessFailed" in {entry.kind for entry in story.ledger(request_id)}


# --- what becomes sensitive, what is added --------------------------------------------------------------------------


def test_what_becomes_personal_is_held_back_until_a_person_approves_it(approvals: Approvals) -> None:
    story = approvals.story
    request = story.access_request(tables=None, later_tables="included")
    story.put(MARKETING, "RequestDataProductAccess", request)
    request_id = str(request["request_id"])
    approvals.told("DataProductAccessProvisioned", request_id, CENTRAL)
    story.settle()
    names = f"SELECT name FROM {DATABASE}.airports WHERE faa = 'JFK'"
    assert story.query(names).rows == [["John F Kennedy Intl"]]
    # WHEN a column becomes personal, and another table comes
    product = story.manifest(("airports", "planes"))
    product["tables"][0]["columns"] = [{"name": "name", "type": "string", "pii": True}]
    product["tables"].append(
        {"name": "later", "location": f"{story.mesh.location(SALES)}aircraft/", "format": "csv", "columns": []}
    )
    story.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    # THEN the column is gone at once, all else is not, and the owner is asked
    (narrowed,) = until(lambda: story.ledger(request_id, "AccessNarrowed"), "the access to be narrowed")
    assert narrowed.details["columns"] == {"airports": ["name"]}
    refused(approvals, names)
    assert story.query(f"SELECT faa FROM {DATABASE}.airports WHERE faa = 'JFK'").rows == [["JFK"]]
    (mail,) = until(
        lambda: [mail for mail in approvals.sandbox.mails(OWNER) if LINK.search(mail["text"])], "the owner's mail"
    )
    page = approvals.owner.decide(approvals.owner.link(mail), "APPROVE", "It is public anyway.")
    assert page.status == 200
    until(lambda: story.ledger(kind="AccessWidened"), "the widening")

    def readable(sql: str) -> bool:
        try:
            return bool(story.query(sql).rows)
        except QueryRefusedError:
            return False

    # AND the later table comes by itself: nothing in it is sensitive
    until(lambda: readable(names), "the column to be readable again")
    until(lambda: readable(f"SELECT tailnum FROM {DATABASE}.later LIMIT 1"), "the later table")
    story.settle()


# --- a product and its domain leave ---------------------------------------------------------------------------------


def test_a_product_that_leaves_ends_everything_and_its_domain_may_leave_then(granted: Approvals) -> None:
    story = granted.story
    waiting = granted.ask(principals=[MARKETING.role_arn(people.INTERN)])
    assert rejected(granted, SALES, "DeregisterDataDomain", {"domain": "sales"})["code"] == "DomainInUse"
    for name in (data.PERSONAL_PRODUCT, data.PRODUCT):
        correlation_id = story.put(SALES, "DeregisterDataProduct", {"domain": "sales", "name": name})
        story.listener.wait("DataProductDeregistered", correlation_id, receiver=SALES.name)
    story.settle()
    refused(granted)
    assert granted.status(GRANTED) == "REVOKED"
    assert granted.status(waiting) == "CANCELLED"
    found = left(story)
    assert (found["filters"], found["schedules"]) == ([], [])
    assert found["links"][MARKETING.name] == {}
    correlation_id = story.put(SALES, "DeregisterDataDomain", {"domain": "sales"})
    story.listener.wait("DataDomainDeregistered", correlation_id, receiver=SALES.name)


# --- the ledger, and what happens behind the mesh's back ------------------------------------------------------------


def test_a_changed_entry_of_the_ledger_is_found(granted: Approvals) -> None:
    sound = granted.audit("verify")
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert json.loads(sound.stdout)["entries"] == len(granted.story.ledger())
    # WHEN somebody rewrites who voted
    (vote,) = granted.story.ledger(GRANTED, "VoteCast")
    key = {"pk": {"S": "LEDGER"}, "sk": {"S": f"{vote.sequence:012d}"}}
    granted.story.client("dynamodb", CENTRAL).update_item(
        TableName="datamesh-ledger",
        Key=key,
        UpdateExpression="SET actor = :actor",
        ExpressionAttributeValues={":actor": {"S": "person:somebody@else.example"}},
    )
    changed = granted.audit("verify")
    assert changed.returncode == 1
    broken = json.loads(changed.stdout)["broken"]
    assert (broken["sequence"], broken["tampering"]) == (vote.sequence, "altered")


def test_reconciliation_heals_what_is_missing_and_reports_what_is_too_much(granted: Approvals) -> None:
    story = granted.story
    lake_formation = story.client("lakeformation", CENTRAL)
    (name,) = left(story)["filters"]
    place = {"TableCatalogId": CENTRAL.id, "DatabaseName": "datamesh_sales_nrac", "TableName": "registrations"}
    resource = {"DataCellsFilter": place | {"Name": name}}
    analyst = {"DataLakePrincipalIdentifier": MARKETING.role_arn(people.ANALYST)}
    intern = {"DataLakePrincipalIdentifier": MARKETING.role_arn(people.INTERN)}
    # GIVEN a grant that was revoked behind the mesh's back, and one that nobody asked for
    lake_formation.revoke_permissions(Principal=analyst, Resource=resource, Permissions=["SELECT"])
    lake_formation.grant_permissions(Principal=intern, Resource=resource, Permissions=["SELECT"])
    refused(granted)
    # WHEN governance compares
    granted.govern("ReconcileAccess", {"heal": "missing"})

    def found() -> dict[str, Any] | None:
        story.listener.poll()
        said = [event.data for event in story.listener.events if event.detail_type == "GrantDriftFound"]
        return said[-1] if said else None

    drift = until(found, "what differs")
    story.settle()
    # THEN what was missing is there again, and what is too much is reported and left to people
    assert drift is not None
    assert drift["counts"] == {"missing": 1, "excess": 1}
    assert {(item["kind"], item["healed"]) for item in drift["items"]} == {("missing", True), ("excess", False)}
    assert story.query(MAKERS).rows == [["BOEING"]]
    assert [entry.kind for entry in story.ledger() if entry.kind.startswith("Drift")] == ["DriftFound", "DriftHealed"]
    # AND told to mend all, it takes that away, too
    granted.govern("ReconcileAccess", {"heal": "all"})
    until(
        lambda: not any(people.INTERN in row[0] for row in story.permissions(CENTRAL)), "the excess grant to be revoked"
    )
    story.settle()
    assert story.query(MAKERS).rows == [["BOEING"]]
