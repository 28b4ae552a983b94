"""What is particular to grants on tags and on tag policies: the tags must be there, who may grant by them, how many.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-granting-tags.html and, for what another account shared,
https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rules.html. The codes here are AWS's; the
texts of these refusals are not published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.lakeformation import effective, errors, resources, tag_policies
from sandbox.lakeformation.resources import Kind
from sandbox.lakeformation.store import store

if TYPE_CHECKING:
    from sandbox.lakeformation.requests import Request

MAX_POLICIES = 50
"""Per principal and type of resource: https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html."""


def check_known(request: Request) -> None:
    """Tags must be defined before they are granted, and so must saved expressions.

    Raises:
        AwsError: EntityNotFoundException.
    """
    resource = request.resource
    if not resource.by_tag:
        return
    if resource.expression_name and resource.expression_name not in store.account(resource.catalog).tag_expressions:
        raise errors.not_found(f"LF-Tag expression {resource.expression_name} not found.")
    wanted = [(resource.tag_key, resource.tag_values)] if resource.kind is Kind.LF_TAG else resource.expression
    for key, values in wanted:
        if not tag_policies.known(resource.catalog, key, values, all_values=resource.kind is Kind.LF_TAG):
            raise errors.unknown_tag()


def check_number(request: Request) -> None:
    """A principal holds at most 50 policies on databases, and 50 on tables, of each account's making.

    Raises:
        AwsError: InvalidInputException.
    """
    resource, account = request.resource, store.account(request.caller.account)
    if resource.kind is not Kind.TAG_POLICY or account.find(request.principal.id, resource):
        return
    standing = [
        held
        for held in account.grants.values()
        if held.principal == request.principal.id
        and held.resource.kind is Kind.TAG_POLICY
        and held.resource.policy_type == resource.policy_type
    ]
    if len(standing) >= MAX_POLICIES:
        raise errors.invalid(
            f"The principal {request.principal.id} already has {MAX_POLICIES} LF-Tag policies of type"
            f" {resource.policy_type}."
        )


def may_by_values(request: Request, *, admin: bool) -> bool:
    """Whether the caller may grant by this expression because of what it holds on its tags.

    In the owner's account that is GRANT_WITH_LF_TAG_EXPRESSION on every value of it, or on the saved expression. In
    another account it is DESCRIBE on every value, and the policy must not be one that the account received: that one
    takes the grant option.
    """
    caller, policy = request.caller, request.resource
    wanted = [resources.lf_tag(policy.catalog, key, value) for key, value in tag_policies.pairs(policy)]
    if request.local_resource:
        permission = "GRANT_WITH_LF_TAG_EXPRESSION"
        if policy.expression_name:
            saved = resources.tag_expression(policy.catalog, policy.expression_name)
            return effective.allows(caller, permission, saved)
        return bool(wanted) and all(effective.allows(caller, permission, value) for value in wanted)
    if any(grant.resource == policy for grant in effective.received(caller.account, policy)):
        return False
    if admin:
        allowed = (effective.account_allows(caller.account, "DESCRIBE", v, grant_option=False) for v in wanted)
    else:
        allowed = (effective.allows(caller, "DESCRIBE", value) for value in wanted)
    return bool(wanted) and all(allowed)
