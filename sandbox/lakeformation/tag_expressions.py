"""Tag expressions saved under a name.

https://docs.aws.amazon.com/lake-formation/latest/dg/managing-tag-expressions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.lakeformation import effective, errors, listing, resources, tag_ops
from sandbox.lakeformation.settings_ops import own_catalog
from sandbox.lakeformation.store import SavedExpression, lock, store

if TYPE_CHECKING:
    from sandbox.api import Call
    from sandbox.lakeformation.resources import Expression

MAX_EXPRESSIONS = 1000


def create(call: Call) -> dict[str, Any]:
    """CreateLFTagExpression: whoever creates one may do anything with it and grant it.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_CreateLFTagExpression.html

    Raises:
        AwsError: AccessDeniedException without CREATE_LF_TAG_EXPRESSION or without GRANT_WITH_LF_TAG_EXPRESSION on all
            its tags; InvalidInputException for a name that is taken (text: this project's); EntityNotFoundException for
            unknown tags; ResourceNumberLimitExceededException.
    """
    account, caller, name = own_catalog(call), call.caller, call.params["Name"].lower()
    with lock:
        if not effective.allows(caller, "CREATE_LF_TAG_EXPRESSION", resources.catalog(account)):
            raise errors.insufficient("CREATE_LF_TAG_EXPRESSION", "Catalog")
        expression = _checked_expression(call, account)
        known = store.account(account).tag_expressions
        if name in known:
            raise errors.invalid(f"LF-Tag expression {name} already exists.")
        if len(known) >= MAX_EXPRESSIONS:
            raise errors.too_many(f"The number of LF-Tag expressions exceeds {MAX_EXPRESSIONS}.")
        known[name] = SavedExpression(name, expression, call.params.get("Description") or "")
        tag_ops.give_creator(caller, resources.tag_expression(account, name))
    return {}


def get(call: Call) -> dict[str, Any]:
    """GetLFTagExpression.

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without DESCRIBE.
    """
    with lock:
        return _shown(own_catalog(call), _found(call, "DESCRIBE"))


def list_all(call: Call) -> dict[str, Any]:
    """ListLFTagExpressions: those that the caller may see."""
    account = own_catalog(call)
    with lock:
        found = [
            _shown(account, saved)
            for name, saved in sorted(store.account(account).tag_expressions.items())
            if effective.allows(call.caller, "DESCRIBE", resources.tag_expression(account, name))
        ]
    some, more = listing.page(found, call.params)
    return {"LFTagExpressions": some} | more


def update(call: Call) -> dict[str, Any]:
    """UpdateLFTagExpression: with it changes at once what everybody holds who was granted by the name.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTagExpression.html

    Raises:
        AwsError: as `create`; AccessDeniedException without ALTER.
    """
    account = own_catalog(call)
    with lock:
        saved = _found(call, "ALTER")
        saved.expression = _checked_expression(call, account)
        if call.params.get("Description") is not None:
            saved.description = call.params["Description"]
    return {}


def delete(call: Call) -> dict[str, Any]:
    """DeleteLFTagExpression: takes along the permissions that were granted by the name.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_DeleteLFTagExpression.html

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without DROP.
    """
    account = own_catalog(call)
    with lock:
        name = _found(call, "DROP").name
        del store.account(account).tag_expressions[name]
        for _, each in store.accounts():
            each.forget(
                lambda grant: (
                    grant.resource.catalog == account
                    and grant.resource.by_tag
                    and grant.resource.expression_name == name
                )
            )
    return {}


def _found(call: Call, permission: str) -> SavedExpression:
    account, name = own_catalog(call), call.params["Name"].lower()
    saved = store.account(account).tag_expressions.get(name)
    if saved is None:
        raise errors.not_found(f"LF-Tag expression {name} not found.")
    if not effective.allows(call.caller, permission, resources.tag_expression(account, name)):
        raise errors.insufficient(permission, name)
    return saved


def _checked_expression(call: Call, account: str) -> Expression:
    expression = resources.normal_expression(call.params["Expression"])
    known = store.account(account).lf_tags
    for key, values in expression:
        if not set(values) <= set(known.get(key, ())):
            raise errors.unknown_tag()
        if not effective.allows(call.caller, "GRANT_WITH_LF_TAG_EXPRESSION", resources.lf_tag(account, key, *values)):
            raise errors.insufficient("GRANT_WITH_LF_TAG_EXPRESSION", key)
    return expression


def _shown(account: str, saved: SavedExpression) -> dict[str, Any]:
    expression = [{"TagKey": key, "TagValues": list(values)} for key, values in saved.expression]
    return {
        "Name": saved.name,
        "Description": saved.description,
        "CatalogId": account,
        "Expression": expression,
    }
