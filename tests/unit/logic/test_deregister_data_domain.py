"""deregister_data_domain: nothing of a domain that leaves is left but its data, and nobody is left hanging."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.admission import LEASE
from datamesh.models.permissions import Grant, TableResource
from datamesh.models.registry import (
    Change,
    GrantRecord,
    ProductRecord,
    Record,
    RequestRecord,
    Save,
    TagGrantRecord,
    account_claim,
    bucket_claim,
)
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    NOW,
    SALES,
    bucket_of,
    config_of,
    event,
    product_spec,
    register_domain,
    register_product,
    request_access,
    secret_arn,
    table_spec,
)


def leave(domain: str = "sales", **more: Any) -> dict[str, Any]:
    """Return a DeregisterDataDomain, said after everything else."""
    account = more.pop("account", {"sales": SALES, "marketing": MARKETING, "finance": FINANCE}[domain])
    return event("DeregisterDataDomain", {"domain": domain}, account=account, **{"minute": 50} | more)


@pytest.fixture
def central() -> FakeCentral:
    return central_with("sales", "marketing")


def remains(central: FakeCentral) -> dict[str, Any]:
    """All that remains, of the registry only what there is; the record that sales was here aside."""
    state = central.state()
    return state | {"registry": sorted(key for key in state["registry"] if key != "DOMAIN#sales/META")}


def rejected(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a command that must be rejected and leave everything as it was; return the answer."""
    before = central.state()
    walk = central.deliver(envelope)
    assert walk.path[-1] == "Command Rejected"
    assert central.state() == before
    told: dict[str, Any] = central.said("CommandRejected")[-1]
    return told


def test_what_registration_made_is_gone_and_the_others_are_untouched() -> None:
    alone = central_with("marketing")
    both = central_with("sales", "marketing")

    walk = both.deliver(leave())

    assert walk.path[-1] == "Domain Deregistered"
    assert remains(both) == remains(alone)
    assert both.lf_tags.known["lob"] == {"marketing"}
    assert both.registry.owner(account_claim(SALES, "sales")) is None
    assert both.registry.owner(bucket_claim(bucket_of(SALES), "sales")) is None
    (told,) = both.said("DataDomainDeregistered")
    assert told["domain"] == "sales"
    assert both.published[-1]["Detail"]["metadata"]["target_account"] == SALES


def test_the_fact_is_published_while_the_route_still_stands(central: FakeCentral) -> None:
    path = central.deliver(leave()).path
    assert path.index("Publish Domain Deregistered") < path.index("Close Domain")


def test_the_last_domain_takes_the_key_along() -> None:
    central = central_with("sales")
    central.deliver(leave())
    assert "lob" not in central.lf_tags.known


def test_a_domain_with_a_product_stays(central: FakeCentral) -> None:
    central.deliver(register_product(minute=10))
    told = rejected(central, leave())
    assert (told["code"], told["field"]) == ("DomainInUse", "domain")
    assert "the product air_travel" in told["message"]


def test_a_domain_that_holds_a_grant_stays(central: FakeCentral) -> None:
    central.registry.write([Save(tag_grant("sales", SALES, {"lob": ("marketing",)}))])
    assert "its tag grant" in rejected(central, leave())["message"]


def test_a_domain_that_was_granted_a_table_stays(central: FakeCentral) -> None:
    resource = TableResource(catalog_id=CENTRAL, database="datamesh_marketing_nrac", name="clicks")
    central.lake_formation.granted[SALES, resource] = (frozenset({"SELECT"}), frozenset())
    assert "its grant on datamesh_marketing_nrac.clicks" in rejected(central, leave())["message"]


def test_a_domain_that_a_tag_grant_names_stays(central: FakeCentral) -> None:
    central.registry.write([Save(tag_grant("marketing", MARKETING, {"lob": ("finance", "sales")}))])
    assert "marketing's tag grant" in rejected(central, leave())["message"]


def test_a_domain_whose_database_somebody_else_uses_stays(central: FakeCentral) -> None:
    table = next(iter(central_with_product().catalog.tables.values()))
    central.catalog.tables["datamesh_sales_tbac", "foreign"] = table.model_copy(update={"name": "foreign"})
    assert "the table datamesh_sales_tbac.foreign" in rejected(central, leave())["message"]


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (leave(account=MARKETING), "SenderNotOwner"),
        (leave("finance"), "DomainNotRegistered"),
        (event("DeregisterDataDomain", {"domain": "Sales!"}, minute=50), "InvalidCommand"),
    ],
    ids=["of-another-account", "unknown", "malformed"],
)
def test_a_command_that_is_refused(central: FakeCentral, envelope: dict[str, Any], code: str) -> None:
    assert rejected(central, envelope)["code"] == code


def test_twice_is_once(central: FakeCentral) -> None:
    command = leave()
    central.deliver(command)
    state = central.state()
    assert central.deliver(command).path[-1] == "Already Done"
    assert central.deliver(leave(event_id=uuid.uuid4())).path[-1] == "Already Done"
    assert central.state() == state


def test_a_late_registration_does_not_bring_it_back(central: FakeCentral) -> None:
    central.deliver(leave())
    state = central.state()
    assert central.deliver(register_domain(minute=40)).path[-1] == "Already Done"
    assert central.state() == state


def test_a_late_farewell_does_not_undo_a_newer_registration(central: FakeCentral) -> None:
    central.deliver(register_domain(minute=55))
    state = central.state()
    assert central.deliver(leave()).path[-1] == "Already Done"
    assert central.state() == state


def test_it_may_come_back() -> None:
    central = central_with("sales", "marketing")
    before = central.state()
    central.deliver(leave())
    central.now = NOW + timedelta(hours=1)
    assert central.deliver(register_domain(minute=58)).path[-1] == "Domain Registered"
    after = central.state()
    for state in (before, after):
        del state["registry"]["DOMAIN#sales/META"]
    assert after == before
    assert central.said("DataDomainRegistered")[-1]["outcome"] == "registered"


def test_another_account_may_take_the_name(central: FakeCentral) -> None:
    central.deliver(leave())
    central.domains.secrets[secret_arn(FINANCE)] = config_of("finance").model_copy(update={"domain": "sales"})
    assert central.deliver(register_domain(account=FINANCE, minute=58)).path[-1] == "Domain Registered"
    record = central.registry.domain("sales")
    assert record is not None
    assert record.account_id == FINANCE


def test_a_rejected_heir_leaves_the_name_free(central: FakeCentral) -> None:
    central.deliver(leave())
    state = central.state()
    walk = central.deliver(register_domain(account=FINANCE, minute=58))
    assert walk.path[-1] == "Command Rejected", "the secret speaks of finance"
    heir = central.registry.domain("sales")
    assert heir is not None
    assert heir.status == "DEREGISTERED"
    assert central.registry.owner(account_claim(FINANCE, "sales")) is None
    assert central.state()["grants"] == state["grants"]


@pytest.mark.parametrize(
    ("step", "when"),
    [("publish", "before"), *((step, when) for step in ("admit", "release", "close") for when in ("before", "after"))],
)
def test_a_crash_in_any_step_is_healed_by_the_command_again(central: FakeCentral, step: str, when: Any) -> None:
    expected = central_with("sales", "marketing")
    command = leave()
    expected.deliver(command)
    central.fail_once(step, RuntimeError("crashed"), when)
    assert central.deliver(command).status == "FAILED"
    central.now += LEASE
    walk = central.deliver(command)
    assert walk.path[-1] in {"Domain Deregistered", "Already Done"}
    assert remains(central) == remains(expected)


def tag_grant(consumer: str, account: str, expression: dict[str, tuple[str, ...]]) -> TagGrantRecord:
    """A standing tag grant."""
    return TagGrantRecord(
        request_id=uuid.uuid4(),
        consumer=consumer,
        account_id=account,
        expression=expression,
        principals=(f"arn:aws:iam::{account}:role/analyst",),
        granted_at=NOW,
    )


def central_with_product() -> FakeCentral:
    """A mesh whose sales have a product."""
    made = central_with("sales")
    made.deliver(register_product(minute=10))
    return made


# --- races with what others do for, or with, the domain at the same moment ---


def leaves_before(central: FakeCentral, kind: type[Record], domain: str) -> None:
    """Let a domain leave at the last moment: right before a record of a kind is first written."""

    def meanwhile(changes: Sequence[Change]) -> None:
        if any(isinstance(change, Save) and isinstance(change.record, kind) for change in changes):
            central.registry.before_write = None
            assert central.deliver(leave(domain)).path[-1] == "Domain Deregistered"

    central.registry.before_write = meanwhile


def test_a_product_is_not_admitted_to_a_domain_that_has_just_left(central: FakeCentral) -> None:
    leaves_before(central, ProductRecord, "sales")
    assert central.deliver(register_product(minute=10)).path[-1] == "Command Rejected"
    assert central.said("CommandRejected")[-1]["code"] == "DomainNotRegistered"
    assert central.registry.products("sales") == []


def test_a_request_is_not_admitted_from_a_domain_that_has_just_left() -> None:
    central = central_with("sales", "marketing", product=product_spec())
    leaves_before(central, RequestRecord, "marketing")
    request = request_access(uuid.UUID(int=7), minute=10)
    assert central.deliver(request).path[-1] == "Command Rejected"
    assert central.said("CommandRejected")[-1]["code"] == "DomainNotRegistered"
    assert central.registry.request(uuid.UUID(int=7)) is None


BY_NAME = request_access(uuid.UUID(int=7), minute=10)
BY_TAG = request_access(uuid.UUID(int=7), minute=10, product=None, expression={"confidentiality": ["non-sensitive"]})


@pytest.mark.parametrize("request_", [BY_NAME, BY_TAG], ids=["by-name", "by-tag"])
def test_nothing_is_granted_to_a_domain_that_leaves_after_its_request_was_admitted(request_: dict[str, Any]) -> None:
    spec = product_spec(access_mode="both", tags={"confidentiality": "non-sensitive"})
    central = central_with("sales", "marketing", product=spec)
    central.step("share_data_product", "admit", request_)
    assert central.deliver(leave("marketing")).path[-1] == "Domain Deregistered"
    result = central.step("share_data_product", "grant", request_)
    assert (result["outcome"], result["code"]) == ("rejected", "DomainNotRegistered")
    assert not [who for who, _ in central.lake_formation.granted if who == MARKETING]
    assert central.registry.tag_grants() == []


def test_what_was_granted_by_name_while_the_consumer_left_is_taken_back() -> None:
    flights = table_spec("flights", columns=[{"name": "id", "type": "bigint"}])
    central = central_with("sales", "marketing", product=product_spec(flights))
    central.step("share_data_product", "admit", BY_NAME)

    def leave_first(changes: Sequence[Change]) -> None:
        if any(isinstance(change, Save) and isinstance(change.record, GrantRecord) for change in changes):
            central.registry.before_write = None
            assert central.deliver(leave("marketing")).path[-1] == "Domain Deregistered"

    central.registry.before_write = leave_first
    assert central.step("share_data_product", "grant", BY_NAME)["code"] == "DomainNotRegistered"
    assert not [who for who, _ in central.lake_formation.granted if who == MARKETING]


def test_a_domain_to_which_something_is_being_granted_by_name_stays() -> None:
    flights = table_spec("flights", columns=[{"name": "id", "type": "bigint"}])
    central = central_with("sales", "marketing", product=product_spec(flights))
    central.step("share_data_product", "admit", BY_NAME)
    grant = central.lake_formation.grant

    def late(grants: Iterable[Grant]) -> None:
        central.lake_formation.grant = grant  # type: ignore[method-assign]
        assert "its grant" in rejected(central, leave("marketing"))["message"]
        grant(grants)

    central.lake_formation.grant = late  # type: ignore[method-assign]
    assert central.step("share_data_product", "grant", BY_NAME)["outcome"] == "granted"
