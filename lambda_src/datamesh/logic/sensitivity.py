"""What counts as sensitive: computed on the server, from all that anyone has said, and "nobody said" counts as yes."""

from collections.abc import Collection, Mapping, Sequence

from datamesh.logic.tags import Matched, effective
from datamesh.models.base import Model
from datamesh.models.catalog import DATA_CLASSIFICATION, PII_FLAG, CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.registry import ProductContent
from datamesh.models.tags import TableTags

OPEN_CLASSIFICATIONS = frozenset({"public", "internal"})
_NO = frozenset({"false", ""})


class Assessment(Model):
    """Whether something is sensitive, and every reason why."""

    reasons: tuple[str, ...] = ()

    @property
    def sensitive(self) -> bool:
        """Whether there is any reason."""
        return bool(self.reasons)


def assess(
    database: CatalogDatabase,
    tables: Sequence[CatalogTable],
    *,
    contents: Sequence[ProductContent],
    specs: Mapping[str, TableSpec],
    tags: Mapping[str, TableTags] | None = None,
    sensitive_tags: Mapping[str, Collection[str]] | None = None,
    shown: Mapping[str, Matched] | None = None,
) -> Assessment:
    """Assess tables by the union of what the catalog says (database, table, columns, fields inside structs, partition
    keys), what was declared in the registry (product, columns) and what their LF-tags say.

    `contents` are the product's declarations, in force and pending; `specs` the declared tables, `tags` the LF-tags of
    tables, both by name. With `shown` only columns that are shown of a table count, besides all that is said of the
    table, the database and the product as a whole.
    """
    reasons: list[str] = []
    if _flagged(database.parameters):
        reasons.append(f"database {database.name} is flagged as personal data")
    for content in contents:
        reasons += [f"the product {reason}" for reason in _declared(content)]
    for table in tables:
        seen = shown.get(table.name, Matched(table=False, columns=())) if shown is not None else None
        reasons += assess_table(table, seen)
        if table.name in specs:
            reasons += _declared_columns(table, specs[table.name], sensitive_tags or {}, seen)
        if tags is not None and table.name in tags:
            reasons += _tagged(table.name, tags[table.name], sensitive_tags or {}, seen)
    return Assessment(reasons=tuple(dict.fromkeys(reasons)))


def assess_table(table: CatalogTable, shown: Matched | None = None) -> list[str]:
    """Return why a table is sensitive as the catalog has it; nothing when it is not."""
    reasons: list[str] = []
    classification = _parameter(table, DATA_CLASSIFICATION)
    if classification is None:
        reasons.append(f"table {table.name} has no {DATA_CLASSIFICATION}")
    elif classification not in OPEN_CLASSIFICATIONS:
        reasons.append(f"table {table.name} is classified {classification}")
    flag = _parameter(table, PII_FLAG)
    if flag is None:
        reasons.append(f"table {table.name} has no {PII_FLAG}")
    elif flag != "false":
        reasons.append(f"table {table.name} is flagged as personal data")
    reasons += [
        f"{table.name}.{column.name} is flagged as personal data"
        for column in table.columns
        if is_pii(column) and _is_shown(column.name, shown)
    ]
    reasons += [
        f"{table.name}.{key.name} (partition key) is flagged as personal data"
        for key in table.partition_keys
        if is_pii(key) and _is_shown(key.name, shown)
    ]
    return reasons


def is_pii(column: CatalogColumn) -> bool:
    """Tell whether a column, or a field inside it (`<path>.pii_flag`), is flagged as personal data."""
    return _flagged(column.parameters)


def _is_shown(column: str, shown: Matched | None) -> bool:
    return shown is None or column in shown.columns


def _declared_columns(
    table: CatalogTable, spec: TableSpec, sensitive_tags: Mapping[str, Collection[str]], shown: Matched | None
) -> list[str]:
    """Return why declared columns, or fields inside them, are sensitive.

    One that is not in the catalog yet is shown with the table: between a crawler's finding it and the mesh's tagging it
    nothing but the table's tags counts.
    """
    known = {column.name for column in (*table.columns, *table.partition_keys)}
    reasons: list[str] = []
    for column in (*spec.columns, *spec.partition_keys):
        root = column.name.partition(".")[0]
        if not (_is_shown(root, shown) or (root not in known and shown is not None and shown.table)):
            continue
        if column.pii:
            reasons.append(f"{table.name}.{column.name} is declared as personal data")
        if root not in known:
            reasons += [
                f"{table.name}.{root} is declared with {tag}, and not in the catalog yet: declare its type"
                for tag in _sensitive(column.tags, sensitive_tags)
            ]
    return reasons


def _tagged(
    name: str, tags: TableTags, sensitive_tags: Mapping[str, Collection[str]], shown: Matched | None
) -> list[str]:
    of_table = _sensitive(effective(tags), sensitive_tags) if shown is None or shown.table else []
    reasons = [f"table {name} carries {tag}" for tag in of_table]
    for column in tags.column_names if shown is None else shown.columns:
        of_column = _sensitive(effective(tags, column), sensitive_tags)
        reasons += [f"{name}.{column} carries {tag}" for tag in of_column if tag not in of_table]
    return reasons


def _sensitive(tags: Mapping[str, str], sensitive_tags: Mapping[str, Collection[str]]) -> list[str]:
    return [f"the LF-tag {key}={value}" for key, value in sorted(tags.items()) if value in sensitive_tags.get(key, ())]


def _flagged(parameters: Mapping[str, str]) -> bool:
    """Any spelling of the flag's name counts, and every value but "false": a doubtful flag is a flag."""
    return any(
        (name.strip().lower() == PII_FLAG or name.strip().lower().endswith(f".{PII_FLAG}"))
        and value.strip().lower() not in _NO
        for name, value in parameters.items()
    )


def _parameter(table: CatalogTable, wanted: str) -> str | None:
    """Return a parameter in lower case; None when it is missing or empty, and `conflicting` when it is there twice."""
    found = {value.strip().lower() for name, value in table.parameters.items() if name.strip().lower() == wanted}
    found.discard("")
    if len(found) > 1:
        return "conflicting"
    return found.pop() if found else None


def _declared(content: ProductContent) -> list[str]:
    reasons: list[str] = []
    if content.classification is None:
        reasons.append("is not classified")
    elif content.classification not in OPEN_CLASSIFICATIONS:
        reasons.append(f"is classified {content.classification}")
    if content.pii is None:
        reasons.append("does not say whether it holds personal data")
    elif content.pii:
        reasons.append("is declared as personal data")
    return reasons
