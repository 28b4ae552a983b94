"""Who may use which route: every route with every sort of caller, against a table that is written here by hand.

Where the domain that counts is known only from a record (`READ_FIRST`) the routes have tests of their own; here it is
tried that nobody gets so far who is not signed in.
"""

from __future__ import annotations

from typing import Any

import pytest

from datamesh.handlers import answer_query, cast_vote, retry_execution, send_command
from datamesh.handlers.portal._runtime import Routes, make_handler
from datamesh.models.api.identity import Me
from datamesh.models.api.routes import BY_OPERATION, ROUTES, Route
from datamesh.models.errors import StateConflict
from tests.support.portal import CONTEXT, Answer, claims_of, event_of

HANDLERS: dict[str, Any] = {
    "answer_query": answer_query.handler,
    "send_command": send_command.handler,
    "cast_vote": cast_vote.handler,
    "retry_execution": retry_execution.handler,
}
# The domain in question is sales. Everybody but nobody is signed in.
OWNER, STEWARD, MEMBER = "sales.owner", "sales.steward", "sales.member"
ADMIN, OPERATOR, AUDITOR = "mesh.admin", "mesh.operator", "mesh.auditor"
INSIDE = {OWNER, STEWARD, MEMBER}
OVERSIGHT = {ADMIN, OPERATOR, AUDITOR}
OUTSIDE = {"finance.owner", "finance.steward", "finance.member"}
LOOKALIKES = {
    "sales.owner.x",
    "salesx.owner",
    "sales.Owner",
    "sales_owner",
    "sales.owners",
    "Sales.owner",
    "xsales.owner",
    "sales",
    "owner",
    "sales.admin",
    "mesh.owner",
    "mesh.Admin",
    "mesh.admin.x",
    "meshx.admin",
    "mesh_admin",
    "mesh",
}
WITHOUT_ROLES = "nothing"
NOBODY = "nobody"
CALLERS = [NOBODY, WITHOUT_ROLES, *sorted(INSIDE), *sorted(OVERSIGHT), *sorted(OUTSIDE), *sorted(LOOKALIKES)]
EVERYBODY = set(CALLERS) - {NOBODY}

ALLOWED: dict[str, set[str]] = {
    "get_me": EVERYBODY,
    "list_domains": EVERYBODY,
    "get_domain": EVERYBODY,
    "register_domain": {OWNER, ADMIN},
    "leave_domain": {OWNER, ADMIN},
    "search_products": EVERYBODY,
    "list_products": INSIDE | OVERSIGHT,
    "get_product": EVERYBODY,
    "plan_product": {OWNER, ADMIN},
    "register_product": {OWNER, ADMIN},
    "update_product": {OWNER, ADMIN},
    "deregister_product": {OWNER, ADMIN},
    "list_product_grants": INSIDE | OVERSIGHT,
    "list_lf_tags": EVERYBODY,
    "list_requests": INSIDE | OVERSIGHT,
    "list_approvals": EVERYBODY,
    "find_approval_link": EVERYBODY,
    "list_grants": INSIDE | OVERSIGHT,
    "list_executions": INSIDE | OVERSIGHT,
    "list_all_executions": OVERSIGHT,
    "retry_execution": {ADMIN, OPERATOR},
    "list_events": INSIDE | OVERSIGHT,
    "list_all_events": OVERSIGHT,
    "list_audit": {ADMIN, AUDITOR},
    "list_domain_audit": {OWNER, STEWARD, ADMIN, AUDITOR},
}
READ_FIRST = {
    "preview_access",
    "request_access",
    "get_request",
    "cancel_request",
    "extend_access",
    "revoke_access",
    "get_approval",
    "decide",
    "get_operation",
    "get_execution",
}
IN_PATH = {
    "domain": "sales",
    "product": "air_travel",
    "request_id": "11111111-2222-4333-8444-555555555555",
    "correlation_id": "11111111-2222-4333-8444-555555555555",
    "execution_id": "register_data_product:0a1b2c3d",
    "link_id": "0a1b2c3d",
    "number": "0",
}
IN_BODY = {
    "register_domain": {
        "domain": "sales",
        "config_secret_arn": "arn:aws:secretsmanager:eu-west-1:222222222222:secret:datamesh-domain-config-a1B2c3",
    }
}


def ask(handler: Any, route: Route, caller: str) -> Answer:
    """Let somebody use a route."""
    path = route.path
    for name, value in IN_PATH.items():
        path = path.replace(f"{{{name}}}", value)
    claims = {NOBODY: None, WITHOUT_ROLES: claims_of([])}.get(caller, claims_of([caller]))
    return Answer(handler(event_of(route.method, path, claims=claims, body=IN_BODY.get(route.operation)), CONTEXT))


def behind(route: Route) -> Any:
    """Return a function with a route that says when somebody has got through to it."""
    routes = Routes("Test")

    @routes(route)
    def reached() -> Me:
        raise StateConflict("Somebody got through")

    return make_handler([routes], route.function)


def test_every_route_is_in_the_table() -> None:
    assert {*ALLOWED, *READ_FIRST} == {route.operation for route in ROUTES}
    assert not set(ALLOWED) & READ_FIRST


@pytest.mark.parametrize("operation", sorted(ALLOWED))
def test_who_may(operation: str, mesh: Any) -> None:
    route = BY_OPERATION[operation]
    real, stand_in = HANDLERS[route.function], behind(route)
    seen: dict[str, str] = {}
    for caller in CALLERS:
        if caller in ALLOWED[operation] and not route.access.later:
            answer = ask(stand_in, route, caller)
            seen[caller] = "allowed" if (answer.status, answer.code) == (409, "StateConflict") else answer.body
        else:
            # What answers really: whoever is refused is refused before anything is looked up.
            answer = ask(real, route, caller)
            refused = {401: "NotSignedIn", 403: "NotAllowed"}.get(answer.status)
            seen[caller] = "refused" if refused is not None and answer.code == refused else f"{answer.status}"
    expected = {caller: "allowed" if caller in ALLOWED[operation] else "refused" for caller in CALLERS}
    if route.access.later:
        expected |= dict.fromkeys(ALLOWED[operation], str(route.success))
    assert seen == expected


@pytest.mark.parametrize("operation", sorted({*ALLOWED, *READ_FIRST}))
def test_nobody_gets_anywhere(operation: str) -> None:
    route = BY_OPERATION[operation]
    answer = ask(HANDLERS[route.function], route, NOBODY)
    assert (answer.status, answer.code) == (401, "NotSignedIn")


@pytest.mark.parametrize("operation", sorted(ALLOWED))
def test_roles_are_those_of_one_domain(operation: str, mesh: Any) -> None:
    """Whoever owns every other domain, and has roles in none of these, may no more than anybody."""
    route = BY_OPERATION[operation]
    if ALLOWED[operation] == EVERYBODY:
        return
    groups = [*OUTSIDE, "marketing.owner", *LOOKALIKES]
    path = route.path
    for name, value in IN_PATH.items():
        path = path.replace(f"{{{name}}}", value)
    event = event_of(route.method, path, claims=claims_of(groups), body=IN_BODY.get(operation))
    answer = Answer(HANDLERS[route.function](event, CONTEXT))
    assert (answer.status, answer.code) == (403, "NotAllowed")


def test_a_refusal_says_which_groups_would_do(mesh: Any) -> None:
    answer = ask(send_command.handler, BY_OPERATION["leave_domain"], MEMBER)
    assert answer.json["detail"] == "This needs one of the groups sales.owner, mesh.admin"
