"""Who holds what right now: own grants, what IAM_ALLOWED_PRINCIPALS leaves to IAM, and what reaches over accounts.

Across accounts (https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html) a principal holds
a permission when
* the owner granted it to the principal directly, or
* the owner granted it to the principal's account (or organization) *and* somebody in that account passed it on,
and the resource share that carries the grant is visible. Evaluated at each question, so a revocation at the source
takes everything away that depended on it, while local grants stay listed.

What is granted on a tag policy counts together with what is granted by name ("the union of the permissions granted by
both the methods", https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-metadata.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sandbox.lakeformation import catalog, cell_filters, principals, resources, tag_policies
from sandbox.lakeformation.principals import IAM_ALLOWED_PRINCIPALS
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import Grant, lock, store
from sandbox.ram import sharing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sandbox.api import Caller

_TABLE_LIKE = (Kind.TABLE, Kind.ALL_TABLES, Kind.COLUMNS)
_ANY_REGION = "*"


class Cells(NamedTuple):
    """Columns of a table, lower case, in the rows for which all expressions hold; no expression: in all rows."""

    columns: frozenset[str]
    rows: tuple[str, ...]


def is_admin(caller: Caller) -> bool:
    """Whether the caller administers its account's data lake."""
    return caller.principal_arn in store.account(caller.account).admins()


def allows(caller: Caller, permission: str, target: Resource, *, grant_option: bool = False) -> bool:
    """Whether the caller holds the permission (or may pass it on) on the resource, implicit permissions included."""
    with lock:
        if not grant_option and _implicit(caller, permission, target):
            return True
        if target.kind is Kind.LF_TAG and len(target.tag_values) > 1:
            return all(allows(caller, permission, each, grant_option=grant_option) for each in target.parts)
        if any(True for _ in _holding(caller, permission, target, grant_option=grant_option)):
            return True
        if target.kind is Kind.CELLS_FILTER and not (grant_option and allows(caller, "DESCRIBE", target)):
            return False
        wanted = _columns_wanted(permission, target)
        return bool(wanted) and wanted <= readable(caller, target.entity, list(wanted), grant_option=grant_option)


def account_allows(account: str, permission: str, target: Resource, *, grant_option: bool) -> bool:
    """Whether another account granted this to the account: what its administrator may pass on."""
    with lock:
        if target.kind is Kind.LF_TAG and len(target.tag_values) > 1:
            return all(account_allows(account, permission, each, grant_option=grant_option) for each in target.parts)
        held = list(received(account, target))
        if any(covers(grant, permission, target, grant_option=grant_option) for grant in held):
            return True
        if target.kind is Kind.CELLS_FILTER:
            return _account_applies(account, permission, target)
        wanted = _columns_wanted(permission, target)
        found = [_selected(grant, target, list(wanted), grant_option=grant_option) for grant in held]
        return bool(wanted) and wanted <= set().union(*found)


def _account_applies(account: str, permission: str, target: Resource) -> bool:
    """Whether an account may do this with a filter that it made itself of a table that it received.

    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: administrators of another account
    need not hold all columns; nobody gets more than the account received.
    """
    if permission != "SELECT":
        return target.keeper == account
    return target.keeper == account and account_passes_on(account, target.entity)


def account_passes_on(account: str, table: Resource) -> bool:
    """Whether the account received SELECT on anything of a table with the grant option."""
    with lock:
        held = received(account, table)
        return any(_selects(grant, table) and grant.grantable & {"SELECT", "ALL"} for grant in held)


def _columns_wanted(permission: str, target: Resource) -> set[str]:
    """The columns that SELECT on a table or on columns of it is about: several grants may give them together."""
    if permission == "SELECT" and target.kind is Kind.CELLS_FILTER:
        return cell_filters.columns_to_apply(target)
    if permission != "SELECT" or target.kind not in (Kind.TABLE, Kind.COLUMNS):
        return set()
    return set(target.columns) or catalog.column_names(target) - set(target.excluded)


def _implicit(caller: Caller, permission: str, target: Resource) -> bool:
    """What administrators have without a grant.

    https://docs.aws.amazon.com/lake-formation/latest/dg/implicit-permissions.html: describe everything, create
    databases, point to every location; nothing to alter, drop or read. Of other accounts' resources they see what was
    shared with the account, not what was shared with another principal directly.
    """
    own = target.keeper == caller.account
    account = store.account(caller.account)
    if target.by_tag and own and caller.principal_arn in account.admins():
        # https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-adding-tag-creator.html
        return True
    if caller.principal_arn in account.read_only_admins():
        return permission == "DESCRIBE" and (own or account_sees(caller.account, target))
    if caller.principal_arn not in account.admins():
        return False
    if not own:
        return permission == "DESCRIBE" and account_sees(caller.account, target)
    return permission in (
        "DESCRIBE",
        "CREATE_DATABASE",
        "CREATE_LF_TAG",
        "CREATE_LF_TAG_EXPRESSION",
        "DATA_LOCATION_ACCESS",
    )


def account_sees(account: str, target: Resource) -> bool:
    """Whether anything on the resource (or in the database) was granted to the account and is visible."""
    return any(_touches(grant, target) for grant in received(account, target))


def caller_sees(caller: Caller, target: Resource) -> bool:
    """Whether the caller holds anything on the resource, or on something in it when it is a database."""
    with lock:
        return _implicit(caller, "DESCRIBE", target) or any(
            ceilings is None or any(_give_together(grant, ceiling, target) for ceiling in ceilings)
            for grant, ceilings in _effective(caller, target)
        )


def _touches(grant: Grant, target: Resource) -> bool:
    held = grant.resource
    if held.by_tag or target.by_tag:
        return _touches_by_tag(grant, target)
    if Kind.CELLS_FILTER in (held.kind, target.kind):
        return cell_filters.touches(grant, target)
    if held.catalog != target.catalog or held.database != target.database:
        return False
    if target.kind is Kind.DATABASE:
        return held.kind is Kind.DATABASE or held.kind in _TABLE_LIKE
    if target.kind in _TABLE_LIKE:
        return held.kind is Kind.ALL_TABLES or (held.kind in _TABLE_LIKE and held.table == target.table)
    return held.kind is target.kind


def _touches_by_tag(grant: Grant, target: Resource) -> bool:
    held, permissions = grant.resource, grant.permissions
    if target.kind is Kind.LF_TAG:
        return tag_policies.covers_tag(held, target)
    if target.by_tag or held.kind is not Kind.TAG_POLICY:
        return held == target
    if target.kind in (Kind.DATABASE, Kind.ALL_TABLES):
        if target.kind is Kind.DATABASE and tag_policies.on_database(held, permissions, target):
            return True
        return any(tag_policies.on_table(held, permissions, table) for table in tag_policies.tables(held, target))
    return target.entity.kind is Kind.TABLE and bool(tag_policies.on_table(held, permissions, target.entity))


def _give_together(grant: Grant, ceiling: Grant, target: Resource) -> bool:
    """Whether what was passed on, within what the account holds, is anything on the database or table at all."""
    policies = [each.resource for each in (grant, ceiling) if each.resource.kind is Kind.TAG_POLICY]
    if target.by_tag:
        return True
    if not policies and target.kind is not Kind.TABLE:
        return _give_together_by_name(grant, ceiling)
    if target.kind in (Kind.DATABASE, Kind.ALL_TABLES):
        if target.kind is Kind.DATABASE and _given(grant, target) & _given(ceiling, target):
            return True
        return any(_give_together(grant, ceiling, table) for table in tag_policies.tables(policies[0], target))
    both = _given(grant, target) & _given(ceiling, target)
    if both - {"SELECT"}:
        return True
    names = list(catalog.column_names(target)) if both else []
    mine, theirs = (_selected(each, target, names, grant_option=False) for each in (grant, ceiling))
    return bool(mine & theirs)


def _give_together_by_name(grant: Grant, ceiling: Grant) -> bool:
    """The same for two grants by name in one database: on the database itself, or on a table that both are about."""
    both = (grant.resource, ceiling.resource)
    if any(held.kind is Kind.DATABASE for held in both):
        return both[0].kind is both[1].kind
    tables = [held.entity for held in both if held.kind is not Kind.ALL_TABLES]
    return not tables or _give_together(grant, ceiling, tables[0])


def _given(grant: Grant, target: Resource) -> AbstractSet[str]:
    """The permissions that this grant is on a database or table itself."""
    held = grant.resource
    if held.kind is Kind.TAG_POLICY:
        on = tag_policies.on_database if target.kind is Kind.DATABASE else tag_policies.on_table
        return on(held, grant.permissions, target.entity)
    if (held.kind is Kind.DATABASE) != (target.kind is Kind.DATABASE) or not _touches(grant, target):
        return frozenset()
    return resources.VALID[target.entity.kind] if "ALL" in grant.permissions else grant.permissions


def readable(caller: Caller, target: Resource, columns: Sequence[str], *, grant_option: bool = False) -> set[str]:
    """The columns of a table, lower case, on which the caller holds SELECT."""
    with lock:
        found: set[str] = set()
        for grant, ceilings in _effective(caller, target, grant_option=grant_option):
            mine = _selected(grant, target, columns, grant_option=grant_option)
            if grant_option and cell_filters.rows(grant.resource):
                # https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: only who has access to
                # all rows grants on the table or on columns of it.
                continue
            if ceilings is not None:
                # Whoever passes on what was received passes on at most what the account still holds.
                theirs = [_selected(ceiling, target, columns, grant_option=grant_option) for ceiling in ceilings]
                mine &= set().union(*theirs)
            found |= mine
        return found


def received_columns(account: str, target: Resource, columns: Sequence[str]) -> set[str]:
    """The columns of another account's table, lower case, on which the account received SELECT."""
    with lock:
        found = (_selected(grant, target, columns, grant_option=False) for grant in received(account, target))
        return set().union(*found)


def cells(caller: Caller, target: Resource, columns: Sequence[str]) -> list[Cells]:
    """What the caller reads of a table, each part of it with its rows: all parts count, one beside the other.

    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: what was passed on is limited to the
    rows that the account received as well.
    """
    with lock:
        found: dict[Cells, None] = {}
        for grant, ceilings in _effective(caller, target):
            mine = _cells(grant, target, columns)
            theirs = [mine] if ceilings is None else [_cells(ceiling, target, columns) for ceiling in ceilings]
            for limit in theirs:
                rows = tuple(dict.fromkeys((*limit.rows, *mine.rows)))
                found[Cells(mine.columns & limit.columns, rows)] = None
        return [part for part in found if part.columns]


def _cells(grant: Grant, target: Resource, columns: Sequence[str]) -> Cells:
    selected = _selected(grant, target, columns, grant_option=False)
    return Cells(frozenset(selected), cell_filters.rows(grant.resource))


def selects_something(caller: Caller, target: Resource) -> bool:
    """Whether the caller holds SELECT on any column of the table: enough to count its rows."""
    with lock:
        return any(
            _selects(grant, target)
            and (
                ceilings is None
                or any(_selects(each, target) and _give_together(grant, each, target) for each in ceilings)
            )
            for grant, ceilings in _effective(caller, target)
        )


def _selects(grant: Grant, target: Resource) -> bool:
    if grant.resource.kind is Kind.TAG_POLICY:
        return "SELECT" in tag_policies.on_table(grant.resource, grant.permissions, target.entity)
    table_like = grant.resource.kind in (*_TABLE_LIKE, Kind.CELLS_FILTER)
    return table_like and bool(grant.permissions & {"SELECT", "ALL"}) and _touches(grant, target)


def _selected(grant: Grant, target: Resource, columns: Sequence[str], *, grant_option: bool) -> set[str]:
    permissions = grant.grantable if grant_option else grant.permissions
    held = grant.resource
    if not permissions & {"SELECT", "ALL"}:
        return set()
    if held.kind is Kind.TAG_POLICY:
        return tag_policies.columns(held, target, columns)
    if held.kind is Kind.CELLS_FILTER:
        return cell_filters.columns(held, columns) if _touches(grant, target) else set()
    if held.kind not in _TABLE_LIKE or not _touches(grant, target):
        return set()
    names = {column.lower() for column in columns}
    if not held.columns:
        return names - set(held.excluded)
    # https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-select: access to
    # partition keys cannot be restricted.
    return names & {*held.columns, *catalog.partition_keys(target)}


def covers(grant: Grant, permission: str, target: Resource, *, grant_option: bool = False) -> bool:
    """Whether this grant alone gives the permission (or the right to pass it on) on the resource."""
    permissions = grant.grantable if grant_option else grant.permissions
    held = grant.resource
    if target.kind is Kind.DATA_LOCATION:
        return permission in permissions and held.kind is target.kind and _location_covers(held, target)
    if held.by_tag or target.by_tag:
        return _covers_by_tag(held, permissions, permission, target, grant_option=grant_option)
    if Kind.CELLS_FILTER in (held.kind, target.kind):
        return cell_filters.covers(held, permissions, permission, target, grant_option=grant_option)
    described = permission == "DESCRIBE" and not grant_option and bool(permissions)
    if not described and not permissions & {permission, "ALL"}:
        return False
    if held.catalog != target.catalog or held.database != target.database:
        return False
    if target.kind in (Kind.CATALOG, Kind.DATABASE, Kind.ALL_TABLES):
        return held.kind is target.kind
    if held.kind is Kind.ALL_TABLES or (held.kind is Kind.TABLE and held.table == target.table):
        return True
    if held.kind is not Kind.COLUMNS or held.table != target.table:
        return False
    return described or _columns_cover(held, target)


def _covers_by_tag(
    held: Resource, permissions: AbstractSet[str], permission: str, target: Resource, *, grant_option: bool
) -> bool:
    if target.by_tag:
        if not _touches_by_tag(Grant("", held), target):
            return False
        got = permissions
    elif held.kind is not Kind.TAG_POLICY:
        return False
    elif target.kind is Kind.DATABASE:
        got = tag_policies.on_database(held, permissions, target)
    elif target.kind in (Kind.TABLE, Kind.COLUMNS):
        got = tag_policies.on_table(held, permissions, target.entity)
        if permission == "SELECT" and "SELECT" in got:
            wanted = set(target.columns)
            whole = tag_policies.whole(held, target.entity)
            return whole or (bool(wanted) and wanted <= tag_policies.columns(held, target, wanted))
    else:
        return False
    return bool(got & {permission, "ALL"}) or (permission == "DESCRIBE" and not grant_option and bool(got))


def _location_covers(held: Resource, target: Resource) -> bool:
    return held.catalog == target.catalog and resources.covers_location(held.location, target.location)


def _columns_cover(held: Resource, target: Resource) -> bool:
    """A partial SELECT covers only a SELECT that is as narrow."""
    if target.kind is not Kind.COLUMNS:
        return False
    if target.columns:
        names = set(target.columns)
        return names <= set(held.columns) if held.columns else not names & set(held.excluded)
    return bool(target.excluded) and not held.columns and set(held.excluded) <= set(target.excluded)


def _holding(caller: Caller, permission: str, target: Resource, *, grant_option: bool) -> Iterator[Grant]:
    for grant, ceilings in _effective(caller, target, grant_option=grant_option):
        if not covers(grant, permission, target, grant_option=grant_option):
            continue
        if ceilings is None or any(covers(c, permission, target, grant_option=grant_option) for c in ceilings):
            yield grant


def _effective(
    caller: Caller, target: Resource, *, grant_option: bool = False
) -> Iterator[tuple[Grant, list[Grant] | None]]:
    """The caller's grants on the target; with each what limits it: None, or the grants to the caller's account.

    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html: who was granted something by
    another account directly "cannot share the resource with other principals", whatever the grant option says.
    """
    owner = store.account(target.keeper)
    ids = {caller.principal_arn, f"{caller.account}:IAMPrincipals"}
    if target.keeper == caller.account:
        ids.add(IAM_ALLOWED_PRINCIPALS)
        yield from ((grant, None) for grant in _of(owner.grants.values(), ids, target))
        return
    if _left_to_iam(target):
        return
    for grant in [] if grant_option else _of(owner.grants.values(), ids, target):
        if _visible(grant, caller.account, caller.principal_arn):
            yield grant, None
    ceilings = list(received(caller.account, target))
    if ceilings:
        for grant in _of(store.account(caller.account).grants.values(), ids, target):
            yield grant, ceilings


def _of(grants: Iterable[Grant], ids: set[str], target: Resource) -> list[Grant]:
    return [grant for grant in grants if grant.principal in ids and _touches(grant, target)]


def received(account: str, target: Resource) -> Iterator[Grant]:
    """The visible grants of the target's owner to this account or its organization."""
    if target.catalog == account or _left_to_iam(target):
        return
    ids = {account, *principals.organizations_of(account)}
    for grant in list(store.account(target.catalog).grants.values()):
        if grant.principal in ids and _visible(grant, account, None) and _touches(grant, target):
            yield grant


def _left_to_iam(target: Resource) -> bool:
    """While IAM_ALLOWED_PRINCIPALS stands on a resource, nobody of another account gets at it through Lake Formation.

    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html
    """
    return left_to_iam(target) is not None


def left_to_iam(target: Resource) -> Resource | None:
    """The resource (this one, or all tables of its database) on which IAM_ALLOWED_PRINCIPALS stands, if it does."""
    entity = target.entity
    if entity.kind not in (Kind.DATABASE, Kind.TABLE, Kind.ALL_TABLES):
        return None
    owner = store.account(target.catalog)
    candidates = [entity]
    if entity.kind is Kind.TABLE:
        candidates.append(resources.all_tables(entity.catalog, entity.database))
    return next((found for found in candidates if owner.find(IAM_ALLOWED_PRINCIPALS, found)), None)


def _visible(grant: Grant, account: str, principal: str | None) -> bool:
    return visibility(grant, account, principal) == "visible"


def visibility(grant: Grant, account: str, principal: str | None) -> sharing.Visibility:
    """Whether the share that carries the owner's grant can be seen by the account (or one principal of it)."""
    resource = grant.resource
    if not resource.shared:
        return "visible"
    carrier = resources.database(resource.catalog, resource.database) if grant.implicit else resource.carrier
    # What is granted by tag travels as the catalog, databases in one share and tables in another.
    share = grant.share if resource.kind is Kind.TAG_POLICY else None
    return sharing.visibility(resource.catalog, carrier.arn(_ANY_REGION), account, principal, share=share)


def sees_pending(account: str, principal: str, target: Resource) -> bool:
    """Whether something on the target was granted to the account but its share is not (or will never be) visible."""
    ids = {account, principal, f"{account}:IAMPrincipals", *principals.organizations_of(account)}
    return any(
        grant.principal in ids
        and _touches(grant, target)
        and "pending" in (visibility(grant, account, None), visibility(grant, account, principal))
        for grant in list(store.account(target.catalog).grants.values())
    )
