"""Whatever is sent, the API answers as its document says: what schemathesis makes of it, good and bad, and no fault."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode

from datamesh.models.api.routes import BY_OPERATION, ROUTES
from tests.support.portal import CONTEXT, claims_of, event_of
from tests.support.portal_mesh import ANALYST_PERSON, HANDLERS, Who, portal_mesh, who
from tools.generate_openapi import document

load_all_checks()
NAMES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = int(os.environ.get("API_EXAMPLES", "5"))
EVERYTHING = who("sales.owner", "marketing.owner", "mesh.admin", email="everything@mesh.example")
# Names that are there, so that not every request ends before it is looked at.
KNOWN = {
    "domain": ("sales", "marketing", "finance"),
    "product": ("air_travel",),
    "number": ("0", "1"),
}


@pytest.fixture(scope="module")
def openapi() -> Any:
    return schemathesis.openapi.from_dict(document())


def send(person: Who, case: Any) -> Response:
    """Send a request as an HTTP API does."""
    route = BY_OPERATION[case.operation.definition.raw["operationId"]]
    query = [
        (name, str(each))
        for name, values in (case.query or {}).items()
        for each in (values if isinstance(values, list) else [values])
    ]
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    body = None
    if case.body is not None and not isinstance(case.body, schemathesis.core.NotSet):
        body = case.body.decode(errors="surrogateescape") if isinstance(case.body, bytes) else json.dumps(case.body)
    event = event_of(
        route.method,
        case.formatted_path,
        claims=claims_of(person.groups, person.email),
        query=query,
        headers={name: value for name, value in headers.items() if name.lower() == "content-type"},
        body=body,
    )
    answer = HANDLERS[route.function](event, CONTEXT)
    request = requests.Request(route.method, f"http://api.example{case.formatted_path}?{urlencode(query)}").prepare()
    return Response(
        status_code=answer["statusCode"],
        headers={name: [str(value)] for name, value in answer["headers"].items()},
        content=answer["body"].encode(),
        request=request,
        elapsed=0.0,
        verify=False,
    )


@pytest.mark.parametrize("operation", [route.operation for route in ROUTES])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_an_answer_is_one_that_is_documented(
    operation: str, mode: Any, mesh: Any, openapi: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Search finds nothing (`mesh`); of all else there is something.
    portal = portal_mesh(monkeypatch)
    portal.request()
    route = BY_OPERATION[operation]
    found = openapi[route.path][route.method]
    cases = found.as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
    )
    @given(data=st.data())
    def check(data: Any) -> None:
        case = data.draw(cases)
        for name, values in KNOWN.items():
            if name in (case.path_parameters or {}) and data.draw(st.booleans()):
                case.path_parameters[name] = data.draw(st.sampled_from(values))
        person = data.draw(st.sampled_from([EVERYTHING, ANALYST_PERSON]))
        answer = send(person, case)
        assert answer.status_code < 500, (case.formatted_path, case.query, case.body, answer.content)
        case.validate_response(answer, checks=[CHECKS.get_one(name) for name in NAMES])

    check()
