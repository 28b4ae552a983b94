"""The OpenAPI document against the API of the applied mesh: through distribution, authorizer and functions.

What schemathesis makes of the document, good and bad, is sent with a real token; no answer may be a server error, and
none another than the document says.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pycognito.aws_srp import AWSSRP
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from datamesh.models.api.routes import ROUTES, Route
from sandbox.mesh import data, people
from sandbox.mesh.layout import BUILD, CENTRAL, MARKETING, SALES
from tests.portal.people import Person, create
from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import REGISTERED, Applied

load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = 10
EVERYTHING = Person(
    "everything@mesh.example", ("sales.owner", "marketing.owner", "mesh.admin", "mesh.auditor"), "Everything"
)
# Names that are there, so that not every request ends before it is looked at.
KNOWN = {"domain": ("sales", "marketing"), "product": (data.PERSONAL_PRODUCT,), "number": ("0",)}
DOCUMENT = json.loads((BUILD.parent / "docs" / "openapi.json").read_text())


class Api:
    """The API as somebody with every role calls it."""

    def __init__(self, applied: Applied, token: str, request_id: str) -> None:
        outputs = applied.mesh.outputs["central"]
        self.url = applied.sandbox.api_url(outputs["api_url"]).rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"}
        self.request_id = request_id


@pytest.fixture(scope="module")
def api(applied: Applied) -> Api:
    """A mesh in which sales has a product that marketing waits to read."""
    applied.sandbox.restore(REGISTERED)
    # How often somebody may ask is tested by itself.
    applied.sandbox.settings(api_throttling=False)
    story = Story(applied.sandbox, applied.mesh)
    create(story, EVERYTHING)
    story.register_product(data.personal_product(story.mesh.location(SALES)))
    request = story.access_request(
        product={"domain": "sales", "name": data.PERSONAL_PRODUCT},
        tables=None,
        principals=[MARKETING.role_arn(people.ANALYST)],
    )
    story.put(MARKETING, "RequestDataProductAccess", request)
    story.listener.wait_for_request("DataProductAccessRequested", request["request_id"])
    outputs = applied.mesh.outputs["central"]
    srp = AWSSRP(
        username=EVERYTHING.email,
        password=EVERYTHING.password,
        pool_id=outputs["portal_user_pool_id"],
        client_id=outputs["portal_client_id"],
        client=story.client("cognito-idp", CENTRAL),
    )
    token = srp.authenticate_user()["AuthenticationResult"]["IdToken"]
    return Api(applied, token, request["request_id"])


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.operation))
def test_an_answer_is_one_that_is_documented(route: Route, mode: Any, api: Api) -> None:
    """No server error, no undocumented status, type, body or header, whatever is sent."""
    found = schemathesis.openapi.from_dict(DOCUMENT)[route.path][route.method]
    cases = found.as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
    )
    @given(drawn=st.data())
    def check(drawn: Any) -> None:
        case = drawn.draw(cases)
        known = {**KNOWN, "request_id": (api.request_id,)}
        for name, values in known.items():
            if name in (case.path_parameters or {}) and drawn.draw(st.booleans()):
                case.path_parameters[name] = drawn.draw(st.sampled_from(values))
        answer = case.call(base_url=api.url, headers=api.headers)
        case.validate_response(answer, checks=[CHECKS.get_one(name) for name in NAMES])

    check()


def test_without_a_token_nothing_is_answered(api: Api) -> None:
    """Every route asks who it is; API Gateway refuses before any function runs."""
    for route in ROUTES:
        path = route.path.format(
            domain="sales",
            product="fleet",
            request_id=api.request_id,
            number="0",
            link_id="x" * 43,
            correlation_id=api.request_id,
            execution_id="register_data_product:x",
        )
        for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": api.headers["Authorization"] + "x"}):
            answer = requests.request(route.method, f"{api.url}{path}", headers=headers, timeout=30)
            assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"}), route
