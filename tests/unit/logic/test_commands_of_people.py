"""Commands that people give by the API: central's own account says them, and nobody else can say that it is central."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from datamesh.logic.senders import Sender, actor_of, sender_of
from datamesh.models.commands import COMMANDS
from datamesh.models.errors import SenderNotOwner
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, Envelope
from datamesh.models.registry import Change, account_claim
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    SALES,
    by_person,
    config_of,
    event,
    product_spec,
    register_domain,
    register_product,
    request_access,
    secret_arn,
    table_spec,
)

REQUEST, OTHER = uuid.UUID(int=7), uuid.UUID(int=9)
OWNER, ANALYST = "owner@sales.example", "analyst@marketing.example"
COLUMNS = [{"name": "id", "type": "bigint"}, {"name": "email", "type": "string"}]
BY_PEOPLE = {
    "RegisterDataDomain",
    "DeregisterDataDomain",
    "RegisterDataProduct",
    "DeregisterDataProduct",
    "RequestDataProductAccess",
    "ExtendDataProductAccess",
    "RevokeDataProductAccess",
}


def flights(**changes: Any) -> dict[str, Any]:
    """Return a product with one table of two columns."""
    return product_spec(table_spec("flights", columns=COLUMNS), **changes)


def revoke(domain: str | None = "marketing", **more: Any) -> dict[str, Any]:
    """Return a RevokeDataProductAccess of the request."""
    data = {"request_id": str(REQUEST), "domain": domain, "reason": "No longer needed"}
    return event("RevokeDataProductAccess", data, account=MARKETING, **more)


def extend(**changes: Any) -> dict[str, Any]:
    """Return an ExtendDataProductAccess of the request."""
    data = {
        "request_id": str(OTHER),
        "domain": "marketing",
        "extends": str(REQUEST),
        "duration_days": 90,
        "justification": "It goes on",
        "requested_by": ANALYST,
    }
    return event("ExtendDataProductAccess", data | changes, account=MARKETING)


def ask(requested_by: str | None = ANALYST, **more: Any) -> dict[str, Any]:
    """Return a request for access that the person makes by the API."""
    return by_person(request_access(REQUEST, requested_by=requested_by, **more), ANALYST)


def told(central: FakeCentral, detail_type: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a type that central has published: to whom, and what."""
    return [
        (entry["Detail"]["metadata"]["target_account"], entry["Detail"]["data"])
        for entry in central.published
        if entry["DetailType"] == detail_type
    ]


def rejection(central: FakeCentral, command: dict[str, Any]) -> tuple[str, str, str | None]:
    """Let central refuse a command; return to whom it says so, why, and which field is to blame."""
    central.deliver(command)
    to, data = told(central, "CommandRejected")[-1]
    return to, data["code"], data["field"]


@pytest.fixture
def central() -> FakeCentral:
    return central_with("sales", "marketing", product=flights())


# --- who speaks ------------------------------------------------------------------------------------------------------


def envelope_of(command: dict[str, Any]) -> tuple[Envelope, Any]:
    envelope = Envelope.read(command)
    return envelope, envelope.metadata()


def test_a_domain_speaks_for_itself_and_what_it_says_of_people_is_not_heard() -> None:
    command = register_product()
    command["detail"]["metadata"]["person"] = "somebody@sales.example"
    sender = sender_of(*envelope_of(command), CENTRAL)
    assert sender == Sender(SALES)
    assert sender.actor == f"account:{SALES}"


def test_centrals_own_account_speaks_for_a_person() -> None:
    sender = sender_of(*envelope_of(by_person(register_product(), "Owner@Sales.example")), CENTRAL)
    assert sender == Sender(CENTRAL, central=True, person="owner@sales.example")
    assert sender.actor == "person:owner@sales.example"


def test_another_account_is_not_central_whatever_it_says() -> None:
    forged = by_person(register_product()) | {"account": SALES}
    with pytest.raises(SenderNotOwner, match=SALES):
        sender_of(*envelope_of(forged), CENTRAL)
    assert actor_of(Envelope.read(forged), CENTRAL) == f"account:{SALES}"


def test_a_domain_in_centrals_account_speaks_for_itself_alone() -> None:
    sender = sender_of(*envelope_of(register_product(account=CENTRAL)), CENTRAL)
    assert not sender.central


def test_what_is_said_without_metadata_is_said_by_its_account() -> None:
    broken = by_person(register_product())
    broken["detail"]["metadata"] = {"person": OWNER}
    assert actor_of(Envelope.read(broken), CENTRAL) == f"account:{CENTRAL}"


def test_the_commands_that_people_may_give() -> None:
    both = {command.detail_type() for command in COMMANDS if set(command.sources) == {DOMAIN_SOURCE, CENTRAL_SOURCE}}
    assert both == BY_PEOPLE
    assert {command.sources for command in COMMANDS if command.detail_type() not in BY_PEOPLE} == {(CENTRAL_SOURCE,)}


# --- forged ----------------------------------------------------------------------------------------------------------


def forgeries() -> dict[str, dict[str, Any]]:
    """Return a command of each type that a domain gives as if it were central, for another domain."""
    commands = (
        register_domain("sales"),
        event("DeregisterDataDomain", {"domain": "sales"}),
        register_product(flights(pii=True)),
        event("DeregisterDataProduct", {"domain": "sales", "name": "air_travel"}),
        request_access(OTHER, domain="marketing"),
        extend(),
        revoke(),
    )
    return {command["detail-type"]: by_person(command) | {"account": FINANCE} for command in commands}


def test_all_commands_are_forged() -> None:
    assert forgeries().keys() == BY_PEOPLE


@pytest.mark.parametrize("detail_type", sorted(BY_PEOPLE))
def test_a_domain_that_says_it_is_central_is_refused(central: FakeCentral, detail_type: str) -> None:
    # GIVEN a request that stands, and a domain of its own that may send commands
    central.deliver(register_domain("finance"))
    central.deliver(request_access(REQUEST, duration_days=10))
    before, entered = copy.deepcopy(central.state()), len(central.registry.ledger)

    # WHEN it forges the source, which the policy of the bus does not let through
    to, code, _ = rejection(central, forgeries()[detail_type])

    # THEN the account counts, nothing has changed, and the ledger names the account, never the person
    assert (to, code) == (FINANCE, "SenderNotOwner")
    assert central.state() == before
    assert {entry.actor for entry in central.registry.ledger[entered:]} <= {f"account:{FINANCE}"}


@pytest.mark.parametrize("detail_type", sorted(BY_PEOPLE - {"RevokeDataProductAccess"}))
def test_a_person_named_by_a_domain_changes_nothing(central: FakeCentral, detail_type: str) -> None:
    central.deliver(register_domain("finance"))
    command = forgeries()[detail_type] | {"source": DOMAIN_SOURCE}
    if detail_type == "RegisterDataDomain":
        command["detail"]["data"]["config_secret_arn"] = secret_arn(FINANCE)
    assert rejection(central, command)[:2] == (FINANCE, "SenderNotOwner")


def test_who_asks_for_a_domain_is_entered_as_its_account_whomever_it_names(central: FakeCentral) -> None:
    command = request_access(REQUEST, requested_by=ANALYST)
    command["detail"]["metadata"]["person"] = ANALYST
    central.deliver(command)
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.requested_by, record.asked_by) == (ANALYST, None)
    assert next(entry.actor for entry in central.registry.ledger if entry.kind == "AccessRequested") == (
        f"account:{MARKETING}"
    )


# --- domains ---------------------------------------------------------------------------------------------------------


def test_a_domain_is_registered_for_the_account_whose_secret_a_person_names() -> None:
    central = FakeCentral()
    assert central.deliver(by_person(register_domain("sales"))).status == "SUCCEEDED"
    record = central.registry.domain("sales")
    assert record is not None
    assert (record.status, record.account_id) == ("REGISTERED", SALES)
    assert [to for to, _ in told(central, "DataDomainRegistered")] == [SALES]
    assert central.said("DataDomainRegistered")[0]["account_id"] == SALES
    assert central.registry.owner(account_claim(SALES, "sales")) == "sales"


def test_what_comes_of_a_persons_command_is_what_comes_of_the_domains_own() -> None:
    by_api, by_bus = FakeCentral(), FakeCentral()
    event_id = uuid.uuid4()
    for number, command in enumerate((register_domain("sales", event_id=event_id), register_product(flights()))):
        command["detail"]["metadata"] |= {"event_id": str(uuid.UUID(int=number)), "correlation_id": str(event_id)}
        by_bus.deliver(command)
        by_api.deliver(by_person(command))
    assert by_api.state() == by_bus.state()


def test_a_registered_domain_keeps_its_account() -> None:
    central = central_with("sales", "marketing")
    central.domains.secrets[secret_arn(FINANCE)] = config_of("finance", domain="sales")
    command = by_person(register_domain("sales", account=FINANCE))
    before = copy.deepcopy(central.state())
    assert rejection(central, command) == (CENTRAL, "SenderNotOwner", "domain")
    assert central.state() == before


def test_nothing_is_held_for_an_account_whose_secret_names_another_domain() -> None:
    # GIVEN an account that is not in the mesh yet, and that means to be marketing
    central = FakeCentral()
    written: list[Change] = []
    central.registry.before_write = lambda changes: written.extend(changes)  # noqa: PLW0108 - Sequence in, None out

    # WHEN a person names its secret for a domain of another name
    command = by_person(register_domain("sales", account=MARKETING))

    # THEN the account keeps free: it has not spoken
    assert rejection(central, command) == (CENTRAL, "InvalidConfigSecret", "config_secret_arn")
    assert written == []


@pytest.mark.parametrize("account", ["", "1234", "999999999999"])
def test_a_secret_of_no_account_or_of_a_strangers_registers_nothing(account: str) -> None:
    central = FakeCentral()
    command = by_person(register_domain("sales", account=account))
    assert rejection(central, command) == (CENTRAL, "InvalidConfigSecret", "config_secret_arn")
    assert central.registry.items == {}


def test_a_person_takes_a_domain_out_of_the_mesh() -> None:
    central = central_with("sales")
    central.deliver(by_person(event("DeregisterDataDomain", {"domain": "sales"}, minute=5)))
    assert [to for to, _ in told(central, "DataDomainDeregistered")] == [SALES]
    record = central.registry.domain("sales")
    assert record is not None
    assert record.status == "DEREGISTERED"


@pytest.mark.parametrize(
    "command",
    [
        event("DeregisterDataDomain", {"domain": "nobody"}),
        event("RegisterDataProduct", {"domain": "nobody", "product": flights()}),
        event("DeregisterDataProduct", {"domain": "nobody", "name": "air_travel"}),
        request_access(OTHER, domain="nobody", requested_by=OWNER),
    ],
    ids=lambda command: command["detail-type"],
)
def test_nobody_speaks_for_a_domain_that_is_not_there(central: FakeCentral, command: dict[str, Any]) -> None:
    assert rejection(central, by_person(command))[:2] == (CENTRAL, "DomainNotRegistered")


# --- products --------------------------------------------------------------------------------------------------------


def test_a_person_registers_a_product_of_its_domain() -> None:
    central = central_with("sales")
    assert central.deliver(by_person(register_product(flights()))).status == "SUCCEEDED"
    product = central.registry.product("sales", "air_travel")
    assert product is not None
    assert (product.status, product.account_id) == ("REGISTERED", SALES)
    assert [to for to, _ in told(central, "DataProductRegistered")] == [SALES]


def test_a_rejection_goes_to_central_where_the_person_asked(central: FakeCentral) -> None:
    outside = product_spec(table_spec("flights", location="s3://somebody-elses/products/flights/"))
    to, code, field = rejection(central, by_person(register_product(outside, minute=5)))
    assert (to, code, field) == (CENTRAL, "LocationOutsideDomain", "product.tables.0.location")


def test_the_ledger_names_the_person_who_changed_what_is_sensitive(central: FakeCentral) -> None:
    flagged = product_spec(table_spec("flights", columns=[COLUMNS[0], COLUMNS[1] | {"pii": True}]))
    central.deliver(by_person(register_product(flagged, minute=5)))
    [entry] = [each for each in central.registry.ledger if each.kind == "SensitivityChanged"]
    assert entry.actor == f"person:{OWNER}"


def test_a_person_takes_a_product_out_of_the_mesh(central: FakeCentral) -> None:
    command = event("DeregisterDataProduct", {"domain": "sales", "name": "air_travel"}, minute=5)
    central.deliver(by_person(command))
    assert [to for to, _ in told(central, "DataProductDeregistered")] == [SALES]


# --- access ----------------------------------------------------------------------------------------------------------


def actors(central: FakeCentral, *kinds: str) -> Sequence[str]:
    return [entry.actor for entry in central.registry.ledger if entry.kind in kinds]


def test_a_person_asks_for_access_and_the_domain_gets_it(central: FakeCentral) -> None:
    assert central.deliver(ask()).path[-1] == "Access Granted"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.account_id, record.requested_by, record.asked_by) == (MARKETING, ANALYST, f"person:{ANALYST}")
    assert [to for to, _ in told(central, "DataProductAccessGranted")] == [MARKETING]
    assert actors(central, "AccessRequested") == [f"person:{ANALYST}"]


@pytest.mark.parametrize("requested_by", [None, "somebody@marketing.example"])
def test_who_asks_by_the_api_cannot_ask_as_somebody_else(central: FakeCentral, requested_by: str | None) -> None:
    for command in (ask(requested_by), by_person(extend(requested_by=requested_by), ANALYST)):
        assert rejection(central, command) == (CENTRAL, "InvalidCommand", "requested_by")
    assert central.registry.request(REQUEST) is None
    assert actors(central, "CommandRefused") == [f"person:{ANALYST}"] * 2


def test_the_same_request_by_another_person_is_another_request(central: FakeCentral) -> None:
    central.deliver(ask())
    other = by_person(request_access(REQUEST, requested_by=OWNER), OWNER)
    assert rejection(central, other)[:2] == (CENTRAL, "RequestIdReused")


def test_who_asked_by_the_api_does_not_decide(central: FakeCentral) -> None:
    # GIVEN an owner of the producer who also belongs to the consumer, as far as the API knows
    central.deliver(register_product(flights(pii=True), minute=5))
    command = by_person(request_access(REQUEST, requested_by=OWNER), OWNER)

    # WHEN it asks for what its own domain's people decide on, alone
    to, code, _ = rejection(central, command)

    # THEN nobody is left who may decide
    assert (to, code) == (CENTRAL, "QuorumUnreachable")


def test_who_asked_is_remembered_when_it_is_decided_again(central: FakeCentral) -> None:
    # GIVEN a request by a person that waits for people
    central.deliver(register_product(flights(pii=True), minute=5))
    central.deliver(ask())
    assert [entry.kind for entry in central.registry.ledger][-2:] == ["AccessRequested", "StageOpened"]

    # WHEN what it would show changes before it is granted, so that people are asked once more
    wider = product_spec(table_spec("flights", columns=[*COLUMNS, {"name": "phone", "type": "string"}]), pii=True)
    central.deliver(register_product(wider, minute=6))
    central.vote(REQUEST)

    # THEN the ledger has it asked by the person both times
    assert actors(central, "AccessRequested") == [f"person:{ANALYST}"] * 2


def test_a_person_extends_access(central: FakeCentral) -> None:
    central.deliver(ask(duration_days=10))
    assert central.deliver(by_person(extend(), ANALYST)).path[-1] == "Access Granted"
    assert [to for to, _ in told(central, "DataProductAccessExtended")] == [MARKETING]
    assert set(actors(central, "AccessRequested")) == {f"person:{ANALYST}"}


def test_a_person_takes_the_own_pending_request_back(central: FakeCentral) -> None:
    central.deliver(register_product(flights(pii=True), minute=5))
    assert central.deliver(ask()).path[-1] == "Ask for Approval"
    assert central.deliver(by_person(revoke(), ANALYST)).output["outcome"] == "cancelled"
    central.go_on()
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.history[-1].by) == ("CANCELLED", f"person:{ANALYST}")
    assert actors(central, "AccessCancelled") == [f"person:{ANALYST}"]


def ending(central: FakeCentral, command: dict[str, Any]) -> tuple[str, str]:
    """Deliver a revocation; return the status of the request then, and who ends it."""
    central.step("revoke_access", "admit", command)
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.ending is not None
    return record.status, record.ending.by


@pytest.mark.parametrize("domain", ["marketing", "sales", None])
def test_a_person_ends_access_for_consumer_owner_or_governance(central: FakeCentral, domain: str | None) -> None:
    central.deliver(ask())
    assert ending(central, by_person(revoke(domain))) == ("REVOKING", f"person:{OWNER}")
    assert actors(central, "AccessEnding") == [f"person:{OWNER}"]


def test_governance_without_a_person_is_central_as_ever(central: FakeCentral) -> None:
    central.deliver(ask())
    assert ending(central, by_person(revoke(None), None)) == ("REVOKING", f"account:{CENTRAL}")


def test_central_that_names_a_domain_may_do_what_the_domain_may(central: FakeCentral) -> None:
    central.deliver(register_domain("finance"))
    central.deliver(ask())
    assert rejection(central, by_person(revoke("finance")))[:2] == (CENTRAL, "RequestNotFound")
    assert rejection(central, by_person(revoke("nobody")))[:2] == (CENTRAL, "DomainNotRegistered")
    assert actors(central, "CommandRefused") == [f"person:{OWNER}"] * 2
    record = central.registry.request(REQUEST)
    assert record is not None
    assert record.status == "GRANTED"
