"""Every route of the API, and who may use it: the one table that handlers, Terraform, OpenAPI and tests read.

`{domain}` in a path names the domain that the roles are asked of. Where the domain stands in the body or in a record
the handler asks again with that one (`Access.later`).
"""

from typing import Literal, NamedTuple

from datamesh.models.api.identity import DomainRole, MeshRole

Method = Literal["GET", "POST", "PUT", "DELETE"]
FunctionName = Literal["answer_query", "send_command", "cast_vote", "retry_execution"]


class Access(NamedTuple):
    """Who may: anybody with one of these roles. `later` says that the domain is known only when a record is read."""

    signed_in: bool = False
    domain: frozenset[DomainRole] = frozenset()
    mesh: frozenset[MeshRole] = frozenset()
    later: bool = False


class Route(NamedTuple):
    """A route. `operation` names it in OpenAPI, in the CLI's client and in the portal's."""

    operation: str
    method: Method
    path: str
    function: FunctionName
    access: Access
    success: int = 200


EVERYBODY = Access(signed_in=True)
MEMBERS: frozenset[DomainRole] = frozenset({"owner", "steward", "member"})
KEEPERS: frozenset[DomainRole] = frozenset({"owner", "steward"})
OWNERS: frozenset[DomainRole] = frozenset({"owner"})
ADMINS: frozenset[MeshRole] = frozenset({"admin"})
OPERATORS: frozenset[MeshRole] = frozenset({"admin", "operator"})
AUDITORS: frozenset[MeshRole] = frozenset({"admin", "auditor"})
OVERSEERS: frozenset[MeshRole] = frozenset({"admin", "auditor", "operator"})

ROUTES: tuple[Route, ...] = (
    Route("get_me", "GET", "/v1/me", "answer_query", EVERYBODY),
    # Domains
    Route("list_domains", "GET", "/v1/domains", "answer_query", EVERYBODY),
    Route("get_domain", "GET", "/v1/domains/{domain}", "answer_query", EVERYBODY),
    Route(
        "register_domain", "POST", "/v1/domains", "send_command", Access(domain=OWNERS, mesh=ADMINS, later=True), 202
    ),
    Route("leave_domain", "DELETE", "/v1/domains/{domain}", "send_command", Access(domain=OWNERS, mesh=ADMINS), 202),
    # Products
    Route("search_products", "GET", "/v1/products", "answer_query", EVERYBODY),
    Route(
        "list_products",
        "GET",
        "/v1/domains/{domain}/products",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    Route("get_product", "GET", "/v1/domains/{domain}/products/{product}", "answer_query", EVERYBODY),
    Route(
        "plan_product",
        "POST",
        "/v1/domains/{domain}/product-plans",
        "answer_query",
        Access(domain=OWNERS, mesh=ADMINS),
    ),
    Route(
        "register_product",
        "POST",
        "/v1/domains/{domain}/products",
        "send_command",
        Access(domain=OWNERS, mesh=ADMINS),
        202,
    ),
    Route(
        "update_product",
        "PUT",
        "/v1/domains/{domain}/products/{product}",
        "send_command",
        Access(domain=OWNERS, mesh=ADMINS),
        202,
    ),
    Route(
        "deregister_product",
        "DELETE",
        "/v1/domains/{domain}/products/{product}",
        "send_command",
        Access(domain=OWNERS, mesh=ADMINS),
        202,
    ),
    Route(
        "list_product_grants",
        "GET",
        "/v1/domains/{domain}/products/{product}/grants",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    Route("list_lf_tags", "GET", "/v1/lf-tags", "answer_query", EVERYBODY),
    # Requests for access
    Route(
        "preview_access",
        "POST",
        "/v1/access-previews",
        "answer_query",
        Access(domain=MEMBERS, mesh=ADMINS, later=True),
    ),
    Route(
        "request_access",
        "POST",
        "/v1/access-requests",
        "send_command",
        Access(domain=MEMBERS, mesh=ADMINS, later=True),
        202,
    ),
    Route(
        "list_requests",
        "GET",
        "/v1/domains/{domain}/access-requests",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    # A request is seen by its consumer, by the owners of what it speaks of, by its approvers and by who oversees.
    Route(
        "get_request",
        "GET",
        "/v1/access-requests/{request_id}",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS, later=True),
    ),
    # The person who asked, or an owner of the consumer; before it is granted.
    Route(
        "cancel_request",
        "POST",
        "/v1/access-requests/{request_id}/cancel",
        "send_command",
        Access(domain=MEMBERS, mesh=ADMINS, later=True),
        202,
    ),
    Route(
        "extend_access",
        "POST",
        "/v1/access-requests/{request_id}/extend",
        "send_command",
        Access(domain=MEMBERS, mesh=ADMINS, later=True),
        202,
    ),
    # Owners of the consumer, owners and stewards of the producer, and governance.
    Route(
        "revoke_access",
        "POST",
        "/v1/access-requests/{request_id}/revoke",
        "send_command",
        Access(domain=KEEPERS, mesh=ADMINS, later=True),
        202,
    ),
    # Approvals: whom the policy names, by address.
    Route("list_approvals", "GET", "/v1/approvals", "answer_query", EVERYBODY),
    Route(
        "get_approval",
        "GET",
        "/v1/approvals/{request_id}/{number}",
        "answer_query",
        Access(mesh=OVERSEERS, later=True),
    ),
    Route("find_approval_link", "GET", "/v1/approval-links/{link_id}", "answer_query", EVERYBODY),
    Route("decide", "POST", "/v1/approvals/{request_id}/{number}/decision", "cast_vote", Access(later=True)),
    # Grants: what a domain may read
    Route(
        "list_grants",
        "GET",
        "/v1/domains/{domain}/grants",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    # Operations and executions
    Route(
        "get_operation",
        "GET",
        "/v1/operations/{correlation_id}",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS, later=True),
    ),
    Route(
        "list_executions",
        "GET",
        "/v1/domains/{domain}/executions",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    Route("list_all_executions", "GET", "/v1/executions", "answer_query", Access(mesh=OVERSEERS)),
    Route(
        "get_execution",
        "GET",
        "/v1/executions/{execution_id}",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS, later=True),
    ),
    Route(
        "retry_execution",
        "POST",
        "/v1/executions/{execution_id}/retry",
        "retry_execution",
        Access(mesh=OPERATORS),
        202,
    ),
    Route(
        "list_events",
        "GET",
        "/v1/domains/{domain}/events",
        "answer_query",
        Access(domain=MEMBERS, mesh=OVERSEERS),
    ),
    Route("list_all_events", "GET", "/v1/events", "answer_query", Access(mesh=OVERSEERS)),
    # The ledger: all of it, or what concerns a domain
    Route("list_audit", "GET", "/v1/audit", "answer_query", Access(mesh=AUDITORS)),
    Route(
        "list_domain_audit",
        "GET",
        "/v1/domains/{domain}/audit",
        "answer_query",
        Access(domain=KEEPERS, mesh=AUDITORS),
    ),
)
BY_OPERATION: dict[str, Route] = {route.operation: route for route in ROUTES}
