"""Grants: what a domain may read."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.central_commands import product_spec, register_product, table_spec
from tests.support.portal_mesh import (
    ANALYST_PERSON,
    AUDITOR,
    OPEN_COLUMN,
    SALES_OWNER,
    STRANGER,
    PortalMesh,
    access_request,
    portal_mesh,
)


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


def grants(mesh: PortalMesh, **query: str) -> list[dict[str, Any]]:
    return list(mesh.get(ANALYST_PERSON, "list_grants", domain="marketing", query=query)["items"])


def routes(mesh: PortalMesh) -> None:
    """Let sales share a product by LF-tag."""
    spec = product_spec(table_spec("routes", columns=[OPEN_COLUMN]), name="routes", access_mode="tbac")
    assert mesh.central.deliver(register_product(spec)).status == "SUCCEEDED"


def test_a_grant_by_name_says_where_it_appears(mesh: PortalMesh) -> None:
    request_id = mesh.request(rows={"flights": "month = '1'"}, duration_days=5)
    (found,) = grants(mesh)
    assert (found["request_id"], found["product"]) == (str(request_id), {"domain": "sales", "name": "air_travel"})
    assert (found["tables"], found["columns"], found["rows"]) == (
        ["flights"],
        {"flights": ["month"]},
        {"flights": "month = '1'"},
    )
    assert found["databases"] == ["datamesh_sales"]
    assert found["expires_at"] is not None


def test_a_grant_by_tag_is_listed_for_each_product_that_it_matches(mesh: PortalMesh) -> None:
    routes(mesh)
    request_id = mesh.request(product=None, tables=None, expression={"lob": ["sales"]})
    (found,) = grants(mesh)
    assert (found["request_id"], found["expression"]) == (str(request_id), {"lob": ["sales"]})
    assert (found["product"], found["tables"]) == ({"domain": "sales", "name": "routes"}, ["routes"])
    assert (found["columns"], found["databases"]) == ({"routes": ["month"]}, ["datamesh_sales_tbac"])


def test_a_grant_by_tag_that_matches_nothing_is_listed_too(mesh: PortalMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    routes(mesh)
    request_id = mesh.request(product=None, tables=None, expression={"lob": ["sales"]})
    monkeypatch.setattr(mesh.central.lf_tags, "search_tables", lambda _expression: [])
    (found,) = grants(mesh)
    assert (found["request_id"], found["product"], found["tables"]) == (str(request_id), None, [])


def test_what_is_over_is_no_grant(mesh: PortalMesh) -> None:
    mesh.request(duration_days=5)
    mesh.later(days=6)
    assert grants(mesh) == []


def test_grants_are_walked_by_pages(mesh: PortalMesh) -> None:
    asked = {str(mesh.request(principals=[f"arn:aws:iam::333333333333:role/r{number}"])) for number in range(5)}
    pages = mesh.pages(ANALYST_PERSON, "list_grants", domain="marketing")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {each["request_id"] for page in pages for each in page} == asked


def test_others_grants_are_not_one_s_own(mesh: PortalMesh) -> None:
    mesh.request()
    other = access_request(domain="finance", principals=["arn:aws:iam::444444444444:role/analyst"])
    assert mesh.ask(STRANGER, "request_access", body=other).status == 202
    mesh.settle()
    assert [found["consumer"] for found in grants(mesh)] == ["marketing"]
    assert mesh.ask(SALES_OWNER, "list_grants", domain="marketing").status == 403
    assert len(mesh.get(AUDITOR, "list_grants", domain="finance")["items"]) == 1
    assert uuid.UUID(grants(mesh)[0]["request_id"])
