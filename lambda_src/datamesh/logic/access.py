"""Grants to accounts: granted when missing, read back, with the shares that carry them."""

from collections.abc import Mapping, Sequence

from datamesh.logic.ports import Permissions
from datamesh.models.errors import GrantNotVisible
from datamesh.models.facts import READ_PERMISSIONS
from datamesh.models.permissions import Grant, GrantedPermission, Resource, TableResource, TagPolicyResource
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


def expression_grants(account_id: str, *, catalog_id: str, expression: Mapping[str, tuple[str, ...]]) -> list[Grant]:
    """Return the grants of what a tag expression matches, now and in future, to another account.

    With the grant option the account may pass on exactly this expression. Nothing is granted on the LF-tags themselves:
    that is not needed, and DESCRIBE on their values would let the account pass on any other expression over them. Empty
    for central's own account. Sources:
    https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rules.html,
    https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rule-priority-behavior.html
    """
    if account_id == catalog_id:
        return []
    wanted = conditions(expression)
    databases = TagPolicyResource(catalog_id=catalog_id, resource_type="DATABASE", expression=wanted)
    tables = TagPolicyResource(catalog_id=catalog_id, resource_type="TABLE", expression=wanted)
    return [
        Grant(principal=account_id, resource=databases, permissions=("DESCRIBE",), grantable=("DESCRIBE",)),
        Grant(principal=account_id, resource=tables, permissions=READ_PERMISSIONS, grantable=READ_PERMISSIONS),
    ]


def ensure_granted(permissions: Permissions, grants: Sequence[Grant], account_id: str) -> tuple[str, ...]:
    """Grant what is missing, read it back, and return the RAM shares that carry it.

    Raises GrantNotVisible when a grant is not listed yet, GrantFailed when one was refused.
    """
    if not grants:
        return ()
    kinds = sorted({listed_as(grant.resource) for grant in grants})
    granted = _listed(permissions, account_id, kinds)
    missing = [grant for grant in grants if not _covered(grant, granted)]
    if missing:
        permissions.grant(missing)
        granted = _listed(permissions, account_id, kinds)
    invisible = [grant for grant in grants if not _covered(grant, granted)]
    if invisible:
        raise GrantNotVisible(f"{len(invisible)} of {len(grants)} grants are not listed, e.g. {invisible[0].resource}")
    return tuple(sorted({share for grant in grants for share in granted[grant.resource].shares}))


def listed_as(resource: Resource) -> str:
    """Return the resource type by which Lake Formation lists permissions on a resource.

    Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html
    """
    if isinstance(resource, TagPolicyResource):
        return f"LF_TAG_POLICY_{resource.resource_type}"
    return LISTED_AS[resource.kind]


def _listed(permissions: Permissions, account_id: str, kinds: Sequence[str]) -> dict[Resource, GrantedPermission]:
    rows = [row for kind in kinds for row in permissions.list_permissions(principal=account_id, resource_type=kind)]
    return {row.resource: row for row in rows}


def _covered(grant: Grant, granted: dict[Resource, GrantedPermission]) -> bool:
    return grant.resource in granted and granted[grant.resource].covers(grant)
