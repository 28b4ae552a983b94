"""What a request would show and what of it is sensitive, computed from the catalog and all declarations."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from datamesh.logic.sensitivity import assess
from datamesh.logic.tagging import column_names
from datamesh.logic.tags import Matched
from datamesh.models.base import Model
from datamesh.models.catalog import DATA_CLASSIFICATION, PII_FLAG, CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.errors import InvalidRowFilter, UnknownColumn
from datamesh.models.registry import ProductContent
from datamesh.models.tags import SensitiveTags, TableTags

NOTHING = Matched(table=False, columns=())
# Of a table with these nothing is said as a whole that would be a reason.
_OPEN_TABLE = {DATA_CLASSIFICATION: "public", PII_FLAG: "false"}


class TableView(NamedTuple):
    """All that anybody says of a table: the catalog, the product's declarations in force and pending, and its LF-tags.

    `tags` has the tags that the table carries, or would carry, by each declaration.
    """

    database: CatalogDatabase
    table: CatalogTable
    contents: Sequence[ProductContent]
    spec: TableSpec | None
    tags: Sequence[TableTags] = ()


class ExposedTable(Model):
    """What would be shown of a table: these columns, in these rows."""

    name: str = Field(description="Of a tag expression `<database>.<table>`.")
    columns: tuple[str, ...] = Field(description="In the catalog's order, partition keys included.")
    rows: str | None = None
    sensitive: tuple[str, ...] = Field((), description="Those of the columns that are sensitive.")
    reasons: tuple[str, ...] = Field((), description="Why anything of it is; a table without columns has some, too.")


class Exposure(Model):
    """What a request would show."""

    tables: tuple[ExposedTable, ...] = ()

    @property
    def sensitive(self) -> bool:
        """Whether anything of it is sensitive."""
        return any(table.reasons for table in self.tables)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason once."""
        return tuple(dict.fromkeys(reason for table in self.tables for reason in table.reasons))

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: what people agreed to is this, and nothing else."""
        content = [
            [table.name, sorted(table.columns), table.rows, sorted(table.sensitive), sorted(table.reasons)]
            for table in sorted(self.tables, key=lambda table: table.name)
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def of(self, name: str) -> ExposedTable:
        """Return what is shown of one table."""
        return next(table for table in self.tables if table.name == name)


def sensitive_columns(view: TableView, sensitive_tags: SensitiveTags) -> dict[str, tuple[str, ...]]:
    """Return the sensitive columns of a table, partition keys included, with the reasons.

    All are when the database, the table or the product is sensitive or not classified. A column is by a flag of its own
    or of a field inside it, in the catalog or declared, and by its LF-tags.
    """
    whole = table_reasons(view)
    fields = _fields_by_column(view.spec)
    found: dict[str, tuple[str, ...]] = {}
    for part in ("columns", "partition_keys"):
        for column in getattr(view.table, part):
            reasons = (*whole, *_reasons_of(view, part, column, fields.get(column.name), sensitive_tags))
            if reasons:
                found[column.name] = tuple(dict.fromkeys(reasons))
    return found


def table_reasons(view: TableView) -> tuple[str, ...]:
    """Return why all of a table is sensitive: what is said of its database, of the table itself and of the product."""
    empty = view.table.model_copy(update={"columns": (), "partition_keys": ()})
    return assess(view.database, [empty], contents=view.contents, specs={}, shown={empty.name: NOTHING}).reasons


def exposed_table(
    view: TableView,
    *,
    columns: Sequence[str] | None,
    rows: str | None,
    sensitive_tags: SensitiveTags,
    with_keys: bool = True,
) -> ExposedTable:
    """Return what would be shown of a table: the columns asked for, or without a list all that it has now.

    Partition keys are always shown, because Lake Formation filters none; they are left out only where something shows
    them already. Raises UnknownColumn, InvalidRowFilter.
    Source: https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
    """
    name, known = view.table.name, column_names(view.table)
    for number, column in enumerate(columns or ()):
        if column not in known:
            raise UnknownColumn(f"{name} has no column {column}", f"columns.{name}.{number}")
    if rows is not None:
        check_rows(name, rows)
    keys = {key.name for key in view.table.partition_keys} if with_keys else set()
    shown = tuple(column for column in known if columns is None or column in columns or column in keys)
    sensitive = sensitive_columns(view, sensitive_tags)
    reasons = [reason for column in shown for reason in sensitive.get(column, ())]
    return ExposedTable(
        name=name,
        columns=shown,
        rows=rows,
        sensitive=tuple(column for column in shown if column in sensitive),
        reasons=tuple(dict.fromkeys((*table_reasons(view), *reasons))),
    )


def check_rows(table: str, rows: str) -> None:
    """Refuse what is more than one expression. What else is wrong with a row filter, Lake Formation says itself.

    Raises InvalidRowFilter.
    """
    if ";" in rows or not rows.strip():
        raise InvalidRowFilter("A row filter is a single expression, without a semicolon", f"rows.{table}")


def _reasons_of(
    view: TableView, part: str, column: CatalogColumn, spec: TableSpec | None, sensitive_tags: SensitiveTags
) -> list[str]:
    """Return why one column is sensitive, the database and the table as a whole aside."""
    alone = view.table.model_copy(
        update={"columns": (), "partition_keys": (), part: (column,), "parameters": dict(_OPEN_TABLE)}
    )
    shown = Matched(table=False, columns=(column.name,))
    return [
        reason
        for tags in (view.tags or [TableTags()])
        for reason in assess(
            CatalogDatabase(name=view.database.name),
            [alone],
            contents=[],
            specs={alone.name: spec} if spec is not None else {},
            tags={alone.name: tags},
            sensitive_tags=sensitive_tags,
            shown={alone.name: shown},
        ).reasons
    ]


def _fields_by_column(spec: TableSpec | None) -> dict[str, TableSpec]:
    """Return of a declaration what it says of each column: the column itself, and the fields inside it."""
    if spec is None:
        return {}
    roots = {column.name.partition(".")[0] for column in (*spec.columns, *spec.partition_keys)}
    return {
        root: spec.model_copy(
            update={
                "columns": tuple(column for column in spec.columns if column.name.partition(".")[0] == root),
                "partition_keys": tuple(key for key in spec.partition_keys if key.name == root),
            }
        )
        for root in roots
    }
