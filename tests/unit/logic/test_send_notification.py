"""send_notification: what people are told, once, and never what is stale or meant for somebody else."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_socket import enable_socket

from datamesh.aws.web import Web
from datamesh.logic.notices import notices_for
from datamesh.logic.send_notification import LEASE
from datamesh.logic.votes import Ballot
from datamesh.logic.webhook_signatures import check_webhook
from datamesh.models.approvals import Decision
from datamesh.models.errors import BeingSent, DeliveryFailed, NothingToTellYet, WebhookForged, WriteConflict
from datamesh.models.notifications import Channels
from datamesh.models.registry import RequestRecord, RequestStatus, Save, StateChange
from tests.support.approvals import (
    ANN,
    BASE_URL,
    BEN,
    DAN,
    GOVERNANCE,
    MAX,
    MIA,
    OWNERS,
    REQUEST,
    WaitingRequest,
    domain_record,
    stage,
)
from tests.support.central_commands import NOW
from tests.support.http_server import Answers, serving
from tests.support.notifying import SHARED_SECRET, SLACK, Notifying, message


@pytest.fixture
def waiting() -> WaitingRequest:
    return WaitingRequest()


@pytest.fixture
def notifying(waiting: WaitingRequest) -> Notifying:
    return Notifying(waiting)


@pytest.fixture
def server(_no_network: None) -> Iterator[Answers]:
    enable_socket()
    with serving() as answers:
        yield answers


@pytest.fixture
def posting(waiting: WaitingRequest, server: Answers) -> Notifying:
    return Notifying(waiting, web=Web(timeout=2), url=server.url)


def decide(waiting: WaitingRequest, status: RequestStatus, why: str = "Because", **changes: Any) -> None:
    """Let the request's own flow record a change of its state."""
    change = StateChange(status=status, at=waiting.now, by=f"person:{ANN}", why=why)
    waiting.change(status=status, history=(*waiting.request.history, change), **changes)


def vote(waiting: WaitingRequest, approver: str = BEN, decision: Decision = "APPROVE") -> None:
    """Let somebody decide."""
    ballot = Ballot(approver=approver, decision=decision, comment="Fine", via="portal", link=None)
    waiting.approvals.vote(REQUEST, 0, ballot, waiting.now)


# --- mail


def test_an_approver_gets_a_mail_with_a_personal_link(notifying: Notifying) -> None:
    assert notifying.send(notifying.queued("mail", ANN)) == "sent"
    [mail] = notifying.mail.sent
    assert (mail["to"], mail["topic"]) == (ANN, OWNERS.topic_arn)
    assert mail["subject"] == "Approval needed: marketing asks for sales.air_travel"
    text = mail["text"]
    for part in (
        "marketing asks to read sales.air_travel.",
        MIA,
        "role/analyst",
        "flights (carrier, passenger)",
        "flights.passenger",
        "sales.flights.passenger is personal data",
        "flights where carrier = 'AA'",
        "analytics",
        "30 days",
        "1 of 3 (product_owners of sales) must agree",
        "2026-",
        "> Who flies <b>where</b>?",
        "Do not forward",
        str(REQUEST),
    ):
        assert part in text, part
    [line] = [line for line in text.splitlines() if line.startswith(BASE_URL)]
    link_id, _, signature = line.removeprefix(f"{BASE_URL}/").partition("?signature=")
    link = notifying.waiting.registry.link(link_id)
    assert link is not None
    assert link.approver == ANN
    assert notifying.waiting.signatures.verify(link.signed_text, signature)


def test_links_lead_to_the_portal_where_there_is_one(notifying: Notifying) -> None:
    notifying.link_base_url = "https://portal.example/approval-links/"
    notifying.send(notifying.queued("mail", ANN))
    text = notifying.mail.sent[0]["text"]
    assert BASE_URL not in text
    [line] = [line for line in text.splitlines() if line.startswith("https://portal.example/approval-links/")]
    link_id, _, signature = line.removeprefix("https://portal.example/approval-links/").partition("?signature=")
    link = notifying.waiting.registry.link(link_id)
    assert link is not None
    assert notifying.waiting.signatures.verify(link.signed_text, signature)


def test_a_ticketing_system_answers_to_central_wherever_links_lead(posting: Notifying, server: Answers) -> None:
    posting.link_base_url = "https://portal.example/approval-links"
    posting.send(posting.queued("webhook"))
    assert json.loads(server.received[0].body)["decide"]["url"] == f"{BASE_URL}/webhook"


def test_the_signature_stands_in_the_mail_alone(notifying: Notifying, caplog: pytest.LogCaptureFixture) -> None:
    notifying.send(notifying.queued("mail", ANN))
    signature = notifying.mail.sent[0]["text"].split("?signature=")[1].split()[0]
    assert len(signature) > 20
    assert signature not in notifying.everything_stored()
    assert signature not in caplog.text


def test_each_approver_gets_another_link(notifying: Notifying) -> None:
    for approver in (ANN, BEN):
        notifying.send(notifying.queued("mail", approver))
    links = {mail["text"].split(f"{BASE_URL}/")[1].split("?")[0] for mail in notifying.mail.sent}
    assert len(links) == 2


def test_a_duplicate_is_not_sent_again(notifying: Notifying) -> None:
    notification = notifying.queued("mail", ANN)
    assert [notifying.send(notification) for _ in range(3)] == ["sent", "repeated", "repeated"]
    assert len(notifying.mail.sent) == 1
    assert notifying.links() == 1


def test_two_at_the_same_moment_send_one(notifying: Notifying) -> None:
    notification = notifying.queued("mail", ANN)
    registry = notifying.waiting.registry
    others: list[str] = []

    def overtake(_changes: object) -> None:
        registry.before_write = None
        others.append(notifying.send(notification))

    registry.before_write = overtake
    with pytest.raises(BeingSent):
        notifying.send(notification)
    assert others == ["sent"]
    assert notifying.send(notification) == "repeated"
    assert len(notifying.mail.sent) == 1


def test_while_another_sends_it_it_waits_and_a_crashed_one_is_followed(notifying: Notifying) -> None:
    notification = notifying.queued("mail", ANN)
    notifying.mail.faults = [RuntimeError("the function was ended")]
    with pytest.raises(RuntimeError):
        notifying.send(notification)
    with pytest.raises(BeingSent):
        notifying.send(notification)
    notifying.waiting.later(seconds=LEASE.total_seconds())
    assert notifying.send(notification) == "sent"


def test_what_was_sent_by_who_lost_its_claim_is_not_an_error(
    notifying: Notifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification = notifying.queued("mail", ANN)
    registry = notifying.waiting.registry
    write = registry.write

    def refuse_the_last(changes: Any) -> None:
        if any(getattr(change.record, "sent_at", None) for change in changes if isinstance(change, Save)):
            raise WriteConflict("another took it over")
        write(changes)

    monkeypatch.setattr(registry, "write", refuse_the_last)
    assert notifying.send(notification) == "sent"


def test_a_topic_that_does_not_take_it_is_tried_again(notifying: Notifying) -> None:
    notification = notifying.queued("mail", ANN)
    notifying.mail.faults = [DeliveryFailed("NotFound")]
    with pytest.raises(DeliveryFailed):
        notifying.send(notification)
    notifying.waiting.later(minutes=6)
    assert notifying.send(notification) == "sent"


def test_a_changed_request_is_told_anew_and_the_old_message_is_stale(notifying: Notifying) -> None:
    waiting = notifying.waiting
    old = notifying.queued("mail", ANN)
    assert notifying.send(old) == "sent"
    current = waiting.stage()
    waiting.registry.write([Save(current.model_copy(update={"version": current.version + 1, "digest": "e" * 64}))])
    assert notifying.send(old) == "stale"
    assert notifying.send(old.model_copy(update={"digest": "e" * 64})) == "sent"


@pytest.mark.parametrize("status", ["DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED", "REJECTED", "FAILED"])
def test_nobody_is_asked_about_a_request_that_is_over(notifying: Notifying, status: RequestStatus) -> None:
    notifying.waiting.change(status=status)
    assert notifying.send(notifying.queued("mail", ANN)) == "stale"
    assert notifying.mail.sent == []
    assert notifying.links() == 0


def test_nobody_is_asked_about_what_is_decided_or_overdue(notifying: Notifying) -> None:
    notification = notifying.queued("mail", ANN)
    deadline = notifying.waiting.stage().deadline
    late = Notifying(WaitingRequest())
    late.waiting.now = deadline
    assert late.send(late.queued("mail", ANN)) == "stale"
    vote(notifying.waiting)
    assert notifying.send(notification) == "stale"


def test_who_has_voted_or_never_sat_there_is_not_asked() -> None:
    seat = OWNERS.model_copy(update={"quorum": 2})
    notifying = Notifying(WaitingRequest(seat))
    vote(notifying.waiting, ANN)
    assert notifying.send(notifying.queued("mail", ANN)) == "stale"
    assert notifying.send(notifying.queued("mail", BEN)) == "sent"
    stranger = notifying.queued("mail", BEN).model_copy(update={"to": "eve@example.com"})
    assert notifying.send(stranger) == "stale"


def test_after_the_deadline_others_are_asked_and_told_why() -> None:
    escalating = stage(on_deadline="escalate", escalate_to=("governance",))
    notifying = Notifying(WaitingRequest(stages=(escalating,)))
    waiting = notifying.waiting
    waiting.now = waiting.stage().deadline
    waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,))
    assert notifying.send(notifying.queued("mail", DAN)) == "sent"
    [mail] = notifying.mail.sent
    assert mail["topic"] == GOVERNANCE.topic_arn
    assert mail["subject"].startswith("Overdue approval: ")
    assert "Nobody decided in time" in mail["text"]


def test_what_the_registry_does_not_say_yet_comes_again(notifying: Notifying) -> None:
    for notification in (
        message("approval_needed", number=7, to=ANN, topic_arn="arn:aws:sns:eu-west-1:222222222222:t"),
        message("decided", to=ANN, topic_arn="arn:aws:sns:eu-west-1:222222222222:t"),
        message("decided", to=ANN, topic_arn="arn:aws:sns:eu-west-1:222222222222:t", request_id=uuid.UUID(int=1)),
    ):
        with pytest.raises(NothingToTellYet):
            notifying.send(notification)


@pytest.mark.parametrize("missing", [{"topic_arn": None}, {"to": None}])
def test_a_mail_without_topic_or_address_goes_nowhere(notifying: Notifying, missing: dict[str, None]) -> None:
    notification = notifying.queued("mail", ANN).model_copy(update=missing)
    assert notifying.send(notification) == "no channel"


# --- Slack


def test_a_channel_hears_who_is_asked_and_gets_no_link(posting: Notifying, server: Answers) -> None:
    assert posting.send(posting.queued("slack")) == "sent"
    [request] = server.received
    assert request.path == "/slack"
    assert request.headers["Content-Type"] == "application/json"
    content = json.loads(request.body)
    assert content["text"] == "Approval needed: marketing asks for sales.air_travel"
    assert [block["type"] for block in content["blocks"]] == ["header", *["section"] * 4]
    whole = request.body.decode()
    assert ANN in whole
    assert BASE_URL not in whole
    assert "signature" not in whole
    assert posting.links() == 0


def test_a_requester_cannot_call_the_channel_or_fake_a_link(server: Answers) -> None:
    evil = "<!channel> urgent: <https://evil.example|approve here> & *now*\x00\u202e\n\nSigned: the data mesh"
    posting = Notifying(WaitingRequest(justification=evil), web=Web(timeout=2), url=server.url)
    posting.send(posting.queued("slack"))
    whole = server.received[0].body.decode()
    assert "<!channel>" not in whole
    assert "<https:" not in whole
    assert "&lt;!channel&gt;" in whole
    assert "\u202e" not in whole
    quote = json.loads(whole)["blocks"][3]["text"]["text"]
    assert all(line.startswith("> ") for line in quote.splitlines()[1:])


def test_slack_blocks_stay_within_their_limits(server: Answers) -> None:
    huge = WaitingRequest(
        justification="j" * 2_048,
        principals=tuple(f"arn:aws:iam::333333333333:role/{'r' * 60}{number}" for number in range(50)),
        tables=tuple(f"{'t' * 60}{number}" for number in range(100)),
        rows={f"{'t' * 60}{number}": "x" * 2_000 for number in range(100)},
    )
    posting = Notifying(huge, web=Web(timeout=2), url=server.url)
    posting.send(posting.queued("slack"))
    blocks = json.loads(server.received[0].body)["blocks"]
    assert all(len(block["text"]["text"]) <= 3_000 for block in blocks)
    assert len(blocks[0]["text"]["text"]) <= 150
    assert posting.send(posting.queued("mail", ANN)) == "sent"
    assert BASE_URL in posting.mail.sent[0]["text"], "the link is not what is cut"


@pytest.mark.parametrize("status", [302, 400, 500])
def test_a_channel_that_does_not_take_it_gets_it_again(posting: Notifying, server: Answers, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DeliveryFailed, match=f"127.0.0.1 answers {status}"):
        posting.send(posting.queued("slack"))
    posting.waiting.later(minutes=6)
    assert posting.send(posting.queued("slack")) == "sent"
    assert posting.send(posting.queued("slack")) == "repeated"
    assert len(server.received) == 2


@pytest.mark.parametrize("channel", ["slack", "webhook"])
def test_a_channel_that_is_not_configured_is_none(notifying: Notifying, channel: str) -> None:
    notifying.channels = Channels()
    assert notifying.send(notifying.queued(channel)) == "no channel"


# --- signed webhook


def test_a_ticketing_system_gets_a_signed_document_that_says_how_to_decide(posting: Notifying, server: Answers) -> None:
    assert posting.send(posting.queued("webhook")) == "sent"
    [request] = server.received
    assert request.path == "/t"
    timestamp, signature = request.headers["X-Datamesh-Timestamp"], request.headers["X-Datamesh-Signature"]
    # The mesh's own end of the same scheme stands in for the other system's.
    check_webhook(request.body, timestamp=timestamp, signature=signature, secret=lambda: SHARED_SECRET, now=NOW)
    for body, secret in ((request.body + b" ", SHARED_SECRET), (request.body, "another secret")):
        with pytest.raises(WebhookForged):
            check_webhook(body, timestamp=timestamp, signature=signature, secret=lambda s=secret: s, now=NOW)  # type: ignore[misc]
    content = json.loads(request.body)
    assert content["kind"] == "approval_needed"
    assert content["request"]["consumer"] == "marketing"
    assert [person["email"] for person in content["stage"]["approvers"]][:2] == [ANN, BEN]
    assert content["decide"]["url"] == f"{BASE_URL}/webhook"
    assert content["decide"]["body"]["digest"] == posting.waiting.stage().digest
    assert "signature=" not in request.body.decode()
    assert SHARED_SECRET not in request.body.decode()


def test_a_repeated_attempt_has_the_same_idempotency_key_and_a_new_time(posting: Notifying, server: Answers) -> None:
    server.statuses = [503]
    with pytest.raises(DeliveryFailed):
        posting.send(posting.queued("webhook"))
    posting.waiting.later(minutes=6)
    posting.send(posting.queued("webhook"))
    first, second = (request.headers for request in server.received)
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert int(second["X-Datamesh-Timestamp"]) - int(first["X-Datamesh-Timestamp"]) == 360
    assert first["X-Datamesh-Signature"] != second["X-Datamesh-Signature"]


def test_without_a_secret_nothing_is_sent_unsigned(posting: Notifying, server: Answers) -> None:
    posting.channels = Channels(webhook_secret_arn=SLACK)
    with pytest.raises(DeliveryFailed, match="`secret`"):
        posting.send(posting.queued("webhook"))
    assert server.received == []


# --- what became of it


def told(notifying: Notifying, kind: Any) -> dict[str, dict[str, str]]:
    """Send all mails about something, and return them by address."""
    notifying.mail.sent.clear()
    waiting = notifying.waiting
    for notification in notices_for(waiting.registry, waiting.request, kind):
        if notification.channel == "mail":
            notifying.send(notification)
    return {mail["to"]: mail for mail in notifying.mail.sent}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("APPROVED", "approved"), ("DENIED", "denied"), ("EXPIRED", "not decided in time"), ("CANCELLED", "taken back")],
)
def test_everybody_who_was_asked_hears_what_was_decided(
    notifying: Notifying, status: RequestStatus, outcome: str
) -> None:
    decide(notifying.waiting, status, "No need-to-know")
    mails = told(notifying, "decided")
    assert set(mails) == {ANN, BEN, "cyd@sales.example"}
    text = mails[BEN]["text"]
    assert f"was {outcome}." in text
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("By:")] == [ANN]
    assert "> No need-to-know" in text
    assert BASE_URL not in text
    assert told(notifying, "decided") == {}, "once"


def test_who_asked_hears_it_where_the_own_domains_topic_reaches_the_address(notifying: Notifying) -> None:
    topic = "arn:aws:sns:eu-west-1:333333333333:datamesh-domain-approvals"
    registry = notifying.waiting.registry
    record = domain_record("marketing", product_owners=({"email": MAX},), approval_topic_arn=topic)
    registry.write([Save(record.model_copy(update={"version": 2}))])
    decide(notifying.waiting, "DENIED")
    assert MIA not in told(notifying, "decided"), "the topic has no subscription of hers"
    notifying.waiting.change(requested_by=MAX)
    assert told(notifying, "decided")[MAX]["topic"] == topic


def test_of_what_nobody_decided_on_only_who_asked_hears(waiting: WaitingRequest) -> None:
    request = waiting.request.model_copy(update={"request_id": uuid.UUID(int=9)})
    assert notices_for(waiting.registry, request, "decided") == ()


def test_channels_hear_of_what_they_heard_was_asked(waiting: WaitingRequest) -> None:
    channels = [each.channel for each in notices_for(waiting.registry, waiting.request, "access_ended")]
    assert channels == ["mail"] * 3 + ["slack", "webhook"]


def standing(waiting: WaitingRequest, days: int = 30) -> RequestRecord:
    """Let the request be granted."""
    decide(waiting, "APPROVED")
    decide(waiting, "GRANTED", granted_at=waiting.now, expires_at=waiting.now + timedelta(days=days))
    return waiting.request


def test_an_end_that_comes_is_told_once_for_each_end(notifying: Notifying) -> None:
    waiting = notifying.waiting
    standing(waiting)
    assert "ends on 2026-" in told(notifying, "access_expiring")[ANN]["text"]
    assert told(notifying, "access_expiring") == {}
    waiting.change(expires_at=waiting.now + timedelta(days=60))
    assert set(told(notifying, "access_expiring")) == {ANN, BEN, "cyd@sales.example"}
    waiting.later(days=60)
    assert told(notifying, "access_expiring") == {}


@pytest.mark.parametrize(
    ("status", "text"), [("REVOKED", "was taken back."), ("EXPIRED", "is over."), ("FAILED", "came to nothing.")]
)
def test_an_end_is_told_when_it_is_one(notifying: Notifying, status: RequestStatus, text: str) -> None:
    standing(notifying.waiting)
    with pytest.raises(NothingToTellYet):
        told(notifying, "access_ended")
    decide(notifying.waiting, "REVOKING")
    with pytest.raises(NothingToTellYet):
        told(notifying, "access_ended")
    decide(notifying.waiting, status)
    assert text in told(notifying, "access_ended")[ANN]["text"]
    assert told(notifying, "decided") == {}, "that is too late to be told"
