"""Grants to accounts and to principals in them: granted when missing, read back, with the shares that carry them."""

from collections.abc import Mapping, Sequence

from datamesh.logic.ports import Permissions
from datamesh.models.errors import GrantNotVisible
from datamesh.models.facts import READ_PERMISSIONS
from datamesh.models.permissions import (
    FilterResource,
    Grant,
    GrantedPermission,
    Resource,
    TableResource,
    TagPolicyResource,
)
from datamesh.models.policy import GrantTo
from datamesh.models.tags import conditions

LISTED_AS: Mapping[str, str] = {
    "database": "DATABASE",
    "table": "TABLE",
    "location": "DATA_LOCATION",
    "tag": "LF_TAG",
}


def account_grants(
    account_id: str, *, catalog_id: str, database: str, tables: Sequence[str], permissions: Sequence[str]
) -> list[Grant]:
    """Return the grants of tables to another account.

    They carry the grant option, because only then can that account's own administrator pass them on to its principals;
    sharing on to a third account stays impossible. Empty for central's own account: Lake Formation cannot grant an
    account something of its own.
    """
    if account_id == catalog_id:
        return []
    return [
        Grant(
            principal=account_id,
            resource=TableResource(catalog_id=catalog_id, database=database, name=table),
            permissions=tuple(permissions),
            grantable=tuple(permissions),
        )
        for table in tables
    ]


def grantees(account_id: str, principals: Sequence[str], grant_to: GrantTo, *, catalog_id: str) -> tuple[str, ...]:
    """Return to whom central grants: the consumer's account, or the principals alone.

    Of central's own account always the principals: Lake Formation cannot grant an account something of its own.
    """
    if grant_to == "account" and account_id != catalog_id:
        return (account_id,)
    return tuple(principals)


def filter_grants(who: Sequence[str], *, catalog_id: str, database: str, filters: Mapping[str, str]) -> list[Grant]:
    """Return the grants of data cells filters, by table, to an account or to principals.

    Accounts may pass them on; who is granted one directly may not: in another account it would count for nothing, and
    in the own one nobody is meant to. Source: https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering.html
    """
    return [
        Grant(
            principal=principal,
            resource=FilterResource(catalog_id=catalog_id, database=database, table=table, name=name),
            permissions=("SELECT",),
            grantable=("SELECT",) if principal.isdigit() else (),
        )
        for table, name in filters.items()
        for principal in who
    ]


def expression_grants(who: Sequence[str], *, catalog_id: str, expression: Mapping[str, tuple[str, ...]]) -> list[Grant]:
    """Return the grants of what a tag expression matches, now and in future, to an account or to principals.

    With the grant option an account may pass on exactly this expression; principals get it without. Nothing is granted
    on the LF-tags themselves: that is not needed, and DESCRIBE on their values would let an account pass on any other
    expression over them. Sources:
    https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rules.html,
    https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rule-priority-behavior.html
    """
    wanted = conditions(expression)
    databases = TagPolicyResource(catalog_id=catalog_id, resource_type="DATABASE", expression=wanted)
    tables = TagPolicyResource(catalog_id=catalog_id, resource_type="TABLE", expression=wanted)
    return [
        Grant(
            principal=principal,
            resource=resource,
            permissions=permissions,
            grantable=permissions if principal.isdigit() else (),
        )
        for principal in who
        for resource, permissions in ((databases, ("DESCRIBE",)), (tables, READ_PERMISSIONS))
    ]


def ensure_granted(permissions: Permissions, grants: Sequence[Grant]) -> tuple[str, ...]:
    """Grant what is missing, read it back, and return the RAM shares that carry it.

    Raises GrantNotVisible when a grant is not listed yet, GrantFailed when one was refused.
    """
    if not grants:
        return ()
    granted = _listed(permissions, grants)
    missing = [grant for grant in grants if not _covered(grant, granted)]
    if missing:
        permissions.grant(missing)
        granted = _listed(permissions, grants)
    invisible = [grant for grant in grants if not _covered(grant, granted)]
    if invisible:
        raise GrantNotVisible(f"{len(invisible)} of {len(grants)} grants are not listed, e.g. {invisible[0].resource}")
    return tuple(sorted({share for grant in grants for share in granted[grant.principal, grant.resource].shares}))


def listed_as(resource: Resource) -> str:
    """Return the resource type by which Lake Formation lists permissions on a resource.

    Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html
    """
    if isinstance(resource, TagPolicyResource):
        return f"LF_TAG_POLICY_{resource.resource_type}"
    return LISTED_AS[resource.kind]


Granted = dict[tuple[str, Resource], GrantedPermission]


def _listed(permissions: Permissions, grants: Sequence[Grant]) -> Granted:
    """Return what is granted on filters, each asked for by itself, and of all else what the grantees hold."""
    filters = dict.fromkeys(grant.resource for grant in grants if isinstance(grant.resource, FilterResource))
    rows = [row for each in filters for row in permissions.list_permissions(resource=each)]
    kinds = dict.fromkeys(
        (grant.principal, listed_as(grant.resource)) for grant in grants if grant.resource not in filters
    )
    for principal, kind in kinds:
        rows += permissions.list_permissions(principal=principal, resource_type=kind)
    return {(row.principal, row.resource): row for row in rows}


def _covered(grant: Grant, granted: Granted) -> bool:
    found = granted.get((grant.principal, grant.resource))
    return found is not None and found.covers(grant)
