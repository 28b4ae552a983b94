"""A small mesh without the mesh: central's catalog over a producer's bucket, and a consumer that it is shared with.

Everything is done by the APIs, as roles with just the rights they need; tests take single rights away.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.client import Sandbox

T = TypeVar("T")

CENTRAL, SALES, MARKETING = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"
BUCKET, RESULTS = "sales-lake", "marketing-results"
DATABASE, LOCAL = "sales_products", "sales"
LOCATION = f"s3://{BUCKET}/products/"
IAM_ALLOWED = "IAM_ALLOWED_PRINCIPALS"
CSV_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
ORDERS = b"id,customer,amount\n1,ann,10.5\n2,bob,20\n3,cy,\n"


def role_arn(account: str, name: str) -> str:
    """The ARN of a role."""
    return f"arn:aws:iam::{account}:role/{name}"


def parquet(**columns: list[Any]) -> bytes:
    """A Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def until(look: Callable[[], T | None], seconds: float = 20) -> T:
    """Poll until it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not become true")
        time.sleep(0.05)
    return found


class Lake:
    """The accounts, with shortcuts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def client(self, service: str, account: str, role: str | None = None) -> Any:
        """A client as the account's root or as one of its roles."""
        if role is None:
            return self.sandbox.client(service, account=account)
        return self.sandbox.client(service, role_arn=role_arn(account, role))

    # --- building -----------------------------------------------------------------------------------------------------

    def role(self, account: str, name: str, statements: list[dict[str, Any]], service: str | None = None) -> str:
        """Create a role (again: replace its policy) and return its ARN."""
        iam = self.client("iam", account)
        principal = {"Service": service} if service else {"AWS": f"arn:aws:iam::{account}:root"}
        trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
        try:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        policy = {"Version": "2012-10-17", "Statement": statements}
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
        return role_arn(account, name)

    def admin(self, account: str, role: str) -> None:
        """Make a role the data lake administrator and clear the defaults for IAM_ALLOWED_PRINCIPALS."""
        self.role(account, role, [allow(["glue:*", "lakeformation:*", "ram:*", "iam:PassRole", "iam:GetRole"])])
        self.client("lakeformation", account).put_data_lake_settings(
            DataLakeSettings={
                "DataLakeAdmins": [{"DataLakePrincipalIdentifier": role_arn(account, role)}],
                "CreateDatabaseDefaultPermissions": [],
                "CreateTableDefaultPermissions": [],
                "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
            }
        )

    def storage(self) -> None:
        """The producer's bucket with three kinds of data; central's role may read it."""
        s3 = self.client("s3", SALES)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=BUCKET, Key="products/orders/orders.csv", Body=ORDERS)
        for month in (1, 2):
            body = parquet(id=[month * 10, month * 10 + 1], carrier=["UA", "AA"])
            s3.put_object(Bucket=BUCKET, Key=f"products/flights/month={month}/a.parquet", Body=body)
        reader = self.role(
            CENTRAL, "lake-access", [allow(["s3:GetObject", "s3:ListBucket"])], "lakeformation.amazonaws.com"
        )
        self.allow_bucket(reader)

    def allow_bucket(self, *principals: str) -> None:
        """The bucket policy: these may read, nobody else of other accounts."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": list(principals)},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
        self.client("s3", SALES).put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Statement": [statement]}))

    def catalog(self) -> None:
        """Central's database with two tables over the registered location."""
        self.admin(CENTRAL, "admin")
        lake_formation, glue = (self.client(service, CENTRAL, "admin") for service in ("lakeformation", "glue"))
        arn = f"arn:aws:s3:::{BUCKET}/products"
        lake_formation.register_resource(ResourceArn=arn, RoleArn=role_arn(CENTRAL, "lake-access"))
        glue.create_database(DatabaseInput={"Name": DATABASE, "LocationUri": LOCATION})
        glue.create_table(DatabaseName=DATABASE, TableInput=orders())
        glue.create_table(DatabaseName=DATABASE, TableInput=flights())
        glue.batch_create_partition(
            DatabaseName=DATABASE,
            TableName="flights",
            PartitionInputList=[
                {"Values": [month], "StorageDescriptor": {"Location": f"{LOCATION}flights/month={month}/"}}
                for month in ("1", "2")
            ],
        )

    def share(
        self, table: str, permissions: tuple[str, ...] = ("SELECT", "DESCRIBE"), account: str = MARKETING
    ) -> None:
        """Central grants a table to an account, with grant option; waits until it is visible there."""
        self.grant(CENTRAL, account, table_of(table), list(permissions), grantable=True)
        glue = self.client("glue", account, "admin")

        def visible() -> bool:
            try:
                return bool(glue.get_table(CatalogId=CENTRAL, DatabaseName=DATABASE, Name=table))
            except glue.exceptions.EntityNotFoundException:
                return False

        until(visible)

    def grant(
        self, account: str, principal: str, resource: dict[str, Any], permissions: list[str], *, grantable: bool = False
    ) -> None:
        """The account's administrator grants."""
        self.client("lakeformation", account, "admin").grant_permissions(
            Principal={"DataLakePrincipalIdentifier": principal},
            Resource=resource,
            Permissions=permissions,
            PermissionsWithGrantOption=permissions if grantable else [],
        )

    def revoke(self, account: str, principal: str, resource: dict[str, Any], permissions: list[str]) -> None:
        """The account's administrator revokes."""
        self.client("lakeformation", account, "admin").revoke_permissions(
            Principal={"DataLakePrincipalIdentifier": principal}, Resource=resource, Permissions=permissions
        )

    def consumer(self, account: str = MARKETING, tables: tuple[str, ...] = ("orders", "flights")) -> None:
        """A local database with links to central's tables, and the bucket for query results."""
        self.admin(account, "admin")
        glue = self.client("glue", account, "admin")
        glue.create_database(DatabaseInput={"Name": LOCAL, "CreateTableDefaultPermissions": []})
        for table in tables:
            glue.create_table(DatabaseName=LOCAL, TableInput={"Name": table, "TargetTable": target(table)})
        s3 = self.client("s3", account)
        bucket = RESULTS if account == MARKETING else f"results-{account}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def analyst(self, *tables: str, name: str = "analyst", statements: list[dict[str, Any]] | None = None) -> str:
        """A role in the consumer's account that may query with Athena and was granted these tables, on both ends."""
        arn = self.role(MARKETING, name, reader_policy() if statements is None else statements)
        if tables:
            self.grant(MARKETING, arn, {"Database": {"Name": LOCAL}}, ["DESCRIBE"])
        for table in tables:
            self.grant(MARKETING, arn, {"Table": {"DatabaseName": LOCAL, "Name": table}}, ["DESCRIBE"])
            self.grant(MARKETING, arn, table_of(table), ["SELECT", "DESCRIBE"])
        return arn


def allow(actions: list[str], resources: list[str] | str = "*") -> dict[str, Any]:
    """An allowing statement."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def table_of(name: str, database: str = DATABASE, catalog: str = CENTRAL) -> dict[str, Any]:
    """A Lake Formation resource: one of central's tables."""
    return {"Table": {"CatalogId": catalog, "DatabaseName": database, "Name": name}}


def columns_of(name: str, *columns: str) -> dict[str, Any]:
    """A Lake Formation resource: some columns of one of central's tables."""
    table = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": name, "ColumnNames": list(columns)}
    return {"TableWithColumns": table}


def target(name: str) -> dict[str, str]:
    """A `TargetTable`."""
    return {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": name}


def reader_policy() -> list[dict[str, Any]]:
    """IAM of somebody who queries with Athena; it names no data."""
    glue = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
    catalogs = [
        f"arn:aws:glue:{REGION}:{owner}:{kind}"
        for owner in (CENTRAL, MARKETING)
        for kind in ("catalog", "database/*", "table/*/*")
    ]
    return [
        allow(["athena:*"], [f"arn:aws:athena:{REGION}:{MARKETING}:workgroup/primary"]),
        allow(glue, catalogs),
        allow(["lakeformation:GetDataAccess"]),
        allow(["s3:GetBucketLocation"], [f"arn:aws:s3:::{RESULTS}"]),
        allow(["s3:GetObject", "s3:PutObject"], [f"arn:aws:s3:::{RESULTS}/*"]),
    ]


def without(statements: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    """The same policy without one action."""
    kept = [{**statement, "Action": [one for one in statement["Action"] if one != action]} for statement in statements]
    return [statement for statement in kept if statement["Action"]]


def orders() -> dict[str, Any]:
    """The definition of the CSV table."""
    return {
        "Name": "orders",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "csv", "skip.header.line.count": "1", "data_classification": "internal"},
        "StorageDescriptor": {
            "Location": f"{LOCATION}orders/",
            "Columns": [
                {"Name": "id", "Type": "bigint"},
                {"Name": "customer", "Type": "string", "Comment": "who", "Parameters": {"pii_flag": "true"}},
                {"Name": "amount", "Type": "double"},
            ],
            "SerdeInfo": {"SerializationLibrary": CSV_SERDE, "Parameters": {"field.delim": ","}},
        },
    }


def flights() -> dict[str, Any]:
    """The definition of the partitioned Parquet table."""
    return {
        "Name": "flights",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet"},
        "PartitionKeys": [{"Name": "month", "Type": "int"}],
        "StorageDescriptor": {
            "Location": f"{LOCATION}flights/",
            "Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "carrier", "Type": "string"}],
            "SerdeInfo": {"SerializationLibrary": PARQUET_SERDE},
        },
    }
