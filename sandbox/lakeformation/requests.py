"""What a grant or a revocation asks for, checked as far as that goes without asking anybody else.

https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GrantPermissions.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.lakeformation import cell_filters, errors, principals, resources
from sandbox.lakeformation.principals import Principal
from sandbox.lakeformation.resources import Kind, Resource

if TYPE_CHECKING:
    from sandbox.api import Caller

MAX_EXPRESSION_BYTES = 900
"""https://docs.aws.amazon.com/lake-formation/latest/dg/managing-tag-expressions.html; the text of the refusal and how
AWS counts are not published."""


@dataclass(frozen=True)
class Request:
    """One grant or revocation."""

    caller: Caller
    region: str
    principal: Principal
    resource: Resource
    permissions: frozenset[str]
    grantable: frozenset[str]

    @property
    def external(self) -> bool:
        """Whether the principal is of another account than the caller."""
        return self.principal.external_to(self.caller.account)

    @property
    def local_resource(self) -> bool:
        """Whether the caller's account owns the resource."""
        return self.resource.catalog == self.caller.account

    @property
    def keys(self) -> tuple[str, str]:
        """What must not be changed by two calls at once."""
        entity = self.resource.entity
        return self.principal.id, f"{entity.arn(self.region)}/{entity}" if entity.by_tag else entity.arn(self.region)


def parse(caller: Caller, region: str, entry: dict[str, Any], default_catalog: str) -> Request:
    """Read GrantPermissions' or RevokePermissions' parameters, or a batch entry.

    Raises:
        AwsError: InvalidInputException.
    """
    if entry.get("Condition"):
        raise errors.not_supported("A grant condition")
    for name in ("Principal", "Resource"):
        if not entry.get(name):
            raise errors.invalid(f"{name} is required.")
    resource = resources.parse(entry["Resource"], default_catalog)
    permissions = frozenset(entry.get("Permissions") or [])
    grantable = frozenset(entry.get("PermissionsWithGrantOption") or [])
    if not permissions | grantable:
        raise errors.invalid("Permissions must not be empty.")
    if not (permissions | grantable) <= resources.valid(resource):
        raise errors.bad_permissions()
    principal = principals.parse(entry["Principal"].get("DataLakePrincipalIdentifier", ""))
    resource = cell_filters.meant_by(caller.account, resources.whole(resource))
    return Request(caller, region, principal, resource, permissions, grantable)


def check_grant(request: Request) -> None:
    """What holds for grants only.

    Raises:
        AwsError: InvalidInputException.
    """
    if not request.grantable <= request.permissions:
        raise errors.invalid("Permissions with grant option must be a subset of the permissions granted.")
    if request.resource.kind is Kind.COLUMNS and request.resource.excluded and request.grantable:
        # https://docs.aws.amazon.com/lake-formation/latest/dg/data-filters-about.html: with the grant option only an
        # include list is possible.
        raise errors.bad_permissions()
    if request.principal.kind is principals.Kind.IAM_ALLOWED and (
        request.grantable
        or not request.local_resource
        or request.resource.by_tag
        or request.resource.kind is Kind.CELLS_FILTER
    ):
        raise errors.bad_permissions()
    if _bytes(request.resource) > MAX_EXPRESSION_BYTES:
        raise errors.invalid(
            f"The LF-Tag expression is longer than {MAX_EXPRESSION_BYTES} bytes. Use a saved LF-Tag expression."
        )


def _bytes(resource: Resource) -> int:
    """How long an expression is that stands in the request itself."""
    written = [{"TagKey": key, "TagValues": list(values)} for key, values in resource.expression]
    return len(json.dumps(written).encode())
