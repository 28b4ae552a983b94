"""Registrations, crawls and requests by LF-tag in any order: the end is the same, and nothing sensitive shows."""

from __future__ import annotations

import copy
import uuid
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.logic.tags import effective, matches
from datamesh.models.catalog import CatalogColumn
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import event, product_spec, register_product, request_access, table_spec
from tests.unit.logic.test_any_order import meaning, run

TBAC = "datamesh_sales_tbac"
SOME = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OPEN, CLOSED = {"confidentiality": "non-sensitive"}, {"confidentiality": "sensitive"}


@cache
def _prepared() -> FakeCentral:
    return central_with("sales", "marketing")


def prepared() -> FakeCentral:
    """Return central with two domains registered; made once, copied often."""
    return copy.deepcopy(_prepared())


def columns(**tags: dict[str, str]) -> list[dict[str, Any]]:
    """Return columns, each with LF-tags of its own."""
    return [{"name": name, "type": "string", "tags": own} for name, own in tags.items()]


VERSIONS = [
    register_product(
        product_spec(table_spec("flights", columns=columns(a=CLOSED, b={})), access_mode="both", tags=OPEN),
        minute=1,
        event_id=uuid.UUID(int=11),
    ),
    register_product(
        product_spec(table_spec("flights", columns=columns(a={}, b=CLOSED)), access_mode="both", tags=CLOSED),
        minute=2,
        event_id=uuid.UUID(int=12),
    ),
    register_product(
        product_spec(table_spec("airports", tags={"classification": "public"}), access_mode="both", tags=OPEN),
        minute=3,
        event_id=uuid.UUID(int=13),
    ),
]


@SOME
@given(st.permutations(VERSIONS), st.lists(st.sampled_from(VERSIONS), max_size=3))
def test_registrations_in_any_order_and_number_end_with_the_newest_tags(order: list[Any], again: list[Any]) -> None:
    expected, central = prepared(), prepared()
    for command in VERSIONS:
        run(expected, command)
    for command in [*order, *again]:
        run(central, command)
    final, wanted = meaning(central), meaning(expected)
    for state in (final, wanted):
        # What changed on the way is recorded, and differs with the way.
        state["registry"] = {key: row for key, row in state["registry"].items() if "/TAGCHANGE#" not in key}
    assert final == wanted


@SOME
@given(
    st.lists(st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(["tables", "record", "tell"])), max_size=3)
)
def test_a_registration_that_keeps_crashing_heals_with_its_tags(crashes: list[tuple[str, str]]) -> None:
    command, central, expected = VERSIONS[0], prepared(), prepared()
    run(expected, command)
    for number, (when, stop) in enumerate(crashes):
        payload: dict[str, Any] = {}
        for step in ("admit", "tables", "grant", "record", "tell"):
            if step == stop and when == "before":
                break
            result = central.step("register_data_product", step, command, f"crash-{number}", **payload)
            payload |= {name: result[name] for name in ("tables", "resource_shares") if name in result}
            if step == stop:
                break
        central.step("register_data_product", "fail", command, f"crash-{number}")
    run(central, command)
    final, wanted = meaning(central), meaning(expected)
    assert final == wanted


# --- nobody reads what must not be read ---

TAGS = st.sampled_from([{}, OPEN, CLOSED, {"classification": "internal"}, OPEN | {"classification": "confidential"}])
COLUMN = st.fixed_dictionaries(
    {"type": st.sampled_from([None, "string"]), "pii": st.sampled_from([None, True]), "tags": TAGS}
)
TABLE = st.fixed_dictionaries({"tags": TAGS}, optional={"a": COLUMN, "b": COLUMN})
PRODUCT = st.fixed_dictionaries({"tags": TAGS, "flights": TABLE}, optional={"airports": TABLE})
CRAWL = st.tuples(st.sampled_from(["flights", "airports"]), st.sets(st.sampled_from("abc")))
REQUEST = st.fixed_dictionaries(
    {},
    optional={
        "lob": st.just(["sales"]),
        "confidentiality": st.sampled_from([["non-sensitive"], ["sensitive"]]),
        "classification": st.sampled_from([["internal"], ["confidential", "internal"]]),
    },
).filter(bool)
ACTIONS = st.one_of(
    PRODUCT.map(lambda said: ("register", said)),
    CRAWL.map(lambda found: ("crawl", found)),
    REQUEST.map(lambda expression: ("request", expression)),
)


def readable(central: FakeCentral) -> set[tuple[str, str]]:
    """Return the columns that marketing reads by its tag grants: of tables that have a location."""
    grants = [record.expression for record in central.registry.tag_grants()]
    found = set()
    for (database, name), table in central.catalog.tables.items():
        if database == TBAC and table.location is not None:
            tags = central.lf_tags.table_tags(database, name)
            found |= {
                (name, column.name)
                for column in table.columns
                if any(matches(expression, effective(tags, column.name)) for expression in grants)
            }
    return found


class Watch:
    """Looks after every change of the catalog and of tags at what has become readable."""

    def __init__(self, central: FakeCentral) -> None:
        self.central = central
        self.seen = set[tuple[str, str]]()
        self.secret = set[tuple[str, str]]()
        for owner, name in (
            (central.catalog, "create_table"),
            (central.catalog, "update_table"),
            (central.lf_tags, "set_table_tags"),
            (central.lf_tags, "set_column_tags"),
        ):
            setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, call: Any) -> Any:
        def watched(*arguments: Any) -> Any:
            result = call(*arguments)
            self.look()
            return result

        return watched

    def look(self) -> None:
        """Check that nothing that is declared as personal data is readable that was not before this action began."""
        now = readable(self.central)
        assert not (now - self.seen) & self.secret
        self.seen |= now


def declared(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return a table as a command declares it."""
    named = [{"name": column} | said[column] for column in "ab" if column in said]
    return table_spec(name, columns=named, tags=said["tags"])


@SOME
@given(st.lists(ACTIONS, min_size=2, max_size=7))
def test_nothing_that_is_declared_as_personal_data_becomes_readable_by_a_standing_grant(actions: list[Any]) -> None:
    central = prepared()
    watch = Watch(central)
    for number, (action, said) in enumerate(actions):
        if action == "register":
            tables = [declared(name, said[name]) for name in ("flights", "airports") if name in said]
            watch.secret |= {
                (table["name"], column["name"]) for table in tables for column in table["columns"] if column["pii"]
            }
            run(central, register_product(product_spec(*tables, access_mode="tbac", tags=said["tags"]), minute=number))
        elif action == "request":
            request = {"product": None, "expression": said, "tables": None}
            run(central, request_access(uuid.UUID(int=number + 1), minute=number, **request))
            watch.look()
        elif (TBAC, said[0]) in central.catalog.tables:
            table = central.catalog.tables[TBAC, said[0]]
            known = {column.name: column for column in table.columns}
            found = tuple(known.get(name, CatalogColumn(name=name)) for name in sorted(said[1] | known.keys()))
            central.catalog.tables[TBAC, said[0]] = table.model_copy(update={"columns": found})
            watch.look()
            tables = [{"name": said[0], "columns": 1, "digest": "d", "changed": True}]
            data = {"domain": "sales", "product": "air_travel", "access_mode": "tbac", "tables": tables}
            run(central, event("DataProductSchemaUpdated", data, minute=number))
        # A rejected declaration is none.
        watch.secret = {
            (table.name, column.name.partition(".")[0])
            for table in central.registry.tables("sales", "air_travel")
            for column in table.spec.columns
            if column.pii
        }
        watch.seen = readable(central)
