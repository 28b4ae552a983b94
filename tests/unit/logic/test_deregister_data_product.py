"""A product leaves wholly: access first, then its tables; what is another's stays, and no late word brings it back."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from datamesh.handlers import deregister_data_product
from datamesh.handlers._runtime import read_request
from datamesh.logic.deregister_data_product import ProductDeregistration, World
from datamesh.models.base import iso
from datamesh.models.catalog import CatalogTable
from datamesh.models.errors import DatameshError, LeaseLost
from datamesh.models.permissions import Grant, TableResource
from datamesh.models.registry import ProductRecord, Save, table_claim
from datamesh.models.registry import Take as TakeName
from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    SALES,
    event,
    product_spec,
    register_domain,
    register_product,
    request_access,
    table_spec,
)
from tests.support.ending import NOTHING, EndingCentral, request_record

MACHINE = asl.render(asl.REPOSITORY / "modules" / "central-governance" / "deregister_data_product.asl.json")
NRAC, TBAC = "datamesh_sales_nrac", "datamesh_sales_tbac"
ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-deregister-data-product-function"
STEPS = ["admit", "end", "publish", "wait", "remove", "close"]


class Leaving(EndingCentral):
    """Central with a product whose tables are in the catalog, and which leaves."""

    def __init__(self, *tables: str, mode: str = "nrac") -> None:
        super().__init__(*(tables or ("flights",)))
        self.fault: tuple[str, str] | None = None
        self.put("air_travel", *(tables or ("flights",)), mode=mode)

    def put(self, product: str, *tables: str, mode: str = "nrac") -> None:
        """Put a product's tables into the catalog, where its producer was granted them."""
        record = self.product(product)
        placed = {"tag_database": TBAC, "access_mode": mode, "version": record.version + 1}
        self.registry.write([Save(record.model_copy(update=placed))])
        owned = {"data_owner": SALES, "data_product": product}
        for database in self.product(product).placed.values():
            for name in tables:
                self.catalog.create_table(database, CatalogTable(name=name, parameters=owned))
                resource = TableResource(catalog_id=CENTRAL, database=database, name=name)
                both = ("ALTER", "DESCRIBE", "SELECT")
                self.lake_formation.grant([Grant(principal=SALES, resource=resource, permissions=both, grantable=both)])
                if database == TBAC:
                    self.lf_tags.set_table_tags(database, name, {"channel": "web"})
        self.registry.write([TakeName(table_claim("sales", name, product)) for name in tables])

    def product(self, name: str = "air_travel") -> ProductRecord:
        """Return a product as it is now."""
        found = self.registry.product("sales", name)
        assert found is not None
        return found

    def leave(self, name: str = "air_travel", account: str = SALES, domain: str = "sales") -> dict[str, Any]:
        """Return DeregisterDataProduct."""
        return self.said_by("DeregisterDataProduct", {"domain": domain, "name": name}, account=account)

    def run_step(self, step: str, envelope: dict[str, Any], execution: str = "one", **payload: Any) -> Any:
        """Run one step as its function does."""
        world = World(self.registry, self.catalog, self.lake_formation, self.lf_tags)
        flow = ProductDeregistration(world, account_id=CENTRAL, own_role_arn=ROLE)
        request = read_request(
            {
                **payload,
                "step": step,
                "event": envelope,
                "execution": {"id": execution, "name": execution, "started_at": iso(self.now)},
            }
        )
        return deregister_data_product.STEPS[step](flow, request, self.now)

    def run(self, envelope: dict[str, Any]) -> Walk:
        """Run the state machine; what it asks of revoke_access happens."""
        self.executions += 1
        execution = f"leaving-{self.executions}"

        def answer(call: TaskCall) -> Any:
            step = call.step or "publish"
            try:
                self.crash(step, "before")
                if call.step is None:
                    result: Any = self.take(call.arguments["Entries"])
                else:
                    payload = call.arguments["Payload"]
                    more = {key: value for key, value in payload.items() if key not in {"step", "event", "execution"}}
                    result = self.run_step(call.step, payload["event"], execution, **more)
                self.crash(step, "after")
            except DatameshError as error:
                raise TaskError(error.code, error.message) from error
            return result

        return walk(MACHINE, envelope, answer)

    def crash(self, step: str, when: str) -> None:
        """Crash where a test wants it."""
        if self.fault == (step, when):
            raise LeaseLost("crashed")

    def take(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Put entries on the bus, from where revoke_access takes its commands."""
        self.published += entries
        for entry in entries:
            if entry["DetailType"] == "RevokeDataProductAccess":
                envelope = self.said_by("RevokeDataProductAccess", {}, account=CENTRAL, source=entry["Source"])
                assert self.deliver(envelope | {"detail": entry["Detail"]}).status == "SUCCEEDED"
        return {"FailedEntryCount": 0}


def test_access_ends_and_the_tables_are_gone() -> None:
    central = Leaving("flights", "airlines")
    requests = [central.grant("flights"), central.grant("airlines", grant_to="principals")]
    walk = central.run(central.leave())
    assert (walk.status, walk.path[-1]) == ("SUCCEEDED", "Product Deregistered")
    for request in requests:
        assert (central.left(request), central.request(request).status) == (NOTHING, "REVOKED")
        assert central.request(request).history[-1].why == "The product leaves the mesh"
    assert central.catalog.tables == {}
    assert all(held == {"DROP"} for held, _ in central.lake_formation.granted.values())
    assert central.registry.tables("sales", "air_travel") == []
    assert central.registry.owner(table_claim("sales", "flights", "air_travel")) is None
    gone = central.product()
    assert (gone.status, gone.content, gone.locations, gone.table_count) == ("DEREGISTERED", None, (), 0)
    ((account, data),) = central.told("DataProductDeregistered")
    assert (account, data["databases"], data["tables"]) == (SALES, [NRAC], ["airlines", "flights"])


def test_more_requests_than_one_call_publishes_end_in_rounds() -> None:
    central = Leaving()
    requests = [central.grant() for _ in range(23)]
    walk = central.run(central.leave())
    assert walk.status == "SUCCEEDED"
    assert walk.path.count("End Access") == 3
    assert all(len(call.arguments["Entries"]) <= 10 for call in walk.calls if "Entries" in call.arguments)
    assert {central.request(request).status for request in requests} == {"REVOKED"}


def test_tables_shared_by_tag_lose_their_tags_before_they_go() -> None:
    central = Leaving(mode="both")
    assert central.lf_tags.search_tables({"channel": ("web",)})
    assert central.run(central.leave()).status == "SUCCEEDED"
    assert central.catalog.tables == {}
    assert not any(central.lf_tags.on_tables.values())
    ((_, data),) = central.told("DataProductDeregistered")
    assert (data["databases"], data["access_modes"]) == ([NRAC, TBAC], ["nrac", "tbac"])


def test_other_products_and_what_is_nobodys_stay() -> None:
    central = Leaving()
    central.add_product("hotels", "rooms")
    central.put("hotels", "rooms")
    central.catalog.create_table(NRAC, CatalogTable(name="by_hand"))
    other = central.grant("rooms", product="hotels")
    central.run(central.leave())
    assert sorted(name for _, name in central.catalog.tables) == ["by_hand", "rooms"]
    assert central.request(other).status == "PROVISIONED"
    assert central.registry.owner(table_claim("sales", "rooms", "hotels")) == "hotels"


def test_what_a_failed_registration_left_behind_goes_too() -> None:
    central = Leaving()
    owned = {"data_owner": SALES, "data_product": "air_travel"}
    central.catalog.create_table(NRAC, CatalogTable(name="half_done", parameters=owned))
    central.run(central.leave())
    assert central.catalog.tables == {}


def test_a_grant_on_its_way_is_waited_for() -> None:
    central = Leaving()
    record = central.grant(status="APPROVED", execution_id="share", lease_expires_at=central.now.replace(year=2030))
    envelope = central.leave()
    central.run_step("admit", envelope)
    asked = central.run_step("end", envelope)
    assert asked["requests"] == [str(record.request_id)]
    with pytest.raises(DatameshError, match="have not ended yet"):
        central.run_step("wait", envelope, requests=asked["requests"])


@pytest.mark.parametrize(
    ("account", "domain", "name", "code"),
    [
        (MARKETING, "sales", "air_travel", "SenderNotOwner"),
        (MARKETING, "marketing", "air_travel", "ProductNotFound"),
        (FINANCE, "nobody", "air_travel", "DomainNotRegistered"),
        (SALES, "sales", "unknown", "ProductNotFound"),
    ],
)
def test_only_the_owner_ends_a_product(account: str, domain: str, name: str, code: str) -> None:
    central = Leaving()
    record = central.grant()
    before = (copy.deepcopy(central.left(record)), central.product(), dict(central.catalog.tables))
    walk = central.run(central.leave(name, account, domain))
    assert walk.path[-1] == "Command Rejected"
    assert (central.left(record), central.product(), central.catalog.tables) == before
    ((_, said),) = central.told("CommandRejected")
    assert said["code"] == code


def test_a_duplicate_and_a_late_command_change_nothing() -> None:
    central = Leaving()
    late = central.leave()
    central.now = central.now.replace(hour=13)
    envelope = central.leave()
    central.run(envelope)
    before = central.product()
    for again in (envelope, late):
        assert central.run(again).path[-1] == "Already Done"
        assert central.product() == before
    central.now = central.now.replace(hour=14)
    assert central.run(central.leave()).path[-1] == "Command Rejected"


def test_every_step_may_be_repeated() -> None:
    central = Leaving(mode="both")
    envelope = central.leave()
    for step in ("admit", "end", "remove", "close"):
        first, again = central.run_step(step, envelope), central.run_step(step, envelope)
        assert first == again
    assert (central.product().status, central.catalog.tables) == ("DEREGISTERED", {})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_after_a_crash_the_command_sent_again_goes_on(step: str, when: str) -> None:
    central = Leaving("flights", "airlines", mode="both")
    record = central.grant("flights")
    central.fault = (step, when)
    envelope = central.leave()
    assert central.run(envelope).status == "FAILED"
    central.fault = None
    assert central.run(envelope).status == "SUCCEEDED"
    assert (central.product().status, central.catalog.tables) == ("DEREGISTERED", {})
    assert (central.left(record), central.request(record).status) == (NOTHING, "REVOKED")
    assert len(central.told("DataProductDeregistered")) == 1
    assert central.registry.owner(table_claim("sales", "flights", "air_travel")) is None


def test_requests_that_came_to_nothing_need_no_end() -> None:
    central = Leaving()
    record = request_record("marketing", "DENIED", product={"domain": "sales", "name": "air_travel"})
    central.save(record)
    walk = central.run(central.leave())
    assert (walk.status, "End Access" in walk.path) == ("SUCCEEDED", False)
    assert central.request(record) == record


# --- Again, late, and the domain after its last product ---


def left_mesh() -> FakeCentral:
    """Return central that sales' product has left, minutes ago."""
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights")))
    leaving = event("DeregisterDataProduct", {"domain": "sales", "name": "air_travel"}, minute=10)
    assert central.deliver(leaving).path[-1] == "Product Deregistered"
    return central


def test_a_product_that_left_may_come_again() -> None:
    central = left_mesh()
    moved = table_spec("flights", location="s3://datamesh-domain-clean-222222222222-eu-west-1/products/moved/")
    walk = central.deliver(register_product(product_spec(moved, access_mode="tbac"), minute=20))
    assert walk.path[-1] == "Product Registered"
    again = central.registry.product("sales", "air_travel")
    assert again is not None
    assert (again.status, again.access_mode, again.table_count) == ("REGISTERED", "tbac", 1)
    assert central.said("DataProductRegistered")[-1]["outcome"] == "registered"
    assert (TBAC, "flights") in central.catalog.tables
    late = event("DeregisterDataProduct", {"domain": "sales", "name": "air_travel"}, minute=15)
    assert central.deliver(late).path[-1] == "Already Done"
    assert central.registry.product("sales", "air_travel") == again


def test_a_registration_from_before_does_not_bring_it_back() -> None:
    central = left_mesh()
    walk = central.deliver(register_product(product_spec(table_spec("flights")), minute=5))
    assert walk.path[-1] == "Already Done"
    assert central.catalog.tables == {}


def test_its_tables_names_are_free_for_another_product() -> None:
    central = left_mesh()
    other = product_spec(table_spec("flights"), name="other_product")
    assert central.deliver(register_product(other, minute=20)).path[-1] == "Product Registered"


def test_nothing_of_it_is_granted_any_more() -> None:
    central = left_mesh()
    central.deliver(request_access(minute=20))
    assert central.said("CommandRejected")[-1]["code"] == "ProductNotFound"


def test_a_domain_whose_products_have_left_may_leave_and_come_again() -> None:
    central = left_mesh()
    leaving = event("DeregisterDataDomain", {"domain": "sales"}, minute=30)
    assert central.deliver(leaving).path[-1] == "Domain Deregistered"
    assert central.registry.products("sales") == []
    assert central.deliver(register_domain("sales", minute=40)).status == "SUCCEEDED"
    walk = central.deliver(register_product(product_spec(table_spec("flights")), minute=41))
    assert walk.path[-1] == "Product Registered"
