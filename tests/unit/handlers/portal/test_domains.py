"""Domains over the API: who sees what of them, and the commands that make and end them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datamesh.handlers import answer_query, send_command
from datamesh.models.errors import SearchUnavailable
from datamesh.models.events import Metadata
from datamesh.models.registry import DomainRecord, Save
from datamesh.models.search import Facet, FacetValue, SearchResult
from datamesh.models.timeline import LinkSign, LinkSigns
from tests.support.approvals import domain_record
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import CENTRAL, NOW, SALES, register_domain, secret_arn
from tests.support.portal import PERSON, Person


@pytest.fixture
def central(mesh: Any) -> FakeCentral:
    """Central with two domains, in front of which the API stands."""
    made = central_with("sales", "marketing")
    mesh.registry.items = made.registry.items
    return made


def deliver(central: FakeCentral, entry: Any) -> Any:
    """Let central's bus take what the API put on it."""
    metadata = Metadata.model_validate(entry.detail["metadata"])
    envelope = register_domain("sales") | {
        "source": entry.source,
        "detail-type": entry.detail_type,
        "account": CENTRAL,
        "detail": entry.detail,
    }
    assert metadata.person == PERSON
    central.now = metadata.occurred_at
    return central.deliver(envelope)


def change(mesh: Any, domain: str, **changes: Any) -> None:
    record = mesh.registry.domain(domain)
    mesh.registry.write([Save(record.model_copy(update={**changes, "version": record.version + 1}))])


def found(**counts: int) -> SearchResult:
    values = tuple(FacetValue(value=name, count=count) for name, count in counts.items())
    return SearchResult(total=sum(counts.values()), hits=(), facets=(Facet(name="domain", values=values),))


# --- Looking ---


def test_everybody_sees_the_domains_that_are_in_force(central: FakeCentral, mesh: Any) -> None:
    mesh.index.result = found(sales=3)
    answer = Person(answer_query.handler).get("/v1/domains")
    assert answer.status == 200
    said = [(item["domain"], item["status"], item["product_count"]) for item in answer.json["items"]]
    assert said == [("marketing", "REGISTERED", 0), ("sales", "REGISTERED", 3)]
    assert answer.json["next_cursor"] is None


def test_the_list_comes_in_pages(central: FakeCentral, mesh: Any) -> None:
    person = Person(answer_query.handler)
    first = person.get("/v1/domains", limit="1").json
    second = person.get("/v1/domains", limit="1", cursor=first["next_cursor"]).json
    assert [item["domain"] for page in (first, second) for item in page["items"]] == ["marketing", "sales"]
    assert second["next_cursor"] is None
    broken = person.get("/v1/domains", limit="1", cursor="abc")
    assert (broken.status, broken.code, broken.json["field"]) == (400, "InvalidRequest", "cursor")
    for limit in ("0", "201", "x", "-1", "1.5"):
        assert person.get("/v1/domains", limit=limit).status == 400


def test_what_is_not_in_force_only_those_see_who_belong_to_it(central: FakeCentral, mesh: Any) -> None:
    change(mesh, "sales", status="DEREGISTERED")
    change(mesh, "marketing", config=None, status="REGISTERING")
    for groups, seen in [
        ((), []),
        (("finance.owner",), []),
        (("marketing.member",), ["marketing"]),
        (("sales.member",), ["sales"]),
        (("mesh.auditor",), ["marketing", "sales"]),
    ]:
        person = Person(answer_query.handler, *groups)
        assert [item["domain"] for item in person.get("/v1/domains").json["items"]] == seen
        for domain in ("marketing", "sales"):
            assert (person.get(f"/v1/domains/{domain}").status == 200) == (domain in seen)


def test_a_domain_that_is_not_there_is_not_found(mesh: Any) -> None:
    answer = Person(answer_query.handler, "sales.owner", "mesh.admin").get("/v1/domains/sales")
    assert (answer.status, answer.code) == (404, "NotFound")


def test_where_the_data_and_the_bus_are_is_for_those_who_belong_to_it(central: FakeCentral, mesh: Any) -> None:
    change(mesh, "sales", error="The secret cannot be read")
    mesh.timeline.signs = LinkSigns(failed=LinkSign(domain="sales", sign="FAILED", at=NOW, text="link: it broke"))
    private = ("location", "bus_arn", "config_secret_arn", "error")
    for groups in ((), ("marketing.owner",)):
        said = Person(answer_query.handler, *groups).get("/v1/domains/sales").json
        assert [said[name] for name in private] == [None] * 4
        assert said["link"]["last_failure"] is None
        assert "secret" not in str(said).replace("config_secret_arn", "")
    for groups in (("sales.member",), ("mesh.operator",)):
        said = Person(answer_query.handler, *groups).get("/v1/domains/sales").json
        assert said["location"] == "s3://datamesh-domain-clean-222222222222-eu-west-1/products/"
        assert said["bus_arn"] == "arn:aws:events:eu-west-1:222222222222:event-bus/datamesh-domain"
        assert said["config_secret_arn"] == secret_arn(SALES)
        assert said["error"] == "The secret cannot be read"
        assert said["link"] == {
            "health": "FAILING",
            "last_sent_at": None,
            "last_heard_at": None,
            "last_failure": "link: it broke",
        }


def test_who_decides_for_a_domain_everybody_may_know(central: FakeCentral, mesh: Any) -> None:
    said = Person(answer_query.handler).get("/v1/domains/sales").json
    assert [person["email"] for person in said["owners"]] == ["owner@sales.example"]
    assert [person["email"] for person in said["stewards"]] == ["steward@sales.example"]
    assert said["databases"] == {"nrac": "datamesh_sales_nrac", "tbac": "datamesh_sales_tbac"}
    assert (said["account_id"], said["region"]) == (SALES, "eu-west-1")


@pytest.mark.parametrize(
    ("signs", "health"),
    [
        ((None, None, None), "UNKNOWN"),
        ((1, None, None), "WAITING"),
        ((None, 1, None), "OK"),
        ((1, 2, None), "OK"),
        ((2, 1, None), "WAITING"),
        ((1, 2, 2), "FAILING"),
        ((3, 2, 2), "FAILING"),
        ((1, 3, 2), "OK"),
        ((1, None, 2), "FAILING"),
    ],
)
def test_health_is_told_from_what_passed(
    central: FakeCentral, mesh: Any, signs: tuple[int | None, ...], health: str
) -> None:
    def sign(name: Any, minute: int | None) -> LinkSign | None:
        at = NOW + timedelta(minutes=minute or 0)
        return LinkSign(domain="sales", sign=name, at=at) if minute is not None else None

    sent, heard, failed = signs
    mesh.timeline.signs = LinkSigns(sent=sign("SENT", sent), heard=sign("HEARD", heard), failed=sign("FAILED", failed))
    assert Person(answer_query.handler).get("/v1/domains/sales").json["link"]["health"] == health


def test_counts_are_those_of_what_the_person_may_find(central: FakeCentral, mesh: Any) -> None:
    Person(answer_query.handler, "marketing.member").get("/v1/domains")
    Person(answer_query.handler, "mesh.operator").get("/v1/domains/sales")
    member, operator = mesh.index.asked
    assert (member.domains, member.sees_all) == (("marketing",), False)
    assert (operator.domains, operator.sees_all) == ((), True)


def test_a_domain_that_the_facet_leaves_out_is_counted_by_itself(central: FakeCentral, mesh: Any) -> None:
    mesh.index.result = SearchResult(
        total=7, hits=(), facets=(Facet(name="domain", values=(FacetValue(value="sales", count=4),)),)
    )
    items = Person(answer_query.handler).get("/v1/domains").json["items"]
    assert [(item["domain"], item["product_count"]) for item in items] == [("marketing", 7), ("sales", 4)]
    assert [query.domain for query in mesh.index.asked] == [(), ("marketing",)]


def test_an_index_that_does_not_answer_is_asked_later(central: FakeCentral, mesh: Any) -> None:
    mesh.index.fault = SearchUnavailable("no")
    answer = Person(answer_query.handler).get("/v1/domains")
    assert (answer.status, answer.code) == (503, "SearchUnavailable")


# --- Commands ---


def test_a_person_registers_a_domain(mesh: Any) -> None:
    central = FakeCentral()
    body = {"domain": "sales", "config_secret_arn": secret_arn(SALES), "tags": {}}
    answer = Person(send_command.handler, "sales.owner").ask("POST", "/v1/domains", body=body)
    assert answer.status == 202
    (entry,) = mesh.bus.entries
    assert (entry.source, entry.detail_type) == ("datamesh.central", "RegisterDataDomain")
    assert entry.detail["metadata"]["correlation_id"] == answer.json["correlation_id"]
    assert answer.json["command"] == "RegisterDataDomain"
    assert "target_account" not in entry.detail["metadata"]
    assert deliver(central, entry).status == "SUCCEEDED"
    record = central.registry.domain("sales")
    assert isinstance(record, DomainRecord)
    assert (record.status, record.account_id) == ("REGISTERED", SALES)


@pytest.mark.parametrize("groups", [(), ("sales.steward",), ("sales.member",), ("marketing.owner",), ("mesh.auditor",)])
def test_only_the_owner_of_that_very_domain_registers_it(mesh: Any, groups: tuple[str, ...]) -> None:
    body = {"domain": "sales", "config_secret_arn": secret_arn(SALES)}
    answer = Person(send_command.handler, *groups).ask("POST", "/v1/domains", body=body)
    assert (answer.status, answer.code) == (403, "NotAllowed")
    assert mesh.bus.entries == []


def test_a_person_lets_a_domain_leave(central: FakeCentral, mesh: Any) -> None:
    answer = Person(send_command.handler, "mesh.admin").ask("DELETE", "/v1/domains/sales")
    assert (answer.status, answer.json["command"]) == (202, "DeregisterDataDomain")
    assert deliver(central, mesh.bus.entries[0]).status == "SUCCEEDED"
    record = central.registry.domain("sales")
    assert record is not None
    assert record.status == "DEREGISTERED"


def test_a_domain_that_is_not_there_cannot_leave(mesh: Any) -> None:
    person = Person(send_command.handler, "sales.owner")
    assert person.ask("DELETE", "/v1/domains/sales").status == 404
    mesh.registry.write([Save(domain_record("sales").model_copy(update={"status": "DEREGISTERED"}))])
    assert person.ask("DELETE", "/v1/domains/sales").status == 404
    assert mesh.bus.entries == []
