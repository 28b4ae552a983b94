"""Reconciliation: every difference is found and mended, nothing else is touched, and nobody who works is disturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamesh.handlers import reconcile_access
from datamesh.handlers._runtime import read_request
from datamesh.logic import access_work
from datamesh.logic.access import expression_grants, filter_grants
from datamesh.logic.approvals import Approvals
from datamesh.logic.drift import DriftWorld
from datamesh.logic.reconcile_access import AccessReconciliation, Heal, ReconcileConfig, World
from datamesh.models.approvals import ApprovalRecord, OpenApproval, Seat, StageStatus
from datamesh.models.base import iso
from datamesh.models.errors import InvalidEvent
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    ColumnsResource,
    DataFilter,
    FilterResource,
    TableResource,
    TagPolicyResource,
)
from datamesh.models.registry import Change, GrantRecord, RequestRecord, Save, ShownTable, Stamp, TagGrantRecord
from tests.support.access_fakes import FakeCallbacks, FakeDataFilters, FakeOutbox
from tests.support.central import DOMAIN_TAG_KEY, FakeCentral, central_with
from tests.support.central_commands import CENTRAL, FINANCE, MARKETING, NOW, SALES, event, product_spec, table_spec

ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
STRANGER = f"arn:aws:iam::{CENTRAL}:role/somebody"
DATABASE = "datamesh_sales_nrac"
BY_ACCOUNT, BY_PRINCIPAL, BY_TAG = UUID(int=1), UUID(int=2), UUID(int=3)
EXPRESSION = {"classification": ("public",)}
MODES: tuple[Heal, ...] = ("report", "missing", "all")


def name_of(request_id: UUID) -> str:
    return f"datamesh_{request_id.hex}"


def request_of(request_id: UUID, **changes: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "status": "PROVISIONED",
        "stamp": Stamp(occurred_at=NOW, event_id=request_id),
        "execution_id": "another",
        "lease_expires_at": NOW,
        "updated_at": NOW - timedelta(days=1),
        "request_id": request_id,
        "digest": "d",
        "domain": "marketing",
        "account_id": MARKETING,
        "product": {"domain": "sales", "name": "air_travel"},
        "principals": (ANALYST,),
        "justification": "Why not?",
    }
    return RequestRecord.model_validate(values | changes)


def grant_of(request_id: UUID, grant_to: str, columns: Sequence[str] = ("a", "b")) -> GrantRecord:
    return GrantRecord.model_validate(
        {
            "request_id": request_id,
            "product": {"domain": "sales", "name": "air_travel"},
            "consumer": "marketing",
            "account_id": MARKETING,
            "database": DATABASE,
            "tables": ("airports", "flights"),
            "shown": {
                "flights": ShownTable(filter=name_of(request_id), columns=tuple(columns), rows="a = 1"),
                "airports": ShownTable(filter=name_of(request_id), columns=()),
            },
            "grant_to": grant_to,
            "principals": (ANALYST,),
            "permissions": ("SELECT",),
            "granted_at": NOW,
        }
    )


class Mesh:
    """Central with grants as they should be: by name to an account and to a principal, and by tag expression."""

    def __init__(self) -> None:
        self.central: FakeCentral = central_with(
            "sales", "marketing", product=product_spec(table_spec("flights"), table_spec("airports"))
        )
        self.registry, self.permissions = self.central.registry, self.central.lake_formation
        self.filters: FakeDataFilters = self.central.filters
        self.outbox, self.callbacks = FakeOutbox(), FakeCallbacks()
        self.registry.write(
            [
                *(Save(request_of(number)) for number in (BY_ACCOUNT, BY_PRINCIPAL)),
                Save(request_of(BY_TAG, product=None, expression=EXPRESSION)),
                Save(grant_of(BY_ACCOUNT, "account")),
                Save(grant_of(BY_PRINCIPAL, "principals")),
                Save(
                    TagGrantRecord(
                        request_id=BY_TAG,
                        consumer="marketing",
                        account_id=MARKETING,
                        expression=EXPRESSION,
                        principals=(ANALYST,),
                        granted_at=NOW,
                    )
                ),
            ]
        )
        for request_id, who in ((BY_ACCOUNT, MARKETING), (BY_PRINCIPAL, ANALYST)):
            name = name_of(request_id)
            self.filters.ensure(
                DataFilter(database=DATABASE, table="flights", name=name, columns=("a", "b"), rows="a = 1")
            )
            self.permissions.grant(
                filter_grants((who,), catalog_id=CENTRAL, database=DATABASE, filters={"flights": name})
            )
        self.permissions.grant(expression_grants((MARKETING,), catalog_id=CENTRAL, expression=EXPRESSION))
        self.entered = len(self.registry.ledger)
        self.told: list[dict[str, Any]] = []

    @property
    def granted(self) -> dict[str, Any]:
        # Who drops a filter holds that right until it is gone.
        held = {key: value for key, value in self.permissions.granted.items() if value[0] != {"DROP"}}
        return {"grants": held, "filters": dict(self.filters.found)}

    def flow(self, heal: Heal) -> AccessReconciliation:
        world = World(
            drift=DriftWorld(self.registry, self.central.catalog, self.permissions, self.filters),
            approvals=Approvals(self.registry, self.outbox, self.callbacks),
            outbox=self.outbox,
        )
        own_role = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-reconcile-access-function"
        config = ReconcileConfig(CENTRAL, "datamesh", DOMAIN_TAG_KEY, heal, own_role)
        return AccessReconciliation(world, config)

    def step(self, step: str, heal: Heal = "all", *, asked: str | None = None, **payload: Any) -> Any:
        envelope = event("ReconcileAccess", {"heal": asked}, account=CENTRAL, source="datamesh.central")
        execution = {"id": "reconciling", "name": "reconciling", "started_at": iso(NOW)}
        request = read_request({**payload, "step": step, "event": envelope, "execution": execution})
        return reconcile_access.STEPS[step](self.flow(heal), request, NOW)

    def compare(self, heal: Heal = "all", **more: Any) -> Any:
        """Compare the whole mesh, as the state machine does."""
        result = self.step("compare", heal, at={}, **more)
        while result["outcome"] in {"more", "again"}:
            self.told += result.get("entries", [])
            result = self.step("compare", heal, at=result["at"], **more)
        return result

    def drift(self, heal: Heal = "all", **more: Any) -> dict[str, int]:
        return dict(self.compare(heal, **more)["counts"])

    def said_in_ledger(self) -> list[str]:
        return [entry.kind for entry in self.registry.ledger[self.entered :]]

    def resource(self, request_id: UUID) -> FilterResource:
        return FilterResource(catalog_id=CENTRAL, database=DATABASE, table="flights", name=name_of(request_id))


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


@pytest.mark.parametrize("heal", MODES)
def test_a_mesh_that_is_as_it_should_be_is_sound(mesh: Mesh, heal: Heal) -> None:
    before = mesh.granted
    assert mesh.compare(heal) == {"outcome": "sound", "counts": {}, "healed": 0, "skipped": 0}
    assert mesh.granted == before
    assert mesh.said_in_ledger() == []


TABLE = TableResource(catalog_id=CENTRAL, database=DATABASE, name="flights")
COLUMNS = ColumnsResource(catalog_id=CENTRAL, database=DATABASE, table="flights", names=("a",))
OTHER_COLUMNS = COLUMNS.model_copy(update={"names": (), "excluded": ("a",)})
EVERY_TABLE = TABLE.model_copy(update={"name": "*"})
PUBLIC = TagPolicyResource(
    catalog_id=CENTRAL, resource_type="TABLE", expression=(("classification", ("internal", "public")),)
)


def lose_grant(mesh: Mesh) -> None:
    mesh.permissions.granted.pop((MARKETING, mesh.resource(BY_ACCOUNT)), None)


def lose_principal(mesh: Mesh) -> None:
    mesh.permissions.granted.pop((ANALYST, mesh.resource(BY_PRINCIPAL)), None)


def lose_option(mesh: Mesh) -> None:
    mesh.permissions.granted[MARKETING, mesh.resource(BY_ACCOUNT)] = (frozenset({"SELECT"}), frozenset())


def lose_expression(mesh: Mesh) -> None:
    for grant in expression_grants((MARKETING,), catalog_id=CENTRAL, expression=EXPRESSION):
        mesh.permissions.granted.pop((grant.principal, grant.resource), None)


def lose_filter(mesh: Mesh) -> None:
    mesh.filters.found.pop((DATABASE, "flights", name_of(BY_ACCOUNT)), None)


def widen_columns(mesh: Mesh) -> None:
    mesh.filters.ensure(
        DataFilter(database=DATABASE, table="flights", name=name_of(BY_ACCOUNT), columns=("a", "b", "c"), rows="a = 1")
    )


def widen_rows(mesh: Mesh) -> None:
    mesh.filters.ensure(DataFilter(database=DATABASE, table="flights", name=name_of(BY_ACCOUNT), columns=("a", "b")))


def dangle(mesh: Mesh) -> None:
    name = name_of(UUID(int=77))
    mesh.filters.ensure(DataFilter(database=DATABASE, table="flights", name=name, columns=("a",)))


def exceed(principal: str, resource: Any, *permissions: str, grantable: tuple[str, ...] = ()) -> Callable[[Mesh], None]:
    def act(mesh: Mesh) -> None:
        mesh.permissions.granted[principal, resource] = (frozenset(permissions), frozenset(grantable))

    return act


def pass_on(mesh: Mesh) -> None:
    mesh.permissions.granted[ANALYST, mesh.resource(BY_PRINCIPAL)] = (frozenset({"SELECT"}), frozenset({"SELECT"}))


DAMAGES: dict[str, tuple[Callable[[Mesh], None], dict[str, int]]] = {
    "a grant to the account": (lose_grant, {"missing": 1}),
    "a grant to a principal": (lose_principal, {"missing": 1}),
    "the option to pass it on": (lose_option, {"missing": 1}),
    "the tag expression": (lose_expression, {"missing": 2}),
    "a filter": (lose_filter, {"missing": 1}),
    "other columns": (widen_columns, {"wrong_filter": 1}),
    "other rows": (widen_rows, {"wrong_filter": 1}),
    "a filter of no request": (dangle, {"dangling_filter": 1}),
    "a whole table": (exceed(MARKETING, TABLE, "SELECT", "DESCRIBE"), {"excess": 1}),
    "all tables": (exceed(STRANGER, EVERY_TABLE, "SELECT"), {"excess": 1}),
    "everybody": (exceed(IAM_ALLOWED_PRINCIPALS, TABLE, "ALL"), {"excess": 1}),
    "a stranger": (exceed(STRANGER, TABLE, "SELECT"), {"excess": 1}),
    "another domain": (exceed(FINANCE, TABLE, "SELECT", grantable=("SELECT",)), {"excess": 1}),
    "some columns": (exceed(STRANGER, COLUMNS, "SELECT"), {"excess": 1}),
    "all but some columns": (exceed(MARKETING, OTHER_COLUMNS, "SELECT"), {"excess": 1}),
    "another expression": (exceed(MARKETING, PUBLIC, "SELECT", "DESCRIBE"), {"excess": 1}),
    "a principal that may pass on": (pass_on, {"excess": 1}),
}
MENDED_BY: dict[str, set[Heal]] = {
    "missing": {"missing", "all"},
    "wrong_filter": {"missing", "all"},
    "dangling_filter": {"all"},
    "excess": {"all"},
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("heal", MODES)
def test_a_difference_is_found_and_mended_as_the_mode_says(mesh: Mesh, damage: str, heal: Heal) -> None:
    # GIVEN something is not as it should be
    sound = mesh.granted
    act, counts = DAMAGES[damage]
    act(mesh)
    damaged = mesh.granted
    assert damaged != sound

    # WHEN the mesh is compared
    result = mesh.compare(heal)

    # THEN it is found, entered, told, and mended if it is to be
    mends = heal in MENDED_BY[next(iter(counts))]
    assert result["counts"] == counts
    assert result["healed"] == (sum(counts.values()) if mends else 0)
    assert mesh.granted == (sound if mends else damaged)
    assert set(mesh.said_in_ledger()) == {"DriftFound", "DriftHealed"} if mends else {"DriftFound"}
    (entry,) = result["entries"]
    assert (entry["DetailType"], entry["Source"]) == ("GrantDriftFound", "datamesh.central")
    assert entry["Detail"]["data"]["items"][0]["healed"] is mends

    # AND nothing is left to find of what was mended, whoever worked on it
    assert mesh.drift("report") == ({} if mends else counts)
    assert mesh.registry.access_work("marketing") is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(DAMAGES)), min_size=1, max_size=6))
def test_whatever_happened_all_is_as_it_should_be_afterwards(damages: list[str]) -> None:
    mesh = Mesh()
    sound = mesh.granted
    for damage in damages:
        DAMAGES[damage][0](mesh)
    mesh.compare("all")
    assert mesh.granted == sound
    assert mesh.drift("report") == {}


def test_what_the_mesh_itself_and_the_producer_hold_is_no_excess(mesh: Mesh) -> None:
    for who in (SALES, f"arn:aws:iam::{SALES}:role/etl", f"arn:aws:iam::{CENTRAL}:role/datamesh-central-share"):
        exceed(who, TABLE, "SELECT")(mesh)
        exceed(who, EVERY_TABLE, "SELECT")(mesh)
    exceed(STRANGER, TABLE, "DESCRIBE")(mesh)
    own = TagPolicyResource(catalog_id=CENTRAL, resource_type="TABLE", expression=((DOMAIN_TAG_KEY, ("sales",)),))
    exceed(SALES, own, "SELECT")(mesh)
    assert mesh.drift() == {}
    exceed(MARKETING, own, "SELECT")(mesh)
    assert mesh.drift("report") == {"excess": 1}


@pytest.mark.parametrize("status", ["APPROVED", "REVOKING"])
def test_what_is_being_granted_or_taken_back_is_left_alone(mesh: Mesh, status: str) -> None:
    record = mesh.registry.request(BY_ACCOUNT)
    assert record is not None
    mesh.registry.write([Save(record.model_copy(update={"status": status, "version": 2}))])
    lose_grant(mesh)
    assert mesh.drift() == {}
    exceed(STRANGER, mesh.resource(BY_ACCOUNT), "SELECT")(mesh)
    assert mesh.drift() == {}


def test_filters_of_a_request_that_is_being_granted_do_not_dangle(mesh: Mesh) -> None:
    mesh.registry.write([Save(request_of(UUID(int=77), status="APPROVED"))])
    dangle(mesh)
    assert mesh.drift() == {}


def test_filters_of_others_are_none_of_the_meshs_business(mesh: Mesh) -> None:
    for name in ("datamesh_reports", "eu_only", name_of(UUID(int=77)) + "0"):
        mesh.filters.ensure(DataFilter(database=DATABASE, table="flights", name=name, columns=("a",)))
    assert mesh.drift() == {}


def test_a_consumer_that_is_worked_on_is_not_disturbed(mesh: Mesh) -> None:
    lose_grant(mesh)
    access_work.take(mesh.registry, "marketing", "sharing", NOW)
    damaged = mesh.granted
    result = mesh.compare()
    assert (result["outcome"], result["skipped"], result["counts"]) == ("sound", 1, {})
    assert mesh.granted == damaged
    assert mesh.said_in_ledger() == []
    work = mesh.registry.access_work("marketing")
    assert work is not None
    assert work.holder == "sharing"


def test_what_was_mended_in_between_is_no_difference(mesh: Mesh) -> None:
    # GIVEN a grant that is missing, and comes just before the consumer's lock is taken
    lose_grant(mesh)

    def arrive(_changes: Sequence[Change]) -> None:
        mesh.registry.before_write = None
        grants = filter_grants(
            (MARKETING,), catalog_id=CENTRAL, database=DATABASE, filters={"flights": name_of(BY_ACCOUNT)}
        )
        mesh.permissions.grant(grants)

    mesh.registry.before_write = arrive
    assert mesh.drift() == {}
    assert mesh.said_in_ledger() == []


def test_who_asks_may_say_what_is_done(mesh: Mesh) -> None:
    lose_grant(mesh)
    assert mesh.compare("all", asked="report")["healed"] == 0
    assert mesh.compare("report", asked="missing")["healed"] == 1


def test_no_domain_starts_it(mesh: Mesh) -> None:
    forged = event("ReconcileAccess", {"heal": "all"}, account=MARKETING, source="datamesh.central")
    execution = {"id": "one", "name": "one", "started_at": iso(NOW)}
    request = read_request({"step": "compare", "event": forged, "execution": execution, "at": {}})
    with pytest.raises(InvalidEvent):
        mesh.flow("all").compare(request, NOW)


def test_the_schedule_has_no_metadata_to_give(mesh: Mesh) -> None:
    plain = event("ReconcileAccess", {}, account=CENTRAL, source="datamesh.central")
    plain["detail"] = {"data": {}}
    execution = {"id": "one", "name": "one", "started_at": iso(NOW)}
    request = read_request({"step": "compare", "event": plain, "execution": execution, "at": {}})
    assert mesh.flow("all").compare(request, NOW)["outcome"] in {"sound", "more"}


def test_a_step_that_is_repeated_mends_nothing_twice(mesh: Mesh) -> None:
    lose_grant(mesh)
    first = mesh.step("compare", at={})
    calls = mesh.permissions.calls
    again = mesh.step("compare", at={})
    assert (first["outcome"], first["healed"]) == ("again", 1)
    assert (again["healed"], mesh.permissions.calls) == (0, calls)


def test_whose_grant_is_mended_hears_of_it_again_and_nobody_else(mesh: Mesh) -> None:
    # GIVEN a grant that is missing, and a filter that shows too much
    lose_grant(mesh)
    widen_columns(mesh)

    # WHEN they are mended
    mesh.compare("missing")

    # THEN the consumer is told what it has, so that it passes it on again
    (entry,) = mesh.told
    assert entry["DetailType"] == "DataProductAccessGranted"
    assert entry["Detail"]["metadata"]["target_account"] == MARKETING
    assert entry["Detail"]["data"]["request_id"] == str(BY_ACCOUNT)
    assert entry["Detail"]["data"]["tables"] == ["flights"]


def test_a_large_mesh_is_compared_in_steps_that_stay_small(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamesh.logic.reconcile_access.MAX_TABLES", 1)
    for _ in range(30):
        exceed(f"{STRANGER}{_}", TABLE, "SELECT")(mesh)
    steps = [mesh.step("compare", at={})]
    while steps[-1]["outcome"] == "more":
        steps.append(mesh.step("compare", at=steps[-1]["at"]))
    assert len(steps) > 3
    assert steps[-1]["counts"] == {"excess": 30}
    assert len(steps[-1]["entries"][0]["Detail"]["data"]["items"]) == 20


def test_what_is_gone_from_the_catalog_has_no_grants(mesh: Mesh) -> None:
    lose_grant(mesh)
    del mesh.central.catalog.tables[DATABASE, "flights"]
    assert mesh.drift() == {}


# --- requests that nothing brings forward


def stage(request_id: UUID, status: StageStatus, **changes: Any) -> ApprovalRecord:
    values: dict[str, Any] = {
        "request_id": request_id,
        "number": 0,
        "name": "owners",
        "digest": "d",
        "status": status,
        "seats": (Seat(groups=("product_owners",), producer="sales", approvers=(), quorum=1),),
        "opened_at": NOW - timedelta(days=4),
        "deadline": NOW - timedelta(days=1),
        "decided_at": None if status == "OPEN" else NOW - timedelta(days=1),
        "task_token": "token",
    }
    return ApprovalRecord.model_validate(values | changes)


def settle(mesh: Mesh) -> list[dict[str, Any]]:
    """Settle all requests, as the state machine does, and return what is published."""
    said: list[dict[str, Any]] = []
    result = mesh.step("settle", after="")
    while result["outcome"] == "say":
        said += result["entries"]
        result = mesh.step("settle", after=result["after"])
    assert result == {"outcome": "settled", "at": {}}
    return said


@pytest.mark.parametrize(
    ("stage_status", "answered", "request_status"),
    [
        ("OPEN", False, "EXPIRED"),
        ("DENIED", False, "DENIED"),
        ("CANCELLED", True, "CANCELLED"),
        ("APPROVED", False, "EXPIRED"),
        ("APPROVED", True, "FAILED"),
        (None, False, "FAILED"),
    ],
)
def test_a_request_for_whose_decision_nobody_waits_is_ended(
    mesh: Mesh, stage_status: StageStatus | None, answered: bool, request_status: str
) -> None:
    # GIVEN a request whose execution has died while people were asked
    pending = UUID(int=9)
    mesh.registry.write([Save(request_of(pending, status="PENDING"))])
    if stage_status is not None:
        found = stage(pending, stage_status, answered=answered)
        mesh.registry.write([Save(found), Save(OpenApproval(request_id=pending, number=0, deadline=found.deadline))])

    # WHEN requests are settled
    said = settle(mesh)

    # THEN it has ended, with its reason, and the consumer is told
    record = mesh.registry.request(pending)
    assert record is not None
    assert record.status == request_status
    assert record.history[-1].by == "datamesh:reconcile_access"
    assert bool(said) is (request_status != "FAILED")
    assert all(entry["Detail"]["metadata"]["target_account"] == MARKETING for entry in said)
    assert mesh.said_in_ledger()
    assert settle(mesh) == []


@pytest.mark.parametrize("changes", [{"deadline": NOW + timedelta(hours=1)}, {"deadline": NOW - timedelta(minutes=30)}])
def test_a_request_that_may_still_be_decided_is_left_alone(mesh: Mesh, changes: dict[str, Any]) -> None:
    pending = UUID(int=9)
    mesh.registry.write([Save(request_of(pending, status="PENDING")), Save(stage(pending, "OPEN", **changes))])
    assert settle(mesh) == []
    record = mesh.registry.request(pending)
    assert record is not None
    assert record.status == "PENDING"


def test_an_answer_that_was_not_taken_is_sent_again(mesh: Mesh) -> None:
    pending = UUID(int=9)
    found = stage(pending, "APPROVED", decided_at=NOW)
    mesh.callbacks.waiting["token"] = None
    mesh.registry.write(
        [
            Save(request_of(pending, status="PENDING", updated_at=NOW)),
            Save(found),
            Save(OpenApproval(request_id=pending, number=0, deadline=found.deadline)),
        ]
    )
    assert settle(mesh) == []
    assert mesh.callbacks.waiting["token"] is not None


def test_access_whose_time_is_over_is_ended_by_its_own_flow(mesh: Mesh) -> None:
    # GIVEN 12 grants that should have ended an hour ago, and one that just has
    late = [UUID(int=100 + number) for number in range(12)]
    mesh.registry.write([Save(request_of(number, expires_at=NOW - timedelta(hours=1))) for number in late])
    mesh.registry.write([Save(request_of(UUID(int=200), expires_at=NOW - timedelta(minutes=1)))])

    # WHEN requests are settled
    said = settle(mesh)

    # THEN what ends them is published for each of them
    assert {entry["DetailType"] for entry in said} == {"ExpireDataProductAccess"}
    assert [entry["Detail"]["data"]["request_id"] for entry in said] == [str(number) for number in late]
    assert {entry["Detail"]["data"]["expires_at"] for entry in said} == {iso(NOW - timedelta(hours=1))}
    assert len({entry["Detail"]["metadata"]["event_id"] for entry in said}) == 12


@pytest.mark.parametrize("status", ["APPROVED", "REVOKING"])
def test_access_on_which_nobody_works_any_more_is_taken_back_by_its_own_flow(mesh: Mesh, status: str) -> None:
    # GIVEN a request whose execution died two hours ago, and one whose execution may still be alive
    dead, alive = UUID(int=100), UUID(int=200)
    for number, hours in ((dead, -2), (alive, 0.1)):
        lease = NOW + timedelta(hours=hours)
        mesh.registry.write([Save(request_of(number, status=status, lease_expires_at=lease))])

    # WHEN requests are settled
    said = settle(mesh)

    # THEN whatever may have been granted is taken back, by a command of central
    assert [(entry["DetailType"], entry["Source"]) for entry in said] == [
        ("RevokeDataProductAccess", "datamesh.central")
    ]
    assert said[0]["Detail"]["data"]["request_id"] == str(dead)
