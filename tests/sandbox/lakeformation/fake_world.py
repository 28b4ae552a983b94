"""A sandbox of dictionaries for the rules of Lake Formation and RAM: a catalog, IAM that says yes, no MiniStack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sandbox import settings
from sandbox.api import Call, Caller, Decision
from sandbox.lakeformation import engine
from sandbox.lakeformation import service as lakeformation
from sandbox.ram import service as ram

CENTRAL, SALES, MARKETING, STRANGER = "111111111111", "222222222222", "333333333333", "999999999999"
REGION = "eu-west-1"
ORGANIZATION = "arn:aws:organizations::111111111111:organization/o-datamesh01"
BUCKET = "datamesh-domain-clean"
LOCATION = f"arn:aws:s3:::{BUCKET}/products"
LAKE_ROLE = f"arn:aws:iam::{CENTRAL}:role/lake-access"
KEY = f"arn:aws:kms:{REGION}:{SALES}:key/5f0e"


def role(account: str, name: str) -> Caller:
    """A role that calls through a session."""
    return Caller(
        f"arn:aws:sts::{account}:assumed-role/{name}/s", f"arn:aws:iam::{account}:role/{name}", account, False
    )


def root(account: str) -> Caller:
    """An account's root user."""
    arn = f"arn:aws:iam::{account}:root"
    return Caller(arn, arn, account, True)


class FakeWorld:
    """See `sandbox.lakeformation.world.World`."""

    def __init__(self) -> None:
        self.catalog: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.missing: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str, str, dict[str, str]]] = []
        self.shareable = True
        self.untrusting: set[str] = set()
        self.role_cannot: set[str] = set()
        self.reached: list[tuple[str, str, str]] = []
        self.owners = {BUCKET: SALES}
        self.keys: dict[str, str] = {}

    def database(self, account: str, name: str) -> dict[str, Any] | None:
        found = self.catalog[account].get(name)
        return found["input"] if found else None

    def table(self, account: str, database: str, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.catalog[account].get(database, {"tables": {}})["tables"].get(name)
        return found

    def databases(self, account: str) -> Iterator[dict[str, Any]]:
        yield from (found["input"] for found in self.catalog[account].values())

    def tables(self, account: str, database: str) -> Iterator[dict[str, Any]]:
        yield from self.catalog[account][database]["tables"].values()

    def principal_exists(self, arn: str) -> bool:
        return arn not in self.missing

    def may(self, caller: Caller, action: str, resource: str, context: dict[str, str] | None = None) -> Decision:
        self.asked.append((caller.principal_arn, action, resource, context or {}))
        denied = (caller.principal_arn, action) in self.denied
        reason = f"because no identity-based policy allows the {action} action" if denied else ""
        return Decision(allowed=not denied, explicit_deny=False, reason=reason)

    def role_may(
        self,
        role: str,
        action: str,
        resource: str,
        policy: dict[str, Any] | None,
        owner: str | None,
        *,
        context: dict[str, str],
    ) -> Decision:
        self.reached.append((role, action, resource))
        return Decision(
            allowed=action not in self.role_cannot, explicit_deny=False, reason="because no policy allows it"
        )

    def may_assume(self, role: str, account: str) -> Decision:
        return Decision(allowed=role not in self.untrusting, explicit_deny=False, reason="")

    def may_share(self, account: str, resource: str) -> bool:
        return self.shareable

    def bucket_owner(self, bucket: str) -> str | None:
        return self.owners.get(bucket)

    def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        return None

    def bucket_key(self, bucket: str) -> str | None:
        return self.keys.get(bucket)

    def object_keys(self, bucket: str, prefix: str) -> set[str]:
        return {self.keys[bucket]} if bucket in self.keys else set()

    def key_policy(self, key_arn: str) -> dict[str, Any] | None:
        return None


class Lake:
    """The two services as callers see them, and the catalog as Glue's gate tells Lake Formation about it."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    def call(self, caller: Caller, operation: str, **params: Any) -> dict[str, Any]:
        """A Lake Formation call that IAM has let through."""
        return lakeformation.handle(Call("lakeformation", operation, params, caller, REGION))

    def ram(self, caller: Caller, operation: str, **params: Any) -> dict[str, Any]:
        """A RAM call that IAM has let through."""
        return ram.handle(Call("ram", operation, params, caller, REGION))

    def create_database(self, creator: Caller, name: str, account: str | None = None, **fields: Any) -> None:
        """What Glue's gate does when a database is created."""
        owner = account or creator.account
        self.world.catalog[owner][name] = {"input": {"Name": name, **fields}, "tables": {}}
        engine.database_created(owner, name, creator, fields)

    def create_table(
        self, creator: Caller, database: str, name: str, account: str | None = None, **fields: Any
    ) -> None:
        """What Glue's gate does when a table is created: columns id, name, secret; partition key day."""
        owner = account or creator.account
        columns = [{"Name": column} for column in ("id", "name", "secret")]
        descriptor = {"Columns": columns, "Location": f"s3://{BUCKET}/products/{name}/"}
        full = {"StorageDescriptor": descriptor, "PartitionKeys": [{"Name": "day"}], **fields}
        self.world.catalog[owner][database]["tables"][name] = {"Name": name, **full}
        engine.table_created(owner, database, name, creator, full)

    def settings(self, account: str, *admins: Caller, version: str = "4", **more: Any) -> None:
        """Administrators, nothing left to IAM."""
        identifiers = [{"DataLakePrincipalIdentifier": admin.principal_arn} for admin in admins]
        given = {"DataLakeAdmins": identifiers, "Parameters": {"CROSS_ACCOUNT_VERSION": version}, **more}
        self.call(root(account), "PutDataLakeSettings", DataLakeSettings=given)

    def grant(
        self, caller: Caller, principal: str, resource: dict[str, Any], *permissions: str, options: tuple[str, ...] = ()
    ) -> None:
        """GrantPermissions."""
        self._change("GrantPermissions", caller, principal, resource, (permissions, options))

    def revoke(
        self, caller: Caller, principal: str, resource: dict[str, Any], *permissions: str, options: tuple[str, ...] = ()
    ) -> None:
        """RevokePermissions."""
        self._change("RevokePermissions", caller, principal, resource, (permissions, options))

    def _change(
        self,
        operation: str,
        caller: Caller,
        principal: str,
        resource: dict[str, Any],
        changed: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        permissions, options = changed
        self.call(
            caller,
            operation,
            Principal={"DataLakePrincipalIdentifier": principal},
            Resource=resource,
            Permissions=list(permissions),
            PermissionsWithGrantOption=list(options),
        )

    def rows(self, caller: Caller, **filters: Any) -> list[tuple[str, str, list[str], list[str]]]:
        """ListPermissions, all pages: principal, kind of resource, permissions, with grant option."""
        found: list[tuple[str, str, list[str], list[str]]] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call(caller, "ListPermissions", **filters, **token)
            found += [
                (
                    row["Principal"]["DataLakePrincipalIdentifier"],
                    next(iter(row["Resource"])),
                    row["Permissions"],
                    row["PermissionsWithGrantOption"],
                )
                for row in answer["PrincipalResourcePermissions"]
            ]
            if "NextToken" not in answer:
                return found
            token = {"NextToken": answer["NextToken"]}


def table(name: str = "orders", database: str = "shop", owner: str = CENTRAL) -> dict[str, Any]:
    """A table as a resource."""
    return {"Table": {"CatalogId": owner, "DatabaseName": database, "Name": name}}


def all_tables(database: str = "shop", owner: str = CENTRAL) -> dict[str, Any]:
    """All tables as a resource."""
    return {"Table": {"CatalogId": owner, "DatabaseName": database, "TableWildcard": {}}}


def columns(*names: str, excluded: tuple[str, ...] = (), name: str = "orders", owner: str = CENTRAL) -> dict[str, Any]:
    """Columns of a table as a resource."""
    chosen = {"ColumnNames": list(names)} if names else {"ColumnWildcard": {"ExcludedColumnNames": list(excluded)}}
    return {"TableWithColumns": {"CatalogId": owner, "DatabaseName": "shop", "Name": name, **chosen}}


def database(name: str = "shop", owner: str = CENTRAL) -> dict[str, Any]:
    """A database as a resource."""
    return {"Database": {"CatalogId": owner, "Name": name}}


def data_location(arn: str = LOCATION, owner: str = CENTRAL) -> dict[str, Any]:
    """A data location as a resource."""
    return {"DataLocation": {"CatalogId": owner, "ResourceArn": arn}}


def policy(
    resource_type: str = "TABLE", owner: str = CENTRAL, name: str = "", **expression: str | tuple[str, ...]
) -> dict[str, Any]:
    """A tag policy as a resource: lob=sales unless told otherwise, or a saved expression of this name."""
    wanted = expression or {"lob": "sales"}
    given: dict[str, Any] = {
        "Expression": [
            {"TagKey": key, "TagValues": [values] if isinstance(values, str) else list(values)}
            for key, values in wanted.items()
        ]
    }
    return {
        "LFTagPolicy": {
            "CatalogId": owner,
            "ResourceType": resource_type,
            **({"ExpressionName": name} if name else given),
        }
    }


def lf_tag(*values: str, key: str = "lob", owner: str = CENTRAL) -> dict[str, Any]:
    """Values of a tag as a resource."""
    return {"LFTag": {"CatalogId": owner, "TagKey": key, "TagValues": list(values)}}


def strangers() -> None:
    """No organization: every share needs an accepted invitation."""
    settings.update(organization=None)
