"""A request that comes again: answered as the first one was, and nothing happens twice."""

from __future__ import annotations

from typing import Any

from datamesh.aws.idempotency import Idempotency
from datamesh.handlers import send_command
from datamesh.handlers.portal._gateways import prefix
from datamesh.models.errors import PublishFailed
from datamesh.models.events import Metadata
from datamesh.models.registry import Save
from tests.support.approvals import domain_record
from tests.support.portal import CONTEXT, ENVIRONMENT, PERSON, Person

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:datamesh-domain-config-a1B2c3"
BODY = {"domain": "sales", "config_secret_arn": SECRET_ARN}
KEY = {"Idempotency-Key": "0a1b2c3d-key"}


def owner(*groups: str, email: str = "ann@sales.example") -> Person:
    return Person(send_command.handler, *(groups or ("sales.owner",)), email=email)


def test_a_repeated_request_gets_the_first_answer(mesh: Any, answers: Any) -> None:
    first = owner().ask("POST", "/v1/domains", body=BODY, headers=KEY)
    again = owner().ask("POST", "/v1/domains", body=dict(reversed(BODY.items())), headers=KEY)
    assert (first.status, again.status) == (202, 202)
    assert again.json == first.json
    assert again.headers == first.headers
    assert len(mesh.bus.entries) == 1


def test_without_a_key_every_request_is_a_new_one(mesh: Any) -> None:
    one, two = (owner().ask("POST", "/v1/domains", body=BODY) for _ in range(2))
    assert one.json["correlation_id"] != two.json["correlation_id"]
    ids = {entry.detail["metadata"]["event_id"] for entry in mesh.bus.entries}
    assert len(ids) == 2


def test_another_request_with_the_same_key_is_refused(mesh: Any, answers: Any) -> None:
    mesh.registry.write([Save(domain_record("sales"))])
    person = owner()
    assert person.ask("POST", "/v1/domains", body=BODY, headers=KEY).status == 202
    other = person.ask("POST", "/v1/domains", body=BODY | {"tags": {"team": "a"}}, headers=KEY)
    assert (other.status, other.code) == (422, "IdempotencyConflict")
    assert len(mesh.bus.entries) == 1


def test_a_key_belongs_to_one_person_and_one_operation(mesh: Any, answers: Any) -> None:
    mesh.registry.write([Save(domain_record("sales"))])
    assert owner().ask("POST", "/v1/domains", body=BODY, headers=KEY).status == 202
    other = BODY | {"tags": {"team": "a"}}
    assert owner(email="ben@sales.example").ask("POST", "/v1/domains", body=other, headers=KEY).status == 202
    assert owner().ask("DELETE", "/v1/domains/sales", headers=KEY).status == 202
    ids = {entry.detail["metadata"]["event_id"] for entry in mesh.bus.entries}
    assert len(ids) == 3


def test_a_key_belongs_to_one_path(mesh: Any, answers: Any) -> None:
    mesh.registry.write([Save(domain_record("sales")), Save(domain_record("marketing"))])
    admin = owner("mesh.admin")
    assert admin.ask("DELETE", "/v1/domains/sales", headers=KEY).status == 202
    assert admin.ask("DELETE", "/v1/domains/marketing", headers=KEY).code == "IdempotencyConflict"


def test_whoever_may_not_any_more_does_not_get_the_old_answer(mesh: Any, answers: Any) -> None:
    mesh.registry.write([Save(domain_record("sales"))])
    assert owner().ask("DELETE", "/v1/domains/sales", headers=KEY).status == 202
    assert owner("sales.member").ask("DELETE", "/v1/domains/sales", headers=KEY).status == 403


def test_what_failed_may_be_sent_again_and_says_the_same_event(mesh: Any, answers: Any) -> None:
    mesh.bus.fault = PublishFailed("no")
    assert owner().ask("POST", "/v1/domains", body=BODY, headers=KEY).status == 500
    mesh.bus.fault = None
    answer = owner().ask("POST", "/v1/domains", body=BODY, headers=KEY)
    assert answer.status == 202
    (entry,) = mesh.bus.entries
    said = Metadata.model_validate(entry.detail["metadata"])
    # After the answer was lost as well: the table knows nothing, the event is the same.
    for item in answers.scan(TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"])["Items"]:
        answers.delete_item(TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"], Key={"id": item["id"]})
    assert owner().ask("POST", "/v1/domains", body=BODY, headers=KEY).json == answer.json
    assert Metadata.model_validate(mesh.bus.entries[1].detail["metadata"]).event_id == said.event_id


def test_a_refusal_is_not_kept(mesh: Any, answers: Any) -> None:
    assert owner().ask("DELETE", "/v1/domains/sales", headers=KEY).status == 404
    mesh.registry.write([Save(domain_record("sales"))])
    assert owner().ask("DELETE", "/v1/domains/sales", headers=KEY).status == 202


def test_while_the_first_is_being_answered_the_second_waits(mesh: Any, answers: Any) -> None:
    mesh.registry.write([Save(domain_record("sales"))])
    seen: list[tuple[int, str]] = []

    def act() -> dict[str, Any]:
        answer = owner().ask("DELETE", "/v1/domains/sales", headers=KEY)
        seen.append((answer.status, answer.code))
        return {"status": 202, "body": {}}

    scope = (PERSON, "leave_domain", KEY["Idempotency-Key"])
    request = {"path": "/v1/domains/sales", "query": "", "body": None}
    Idempotency(ENVIRONMENT["IDEMPOTENCY_TABLE"]).once(scope, request, CONTEXT, act)
    assert seen == [(409, "StateConflict")]
    assert mesh.bus.entries == []


def test_a_table_that_does_not_answer_is_asked_again_later(mesh: Any, answers: Any) -> None:
    answers.delete_table(TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"])
    answer = owner().ask("POST", "/v1/domains", body=BODY, headers=KEY)
    assert (answer.status, answer.code) == (503, "AwsTemporarilyUnavailable")
    assert mesh.bus.entries == []


def test_a_key_has_a_form(mesh: Any) -> None:
    for key in ("short", "x" * 65, "with space in it", "ünicode-key", ""):
        answer = owner().ask("POST", "/v1/domains", body=BODY, headers={"Idempotency-Key": key})
        assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key"), key
    assert mesh.bus.entries == []


def test_the_table_holds_nothing_of_the_request(mesh: Any, answers: Any) -> None:
    assert owner().ask("POST", "/v1/domains", body=BODY, headers=KEY).status == 202
    (item,) = answers.scan(TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"])["Items"]
    assert set(item) == {"id", "status", "expiration", "in_progress_expiration", "data", "validation"}
    for hidden in (KEY["Idempotency-Key"], SECRET_ARN, "ann@sales.example"):
        assert hidden not in str(item)


def test_the_gateway_knows_a_request_by_its_scope_and_content(answers: Any) -> None:
    gateway = Idempotency(ENVIRONMENT["IDEMPOTENCY_TABLE"])
    acts: list[int] = []

    def act() -> dict[str, Any]:
        acts.append(1)
        return {"status": 202, "body": {"number": len(acts)}}

    once = [gateway.once(("a", "b", "c"), {"body": {"x": 1, "y": 2}}, CONTEXT, act) for _ in range(3)]
    assert [answer["body"]["number"] for answer in once] == [1, 1, 1]
    assert gateway.once(("a", "b", "d"), {"body": {}}, CONTEXT, act)["body"]["number"] == 2
    assert prefix() == "datamesh"
