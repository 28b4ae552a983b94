"""Lake Formation's operations, as the front door calls them (IAM has said yes to the operation before).

https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.api import AwsError
from sandbox.lakeformation import (
    cell_filter_ops,
    errors,
    grants,
    listing,
    locations,
    settings_ops,
    tag_assignment,
    tag_expressions,
    tag_ops,
    tag_search,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.api import Call

MAX_ENTRIES = 20


def handle(call: Call) -> dict[str, Any]:
    """Answer one call.

    Raises:
        AwsError: what Lake Formation answers, and InvalidInputException for operations the sandbox does not have.
    """
    operation = _OPERATIONS.get(call.operation)
    if operation is None:
        raise errors.not_supported(call.operation)
    return operation(call)


def _grant(call: Call) -> dict[str, Any]:
    grants.grant(call.caller, call.region, call.params, _default_catalog(call))
    return {}


def _revoke(call: Call) -> dict[str, Any]:
    grants.revoke(call.caller, call.region, call.params, _default_catalog(call))
    return {}


def _default_catalog(call: Call) -> str:
    return call.params.get("CatalogId") or call.caller.account


def _batch(call: Call) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_BatchGrantPermissions.html.

    The answer is a success whatever became of the entries: what failed is listed.
    """
    entries = call.params.get("Entries") or []
    ids = [entry.get("Id") for entry in entries]
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise errors.invalid(f"The number of entries must be between 1 and {MAX_ENTRIES}.")
    if len(set(ids)) != len(ids):
        raise errors.invalid("The Ids of the entries must be unique.")
    change = grants.grant if call.operation == "BatchGrantPermissions" else grants.revoke
    failures = []
    for entry in entries:
        try:
            change(call.caller, call.region, entry, _default_catalog(call))
        except AwsError as refused:
            error = {"ErrorCode": refused.code, "ErrorMessage": refused.message}
            failures.append({"RequestEntry": entry, "Error": error})
    return {"Failures": failures}


_OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "AddLFTagsToResource": tag_assignment.add,
    "BatchGrantPermissions": _batch,
    "BatchRevokePermissions": _batch,
    "CreateDataCellsFilter": cell_filter_ops.create,
    "CreateLFTag": tag_ops.create,
    "CreateLFTagExpression": tag_expressions.create,
    "DeleteDataCellsFilter": cell_filter_ops.delete,
    "DeleteLFTag": tag_ops.delete,
    "DeleteLFTagExpression": tag_expressions.delete,
    "DeregisterResource": locations.deregister,
    "DescribeResource": locations.describe,
    "GetDataCellsFilter": cell_filter_ops.get,
    "GetDataLakePrincipal": lambda call: {"Identity": call.caller.arn},
    "GetDataLakeSettings": settings_ops.get,
    "GetEffectivePermissionsForPath": listing.effective_for_path,
    "GetLFTag": tag_ops.get,
    "GetLFTagExpression": tag_expressions.get,
    "GetResourceLFTags": tag_assignment.show,
    "GrantPermissions": _grant,
    "ListDataCellsFilter": cell_filter_ops.list_all,
    "ListLFTagExpressions": tag_expressions.list_all,
    "ListLFTags": tag_ops.list_all,
    "ListPermissions": listing.list_permissions,
    "ListResources": locations.list_all,
    "PutDataLakeSettings": settings_ops.put,
    "RegisterResource": locations.register,
    "RemoveLFTagsFromResource": tag_assignment.remove,
    "RevokePermissions": _revoke,
    "SearchDatabasesByLFTags": tag_search.databases,
    "SearchTablesByLFTags": tag_search.tables,
    "UpdateDataCellsFilter": cell_filter_ops.update,
    "UpdateLFTag": tag_ops.update,
    "UpdateLFTagExpression": tag_expressions.update,
    "UpdateResource": locations.update,
}
