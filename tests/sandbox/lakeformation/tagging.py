"""Tags for tests that are not about how tags are put on resources."""

from __future__ import annotations

from sandbox.api import Caller
from sandbox.lakeformation import engine, resources
from sandbox.lakeformation.store import store
from tests.sandbox.lakeformation.fake_world import CENTRAL
from tests.sandbox.lakeformation.sharing_steps import COLUMNS

ORDERS = engine.TableRef(CENTRAL, "shop", "orders")
RETURNS = engine.TableRef(CENTRAL, "shop", "returns")


def ontology(**keys: tuple[str, ...]) -> None:
    """Central's tags."""
    store.account(CENTRAL).lf_tags.update({key: list(values) for key, values in keys.items()})


def tag(database: str, table: str = "", column: str = "", **tags: str) -> None:
    """Put values on something of central's, or take a key away with an empty value."""
    place = resources.database(CENTRAL, database)
    if table:
        place = resources.table(CENTRAL, database, table)
    if column:
        place = resources.column(CENTRAL, database, table, column)
    assigned = store.account(CENTRAL).tags.setdefault(place, {})
    assigned.update(tags)
    for key in [key for key, value in assigned.items() if not value]:
        del assigned[key]
    if not assigned:
        del store.account(CENTRAL).tags[place]


def reads(caller: Caller, ref: engine.TableRef = ORDERS) -> list[str]:
    """The columns that the caller reads."""
    return engine.readable_columns(caller, ref, COLUMNS)


def has(caller: Caller, permission: str, ref: engine.TableRef = ORDERS) -> bool:
    """Whether the caller holds a permission on a table."""
    return engine.has(caller, permission, catalog=ref.catalog, database=ref.database, table=ref.name)
