"""What counts as sensitive: computed on the server, from all that anyone has said, and "nobody said" counts as yes."""

from collections.abc import Mapping, Sequence

from datamesh.models.base import Model
from datamesh.models.catalog import DATA_CLASSIFICATION, PII_FLAG, CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.registry import ProductContent

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
) -> Assessment:
    """Assess tables by the union of what the catalog says (database, table, columns, fields inside structs, partition
    keys) and what was declared in the registry (product, columns).

    `contents` are the product's declarations, in force and pending; `specs` the declared tables by name.
    """
    reasons: list[str] = []
    if _flagged(database.parameters):
        reasons.append(f"database {database.name} is flagged as personal data")
    for content in contents:
        reasons += [f"the product {reason}" for reason in _declared(content)]
    for table in tables:
        reasons += assess_table(table)
        spec = specs.get(table.name)
        if spec is not None:
            reasons += [
                f"{table.name}.{column.name} is declared as personal data"
                for column in (*spec.columns, *spec.partition_keys)
                if column.pii
            ]
    return Assessment(reasons=tuple(dict.fromkeys(reasons)))


def assess_table(table: CatalogTable) -> list[str]:
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
    reasons += [f"{table.name}.{column.name} is flagged as personal data" for column in table.columns if is_pii(column)]
    reasons += [
        f"{table.name}.{key.name} (partition key) is flagged as personal data"
        for key in table.partition_keys
        if is_pii(key)
    ]
    return reasons


def is_pii(column: CatalogColumn) -> bool:
    """Tell whether a column, or a field inside it (`<path>.pii_flag`), is flagged as personal data."""
    return _flagged(column.parameters)


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
