"""The Glue Data Catalog: databases, tables and resource links.

"AlreadyExists" is success only when what exists is what was wanted.
"""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable, DatabaseTarget, LinkTarget
from datamesh.models.errors import ConflictError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

Outcome = Literal["created", "unchanged"]
# Of a table as GetTable returns it, only these can be given back to UpdateTable.
# https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
_PASSED_ON = ("Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "ViewOriginalText", "ViewExpandedText")


def _column_from_aws(column: dict[str, Any]) -> CatalogColumn:
    return CatalogColumn(
        name=column["Name"],
        type=column.get("Type", "string"),
        comment=column.get("Comment"),
        parameters=column.get("Parameters") or {},
    )


def _column_to_aws(column: CatalogColumn) -> dict[str, Any]:
    shape: dict[str, Any] = {"Name": column.name, "Type": column.type}
    if column.comment is not None:
        shape["Comment"] = column.comment
    if column.parameters:
        shape["Parameters"] = column.parameters
    return shape


def table_from_aws(table: dict[str, Any]) -> CatalogTable:
    """Read the `Table` structure of GetTable."""
    storage = dict(table.get("StorageDescriptor") or {})
    columns = storage.pop("Columns", None) or []
    target = table.get("TargetTable")
    return CatalogTable(
        name=table["Name"],
        description=table.get("Description"),
        location=storage.pop("Location", None),
        table_type=table.get("TableType"),
        parameters=table.get("Parameters") or {},
        columns=tuple(_column_from_aws(column) for column in columns),
        partition_keys=tuple(_column_from_aws(key) for key in table.get("PartitionKeys") or []),
        target=LinkTarget(catalog_id=target["CatalogId"], database=target["DatabaseName"], name=target["Name"])
        if target
        else None,
        other_storage=storage,
        other={key: table[key] for key in _PASSED_ON if table.get(key) is not None},
    )


def table_to_aws(table: CatalogTable) -> dict[str, Any]:
    """Write the `TableInput` structure of CreateTable and UpdateTable."""
    shape: dict[str, Any] = {"Name": table.name}
    if table.target is not None:
        # A link takes neither a storage descriptor nor parameters of its own.
        shape["TargetTable"] = {
            "CatalogId": table.target.catalog_id,
            "DatabaseName": table.target.database,
            "Name": table.target.name,
        }
        return shape
    storage = {**table.other_storage, "Columns": [_column_to_aws(column) for column in table.columns]}
    if table.location is not None:
        storage["Location"] = table.location
    shape |= {
        **table.other,
        "StorageDescriptor": storage,
        "PartitionKeys": [_column_to_aws(key) for key in table.partition_keys],
        "Parameters": table.parameters,
    }
    if table.description is not None:
        shape["Description"] = table.description
    if table.table_type is not None:
        shape["TableType"] = table.table_type
    return shape


class GlueCatalog:
    """Gateway to the Data Catalog: the own account's, or with `catalog_id` another's that is shared with it."""

    def __init__(self, client: "GlueClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.glue()
        self._retrier = retrier or Retrier()

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        """Return a database or link; None when it does not exist or the caller may not see it.

        A link shows its target's properties where the caller may see the target.
        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetDatabase.html
        """
        request: dict[str, Any] = {"Name": name} | ({"CatalogId": catalog_id} if catalog_id else {})
        try:
            answer = self._retrier.run(lambda: self._client.get_database(**request))
        except self._client.exceptions.EntityNotFoundException:
            return None
        found = answer["Database"]
        target = found.get("TargetDatabase")
        return CatalogDatabase(
            name=found["Name"],
            description=found.get("Description"),
            location=found.get("LocationUri"),
            parameters=found.get("Parameters") or {},
            target=DatabaseTarget(catalog_id=target["CatalogId"], name=target["DatabaseName"]) if target else None,
        )

    def ensure_database(self, wanted: CatalogDatabase) -> Outcome:
        """Create a database without default permissions, or accept an equal one.

        Parameters and the description that others added are left alone; the location and the wanted parameters
        must be equal. Raises ConflictError otherwise.
        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_CreateDatabase.html
        """
        shape: dict[str, Any] = {
            "Name": wanted.name,
            "Parameters": wanted.parameters,
            # Without this the account's default may grant IAM_ALLOWED_PRINCIPALS on each new table.
            "CreateTableDefaultPermissions": [],
        }
        if wanted.description is not None:
            shape["Description"] = wanted.description
        if wanted.location is not None:
            shape["LocationUri"] = wanted.location
        try:
            self._retrier.run(lambda: self._client.create_database(DatabaseInput=cast("Any", shape)))
        except self._client.exceptions.AlreadyExistsException:
            found = self.get_database(wanted.name)
            if found is None:
                raise ConflictError(f"Database {wanted.name} exists, but is not visible") from None
            different = {
                key
                for key, value in wanted.parameters.items()
                if found.parameters.get(key, "").lower() != value.lower()
            }
            if found.target is not None:
                raise ConflictError(f"Database {wanted.name} exists, but is a link") from None
            if (found.location or "").rstrip("/") != (wanted.location or "").rstrip("/"):
                different.add("LocationUri")
            if different:
                raise ConflictError(
                    f"Database {wanted.name} exists with other {', '.join(sorted(different))}"
                ) from None
            return "unchanged"
        return "created"

    def ensure_database_link(self, name: str, target: DatabaseTarget) -> Outcome:
        """Create a resource link to a database, or accept one with the same target.

        Raises ConflictError when there is a database, or a link to something else: it is never overwritten.
        Source: https://docs.aws.amazon.com/lake-formation/latest/dg/create-resource-link-database.html
        """
        # A link has no properties of its own.
        pointer = {"CatalogId": target.catalog_id, "DatabaseName": target.name}
        shape = {"Name": name, "TargetDatabase": pointer}
        try:
            self._retrier.run(lambda: self._client.create_database(DatabaseInput=cast("Any", shape)))
        except self._client.exceptions.AlreadyExistsException:
            found = self.get_database(name)
            if found is None or found.target != target:
                points_to = found.target if found else "something that is not visible"
                raise ConflictError(f"Database {name} exists and points to {points_to}, not to {target}") from None
            return "unchanged"
        return "created"

    def get_table(self, database: str, name: str, catalog_id: str | None = None) -> CatalogTable | None:
        """Return a table or link; None when it does not exist or the caller may not see it.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html
        """
        request: dict[str, Any] = {"DatabaseName": database, "Name": name} | (
            {"CatalogId": catalog_id} if catalog_id else {}
        )
        try:
            answer = self._retrier.run(lambda: self._client.get_table(**request))
        except self._client.exceptions.EntityNotFoundException:
            return None
        return table_from_aws(cast("dict[str, Any]", answer["Table"]))

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        """Return all tables of a database that the caller may see, pages walked to the end; none when there is no such
        database.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetTables.html
        """
        tables: list[CatalogTable] = []
        request: dict[str, Any] = {"DatabaseName": database} | ({"CatalogId": catalog_id} if catalog_id else {})
        while True:
            try:
                page = self._retrier.run(partial(self._client.get_tables, **request))
            except self._client.exceptions.EntityNotFoundException:
                return tables
            tables += [table_from_aws(cast("dict[str, Any]", table)) for table in page.get("TableList", [])]
            token = page.get("NextToken")
            if not token:
                return tables
            request["NextToken"] = token

    def create_table(self, database: str, table: CatalogTable) -> bool:
        """Create a table; False when one of this name exists (what it is, the caller compares).

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_CreateTable.html
        """
        try:
            self._retrier.run(
                lambda: self._client.create_table(DatabaseName=database, TableInput=cast("Any", table_to_aws(table)))
            )
        except self._client.exceptions.AlreadyExistsException:
            return False
        return True

    def update_table(self, database: str, table: CatalogTable) -> None:
        """Replace a table's definition.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
        """
        self._retrier.run(
            lambda: self._client.update_table(DatabaseName=database, TableInput=cast("Any", table_to_aws(table)))
        )

    def ensure_link(self, database: str, name: str, target: LinkTarget) -> Outcome:
        """Create a resource link, or accept one with the same target.

        Raises ConflictError when there is a table, or a link to something else: it is never overwritten.
        Source: https://docs.aws.amazon.com/lake-formation/latest/dg/create-resource-link-table.html
        """
        if self.create_table(database, CatalogTable(name=name, target=target)):
            return "created"
        found = self.get_table(database, name)
        if found is None or found.target != target:
            points_to = found.target if found else "something that is not visible"
            raise ConflictError(f"{database}.{name} exists and points to {points_to}, not to {target}")
        return "unchanged"

    def delete_database(self, name: str) -> None:
        """Delete a database; one that is gone counts as deleted.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_DeleteDatabase.html
        """
        with suppress(self._client.exceptions.EntityNotFoundException):
            self._retrier.run(lambda: self._client.delete_database(Name=name))

    def delete_table(self, database: str, name: str) -> bool:
        """Delete a table or link; False when it was gone.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_DeleteTable.html
        """
        try:
            self._retrier.run(lambda: self._client.delete_table(DatabaseName=database, Name=name))
        except self._client.exceptions.EntityNotFoundException:
            return False
        return True
