"""Writes docs/openapi.json from the routes of the API's functions, or tells with --check that it is out of date.

Methods, paths and roles are those of datamesh/models/api/routes.py, what is asked and answered is told by the types of
the functions that answer. The document is validated before it is written.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server
from openapi_spec_validator import OpenAPIV31SpecValidator

from datamesh.handlers.portal._modules import MODULES
from datamesh.handlers.portal._problems import RETRY_AFTER
from datamesh.handlers.portal._runtime import SECURITY, changes_something, make_app
from datamesh.models.api.routes import ROUTES, Route

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/openapi.json"
VERSION = "3.1.0"
KEY = "IdempotencyKey"
# What Powertools adds to every document; the API says problems otherwise.
NOT_SAID = ("HTTPValidationError", "ValidationError", "ResponseValidationError")
DESCRIPTION = """The data mesh, as its portal and its CLI use it.

Who asks is the person whom the ID token of the mesh's user pool names, and what a person may do is told by its groups:
`<domain>.<owner|steward|member>` and `mesh.<admin|operator|auditor>`. Lists come in pages: send `next_cursor` back as
`cursor` with the same query. What does not go is said as problem details (RFC 9457) with a stable `code`. What changes
something is a command, which is accepted (202) and then worked on: what became of it is at
`/v1/operations/{correlation_id}`."""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of all functions together."""
    package = tomllib.loads((ROOT / "lambda_src/pyproject.toml").read_text(encoding="utf-8"))
    text = make_app(MODULES).get_openapi_json_schema(
        title="Data mesh",
        version=package["project"]["version"],
        openapi_version=VERSION,
        description=DESCRIPTION,
        servers=[Server(url="/", description="The portal's own address.")],
        security_schemes={
            SECURITY: HTTPBearer(bearerFormat="JWT", description="The ID token of the mesh's Cognito user pool.")
        },
    )
    found: dict[str, Any] = _whole_numbers(json.loads(text))
    components = found["components"]
    for name in NOT_SAID:
        components["schemas"].pop(name, None)
    components["parameters"] = {KEY: _key()}
    components["responses"] = {}
    answered = {(route.method, route.path): route for route in ROUTES}
    paths: dict[str, Any] = {}
    for (method, path), route in answered.items():
        operation = found["paths"].get(path, {}).get(method.lower())
        if operation is not None:
            paths.setdefault(path, {})[method.lower()] = _operation(route, operation, components)
    return found | {"paths": paths}


def text_of(content: dict[str, Any]) -> str:
    """Return a document as it is written."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _operation(route: Route, operation: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return an operation with what all share said once."""
    if changes_something(route):
        parameters = operation.setdefault("parameters", [])
        parameters.append({"$ref": f"#/components/parameters/{KEY}"})
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            continue
        if status == "503":
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "example": int(RETRY_AFTER)}}
        name = f"Problem{status}"
        if components["responses"].setdefault(name, answer) != answer:
            raise ValueError(f"{route.operation} says {status} otherwise than others")
        operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    access = route.access
    roles = [f"<domain>.{role}" for role in sorted(access.domain)] + [f"mesh.{role}" for role in sorted(access.mesh)]
    return operation | {"x-roles": ["signed in"] if access.signed_in else roles}


def _key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A request that is repeated with the key of the first one within a day is answered as that was, "
        "and nothing happens twice. Another request with the same key is refused.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
    }


def _whole_numbers(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Write 200.0 as 200: that is how the models say it."""
    if isinstance(value, dict):
        return {name: _whole_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main() -> None:
    """Write the document, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when the document is out of date")
    arguments = parser.parse_args()
    content = document()
    OpenAPIV31SpecValidator(content).validate()
    text = text_of(content)
    current = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    if arguments.check:
        if text != current:
            sys.exit(f"{DOCUMENT.relative_to(ROOT)} is out of date: make docs")
    elif text != current:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
