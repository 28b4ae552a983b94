"""register_data_domain and LF-tags: the domain's value, its own tags, what is shared, and whom a change concerns."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from datamesh.logic.tag_work import tag_work
from datamesh.models.catalog import CatalogColumn, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.errors import ConflictError, RecordBusy
from datamesh.models.permissions import Resource, TagPolicyResource, TagResource
from datamesh.models.registry import ProductContent, ProductRecord, Save, Stamp, TableRecord, TagGrantRecord
from datamesh.models.tags import TableTags
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    MARKETING,
    NOW,
    SALES,
    config_of,
    register_domain,
    secret_arn,
    table_spec,
)

DATABASE, TABLE = "datamesh_sales_tbac", "flights"
STAMP = Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1))


@pytest.fixture
def central() -> FakeCentral:
    return FakeCentral()


def with_table(central: FakeCentral, *, product: str = "air_travel", name: str = TABLE, **says: Any) -> None:
    """Put a product of sales with one table into the tag-based database, as its registration does."""
    said = {"description": "Flights", "classification": "internal", "pii": False, "stamp": STAMP} | says
    spec = TableSpec.model_validate(table_spec(name))
    central.catalog.create_table(
        DATABASE,
        CatalogTable(
            name=name,
            columns=(CatalogColumn(name="origin"),),
            parameters={"data_classification": "internal", "pii_flag": "false"},
        ),
    )
    tags = central.lf_tags.table_tags(DATABASE, name).model_copy(update={"column_names": ("origin",)})
    central.registry.write(
        [
            Save(
                ProductRecord(
                    status="REGISTERED",
                    stamp=STAMP,
                    execution_id="earlier",
                    lease_expires_at=NOW,
                    updated_at=NOW,
                    domain="sales",
                    name=product,
                    account_id=SALES,
                    database="datamesh_sales_nrac",
                    tag_database=DATABASE,
                    access_mode="tbac",
                    content=ProductContent.model_validate(said),
                )
            ),
            Save(
                TableRecord(domain="sales", product=product, name=name, spec=spec, stamp=STAMP, tagged=tags),
            ),
        ]
    )


def with_grant(central: FakeCentral, expression: dict[str, tuple[str, ...]]) -> None:
    """Let marketing hold a tag expression."""
    central.registry.write(
        [
            Save(
                TagGrantRecord(
                    request_id=uuid.uuid4(),
                    consumer="marketing",
                    account_id=MARKETING,
                    expression=expression,
                    principals=(f"arn:aws:iam::{MARKETING}:role/analyst",),
                    granted_at=NOW,
                )
            )
        ]
    )


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a command that must be rejected without a trace, and return what the sender is told."""
    before = central.state()
    walk = central.deliver(envelope)
    assert (walk.status, walk.path[-1]) == ("SUCCEEDED", "Command Rejected")
    assert central.state() == before, "a rejection leaves nothing behind"
    told = [each["Detail"]["data"] for each in central.published if each["DetailType"] == "CommandRejected"]
    answer: dict[str, Any] = told[-1]
    return answer


def tagged(central: FakeCentral) -> TableTags:
    """Return what consumers were last told of the table."""
    [record] = [each for each in central.registry.tables("sales", "air_travel") if each.name == TABLE]
    assert record.tagged is not None
    return record.tagged


# --- the domain's value ----------------------------------------------------------------------------------------------


def test_a_domain_gets_its_value_and_shares_what_carries_it(central: FakeCentral) -> None:
    central.deliver(register_domain())
    assert central.lf_tags.values("lob") == frozenset({"sales"})
    assert central.lf_tags.database_tags(DATABASE) == {"lob": "sales"}
    assert "datamesh_sales_nrac" not in central.lf_tags.on_databases
    expression = (("lob", ("sales",)),)
    held: dict[Resource, set[str]] = {
        TagResource(catalog_id=CENTRAL, key="lob", values=("sales",)): {"ASSOCIATE", "DESCRIBE"},
        TagPolicyResource(catalog_id=CENTRAL, resource_type="DATABASE", expression=expression): {"DESCRIBE"},
        TagPolicyResource(catalog_id=CENTRAL, resource_type="TABLE", expression=expression): {
            "ALTER",
            "DESCRIBE",
            "SELECT",
        },
    }
    for resource, permissions in held.items():
        granted, grantable = central.lake_formation.granted[SALES, resource]
        assert set(granted) == set(grantable) == permissions


def test_three_domains_in_any_order_twice_are_the_same() -> None:
    states = []
    for order in (sorted(ACCOUNTS), sorted(ACCOUNTS, reverse=True)):
        central = central_with(*order)
        for minute, domain in enumerate(order, 1):
            central.deliver(register_domain(domain, minute=minute))
        assert central.lf_tags.known["lob"] == set(ACCOUNTS)
        states.append(central.state() | {"registry": None})
    assert states[0] == states[1]


def test_what_others_call_their_lines_of_business_stays(central: FakeCentral) -> None:
    central.lf_tags.known["lob"] = {"legal"}
    central.deliver(register_domain())
    assert central.lf_tags.known["lob"] == {"legal", "sales"}


def test_a_domain_beside_central_needs_no_grant_on_tags() -> None:
    central = FakeCentral(account_id=SALES)
    central.deliver(register_domain())
    policies = [what for _, what in central.lake_formation.granted if isinstance(what, TagResource | TagPolicyResource)]
    assert policies == []
    assert central.lf_tags.database_tags(DATABASE) == {"lob": "sales"}


# --- tags of its own -------------------------------------------------------------------------------------------------


def test_a_domains_own_tags_are_on_its_database_beside_its_value(central: FakeCentral) -> None:
    central.deliver(register_domain(tags={"classification": "internal"}))
    assert central.lf_tags.database_tags(DATABASE) == {"classification": "internal", "lob": "sales"}
    record = central.registry.domain("sales")
    assert record is not None
    assert (record.tags, record.pending_tags) == ({"classification": "internal"}, None)


def test_other_tags_are_an_update_and_none_take_them_away(central: FakeCentral) -> None:
    central.deliver(register_domain(tags={"classification": "internal"}))
    central.deliver(register_domain(tags={"classification": "internal"}, minute=1))
    central.deliver(register_domain(minute=2))
    outcomes = [fact["outcome"] for fact in central.said("DataDomainRegistered")]
    assert outcomes == ["registered", "unchanged", "updated"]
    assert central.lf_tags.database_tags(DATABASE) == {"lob": "sales"}


def test_tags_that_are_as_wanted_are_not_set_again(central: FakeCentral) -> None:
    central.deliver(register_domain(tags={"classification": "internal"}))
    central.lf_tags.writes.clear()
    central.deliver(register_domain(tags={"classification": "internal"}, minute=1))
    assert central.lf_tags.writes == []


def test_the_key_of_the_domains_is_nobodys_to_set(central: FakeCentral) -> None:
    told = rejection(central, register_domain(tags={"lob": "marketing"}))
    assert (told["code"], told["field"]) == ("ReservedTagKey", "tags.lob")


@pytest.mark.parametrize(
    "tags", [{"colour": "blue"}, {"classification": "secret"}], ids=["no such key", "no such value"]
)
def test_a_tag_that_the_mesh_does_not_have_is_refused(central: FakeCentral, tags: dict[str, str]) -> None:
    told = rejection(central, register_domain(tags=tags))
    assert (told["code"], told["field"]) == ("UnknownTag", f"tags.{next(iter(tags))}")


@pytest.mark.parametrize("tags", [{"Classification": "internal"}, {"classification": "Internal"}])
def test_tags_are_lower_case(central: FakeCentral, tags: dict[str, str]) -> None:
    told = rejection(central, register_domain(tags=tags))
    assert told["code"] == "InvalidCommand"
    assert "lower case" in told["message"]


def test_a_late_command_does_not_bring_old_tags_back(central: FakeCentral) -> None:
    central.deliver(register_domain(minute=5))
    walk = central.deliver(register_domain(tags={"classification": "internal"}, minute=1))
    assert walk.path[-1] == "Already Done"
    assert central.lf_tags.database_tags(DATABASE) == {"lob": "sales"}


# --- who gains or loses ----------------------------------------------------------------------------------------------


def test_whoever_gains_by_inherited_tags_is_told_and_it_is_recorded() -> None:
    central = central_with("sales", "marketing")
    with_table(central)
    with_grant(central, {"classification": ("internal",)})
    command = register_domain(tags={"classification": "internal"}, minute=1)
    assert central.deliver(command).status == "SUCCEEDED"

    told = [entry for entry in central.published if entry["DetailType"] == "DataProductTagsChanged"]
    by_account = {entry["Detail"]["metadata"]["target_account"]: entry["Detail"]["data"] for entry in told}
    assert set(by_account) == {SALES, MARKETING}
    [change] = by_account[MARKETING]["changes"]
    assert (change["consumer"], change["table"], change["effect"]) == ("marketing", TABLE, "gained")
    assert change["gained"] == ["origin"]
    [grant] = by_account[MARKETING]["grants"]
    assert grant["expression"] == {"classification": ["internal"]}
    assert by_account[SALES]["grants"] == []
    assert tagged(central).database == {"classification": "internal", "lob": "sales"}
    [record] = central.registry.tag_changes("sales", "air_travel", Stamp.model_validate(_stamp(command)))
    assert [each.effect for each in record.changes] == ["gained"]


def _stamp(command: dict[str, Any]) -> dict[str, Any]:
    metadata = command["detail"]["metadata"]
    return {"occurred_at": metadata["occurred_at"], "event_id": metadata["event_id"]}


def test_whoever_loses_is_told() -> None:
    central = central_with("sales", "marketing")
    with_table(central)
    with_grant(central, {"classification": ("internal",)})
    central.deliver(register_domain(tags={"classification": "internal"}, minute=1))
    central.published.clear()
    central.deliver(register_domain(minute=2))
    effects = [change["effect"] for fact in central.said("DataProductTagsChanged") for change in fact["changes"]]
    assert effects == ["lost", "lost"], "the producer and the consumer hear of it"


def test_nothing_is_told_when_no_tag_changed() -> None:
    central = central_with("sales", "marketing")
    with_table(central)
    central.deliver(register_domain(minute=1))
    assert central.said("DataProductTagsChanged") == []


def test_every_product_is_told_of_by_events_of_their_own() -> None:
    central = central_with("sales")
    for number in range(25):
        with_table(central, product=f"product_{number:02}", name=f"table_{number:02}")
    central.deliver(register_domain(tags={"classification": "internal"}, minute=1))
    told = [entry["Detail"] for entry in central.published if entry["DetailType"] == "DataProductTagsChanged"]
    assert len({fact["metadata"]["event_id"] for fact in told}) == 25
    assert {fact["data"]["product"] for fact in told} == {f"product_{number:02}" for number in range(25)}


def test_tags_that_would_show_something_sensitive_are_refused() -> None:
    central = central_with("sales", "marketing")
    with_table(central, classification=None)
    with_grant(central, {"classification": ("internal",)})
    told = rejection(central, register_domain(tags={"classification": "internal"}, minute=1))
    assert (told["code"], told["field"]) == ("ExposesSensitive", "tags")
    assert "marketing" in told["message"]
    assert TABLE in told["message"]
    record = central.registry.domain("sales")
    assert record is not None
    assert (record.status, record.pending, record.pending_tags) == ("REGISTERED", None, None)


def test_after_a_refusal_the_next_command_is_taken() -> None:
    central = central_with("sales", "marketing")
    with_table(central, classification=None)
    with_grant(central, {"classification": ("internal",)})
    command = register_domain(tags={"classification": "internal"}, minute=1)
    rejection(central, command)
    rejection(central, command)
    assert central.deliver(register_domain(minute=2)).path[-1] == "Domain Registered"


def test_a_sensitive_tag_on_the_database_hides_nothing_from_the_check() -> None:
    central = central_with("sales", "marketing")
    with_table(central)
    with_grant(central, {"confidentiality": ("sensitive",)})
    told = rejection(central, register_domain(tags={"confidentiality": "sensitive"}, minute=1))
    assert told["code"] == "ExposesSensitive"
    assert "confidentiality=sensitive" in told["message"]


def test_a_refused_command_leaves_the_secret_that_is_in_force() -> None:
    central = central_with("sales", "marketing")
    with_table(central, classification=None)
    with_grant(central, {"classification": ("internal",)})
    other = secret_arn(SALES).replace("a1B2c3", "d4E5f6")
    central.domains.secrets[other] = config_of("sales")
    command = register_domain(tags={"classification": "internal"}, minute=1)
    command["detail"]["data"]["config_secret_arn"] = other
    rejection(central, command)
    record = central.registry.domain("sales")
    assert record is not None
    assert record.secret_arn == secret_arn(SALES)


# --- one at a time, and what remains of what went wrong --------------------------------------------------------------


def test_tags_wait_for_whoever_works_on_tags(central: FakeCentral) -> None:
    envelope = register_domain()
    central.step("register_data_domain", "admit", envelope)
    central.step("register_data_domain", "verify", envelope)
    with tag_work(central.registry, "another", NOW), pytest.raises(RecordBusy, match="another"):
        central.step("register_data_domain", "prepare", envelope)
    assert central.lf_tags.on_databases == {}
    assert central.step("register_data_domain", "prepare", envelope)["outcome"] == "prepared"
    assert central.registry.tag_work() is None


def test_a_busy_mesh_is_waited_for_by_the_workflow(central: FakeCentral) -> None:
    central.fail_once("prepare", RecordBusy("LF-tags are being worked on"))
    walk = central.deliver(register_domain())
    assert walk.path[-1] == "Domain Registered"
    assert [call.step for call in walk.calls].count("prepare") == 2


@pytest.mark.parametrize("step", ["prepare", "route", "record", "tell", "confirm"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_command_sent_again_heals_what_failed_and_tells_what_was_not_told(step: str, when: Any) -> None:
    central = central_with("sales", "marketing")
    with_table(central)
    with_grant(central, {"classification": ("internal",)})
    command = register_domain(tags={"classification": "internal"}, minute=1)
    central.fail_once(step, ConflictError("injected"), when)
    failed = central.deliver(command)
    if (step, when) != ("confirm", "after"):
        assert failed.status == "FAILED"
        central.deliver(command)
    assert central.lf_tags.database_tags(DATABASE) == {"classification": "internal", "lob": "sales"}
    facts = [entry["Detail"] for entry in central.published if entry["DetailType"] == "DataProductTagsChanged"]
    assert {fact["metadata"]["target_account"] for fact in facts} == {SALES, MARKETING}
    assert len({fact["metadata"]["event_id"] for fact in facts}) == 2
    record = central.registry.domain("sales")
    assert record is not None
    assert (record.status, record.tags) == ("REGISTERED", {"classification": "internal"})


def test_tags_that_would_show_what_nobody_has_declared_are_refused() -> None:
    central = central_with("sales", "marketing")
    central.catalog.create_table(DATABASE, CatalogTable(name="left_behind"))
    assert central.deliver(register_domain(tags={"classification": "public"}, minute=1)).path[-1] == "Domain Registered"
    with_grant(central, {"classification": ("internal",)})
    told = rejection(central, register_domain(tags={"classification": "internal"}, minute=2))
    assert (told["code"], told["field"]) == ("ExposesSensitive", "tags")
    assert "marketing would see datamesh_sales_tbac.left_behind" in told["message"]
