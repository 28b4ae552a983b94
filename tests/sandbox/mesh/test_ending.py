"""Access ends in the real mesh: the query is refused, and nothing of it is left in any account."""

from __future__ import annotations

import uuid

import pytest

from sandbox.mesh import people
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, SALES, Account
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.approvals import left
from tests.sandbox.mesh.story import DATABASE, Story

NRAC = "datamesh_sales_nrac"


def revoke(story: Story, request_id: str, by: Account = MARKETING) -> None:
    """Revoke and wait until both sides are told."""
    command = {"request_id": request_id, "domain": by.domain, "reason": "The project is over"}
    correlation_id = story.put(by, "RevokeDataProductAccess", command)
    story.listener.wait("DataProductAccessRevoked", correlation_id, receiver=MARKETING.name)
    story.settle()


@pytest.fixture
def registered(story: Story) -> Story:
    """Return the mesh with sales' product, before anybody asks for it."""
    story.register_product()
    story.settle()
    return story


@pytest.mark.parametrize("by", [MARKETING, SALES], ids=lambda account: account.name)
def test_a_revoked_consumer_is_refused_and_nothing_is_left_in_either_account(registered: Story, by: Account) -> None:
    before = left(registered)
    request_id = str(uuid.uuid4())
    registered.request_access(request_id=request_id)
    registered.settle()
    assert registered.query().rows == [["1458"]]
    assert left(registered) != before
    revoke(registered, request_id, by)
    with pytest.raises(QueryRefusedError):
        registered.query()
    assert left(registered) == before
    for account, flow in ((CENTRAL, "revoke_access"), (MARKETING, "unlink_data_product")):
        assert not registered.executions(account, flow, "FAILED")


def test_another_request_for_the_same_table_goes_on(registered: Story) -> None:
    ending, staying = str(uuid.uuid4()), str(uuid.uuid4())
    registered.request_access(request_id=staying, tables=["airports"])
    registered.settle()
    before = left(registered)
    registered.request_access(request_id=ending)
    registered.settle()
    revoke(registered, ending)
    assert registered.query().rows == [["1458"]]
    assert left(registered) == before
    with pytest.raises(QueryRefusedError):
        registered.query(f"SELECT count(*) FROM {DATABASE}.flights")


def test_nobody_else_ends_an_access(registered: Story) -> None:
    request_id = str(uuid.uuid4())
    registered.request_access(request_id=request_id)
    registered.settle()
    command = {"request_id": request_id, "domain": MARKETING.domain, "reason": "forged"}
    correlation_id = registered.put(FINANCE, "RevokeDataProductAccess", command)
    answer = registered.listener.wait("CommandRejected", correlation_id, receiver=CENTRAL.name).data
    assert answer["code"] == "SenderNotOwner"
    assert registered.query().rows == [["1458"]]


def test_a_product_that_leaves_takes_its_access_and_links_along(registered: Story) -> None:
    request_id = str(uuid.uuid4())
    registered.request_access(request_id=request_id)
    registered.settle()
    product = registered.manifest()["name"]
    correlation_id = registered.put(SALES, "DeregisterDataProduct", {"domain": SALES.domain, "name": product})
    registered.listener.wait("DataProductDeregistered", correlation_id, receiver=SALES.name, seconds=240)
    registered.settle()
    with pytest.raises(QueryRefusedError):
        registered.query()
    assert registered.client("glue", CENTRAL).get_tables(DatabaseName=NRAC)["TableList"] == []
    found = left(registered)
    assert (found["filters"], found["schedules"]) == ([], [])
    assert found["links"] == {SALES.name: {DATABASE: []}, MARKETING.name: {}, FINANCE.name: {}}
    gone = MARKETING.role_arn(people.ANALYST)
    assert not any(gone in row[0] for rows in found["permissions"].values() for row in rows)
    # The same product may come again.
    registered.register_product()
