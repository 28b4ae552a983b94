"""What is particular to grants on data cells filters.

https://docs.aws.amazon.com/lake-formation/latest/dg/granting-filter-perms.html. The codes here are AWS's; the texts of
these refusals are not published, but for the well-known one of combinations that do not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.lakeformation import cell_filters, errors
from sandbox.lakeformation.resources import Kind
from sandbox.lakeformation.store import store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.lakeformation.requests import Request
    from sandbox.lakeformation.resources import Resource
    from sandbox.lakeformation.store import Grant

MAX_FILTERS = 100
"""With SELECT, per principal and table: https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html.
"""

_NOT_ON_PART = frozenset({"ALL", "ALTER", "DELETE", "DROP", "INSERT"})


def check_known(resource: Resource) -> None:
    """The filter must be there.

    Raises:
        AwsError: EntityNotFoundException.
    """
    if resource.kind is Kind.CELLS_FILTER and cell_filters.find(resource) is None:
        raise errors.not_found(f"Data cells filter {resource.filter_name} not found on table {resource.table}.")


def check(request: Request, standing: Iterable[Grant]) -> None:
    """What does not go together; `standing` is what the grantee holds on the table.

    To other accounts goes SELECT only, and on their filters nothing else is passed on
    (https://docs.aws.amazon.com/lake-formation/latest/dg/managing-filters.html). Who reads some columns of a table only
    cannot hold ALTER, DROP, DELETE or INSERT on it.

    Raises:
        AwsError: InvalidInputException.
    """
    resource = request.resource
    on_filters = [held for held in standing if held.resource.kind is Kind.CELLS_FILTER]
    filters = {held.resource for held in on_filters}
    if resource.kind is Kind.TABLE and request.permissions & _NOT_ON_PART and any(map(_in_part, filters)):
        raise errors.bad_permissions()
    if resource.kind is not Kind.CELLS_FILTER:
        return
    abroad = request.external or resource.keeper != request.caller.account
    if abroad and request.permissions - {"SELECT"}:
        raise errors.bad_permissions()
    selected = {held.resource for held in on_filters if "SELECT" in held.permissions}
    if "SELECT" in request.permissions and len(selected | {resource}) > MAX_FILTERS:
        raise errors.invalid(
            f"The principal {request.principal.id} already has {MAX_FILTERS} data cells filters of the table"
            f" {resource.table}."
        )


def _in_part(resource: Resource) -> bool:
    found = cell_filters.find(resource)
    return found is not None and bool(found.columns or found.excluded)


def filter_deleted(resource: Resource) -> None:
    """Forget the filter, and what its own account granted on it; what others passed on of it gives nothing any more."""
    account = store.account(resource.keeper)
    account.forget(lambda grant: grant.resource == resource)
    del account.cell_filters[resource]
