"""decide_approval as API Gateway calls it: pages, forms, the webhook, and every attack on them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import re
from datetime import timedelta
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from datamesh.handlers import decide_approval
from datamesh.models.approvals import MAX_COMMENT
from datamesh.models.errors import AwsTemporarilyUnavailable, RecordBusy
from datamesh.models.people import Person
from datamesh.models.registry import Save
from datamesh.observability import logger
from datamesh.settings import load
from tests.support.approvals import (
    ANN,
    BEN,
    CYD,
    DAN,
    GOVERNANCE,
    OWNERS,
    REQUEST,
    WaitingRequest,
    domain_record,
    indexed_table,
    stage,
)

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)
SECRET = "a secret of at least thirty-two characters"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:tickets-a1b2c3"
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "decide_approval",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "LEDGER_TABLE": "datamesh-ledger",
    "APPROVAL_KEY_ID": "arn:aws:kms:eu-west-1:111111111111:key/0a1b",
    "APPROVAL_WEBHOOK_SECRET_ARN": SECRET_ARN,
}
TWO_OF_THREE = OWNERS.model_copy(update={"quorum": 2})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer:
    """What API Gateway gets."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["statusCode"]
        self.headers = {name.lower(): value for name, value in answer["headers"].items()}
        self.body = answer["body"]

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Desk:
    """The handler in front of a registry in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, waiting: WaitingRequest) -> None:
        self.waiting = waiting
        self.secrets_read = 0
        load.cache_clear()
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        for name, fake in {
            "Registry": waiting.registry,
            "Callbacks": waiting.callbacks,
            "Signatures": waiting.signatures,
            "SharedSecrets": self,
        }.items():
            monkeypatch.setattr(decide_approval, name, lambda *_args, fake=fake, **_more: fake)
        monkeypatch.setattr(decide_approval, "utc_now", lambda: waiting.now)

    def read(self, secret_arn: str) -> str:
        assert secret_arn == SECRET_ARN
        self.secrets_read += 1
        return SECRET

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        encoded: bool = False,
    ) -> Answer:
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": urlencode(query or {}),
            "headers": {name.lower(): value for name, value in (headers or {}).items()},
            "requestContext": {
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
                "stage": "$default",
                "requestId": "r",
            },
            "isBase64Encoded": encoded,
        }
        if query:
            event["queryStringParameters"] = query
        if body is not None:
            event["body"] = base64.b64encode(body.encode()).decode() if encoded else body
        return Answer(decide_approval.handler(event, CONTEXT))

    def get(self, link: tuple[str, str], **more: Any) -> Answer:
        return self.call("GET", f"/approvals/{link[0]}", query={"signature": link[1]}, **more)

    def post(self, link: tuple[str, str], decision: str = "APPROVE", comment: str = "", **more: Any) -> Answer:
        form = {"signature": link[1], "decision": decision, "comment": comment}
        headers = FORM | more.pop("headers", {})
        return self.call("POST", f"/approvals/{link[0]}", headers=headers, body=urlencode(form), **more)

    def webhook(
        self, *, at: int | None = None, secret: str = SECRET, headers: dict[str, str] | None = None, **changes: Any
    ) -> Answer:
        said = {"request_id": str(REQUEST), "stage": 0, "approver": ANN, "decision": "APPROVE", "comment": ""}
        body = json.dumps(said | changes)
        timestamp = str(int(self.waiting.now.timestamp()) if at is None else at)
        mac = hmac.new(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256).hexdigest()
        signed = {"X-Datamesh-Timestamp": timestamp, "X-Datamesh-Signature": f"v1={mac}"}
        return self.call("POST", "/approvals/webhook", headers=signed | (headers or {}), body=body)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch, WaitingRequest())


# --- Pages ---


class Page(HTMLParser):
    """A page as a browser reads it: elements that are closed, and what is in them."""

    VOID = {"meta", "input", "br", "link"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.style = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.text += data


def test_the_page_says_all_that_is_asked_and_has_a_form(desk: Desk) -> None:
    link = desk.waiting.link()
    answer = desk.get(link)
    assert answer.status == 200
    page = Page(answer.body)
    for said in (
        "marketing asks to read sales.air_travel",
        "mia@marketing.example",
        "arn:aws:iam::333333333333:role/analyst",
        "Who flies <b>where</b>?",
        "analytics",
        "30 days",
        "sales.flights.passenger is personal data",
        "carrier = 'AA'",
        "1 of 3 product_owners of sales",
        ANN,
    ):
        assert said in page.text
    assert ("b", {}) not in page.elements, "what whoever asks writes is text"
    form = next(attributes for tag, attributes in page.elements if tag == "form")
    assert (form["method"], form["action"]) == ("post", link[0]), "relative, and without the signature"
    fields = {attributes["name"] for tag, attributes in page.elements if tag in {"input", "textarea"}}
    assert fields == {"signature", "decision", "comment"}


def test_hidden_columns_are_named_as_not_shown(desk: Desk) -> None:
    desk.waiting.registry.write([Save(indexed_table("carrier", "passenger", "card_number"))])
    page = Page(desk.get(desk.waiting.link()).body)
    assert re.search(r"Not shown\s*card_number", page.text)


def test_a_request_by_tag_names_the_expression_and_what_it_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = WaitingRequest(product=None, tables=(), rows={}, expression={"lob": ("sales", "web")})
    page = Page(Desk(monkeypatch, waiting).get(waiting.link()).body)
    assert "lob = sales or web" in page.text
    assert "flights" in page.text
    assert "passenger" in page.text


def test_the_page_loads_nothing_and_leaves_nothing_behind(desk: Desk) -> None:
    answer = desk.get(desk.waiting.link())
    page = Page(answer.body)
    policy = answer.headers["content-security-policy"]
    style = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    loading = [attributes for _, attributes in page.elements if {"src", "href", "style", "onclick"} & set(attributes)]
    assert (loading, [tag for tag, _ in page.elements if tag in {"script", "img", "link"}]) == ([], [])
    assert "prefers-color-scheme" in page.style or "color-scheme:light dark" in page.style


def test_everything_that_anybody_writes_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "\"'><script>alert(1)</script>"
    waiting = WaitingRequest(
        TWO_OF_THREE, justification=evil, purpose=evil, rows={"flights": evil}, principals=(evil,), requested_by=evil
    )
    desk = Desk(monkeypatch, waiting)
    desk.post(waiting.link(BEN), comment=evil)
    missing = desk.post(waiting.link(ANN), decision=evil, comment=evil)
    for body in (desk.get(waiting.link(ANN)).body, missing.body):
        assert "<script" not in body
        assert evil in Page(body).text
    assert missing.status == 400


def test_an_address_without_its_signature_shows_nothing(desk: Desk) -> None:
    link_id, _ = desk.waiting.link()
    answer = desk.call("GET", f"/approvals/{link_id}")
    assert answer.status == 403
    assert "marketing" not in answer.body
    program = desk.call("GET", f"/approvals/{link_id}", headers={"Accept": "application/json"})
    assert program.json["detail"].startswith("This link is not whole")


# --- Deciding ---


def test_a_posted_form_decides_and_the_page_says_so(desk: Desk) -> None:
    link = desk.waiting.link()
    answer = desk.post(link, comment="Fine.\r\nGo on.", encoded=True)
    assert answer.status == 200
    page = Page(answer.body)
    assert "You approved this" in page.text
    assert "form" not in [tag for tag, _ in page.elements]
    vote = desk.waiting.stage().votes[0]
    assert (vote.approver, vote.comment, vote.via) == (ANN, "Fine.\nGo on.", "link")
    assert desk.waiting.callbacks.answered[0][1]["status"] == "APPROVED"
    used = desk.waiting.registry.link(link[0])
    assert used is not None
    assert used.used_at == desk.waiting.now


def test_a_program_gets_json(desk: Desk) -> None:
    link = desk.waiting.link()
    answer = desk.post(link, "DENY", "No", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"request_id": str(REQUEST), "number": 0, "stage": "owners", "status": "DENIED"}
    again = desk.post(link, "APPROVE", headers={"Accept": "application/json"})
    assert again.headers["content-type"] == "application/problem+json"
    assert (again.status, again.json["status"], again.json["type"]) == (409, 409, "urn:datamesh:AlreadyVoted")


@pytest.mark.parametrize(
    ("decision", "comment", "said"),
    [
        ("", "I am not sure", "Please choose"),
        ("approve", "", "Please choose"),
        ("DENY", " ", "Please say why"),
        ("APPROVE", "x" * (MAX_COMMENT + 1), "at most 2048"),
    ],
)
def test_what_is_missing_is_said_and_the_form_is_shown_again(
    desk: Desk, decision: str, comment: str, said: str
) -> None:
    link = desk.waiting.link()
    before = desk.waiting.state()
    answer = desk.post(link, decision, comment)
    assert answer.status == 400
    page = Page(answer.body)
    assert said in page.text
    assert comment.strip() in page.text
    assert "form" in [tag for tag, _ in page.elements]
    assert desk.waiting.state() == before
    assert desk.post(link, decision, comment, headers={"Accept": "application/json"}).json["status"] == 400
    assert desk.post(link).status == 200


def test_a_busy_registry_asks_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    link = desk.waiting.link()

    def busy(*_: Any) -> None:
        raise RecordBusy("changing")

    monkeypatch.setattr(desk.waiting.registry, "write", busy)
    answer = desk.post(link)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()


def test_kms_that_is_busy_asks_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    link = desk.waiting.link()

    def busy(*_: Any) -> bool:
        raise AwsTemporarilyUnavailable("KMS")

    monkeypatch.setattr(desk.waiting.signatures, "verify", busy)
    assert (desk.get(link).status, desk.post(link).status) == (503, 503)


# --- Attacks: each refused, and recorded ---


def refused(desk: Desk, answer: Answer, status: int, error: str) -> None:
    """Nothing was decided, and the ledger says who tried."""
    assert answer.status == status
    assert desk.waiting.entered("VoteRefused")[-1]["error"] == error


def test_a_replayed_link_decides_once(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, WaitingRequest(TWO_OF_THREE))
    link = desk.waiting.link()
    desk.post(link)
    before = desk.waiting.state()
    assert desk.post(link).status == 200
    assert desk.waiting.state() == before
    refused(desk, desk.post(link, "DENY", "no"), 409, "AlreadyVoted")
    second = desk.waiting.link()
    refused(desk, desk.post(second, "DENY", "no"), 409, "AlreadyVoted")
    assert len(desk.waiting.stage().votes) == 1


def test_a_used_link_decides_nothing_when_the_stage_has_started_anew(desk: Desk) -> None:
    waiting = desk.waiting
    link = waiting.link()
    waiting.callbacks.waiting.clear()
    desk.post(link)
    waiting.later(minutes=20)
    waiting.approvals.resend(waiting.now)
    waiting.open("token-2")
    refused(desk, desk.post(link), 409, "LinkUsed")
    assert waiting.stage().votes == ()


def test_a_link_of_another_approver_with_ones_own_signature(desk: Desk) -> None:
    (mine, signature), (other, _) = desk.waiting.link(ANN), desk.waiting.link(BEN)
    assert mine != other
    refused(desk, desk.post((other, signature)), 403, "LinkForged")
    assert desk.get((other, signature)).status == 403
    assert desk.waiting.stage().votes == ()


def test_an_altered_signature(desk: Desk) -> None:
    link_id, signature = desk.waiting.link()
    altered = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(desk, desk.post((link_id, altered)), 403, "LinkForged")
    refused(desk, desk.post((link_id, "")), 403, "LinkForged")


def test_an_altered_record_of_a_link(desk: Desk) -> None:
    """Who can write the registry, but has no key, makes no link."""
    link_id, signature = desk.waiting.link()
    link = desk.waiting.registry.link(link_id)
    assert link is not None
    desk.waiting.registry.write([Save(link.model_copy(update={"approver": BEN, "version": 2}))])
    refused(desk, desk.post((link_id, signature)), 403, "LinkForged")


def test_an_unknown_link_leaves_no_trace(desk: Desk) -> None:
    _, signature = desk.waiting.link()
    before = desk.waiting.state()
    for link_id in ("x" * 43, "webhook2", "short", "%00", "a" * 5_000):
        assert desk.post((link_id, signature)).status == 404
        assert desk.get((link_id, signature)).status == 404
    assert desk.waiting.state() == before
    assert desk.waiting.signatures.verified == 0


def test_an_expired_link(desk: Desk) -> None:
    link = desk.waiting.link()
    desk.waiting.later(hours=72)
    refused(desk, desk.post(link), 410, "LinkExpired")
    answer = desk.get(link)
    assert answer.status == 410
    assert "<form" not in answer.body


def test_a_link_of_before_an_escalation(desk: Desk) -> None:
    link = desk.waiting.link()
    desk.waiting.later(hours=72)
    desk.waiting.approvals.overdue(REQUEST, 0, desk.waiting.now, (GOVERNANCE,))
    desk.waiting.open("token-2")
    refused(desk, desk.post(link), 410, "LinkExpired")
    assert desk.post(desk.waiting.link()).status == 200


def test_a_link_of_a_changed_request(desk: Desk) -> None:
    link = desk.waiting.link()
    desk.waiting.change(exposure="another")
    refused(desk, desk.post(link), 409, "RequestChanged")
    desk.waiting.open("token-2")
    refused(desk, desk.post(link), 409, "RequestChanged")
    assert desk.get(link).status == 409
    assert desk.post(desk.waiting.link()).status == 200


def test_a_link_of_another_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = WaitingRequest(stages=(stage(), stage("governance")))
    desk = Desk(monkeypatch, waiting)
    link, other = waiting.link(BEN), waiting.link(ANN)
    desk.post(other)
    waiting.open("token-2", number=1, seats=(GOVERNANCE,))
    refused(desk, desk.post(link), 409, "StageClosed")
    assert waiting.stage(1).votes == ()
    refused(desk, desk.post(waiting.link(ANN, number=1)), 403, "NotEligible")
    assert desk.post(waiting.link(DAN, number=1)).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_opens_every_link_changes_nothing(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    desk = Desk(monkeypatch, waiting)
    links = [waiting.link(approver) for approver in (ANN, BEN, CYD)]
    bad = [(links[0][0], "A" * 43), ("x" * 43, links[0][1])]
    before = waiting.state()
    for link_id, signature in links * 2 + bad:
        query = {"signature": signature, "decision": "APPROVE", "comment": "scanned"}
        desk.call(method, f"/approvals/{link_id}", query=query)
    assert waiting.state() == before
    assert waiting.callbacks.answered == []
    assert [desk.post(link).status for link in links[:2]] == [200, 200]


def test_an_approver_who_belongs_to_the_consumer_by_now(desk: Desk) -> None:
    link = desk.waiting.link()
    joined = domain_record("marketing", product_owners=(Person(email=ANN),)).model_copy(update={"version": 2})
    desk.waiting.registry.write([Save(joined)])
    assert desk.get(link).status == 403
    refused(desk, desk.post(link), 403, "NotEligible")


def test_a_vote_after_cancelling(desk: Desk) -> None:
    link = desk.waiting.link()
    desk.waiting.approvals.cancel(REQUEST, by="account:333333333333", reason="not needed", now=desk.waiting.now)
    refused(desk, desk.post(link), 409, "StageClosed")
    answer = desk.get(link)
    assert (answer.status, "not needed" in answer.body, "<form" in answer.body) == (409, True, False)


def test_a_crash_between_the_write_and_the_answer_heals_by_the_same_post(desk: Desk) -> None:
    link = desk.waiting.link()
    desk.waiting.callbacks.faults.append(RuntimeError("ended"))
    with pytest.raises(RuntimeError):
        desk.post(link)
    assert desk.waiting.callbacks.answered == []
    assert desk.post(link).status == 200
    assert len(desk.waiting.callbacks.answered) == 1


@pytest.mark.parametrize(
    "body", ["", "{}", "decision=APPROVE", "&".join(f"a{n}=1" for n in range(50)), "signature=%ff"]
)
def test_what_is_no_form_decides_nothing(desk: Desk, body: str) -> None:
    link_id, _ = desk.waiting.link()
    answer = desk.call("POST", f"/approvals/{link_id}", headers=FORM, body=body)
    refused(desk, answer, 403, "LinkForged")


def test_a_signature_in_the_query_of_a_post_is_not_looked_at(desk: Desk) -> None:
    link_id, signature = desk.waiting.link()
    answer = desk.call(
        "POST", f"/approvals/{link_id}", query={"signature": signature}, headers=FORM, body="decision=APPROVE"
    )
    refused(desk, answer, 403, "LinkForged")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_find_nothing(desk: Desk, method: str) -> None:
    link_id, _ = desk.waiting.link()
    assert desk.call(method, f"/approvals/{link_id}").status == 404
    assert desk.call("GET", "/").status == 404


def test_nothing_of_a_link_is_logged(
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", lines)
    caplog.set_level(logging.DEBUG)
    link_id, signature = desk.waiting.link()
    token = desk.waiting.stage().task_token
    assert token is not None
    desk.get((link_id, signature))
    desk.post((link_id, "A" * 43), comment="a word")
    desk.post((link_id, signature), "DENY", "")
    desk.post((link_id, signature), comment="a word")
    desk.post((link_id, signature), "DENY", "a word")
    desk.post(("y" * 43, signature))
    desk.webhook()
    desk.webhook(secret="another secret of more than thirty-two characters")
    written = "".join((*capsys.readouterr(), lines.getvalue(), caplog.text))
    assert "Vote not taken" in written
    for secret in (link_id, signature, token, SECRET, "A" * 43, "y" * 43, "a word"):
        assert secret not in written


# --- Webhook ---


def test_a_ticketing_system_decides(desk: Desk) -> None:
    answer = desk.webhook(decision="DENY", comment="No", digest=desk.waiting.request.exposure)
    assert (answer.status, answer.json["status"]) == (200, "DENIED")
    assert desk.waiting.stage().votes[0].via == "webhook"


def test_a_replayed_message_is_harmless(desk: Desk) -> None:
    at = int(desk.waiting.now.timestamp())
    desk.webhook(at=at)
    before = desk.waiting.state()
    desk.waiting.later(minutes=4)
    assert desk.webhook(at=at).status == 200
    assert desk.waiting.state() == before
    desk.waiting.later(minutes=2)
    assert desk.webhook(at=at).status == 403
    assert desk.waiting.state() == before


@pytest.mark.parametrize("skew", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_stale_message(desk: Desk, skew: timedelta) -> None:
    before = desk.waiting.state()
    assert desk.webhook(at=int((desk.waiting.now + skew).timestamp())).status == 403
    assert (desk.waiting.state(), desk.secrets_read) == (before, 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Datamesh-Signature": "v1=" + "0" * 64},
        {"X-Datamesh-Signature": "v1=nonsense"},
        {"X-Datamesh-Signature": ""},
        {"X-Datamesh-Timestamp": "soon"},
        {"X-Datamesh-Timestamp": "9" * 400},
    ],
)
def test_a_forged_message(desk: Desk, headers: dict[str, str]) -> None:
    before = desk.waiting.state()
    answer = desk.webhook(headers=headers)
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert desk.waiting.state() == before


def test_a_ticketing_system_can_name_only_who_may_decide(desk: Desk) -> None:
    refused(desk, desk.webhook(approver=DAN), 403, "NotEligible")
    refused(desk, desk.webhook(approver="mia@marketing.example"), 403, "NotEligible")
    refused(desk, desk.webhook(digest="another"), 409, "RequestChanged")
    assert desk.webhook(stage=7).status == 404
    assert desk.waiting.stage().votes == ()


@pytest.mark.parametrize("change", [{"decision": "MAYBE"}, {"approver": "nobody"}, {"request_id": 1}, {"stage": -1}])
def test_a_message_that_is_no_vote(desk: Desk, change: dict[str, Any]) -> None:
    before = desk.waiting.state()
    assert desk.webhook(**change).status == 400
    assert desk.webhook(decision="DENY").json["type"] == "urn:datamesh:BallotIncomplete"
    assert desk.waiting.state() == before


def test_without_a_secret_there_is_no_webhook(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVAL_WEBHOOK_SECRET_ARN", "")
    load.cache_clear()
    assert desk.webhook().status == 404
    assert desk.waiting.stage().votes == ()
