"""Whatever is tagged how, and whatever is asked and breaks in which order: what a tag expression is granted for."""

from __future__ import annotations

import copy
import uuid
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.models.catalog import CatalogColumn
from datamesh.models.permissions import TagPolicyResource
from datamesh.models.tags import conditions
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import MARKETING, product_spec, request_access, table_spec

TBAC, NRAC = "datamesh_sales_tbac", "datamesh_sales_nrac"
TABLES, COLUMNS = ("flights", "airports"), ("a", "b")
MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SENSITIVE = {("classification", "confidential"), ("confidentiality", "sensitive")}

TAGS = st.fixed_dictionaries(
    {},
    optional={
        "classification": st.sampled_from(["public", "internal", "confidential"]),
        "confidentiality": st.sampled_from(["non-sensitive", "sensitive"]),
    },
)
EXPRESSIONS = st.fixed_dictionaries(
    {},
    optional={
        "lob": st.just(["sales"]),
        "classification": st.lists(st.sampled_from(["public", "internal", "confidential"]), min_size=1, max_size=2),
        "confidentiality": st.lists(st.sampled_from(["non-sensitive", "sensitive"]), min_size=1, max_size=2),
    },
).filter(bool)
COLUMN = st.tuples(TAGS, st.booleans())
TABLE = st.tuples(TAGS, st.fixed_dictionaries(dict.fromkeys(COLUMNS, COLUMN)))


@cache
def _prepared() -> FakeCentral:
    return central_with("sales", "marketing", product=product_spec(*(table_spec(name) for name in TABLES)))


def prepared(tables: dict[str, Any]) -> FakeCentral:
    """Return central with both tables in the tag-based database of sales, tagged and flagged as said."""
    central = copy.deepcopy(_prepared())
    for name, (tags, columns) in tables.items():
        flagged = tuple(
            CatalogColumn(name=column, parameters={"pii_flag": "true"} if pii else {})
            for column, (_, pii) in columns.items()
        )
        central.catalog.tables[TBAC, name] = central.catalog.tables[NRAC, name].model_copy(update={"columns": flagged})
        central.lf_tags.set_table_tags(TBAC, name, tags)
        central.lf_tags.set_column_tags(TBAC, name, {column: own for column, (own, _) in columns.items()})
    return central


def ask(number: int, expression: dict[str, list[str]]) -> dict[str, Any]:
    """Return a request for an expression."""
    return request_access(
        uuid.UUID(int=number), product=None, expression=expression, event_id=uuid.UUID(int=1000 + number)
    )


def policies(central: FakeCentral) -> set[Any]:
    """Return the expressions by which marketing's account may read tables of others."""
    return {
        resource.expression
        for (who, resource), (permissions, _) in central.lake_formation.granted.items()
        if who == MARKETING and isinstance(resource, TagPolicyResource) and "SELECT" in permissions
    } - {conditions({"lob": ("marketing",)})}


def shows(expression: dict[str, list[str]], tags: dict[str, str]) -> bool:
    """Tell whether an expression fits tags."""
    return all(tags.get(key) in values for key, values in expression.items())


@MANY
@given(st.fixed_dictionaries(dict.fromkeys(TABLES, TABLE)), EXPRESSIONS)
def test_an_expression_is_granted_when_it_shows_something_and_nothing_sensitive(
    tables: dict[str, Any], expression: dict[str, list[str]]
) -> None:
    shown, sensitive = False, False
    for tags, columns in tables.values():
        of_table = {"lob": "sales", **tags}
        if shows(expression, of_table):
            shown = True
            sensitive = sensitive or bool(SENSITIVE & set(of_table.items()))
        for own, pii in columns.values():
            of_column = {**of_table, **own}
            if shows(expression, of_column):
                shown = True
                sensitive = sensitive or pii or bool(SENSITIVE & set(of_column.items()))
    central = prepared(tables)
    walk = central.deliver(ask(1, expression))
    assert (walk.path[-1] == "Access Granted") == (shown and not sensitive)
    wanted = {conditions({key: tuple(values) for key, values in expression.items()})}
    assert policies(central) == (wanted if shown and not sensitive else set())


PLAIN: dict[str, Any] = {
    name: ({"classification": "public"}, {column: ({}, False) for column in COLUMNS}) for name in TABLES
}
ASKED = ({"lob": ["sales"]}, {"classification": ["public"]}, {"lob": ["sales"], "classification": ["public"]})
# Two requests for one expression, by two ids.
REQUESTS = [ask(number, ASKED[number % 3]) for number in range(6)]
STEPS = ("admit", "grant", "record", "confirm")
ACTS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(REQUESTS)),
    st.tuples(st.sampled_from(STEPS), st.sampled_from(REQUESTS)),
    st.tuples(st.just("tag"), st.sampled_from(["public", "confidential"])),
)


@MANY
@given(st.lists(ACTS, max_size=12))
def test_what_is_granted_is_what_the_registry_says_whatever_breaks(acts: list[tuple[str, Any]]) -> None:
    """Requests come in any order and number, steps break after they are done, and tags change in between."""
    central = prepared(PLAIN)
    for act, what in acts:
        if act == "tag":
            central.lf_tags.set_table_tags(TBAC, "flights", {"classification": what})
            continue
        if act != "ask":
            central.fail_once(act, RuntimeError("broken"), "after")
        walk = central.deliver(what)
        central.faults.clear()
        standing = {grant.request_id: conditions(grant.expression) for grant in central.registry.tag_grants()}
        assert policies(central) == set(standing.values())
        assert central.registry.tag_work() is None
        record = central.registry.request(uuid.UUID(what["detail"]["data"]["request_id"]))
        if record is not None and record.status == "GRANTED":
            assert record.request_id in standing
        if walk.path[-1] == "Command Rejected":
            assert record is not None
            assert record.request_id not in standing
