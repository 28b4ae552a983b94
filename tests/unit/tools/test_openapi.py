"""docs/openapi.json: fresh, valid, complete, and saying of every route how it may end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from datamesh.handlers.portal._problems import PROBLEM_JSON, STATUSES
from datamesh.models.api.routes import BY_OPERATION, ROUTES, Route
from tools.generate_openapi import DOCUMENT, document, text_of


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document()


def operation(openapi: dict[str, Any], route: Route) -> dict[str, Any]:
    found: dict[str, Any] = openapi["paths"][route.path][route.method.lower()]
    return found


def parameters(openapi: dict[str, Any], route: Route) -> list[dict[str, Any]]:
    """Return the parameters of a route, those included that many routes share."""
    shared = openapi["components"]["parameters"]
    return [
        shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in operation(openapi, route).get("parameters", [])
    ]


def test_the_document_is_fresh(openapi: dict[str, Any]) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text_of(openapi), "make docs"


def test_the_document_is_valid(openapi: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(openapi).validate()
    assert openapi["openapi"] == "3.1.0"


def test_no_route_is_missing_and_none_is_more(openapi: dict[str, Any]) -> None:
    said = {
        (each["operationId"], method.upper(), path)
        for path, methods in openapi["paths"].items()
        for method, each in methods.items()
    }
    assert said == {(route.operation, route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_says_how_it_may_end(openapi: dict[str, Any], route: Route) -> None:
    said = operation(openapi, route)
    statuses = {int(status) for status in said["responses"]}
    successes = {status for status in statuses if status < 400}
    assert successes == {route.success}
    assert {401, 429, 500, 503} <= statuses
    assert (403 in statuses) or route.access.signed_in
    if "{" in route.path:
        assert {400, 404} <= statuses
    if "requestBody" in said:
        assert {400, 422} <= statuses
        assert said["requestBody"]["required"] is True
    if route.function != "answer_query":
        assert {400, 409, 422} <= statuses
    assert said["security"] == [{"signed_in": []}]
    assert said["summary"]
    schema = said["responses"][str(route.success)]["content"]["application/json"]["schema"]
    assert schema["$ref"].startswith("#/components/schemas/")
    assert statuses - successes <= {status.value for status in STATUSES.values()} | {429, 500}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_takes_what_its_path_names_and_keys_where_it_changes_something(
    openapi: dict[str, Any], route: Route
) -> None:
    found = {(each["in"], each["name"]) for each in parameters(openapi, route)}
    assert {name for place, name in found if place == "path"} == {
        part.strip("{}") for part in route.path.split("/") if part.startswith("{")
    }
    assert (("header", "Idempotency-Key") in found) == (route.function != "answer_query")
    paged = ("query", "cursor") in found
    answered = operation(openapi, route)["responses"][str(route.success)]["content"]["application/json"]["schema"]
    model = openapi["components"]["schemas"][answered["$ref"].rpartition("/")[2]]
    assert paged == ("next_cursor" in model["properties"])


def test_problems_are_problem_details(openapi: dict[str, Any]) -> None:
    assert openapi["components"]["responses"]
    for name, answer in openapi["components"]["responses"].items():
        schema = answer["content"][PROBLEM_JSON]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}, name
    assert "Retry-After" in openapi["components"]["responses"]["Problem503"]["headers"]
    assert "HTTPValidationError" not in json.dumps(openapi)


def test_people_sign_in_with_a_bearer_token(openapi: dict[str, Any]) -> None:
    scheme = openapi["components"]["securitySchemes"]["signed_in"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")


def test_roles_are_told(openapi: dict[str, Any]) -> None:
    assert operation(openapi, BY_OPERATION["get_me"])["x-roles"] == ["signed in"]
    assert operation(openapi, BY_OPERATION["leave_domain"])["x-roles"] == ["<domain>.owner", "mesh.admin"]


def test_nothing_secret_has_a_field(openapi: dict[str, Any]) -> None:
    names = {name for schema in openapi["components"]["schemas"].values() for name in schema.get("properties", {})}
    for hidden in ("task_token", "token", "signature", "password", "kms_key_arn"):
        assert hidden not in names
