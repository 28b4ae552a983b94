"""Sees who can read what in a mesh on the sandbox, and says why somebody may: without asking the product's logic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from datamesh.models.registry import GrantRecord, ProductContent, TagGrantRecord
from sandbox import adapter
from sandbox.lakeformation import engine, resources, store, world
from sandbox.lakeformation.live import LiveWorld
from tests.support import sandbox_mesh
from tests.support.central_commands import ACCOUNTS, CENTRAL, REGION
from tests.support.sandbox_mesh import ROLES, SandboxMesh, caller, role
from tests.support.tag_model import Policy

DOMAINS = tuple(ACCOUNTS)
SENSITIVE = {("classification", "confidential"), ("classification", "restricted"), ("confidentiality", "sensitive")}
OPEN = {"public", "internal"}
CLASSIFICATION, PERSONAL = "classification", "pii"
OF_THE_WHOLE = {CLASSIFICATION, PERSONAL}


class Readable(NamedTuple):
    """A column that somebody can read."""

    principal: str
    database: str
    table: str
    column: str


class StillWorld(LiveWorld):
    """The sandbox's catalog while nothing changes: everything is looked up once."""

    def __init__(self) -> None:
        super().__init__()
        self._tables: dict[tuple[str, str, str], dict[str, Any] | None] = {}

    def table(self, account: str, database: str, name: str) -> dict[str, Any] | None:
        key = account, database, name
        if key not in self._tables:
            self._tables[key] = super().table(*key)
        return self._tables[key]


class Witness:
    """Sees what is the case, without asking the product's logic."""

    def __init__(self, mesh: SandboxMesh) -> None:
        self.mesh = mesh

    def readable(self, names: tuple[str, ...] = ROLES) -> frozenset[Readable]:
        """All that these roles in the domains can read of central's tables; where no data lie, there is nothing."""
        found = set[Readable]()
        with adapter.scope(CENTRAL, REGION), while_nothing_changes():
            tables = [each for domain in DOMAINS for each in self.tables(domain)]
            for database, table in tables:
                if not table["StorageDescriptor"].get("Location"):
                    continue
                ref = engine.TableRef(CENTRAL, database, table["Name"])
                for account in ACCOUNTS.values():
                    for name in names:
                        seen = engine.readable_columns(caller(role(account, name)), ref, column_names(table))
                        found |= {Readable(role(account, name), database, table["Name"], column) for column in seen}
        return frozenset(found)

    def tables(self, domain: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """A domain's tables in central's catalog."""
        for mode in ("nrac", "tbac"):
            database = f"datamesh_{domain}_{mode}"
            found = sandbox_mesh.raw(CENTRAL, "glue", "GetTables", DatabaseName=database)["TableList"]
            yield from ((database, table) for table in found)

    def table(self, database: str, name: str) -> dict[str, Any]:
        """One of them."""
        found: dict[str, Any] = sandbox_mesh.raw(CENTRAL, "glue", "GetTable", DatabaseName=database, Name=name)["Table"]
        return found

    def assigned(self, database: str, table: str = "", column: str = "") -> dict[str, str]:
        """The LF-tags that are assigned right there."""
        place = resources.database(CENTRAL, database)
        if table:
            place = resources.table(CENTRAL, database, table)
        if column:
            place = resources.column(CENTRAL, database, table, column)
        return dict(store.store.account(CENTRAL).tags.get(place, {}))

    def carried(self, database: str, table: str, column: str) -> dict[str, str]:
        """TBAC-assigning-tags: inherited from database to table to column, where a value of the same key overrides."""
        return self.assigned(database) | self.assigned(database, table) | self.assigned(database, table, column)

    def grants(self) -> list[GrantRecord | TagGrantRecord]:
        """What the registry says that was granted."""
        registry = self.mesh.registry
        return [*registry.tag_grants(), *(grant for domain in DOMAINS for grant in registry.grants(domain, "one"))]

    def shows(self, grant: GrantRecord | TagGrantRecord, seen: Readable) -> bool:
        """Whether somebody reads a column by this grant of theirs."""
        if seen.principal not in grant.principals:
            return False
        if isinstance(grant, GrantRecord):
            shown = grant.shown.get(seen.table)
            return grant.database == seen.database and shown is not None and seen.column in shown.columns
        policy = Policy.of("TABLE", grant.expression)
        return policy.matches(self.carried(seen.database, seen.table, seen.column))

    def open_tables(self, grants: list[GrantRecord | TagGrantRecord]) -> set[tuple[str, str, str]]:
        """Whoever reads by tag the table itself, and with it what appears there, or at least a column: with which."""
        return {
            (principal, database, table["Name"])
            for domain in DOMAINS
            for database, table in self.tables(domain)
            for grant in grants
            for principal in grant.principals
            for column in ("", *column_names(table))
            if self.shows(grant, Readable(principal, database, table["Name"], column))
        }

    def why_sensitive(self, seen: Readable) -> set[str]:
        """By what anyone has said last, a column is sensitive; nobody has said that it is not, either."""
        table = self.table(seen.database, seen.table)
        product = self.mesh.registry.product(domain_of(seen.database), "one")
        (column,) = [each for each in table["StorageDescriptor"]["Columns"] if each["Name"] == seen.column]
        assert product is not None
        said = [content for content in (product.content, product.pending) if content is not None]
        last: ProductContent = max(said, key=lambda content: content.stamp.occurred_at)
        specs = {each.name: each.spec for each in self.mesh.registry.tables(product.domain, "one")}
        flagged = {each.name for each in specs[seen.table].columns if each.pii} if seen.table in specs else set()
        by_tag = seen.database.endswith("_tbac")
        reasons = {
            CLASSIFICATION: not {last.classification, table["Parameters"].get("data_classification")} <= OPEN,
            PERSONAL: last.pii is not False or table["Parameters"].get("pii_flag") != "false",
            "pii of the column": seen.column in flagged and product.pending is None,
            "pii of the column in the catalog": column.get("Parameters", {}).get("pii_flag", "false") != "false",
            "LF-tags": by_tag and bool(SENSITIVE & self.carried(seen.database, seen.table, seen.column).items()),
        }
        return {reason for reason, holds in reasons.items() if holds}


@contextmanager
def while_nothing_changes() -> Iterator[None]:
    """Let Lake Formation look up everything once only."""
    world.use(StillWorld())
    try:
        yield
    finally:
        world.use(LiveWorld())


def column_names(table: dict[str, Any]) -> list[str]:
    """Return a table's columns; nobody declares partition keys here."""
    return [column["Name"] for column in table["StorageDescriptor"].get("Columns", [])]


def domain_of(database: str) -> str:
    """Return whose database it is."""
    return database.split("_")[1]


def is_own(seen: Readable) -> bool:
    """Whether somebody reads as its own domain's data principal or crawler."""
    account, name = seen.principal.split(":")[4], seen.principal.rsplit("/", 1)[-1]
    return account == ACCOUNTS[domain_of(seen.database)] and name in {"engineer", "crawler"}
