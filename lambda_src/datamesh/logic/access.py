"""Grants to accounts: granted when missing, read back, with the shares that carry them."""

from collections.abc import Sequence

from datamesh.logic.ports import Permissions
from datamesh.models.errors import GrantNotVisible
from datamesh.models.permissions import Grant, GrantedPermission, Resource, TableResource


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


def ensure_granted(permissions: Permissions, grants: Sequence[Grant], account_id: str) -> tuple[str, ...]:
    """Grant what is missing, read it back, and return the RAM shares that carry it.

    Raises GrantNotVisible when a grant is not listed yet, GrantFailed when one was refused.
    """
    if not grants:
        return ()
    granted = _listed(permissions, account_id)
    missing = [grant for grant in grants if not _covered(grant, granted)]
    if missing:
        permissions.grant(missing)
        granted = _listed(permissions, account_id)
    invisible = [grant for grant in grants if not _covered(grant, granted)]
    if invisible:
        raise GrantNotVisible(f"{len(invisible)} of {len(grants)} grants are not listed, e.g. {invisible[0].resource}")
    return tuple(sorted({share for grant in grants for share in granted[grant.resource].shares}))


def _listed(permissions: Permissions, account_id: str) -> dict[Resource, GrantedPermission]:
    rows = permissions.list_permissions(principal=account_id, resource_type="TABLE")
    return {row.resource: row for row in rows}


def _covered(grant: Grant, granted: dict[Resource, GrantedPermission]) -> bool:
    return grant.resource in granted and granted[grant.resource].covers(grant)
