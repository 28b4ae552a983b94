"""Lake Formation: grants, revokes and lists permissions, registers locations.

All calls are idempotent: granting twice, revoking what is gone and registering what is registered succeed.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from datamesh.aws import clients
from datamesh.aws.retry import REVOKE_RULES, RULES, Handling, Retrier, Rule, rule_for
from datamesh.models.errors import ConflictError, GrantFailed
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    MAX_BATCH,
    ColumnsResource,
    DatabaseResource,
    FilterResource,
    Grant,
    GrantedPermission,
    LocationResource,
    Resource,
    TableResource,
    TagPolicyResource,
    TagResource,
)
from datamesh.models.tags import conditions

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient


def resource_to_aws(resource: Resource) -> dict[str, Any]:
    """Return the `Resource` structure of the API."""
    match resource:
        case DatabaseResource():
            return {"Database": {"CatalogId": resource.catalog_id, "Name": resource.name}}
        case TableResource(name="*"):
            return {"Table": {"CatalogId": resource.catalog_id, "DatabaseName": resource.database, "TableWildcard": {}}}
        case TableResource():
            return {
                "Table": {
                    "CatalogId": resource.catalog_id,
                    "DatabaseName": resource.database,
                    "Name": resource.name,
                }
            }
        case ColumnsResource():
            columns = (
                {"ColumnWildcard": {"ExcludedColumnNames": list(resource.excluded)}}
                if resource.excluded is not None
                else {"ColumnNames": list(resource.names)}
            )
            return {
                "TableWithColumns": {
                    "CatalogId": resource.catalog_id,
                    "DatabaseName": resource.database,
                    "Name": resource.table,
                    **columns,
                }
            }
        case LocationResource():
            return {"DataLocation": {"CatalogId": resource.catalog_id, "ResourceArn": resource.arn}}
        case TagResource():
            return {
                "LFTag": {
                    "CatalogId": resource.catalog_id,
                    "TagKey": resource.key,
                    "TagValues": list(resource.values),
                }
            }
        case TagPolicyResource():
            return {
                "LFTagPolicy": {
                    "CatalogId": resource.catalog_id,
                    "ResourceType": resource.resource_type,
                    **(
                        {"ExpressionName": resource.saved_as}
                        if resource.saved_as
                        else {"Expression": [{"TagKey": k, "TagValues": list(v)} for k, v in resource.expression]}
                    ),
                }
            }
        case FilterResource():
            return {
                "DataCellsFilter": {
                    "TableCatalogId": resource.catalog_id,
                    "DatabaseName": resource.database,
                    "TableName": resource.table,
                    "Name": resource.name,
                }
            }


def resource_from_aws(resource: dict[str, Any], own_catalog: str) -> Resource | None:
    """Return the resource of a listed permission; None for kinds that the mesh does not grant.

    A SELECT on all columns comes back as TableWithColumns with a wildcard; one on some columns is not a grant of the
    table.
    """
    if "Database" in resource:
        shape = resource["Database"]
        return DatabaseResource(catalog_id=shape.get("CatalogId", own_catalog), name=shape["Name"])
    if "Table" in resource:
        shape = resource["Table"]
        name = "*" if "TableWildcard" in shape else shape["Name"]
        return TableResource(catalog_id=shape.get("CatalogId", own_catalog), database=shape["DatabaseName"], name=name)
    if "TableWithColumns" in resource:
        shape = resource["TableWithColumns"]
        excluded = shape.get("ColumnWildcard", {}).get("ExcludedColumnNames", [])
        catalog = shape.get("CatalogId", own_catalog)
        if "ColumnWildcard" not in shape or excluded:
            return ColumnsResource(
                catalog_id=catalog,
                database=shape["DatabaseName"],
                table=shape["Name"],
                names=tuple(shape.get("ColumnNames", [])),
                excluded=tuple(excluded) if "ColumnWildcard" in shape else None,
            )
        # SELECT on all tables is listed under this name.
        name = "*" if shape["Name"] == "ALL_TABLES" else shape["Name"]
        return TableResource(catalog_id=catalog, database=shape["DatabaseName"], name=name)
    if "DataLocation" in resource:
        shape = resource["DataLocation"]
        return LocationResource(catalog_id=shape.get("CatalogId", own_catalog), arn=shape["ResourceArn"])
    if "LFTag" in resource:
        shape = resource["LFTag"]
        return TagResource(
            catalog_id=shape.get("CatalogId", own_catalog), key=shape["TagKey"], values=tuple(shape["TagValues"])
        )
    if "LFTagPolicy" in resource:
        shape = resource["LFTagPolicy"]
        return TagPolicyResource(
            catalog_id=shape.get("CatalogId", own_catalog),
            resource_type=shape["ResourceType"],
            expression=conditions({each["TagKey"]: tuple(each["TagValues"]) for each in shape.get("Expression", [])}),
            saved_as=shape.get("ExpressionName"),
        )
    if "DataCellsFilter" in resource:
        shape = resource["DataCellsFilter"]
        return FilterResource(
            catalog_id=shape.get("TableCatalogId", own_catalog),
            database=shape["DatabaseName"],
            table=shape["TableName"],
            name=shape["Name"],
        )
    return None


class LakeFormation:
    """Gateway to Lake Formation in the own account."""

    def __init__(
        self, account_id: str, client: "LakeFormationClient | None" = None, retrier: Retrier | None = None
    ) -> None:
        self._account_id = account_id
        self._client = client or clients.lake_formation()
        self._retrier = retrier or Retrier()

    def grant(self, grants: Iterable[Grant]) -> None:
        """Grant all, in batches of 20.

        Raises GrantFailed naming every entry that Lake Formation refused, AwsTemporarilyUnavailable when it stayed
        busy. Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_BatchGrantPermissions.html
        """
        for batch in _batches(list(grants)):
            self._batch("batch_grant_permissions", batch, RULES)

    def revoke(self, grants: Iterable[Grant]) -> None:
        """Revoke all; what is not granted (any more) counts as revoked.

        Raises GrantFailed, AwsTemporarilyUnavailable.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_BatchRevokePermissions.html
        """
        for batch in _batches(list(grants)):
            self._batch("batch_revoke_permissions", batch, REVOKE_RULES)

    def list_permissions(
        self,
        *,
        principal: str | None = None,
        resource: Resource | None = None,
        resource_type: str | None = None,
        related: bool = False,
    ) -> list[GrantedPermission]:
        """List permissions, pages walked to the end (a page may be empty and have a token), one row per principal and
        resource. `related`: of a table also those on its data cells filters.

        Lake Formation does not look for a principal and for related permissions in one call, and finds no grants on a
        filter by a role of another account: then all are asked for, and the principal is picked here. Sources:
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html,
        https://github.com/hashicorp/terraform-provider-aws/issues/48360
        """
        request: dict[str, Any] = {"MaxResults": 1000}
        if related:
            request["IncludeRelated"] = "TRUE"
        picked_here = related or isinstance(resource, FilterResource) or self._is_of_another_account(principal)
        if principal is not None and not picked_here:
            request["Principal"] = {"DataLakePrincipalIdentifier": principal}
        if resource is not None:
            request["Resource"] = resource_to_aws(resource)
        if resource_type is not None:
            request["ResourceType"] = resource_type
        found: dict[tuple[str, Resource], GrantedPermission] = {}
        for row in self._pages(request):
            listed = resource_from_aws(row.get("Resource", {}), self._account_id)
            who = row.get("Principal", {}).get("DataLakePrincipalIdentifier")
            if listed is None or who is None or principal not in (None, who):
                continue
            shares = row.get("AdditionalDetails", {}).get("ResourceShare", [])
            known = found.get((who, listed))
            found[who, listed] = GrantedPermission(
                principal=who,
                resource=listed,
                permissions=(*(known.permissions if known else ()), *row.get("Permissions", [])),
                grantable=(*(known.grantable if known else ()), *row.get("PermissionsWithGrantOption", [])),
                shares=tuple(sorted({*(known.shares if known else ()), *shares})),
            )
        return list(found.values())

    def remove_iam_allowed_principals(self, resource: DatabaseResource | TableResource) -> bool:
        """Revoke what IAM_ALLOWED_PRINCIPALS holds on a resource, and tell whether there was anything.

        While it stands, IAM alone decides and nothing can be granted across accounts.
        """
        held = [
            Grant(principal=row.principal, resource=row.resource, permissions=row.permissions, grantable=row.grantable)
            for row in self.list_permissions(resource=resource)
            if row.principal == IAM_ALLOWED_PRINCIPALS and row.resource == resource
        ]
        self.revoke(held)
        return bool(held)

    def register_location(self, arn: str, role_arn: str) -> None:
        """Register a location with a role of the mesh.

        Raises ConflictError when it is registered with another role.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RegisterResource.html
        """
        try:
            self._retrier.run(
                lambda: self._client.register_resource(
                    ResourceArn=arn, RoleArn=role_arn, UseServiceLinkedRole=False, HybridAccessEnabled=False
                )
            )
        except self._client.exceptions.AlreadyExistsException:
            registered = self.location_role(arn)
            if registered != role_arn:
                raise ConflictError(f"{arn} is registered with {registered}, not with {role_arn}") from None

    def deregister_location(self, arn: str) -> None:
        """End the registration of a location; one that is not registered counts as ended."""
        self._retrier.call(lambda: self._client.deregister_resource(ResourceArn=arn) and None, rules=REVOKE_RULES)

    def location_role(self, arn: str) -> str | None:
        """Return the role that a location is registered with; None when it is not registered."""
        try:
            info = self._retrier.run(lambda: self._client.describe_resource(ResourceArn=arn))
        except self._client.exceptions.EntityNotFoundException:
            return None
        return info["ResourceInfo"].get("RoleArn")

    def _is_of_another_account(self, principal: str | None) -> bool:
        return (principal or "").startswith("arn:aws:iam:") and f":{self._account_id}:" not in (principal or "")

    def _pages(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            page_request = request | ({"NextToken": token} if token else {})
            page = self._retrier.run(partial(self._client.list_permissions, **page_request))
            yield from cast("list[dict[str, Any]]", page.get("PrincipalResourcePermissions", []))
            token = page.get("NextToken")
            if not token:
                return

    def _batch(self, operation: str, batch: Sequence[Grant], rules: tuple[Rule, ...]) -> None:
        """Send one batch; entries that failed transiently are sent again, alone."""
        pending = {str(number): _entry(str(number), grant) for number, grant in enumerate(batch)}
        refused: list[str] = []
        attempt, waited = 0, 0.0
        while pending:
            send = partial(getattr(self._client, operation), CatalogId=self._account_id, Entries=list(pending.values()))
            answer = self._retrier.run(send)
            again: dict[str, Any] = {}
            pause: tuple[Rule, str] | None = None
            for failure in answer.get("Failures", []):
                entry = failure.get("RequestEntry", {})
                error = failure.get("Error", {})
                code, message = error.get("ErrorCode", "Unknown"), error.get("ErrorMessage", "")
                rule = rule_for(code, message, rules)
                if rule.handling is Handling.RETRY:
                    again[entry["Id"]] = pending[entry["Id"]]
                    pause = (rule, f"{code}: {message}")
                elif rule.handling is Handling.FATAL:
                    refused.append(f"{entry.get('Principal')} on {entry.get('Resource')}: {code}: {message}")
            pending = again
            if pause is not None:
                waited += self._retrier.pause(pause[0], attempt, waited, pause[1])
                attempt += 1
        if refused:
            raise GrantFailed("; ".join(refused))


def _entry(entry_id: str, grant: Grant) -> dict[str, Any]:
    entry = {
        "Id": entry_id,
        "Principal": {"DataLakePrincipalIdentifier": grant.principal},
        "Resource": resource_to_aws(grant.resource),
        "Permissions": list(grant.permissions),
    }
    if grant.grantable:
        entry["PermissionsWithGrantOption"] = list(grant.grantable)
    return entry


def _batches(grants: Sequence[Grant]) -> Iterator[Sequence[Grant]]:
    for start in range(0, len(grants), MAX_BATCH):
        yield grants[start : start + MAX_BATCH]
