"""The dry run says what central then does, and touches nothing."""

import uuid
from typing import Any

import pytest

from datamesh.logic.policy_dry_run import dry_run
from datamesh.logic.policy_explained import Explanation
from datamesh.logic.share_world import ShareConfig, World
from datamesh.models.commands import RequestDataProductAccess
from datamesh.models.policy import ApprovalPolicy, Conditions, Rule, Stage
from tests.support.central import RULES, FakeCentral, central_with
from tests.support.central_commands import FINANCE, product_spec, request_access, table_spec

OPEN_COLUMN = {"name": "month", "type": "string", "pii": False}
PERSONAL = {"name": "email", "type": "string", "pii": True}
OWNERS = Stage(name="owners", approvers=("product_owners",))
STRANGER = f"arn:aws:iam::{FINANCE}:role/analyst"


def central_of(policy: ApprovalPolicy | None = None) -> FakeCentral:
    tables = (table_spec("flights"), table_spec("customers", columns=[OPEN_COLUMN, PERSONAL]))
    central = central_with("sales", "marketing", product=product_spec(*tables))
    if policy is not None:
        central.registry.policy_document = policy.model_dump_json()
    return central


def explained(central: FakeCentral, envelope: dict[str, Any]) -> Explanation:
    """Return what the dry run says; it has nothing with which it could change anything but the registry."""
    nothing: Any = None
    world = World(
        central.registry, central.catalog, central.lake_formation, central.lf_tags, nothing, nothing, nothing, nothing
    )
    before = central.state()
    command = RequestDataProductAccess.model_validate(envelope["detail"]["data"])
    config = ShareConfig(central.account_id, "datamesh", RULES)
    found = dry_run(central.registry.policy(), command, world, config, central.now)
    assert central.state() == before
    return found


def test_it_says_what_would_be_shown_and_who_decides() -> None:
    found = explained(central_of(), request_access(tables=["customers"]))
    assert (found.outcome, found.rule, found.grant_to) == ("people", "sensitive", "principals")
    (table,) = found.shows
    assert (table.name, table.sensitive) == ("customers", ("email",))
    assert found.stages[0].places[0].people == ("owner@sales.example",)
    assert any("customers.email" in reason for reason in found.reasons)


OTHER_POLICY = ApprovalPolicy(
    rules=(
        Rule(name="few", when=Conditions(sensitive=False, classifications=("restricted",))),
        Rule(name="fraud", when=Conditions(consumers=("marketing",)), stages=(OWNERS,), purposes=("fraud",)),
    )
)
TWICE = ApprovalPolicy(rules=(Rule(name="twice", stages=(OWNERS, Stage(name="again", approvers=("product_owners",)))),))


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (None, {"tables": ["flights"]}),
        (None, {"tables": ["customers"]}),
        (None, {"tables": ["customers"], "columns": {"customers": ["month"]}}),
        (None, {"tables": ["customers"], "requested_by": "owner@sales.example"}),
        (None, {"tables": None}),
        (None, {"tables": ["nothing"]}),
        (None, {"tables": ["flights"], "columns": {"flights": ["nothing"]}}),
        (None, {"product": {"domain": "sales", "name": "nothing"}}),
        (None, {"product": {"domain": "marketing", "name": "air_travel"}}),
        (None, {"principals": [STRANGER]}),
        (None, {"product": None, "expression": {"lob": ["sales"]}}),
        (OTHER_POLICY, {"tables": ["flights"]}),
        (OTHER_POLICY, {"tables": ["customers"], "purpose": "fraud", "duration_days": 7}),
        (TWICE, {"tables": ["flights"]}),
    ],
)
def test_central_then_does_what_it_said(policy: ApprovalPolicy | None, asked: dict[str, Any]) -> None:
    # GIVEN what the dry run says of a request
    central = central_of(policy)
    envelope = request_access(uuid.UUID(int=7), **asked)
    found = explained(central, envelope)

    # WHEN the request is made
    central.deliver(envelope)

    # THEN it is granted, waits or is refused just so
    record = central.registry.request(uuid.UUID(int=7))
    assert record is not None
    outcomes = {"GRANTED": "automatic", "PROVISIONED": "automatic", "PENDING": "people", "REJECTED": "refused"}
    assert outcomes[record.status] == found.outcome
    if found.refusal is not None:
        told = (record.rejection, record.reason, record.rejected_field)
        assert told == (found.refusal.code, found.refusal.message, found.refusal.field)
    else:
        assert record.ruling is not None
        assert (record.ruling.rule, record.ruling.grant_to) == (found.rule, found.grant_to)
        assert record.ruling.duration_days == found.duration_days
        assert [stage.name for stage in record.ruling.stages] == [stage.name for stage in found.stages]


def test_a_domain_that_is_not_registered_is_told_so() -> None:
    found = explained(central_of(), request_access(domain="finance"))
    assert found.refusal is not None
    assert (found.outcome, found.sensitive, found.refusal.code) == ("refused", None, "DomainNotRegistered")
