"""Data cells filters of the own account's tables: which columns a grant shows, and in which rows.

All calls may be repeated.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import INVALID_INPUT, REVOKE_RULES, RULES, Handling, Retrier, Rule, error_of
from datamesh.models.errors import InvalidRowFilter
from datamesh.models.permissions import DataFilter

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_lakeformation.type_defs import DataCellsFilterTypeDef

MAX_LISTED = 1000
# All rows are listed as this expression, too: https://github.com/hashicorp/terraform-provider-aws/issues/36574
_ALL_ROWS = "true"

# Somebody made the filter since it was looked for (or changed it, which RULES know): look again.
_LOOK_AGAIN = (Rule(Handling.RETRY, frozenset({"AlreadyExistsException"}), budget=30, cap=5), *RULES)


class DataFilters:
    """Gateway to the data cells filters of the own account."""

    def __init__(
        self, account_id: str, client: "LakeFormationClient | None" = None, retrier: Retrier | None = None
    ) -> None:
        self._account_id = account_id
        self._client = client or clients.lake_formation()
        self._retrier = retrier or Retrier()

    def get(self, database: str, table: str, name: str) -> DataFilter | None:
        """Return a filter; None when there is none. One that leaves columns out has none here: the mesh lists them.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetDataCellsFilter.html
        """
        find = partial(self._client.get_data_cells_filter, **self._place(database, table, name))
        try:
            found = self._retrier.run(find)
        except self._client.exceptions.EntityNotFoundException:
            return None
        return _from_aws(cast("dict[str, Any]", found["DataCellsFilter"]))

    def ensure(self, wanted: DataFilter) -> Literal["created", "updated", "unchanged"]:
        """Make a filter be as wanted; its `version_id` does not matter.

        A change names the version that it replaces, so that of two at once one looks again. It is effective at once for
        all who were granted the filter. Raises InvalidRowFilter when Lake Formation does not take the rows. Sources:
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_CreateDataCellsFilter.html,
        https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateDataCellsFilter.html
        """
        try:
            return self._retrier.run(partial(self._ensure, wanted), rules=_LOOK_AGAIN)
        except ClientError as error:
            code, message = error_of(error)
            if wanted.rows is not None and code in INVALID_INPUT:
                raise InvalidRowFilter(f"{wanted.database}.{wanted.table}: {wanted.rows}: {message}") from error
            raise

    def delete(self, database: str, table: str, name: str) -> None:
        """Delete a filter; one that is gone counts as deleted. Revoke what is granted on it first.

        What happens to such grants AWS does not say; their RAM shares would stay behind.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_DeleteDataCellsFilter.html
        """
        remove = partial(self._client.delete_data_cells_filter, **self._place(database, table, name))
        self._retrier.call(remove, rules=REVOKE_RULES)

    def list(self, database: str, table: str) -> list[DataFilter]:
        """Return all filters of a table, whoever made them.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListDataCellsFilter.html
        """
        return [_from_aws(shape) for shape in self._pages(database, table)]

    def _ensure(self, wanted: DataFilter) -> Literal["created", "updated", "unchanged"]:
        found = self.get(wanted.database, wanted.table, wanted.name)
        if found is not None and _meaning(found) == _meaning(wanted):
            return "unchanged"
        data = self._to_aws(wanted)
        if found is not None and self._update(data, found.version_id):
            return "updated"
        self._client.create_data_cells_filter(TableData=data)
        return "created"

    def _update(self, data: "DataCellsFilterTypeDef", version_id: str | None) -> bool:
        """Change a filter; False when it went meanwhile."""
        if version_id is not None:
            data = {**data, "VersionId": version_id}
        try:
            self._client.update_data_cells_filter(TableData=data)
        except self._client.exceptions.EntityNotFoundException:
            return False
        return True

    def _place(self, database: str, table: str, name: str) -> dict[str, str]:
        return {"TableCatalogId": self._account_id, "DatabaseName": database, "TableName": table, "Name": name}

    def _to_aws(self, wanted: DataFilter) -> "DataCellsFilterTypeDef":
        return {
            "TableCatalogId": self._account_id,
            "DatabaseName": wanted.database,
            "TableName": wanted.table,
            "Name": wanted.name,
            "ColumnNames": list(wanted.columns),
            "RowFilter": {"AllRowsWildcard": {}} if wanted.rows is None else {"FilterExpression": wanted.rows},
        }

    def _pages(self, database: str, table: str) -> Iterator[dict[str, Any]]:
        of_table = {"CatalogId": self._account_id, "DatabaseName": database, "Name": table}
        request: dict[str, Any] = {"Table": of_table, "MaxResults": MAX_LISTED}
        while True:
            page = self._retrier.run(partial(self._client.list_data_cells_filter, **request))
            yield from cast("list[dict[str, Any]]", page.get("DataCellsFilters", []))
            token = page.get("NextToken")
            if not token:
                return
            request["NextToken"] = token


def _from_aws(shape: dict[str, Any]) -> DataFilter:
    row_filter = shape.get("RowFilter", {})
    rows = row_filter.get("FilterExpression")
    if "AllRowsWildcard" in row_filter or (rows is not None and rows.strip().lower() == _ALL_ROWS):
        rows = None
    return DataFilter(
        database=shape["DatabaseName"],
        table=shape["TableName"],
        name=shape["Name"],
        columns=tuple(shape.get("ColumnNames", [])),
        rows=rows,
        version_id=shape.get("VersionId"),
    )


def _meaning(each: DataFilter) -> tuple[frozenset[str], str | None]:
    """What a filter shows: Glue keeps names of columns in lower case."""
    return frozenset(column.lower() for column in each.columns), each.rows
