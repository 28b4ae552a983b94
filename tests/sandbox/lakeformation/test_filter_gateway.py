"""The product's gateways to data cells filters and their grants, against the running sandbox."""

from __future__ import annotations

import pytest

from datamesh.aws.data_filters import DataFilters
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.retry import Retrier
from datamesh.models.errors import GrantFailed, InvalidRowFilter
from datamesh.models.permissions import DataFilter, FilterResource, Grant, TableResource
from tests.sandbox.lakeformation.test_over_http import ADMIN, CENTRAL, MARKETING, Mesh, mesh

__all__ = ["mesh"]

WANTED = DataFilter(database="shop", table="orders", name="datamesh_1", columns=("id",))
FILTER = FilterResource(catalog_id=CENTRAL, database="shop", table="orders", name="datamesh_1")
ORDERS = TableResource(catalog_id=CENTRAL, database="shop", name="orders")
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"


@pytest.fixture
def filters(mesh: Mesh) -> DataFilters:
    """Central's filters, as its administrator."""
    return DataFilters(CENTRAL, mesh.lf(ADMIN), Retrier(total=2))


@pytest.fixture
def permissions(mesh: Mesh) -> LakeFormation:
    """Central's permissions, as its administrator."""
    return LakeFormation(CENTRAL, mesh.lf(ADMIN), Retrier(total=2))


def test_a_filter_lives(filters: DataFilters) -> None:
    by_rows = WANTED.model_copy(update={"columns": ("id", "name"), "rows": "name = 'eu'"})
    assert filters.get("shop", "orders", "datamesh_1") is None
    assert [filters.ensure(each) for each in (WANTED, WANTED, by_rows, by_rows, WANTED)] == [
        "created",
        "unchanged",
        "updated",
        "unchanged",
        "updated",
    ]
    (listed,) = filters.list("shop", "orders")
    assert listed == filters.get("shop", "orders", "datamesh_1")
    assert listed.model_copy(update={"version_id": None}) == WANTED
    with pytest.raises(InvalidRowFilter):
        filters.ensure(WANTED.model_copy(update={"rows": "colour = 'red'"}))
    filters.delete("shop", "orders", "datamesh_1")
    filters.delete("shop", "orders", "datamesh_1")
    assert filters.list("shop", "orders") == []


def test_grants_on_it_are_listed_with_their_shares(filters: DataFilters, permissions: LakeFormation) -> None:
    filters.ensure(WANTED)
    grants = [
        Grant(principal=MARKETING, resource=FILTER, permissions=("SELECT",), grantable=("SELECT",)),
        Grant(principal=ANALYST, resource=FILTER, permissions=("SELECT",)),
    ]
    permissions.grant(grants)
    for asked in ({"resource": FILTER}, {"resource": ORDERS, "related": True}):
        for grant in grants:
            (row,) = permissions.list_permissions(principal=grant.principal, **asked)
            assert row.covers(grant)
            assert len(row.shares) == 1
    assert FILTER not in [row.resource for row in permissions.list_permissions(resource=ORDERS)]
    permissions.revoke(grants)
    permissions.revoke(grants)
    assert {row.principal for row in permissions.list_permissions(resource=FILTER)} == {ADMIN}
    filters.delete("shop", "orders", "datamesh_1")
    permissions.revoke(grants)
    with pytest.raises(GrantFailed, match="EntityNotFoundException"):
        permissions.grant(grants)
