"""What a request would show: columns, rows, what is sensitive, and a digest that any change of it changes."""

from typing import Any

import pytest

from datamesh.logic.exposed import ExposedTable, Exposure, TableView, exposed_table, sensitive_columns
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.errors import InvalidRowFilter, UnknownColumn
from datamesh.models.registry import ProductContent, Stamp
from datamesh.models.tags import TableTags
from tests.support.central_commands import NOW, table_spec

OPEN = {"data_classification": "internal", "pii_flag": "false"}
SENSITIVE: dict[str, tuple[str, ...]] = {"confidentiality": ("sensitive",)}
COLUMNS = ("id", "name", "booking", "day")


def content(**changes: Any) -> ProductContent:
    stamp = Stamp.model_validate({"occurred_at": NOW, "event_id": "00000000-0000-0000-0000-000000000001"})
    values = {"description": "d", "classification": "internal", "pii": False, "stamp": stamp}
    return ProductContent.model_validate(values | changes)


def view(**changes: Any) -> TableView:
    """Return flights: three columns and a partition key, nothing of it sensitive."""
    columns = {name: CatalogColumn(name=name, parameters=changes.get(name, {})) for name in COLUMNS}
    table = CatalogTable(
        name="flights",
        parameters=changes.get("table", OPEN),
        columns=tuple(columns[name] for name in COLUMNS[:3]),
        partition_keys=(columns["day"],),
    )
    database = CatalogDatabase(name="sales", parameters=changes.get("database", {}))
    spec = TableSpec.model_validate(table_spec("flights", columns=changes.get("declared", [])))
    return TableView(database, table, changes.get("contents", [content()]), spec, changes.get("tags", [TableTags()]))


def test_nothing_is_sensitive_of_what_is_classified_and_free_of_personal_data() -> None:
    assert sensitive_columns(view(), SENSITIVE) == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"database": {"pii_flag": "true"}}, "database sales"),
        ({"table": {**OPEN, "pii_flag": "yes"}}, "table flights"),
        ({"table": {}}, "no data_classification"),
        ({"contents": [content(), content(classification="restricted")]}, "classified restricted"),
        ({"contents": [content(classification=None)]}, "not classified"),
    ],
)
def test_all_columns_are_where_the_whole_is(changes: dict[str, Any], reason: str) -> None:
    found = sensitive_columns(view(**changes), SENSITIVE)
    assert set(found) == set(COLUMNS)
    assert all(any(reason in why for why in reasons) for reasons in found.values())


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"name": {"pii_flag": "true"}}, "name"),
        ({"booking": {"passenger.email.pii_flag": "true"}}, "booking"),
        ({"day": {"PII_FLAG": "1"}}, "day"),
        ({"declared": [{"name": "name", "type": "string", "pii": True}]}, "name"),
        (
            {
                "declared": [
                    {"name": "booking", "type": "struct<email:string>"},
                    {"name": "booking.email", "type": "string", "pii": True},
                ]
            },
            "booking",
        ),
        ({"tags": [TableTags(), TableTags(columns={"id": {"confidentiality": "sensitive"}})]}, "id"),
    ],
)
def test_one_column_is_by_itself_by_a_field_inside_it_and_by_its_tags(changes: dict[str, Any], column: str) -> None:
    found = sensitive_columns(view(**changes), SENSITIVE)
    assert list(found) == [column]
    assert found[column][0].startswith("flights.")


def test_a_tag_of_the_table_makes_all_columns_sensitive_but_those_that_say_otherwise() -> None:
    tags = TableTags(table={"confidentiality": "sensitive"}, columns={"id": {"confidentiality": "non-sensitive"}})
    assert set(sensitive_columns(view(tags=[tags]), SENSITIVE)) == {"name", "booking", "day"}


def test_only_columns_that_are_asked_for_count_and_partition_keys_always() -> None:
    flagged = view(name={"pii_flag": "true"})
    shown = exposed_table(flagged, columns=["id"], rows="id > 3", sensitive_tags=SENSITIVE)
    assert (shown.columns, shown.rows, shown.reasons) == (("id", "day"), "id > 3", ())
    shown = exposed_table(view(day={"pii_flag": "true"}), columns=["id"], rows=None, sensitive_tags=SENSITIVE)
    assert (shown.sensitive, len(shown.reasons)) == (("day",), 1)
    shown = exposed_table(flagged, columns=None, rows=None, sensitive_tags=SENSITIVE)
    assert (shown.columns, shown.sensitive) == (COLUMNS, ("name",))


@pytest.mark.parametrize("column", ["nothing", "booking.email"])
def test_an_unknown_column_is_refused(column: str) -> None:
    with pytest.raises(UnknownColumn) as refused:
        exposed_table(view(), columns=["id", column], rows=None, sensitive_tags=SENSITIVE)
    assert refused.value.field == "columns.flights.1"


@pytest.mark.parametrize("rows", ["id = 1; drop", " "])
def test_a_row_filter_is_one_expression(rows: str) -> None:
    with pytest.raises(InvalidRowFilter) as refused:
        exposed_table(view(), columns=None, rows=rows, sensitive_tags=SENSITIVE)
    assert refused.value.field == "rows.flights"


def test_a_sensitive_table_without_columns_is_sensitive() -> None:
    empty = view(table={})._replace(table=CatalogTable(name="flights"))
    assert exposed_table(empty, columns=None, rows=None, sensitive_tags=SENSITIVE).reasons


def test_the_digest_changes_with_all_that_is_shown_and_with_nothing_else() -> None:
    table = ExposedTable(name="flights", columns=("id", "name"), sensitive=("name",), reasons=("because",))
    digest = Exposure(tables=(table,)).digest
    others = ({"columns": ("id",)}, {"rows": "id = 1"}, {"sensitive": ()}, {"reasons": ("other",)}, {"name": "x"})
    for changes in others:
        assert Exposure(tables=(table.model_copy(update=changes),)).digest != digest
    swapped = table.model_copy(update={"columns": ("name", "id")})
    other = ExposedTable(name="airports", columns=())
    assert Exposure(tables=(swapped,)).digest == digest
    assert Exposure(tables=(table, other)).digest == Exposure(tables=(other, table)).digest
