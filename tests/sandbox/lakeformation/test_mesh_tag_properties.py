"""Whatever domains declare, change and ask for, in whatever order and with whatever mishap: nobody reads what no grant
of theirs ever showed, and nobody comes to read what is sensitive.

The product's own workflows run on the sandbox's Lake Formation, RAM, Glue and DynamoDB (tests/support/sandbox_mesh.py).
What they did is judged from outside: by what each principal can read now, and a few lines that say what LF-tags mean.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from datamesh.logic.access import expression_grants, filter_grants, grantees
from datamesh.models.registry import GrantRecord, TagGrantRecord
from sandbox import adapter, snapshots
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.mesh_drawing import (
    DOMAINS,
    EXPRESSIONS,
    FOUND,
    SOMETHING,
    TABLES,
    Crash,
    crashes,
    domains,
    few_tags,
    mostly,
    other_tags,
    people,
    product_command,
    products,
    request,
    tagged_anew,
)
from tests.sandbox.lakeformation.mesh_witness import OF_THE_WHOLE, Readable, Witness, column_names, is_own
from tests.support import sandbox_mesh
from tests.support.access_mesh import AccessMesh
from tests.support.central_commands import ACCOUNTS, CENTRAL, REGION, event, register_domain
from tests.support.sandbox_mesh import PEOPLE, Done, Envelope, caller, role

# Add `Phase.shrink` to look into a failure: it takes minutes.
PHASES = (Phase.explicit, Phase.generate)
QUICK = settings(max_examples=16, stateful_step_count=16, deadline=None, derandomize=True, phases=PHASES)


@pytest.fixture(scope="module", autouse=True)
def accounts() -> Iterator[None]:
    """Two beginnings for all examples: three registered domains, and the same with products, some of them granted."""
    sandbox_mesh.install()
    with sandbox_mesh.at_once():
        sandbox_mesh.make_accounts()
        mesh = AccessMesh()

        def send(*envelopes: Envelope) -> None:
            outputs = [done.walk.output for envelope in envelopes for done in mesh.send(envelope)]
            assert all(output is not None and output.get("outcome") != "rejected" for output in outputs), outputs

        send(*(register_domain(domain) for domain in DOMAINS))
        snapshots.take("new")
        # A new table there is the website's until it is tagged otherwise.
        tags, then = {"channel": "web"}, mesh.minute + 1
        send(*(register_domain(domain, tags=tags, minute=then) for domain in ("marketing", "sales")))
        send(*(product_command(mesh, domain, drawn) for domain, drawn in SOMETHING.items()))
        send(
            request(mesh, "marketing", {"analyst"}, expression={"channel": ["web"], "lob": ["sales"]}),
            request(
                mesh, "finance", {"analyst"}, expression={"channel": ["web"], "confidentiality": ["non-sensitive"]}
            ),
            request(mesh, "sales", {"scientist"}, expression={"channel": ["web"]}),
        )
        snapshots.take("busy")
        yield
        snapshots.reset()


class Life(RuleBasedStateMachine):
    """What domains do, and what befalls them."""

    def __init__(self) -> None:
        super().__init__()
        self.mesh = AccessMesh()
        self.witness = Witness(self.mesh)
        self.read: frozenset[Readable] = frozenset()
        self.grants: list[GrantRecord | TagGrantRecord] = []
        self.open: set[tuple[str, str, str]] = set()
        self.troubled = False

    @initialize(troubled=st.booleans(), beginning=mostly("busy", "new"))
    def begin(self, troubled: bool, beginning: str) -> None:
        """Half of the lives are troubled: nothing is promised then but that nobody reads too much."""
        snapshots.restore(beginning)
        # No execution has the name of one of the beginning's.
        self.mesh.central.executions = 1000
        self.troubled = troubled
        self.mesh.pass_time(minutes=5)

    # --- what domains do ----------------------------------------------------------------------------------------------

    @rule(domain=domains, drawn=products, late=mostly(0, 3))
    def register_product(self, domain: str, drawn: dict[str, Any], late: int) -> None:
        """Register a product or declare it anew; `late` was said before what was said last."""
        self.send(product_command(self.mesh, domain, drawn, late))

    @rule(domain=domains, drawn=other_tags)
    def tag_product(self, domain: str, drawn: dict[str, Any]) -> None:
        """Give a product and its columns other tags, or add a table."""
        self.send(product_command(self.mesh, domain, tagged_anew(domain, drawn)))

    @rule(domain=domains, tags=few_tags)
    def tag_domain(self, domain: str, tags: dict[str, str]) -> None:
        """Register a domain again with other tags, which all its tables inherit."""
        self.send(register_domain(domain, tags=tags, minute=self.mesh.minute))

    @rule(domain=domains, expression=st.sampled_from(EXPRESSIONS), names=people)
    def request_by_tag(self, domain: str, expression: dict[str, list[str]], names: set[str]) -> None:
        """Ask for an expression."""
        self.send(request(self.mesh, domain, names, expression=expression))

    @rule(domain=domains, further=st.integers(1, len(DOMAINS) - 1), names=people)
    def request_by_name(self, domain: str, further: int, names: set[str]) -> None:
        """Ask for all tables of another domain's product."""
        owner = DOMAINS[(DOMAINS.index(domain) + further) % len(DOMAINS)]
        self.send(request(self.mesh, domain, names, product={"domain": owner, "name": "one"}))

    @rule(domain=domains, table=st.sampled_from(TABLES), found=st.sampled_from(FOUND))
    def crawl(self, domain: str, table: str, found: tuple[str, ...]) -> None:
        """A crawler finds columns, and the domain says so."""
        for fact in self.crawled(domain, table, found):
            self.send(fact)

    # --- what befalls them --------------------------------------------------------------------------------------------

    @rule(data=st.data())
    @precondition(lambda self: self.mesh.seen)
    def deliver_again(self, data: st.DataObject) -> None:
        """EventBridge delivers at least once."""
        account, envelope = data.draw(st.sampled_from(self.mesh.seen))
        self.check(self.mesh.deliver(account, envelope))

    @rule(data=st.data())
    @precondition(lambda self: self.troubled and self.mesh.held)
    def deliver_late(self, data: st.DataObject) -> None:
        """Events arrive late, and in any order."""
        held = self.mesh.held
        account, envelope = held.pop(data.draw(st.integers(0, len(held) - 1)))
        self.check(self.mesh.deliver(account, envelope))

    @rule(data=st.data(), crash=crashes)
    @precondition(lambda self: self.troubled)
    def crash(self, data: st.DataObject, crash: Crash) -> None:
        """Something dies on the way; mostly the same event is sent again."""
        for envelope in self.anything(data):
            calls = self.mesh.calls
            calls.left, calls.fate = crash.at, crash.fate
            self.mesh.send(envelope)
            calls.left = None
            # Whoever died holds nothing any more.
            self.mesh.pass_time(hours=1)
            if crash.sent_again:
                self.look()
                self.send(envelope)

    @rule(holding=st.booleans())
    @precondition(lambda self: self.troubled)
    def hold(self, holding: bool) -> None:
        """From now on events take long to arrive, or no longer."""
        self.mesh.holding = holding

    @rule(data=st.data())
    @precondition(lambda self: self.troubled and self.witness.grants())
    def revoke(self, data: st.DataObject) -> None:
        """Somebody takes a grant away in central, past the mesh."""
        grant = data.draw(st.sampled_from(self.witness.grants()))
        who = grantees(grant.account_id, grant.principals, grant.grant_to, catalog_id=CENTRAL)
        if isinstance(grant, TagGrantRecord):
            given = expression_grants(who, catalog_id=CENTRAL, expression=grant.expression)
        else:
            filters = {table: shown.filter for table, shown in grant.shown.items() if shown.columns}
            given = filter_grants(who, catalog_id=CENTRAL, database=grant.database, filters=filters)
        self.mesh.permissions.revoke(given)

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def look(self) -> None:
        """After every rule, and after every mishap."""
        before, self.read = self.read, self.witness.readable()
        grants = self.witness.grants()
        for seen in sorted(self.read):
            if not is_own(seen):
                assert any(self.witness.shows(grant, seen) for grant in grants), f"{seen} without a grant"
        for seen in sorted(self.read - before):
            if not is_own(seen):
                reasons = self.witness.why_sensitive(seen) - self.known(seen)
                assert not reasons, f"{seen}: {reasons}"
        self.grants, self.open = grants, self.witness.open_tables(grants)
        lock = self.mesh.registry.tag_work()
        assert lock is None or lock.lease_expires_at < self.mesh.central.now, lock
        if not self.troubled:
            self.all_is_tagged_as_declared()
            self.all_read_what_they_were_granted()

    def known(self, seen: Readable) -> set[str]:
        """Return which reasons do not count for a column of a table that somebody had been granted before.

        Who reads a table keeps it when it is declared sensitive as a whole; of a table granted by its name that goes
        for all that is said of it. To hold back what appears there afterwards is for approvals to do.
        """
        by_name = any(isinstance(grant, GrantRecord) and self.witness.shows(grant, seen) for grant in self.grants)
        if by_name:
            return self.witness.why_sensitive(seen)
        return OF_THE_WHOLE if (seen.principal, seen.database, seen.table) in self.open else set()

    def all_is_tagged_as_declared(self) -> None:
        """Nothing has failed: what is declared is assigned and recorded."""
        for domain in DOMAINS:
            product = self.mesh.registry.product(domain, "one")
            if product is None or product.content is None or "tbac" not in product.placed:
                continue
            database = product.placed["tbac"]
            inherited = self.witness.assigned(database)
            for record in self.mesh.registry.tables(domain, "one"):
                names = column_names(self.witness.table(database, record.name))
                own = self.witness.assigned(database, record.name)
                of_columns = {name: self.witness.assigned(database, record.name, name) for name in names}
                assert own == product.content.tags | record.spec.tags
                if domain not in self.mesh.central.withheld:
                    wanted = {column.name: column.tags for column in record.spec.columns}
                    assert of_columns == {name: wanted.get(name, {}) for name in names}
                assert record.tagged is not None
                # Of a database's tag that the table overrides nobody is told.
                assert record.tagged.database | record.tagged.table == inherited | own
                assert record.tagged.columns == {name: found for name, found in of_columns.items() if found}
                assert {*record.tagged.column_names} == {*names}

    def all_read_what_they_were_granted(self) -> None:
        """Nothing has failed: who was granted something reads it."""
        for domain in DOMAINS:
            for database, table in self.witness.tables(domain):
                for grant in self.grants:
                    shown = [
                        Readable(principal, database, table["Name"], column)
                        for principal in grant.principals
                        for column in column_names(table)
                    ]
                    assert all(seen in self.read for seen in shown if self.witness.shows(grant, seen))

    # --- parts --------------------------------------------------------------------------------------------------------

    def send(self, envelope: Envelope) -> None:
        """Deliver it, and see that nothing failed."""
        self.mesh.pass_time(minutes=1)
        self.check(self.mesh.send(envelope))

    def check(self, done: list[Done]) -> None:
        """Commands are refused or carried out, and facts taken; a domain may be told of what is gone by now."""
        for each in done:
            walk = each.walk
            gone = walk.error in {"ShareNotYetVisible", "GrantFailed"} and self.troubled
            assert walk.status == "SUCCEEDED" or gone, (each.envelope, walk.error, walk.cause)

    def anything(self, data: st.DataObject) -> list[Envelope]:
        """Return any of the events that a domain sends."""
        domain, drawn = data.draw(domains), data.draw(products)
        match data.draw(st.sampled_from(("product", "domain", "request", "crawl"))):
            case "product":
                return [product_command(self.mesh, domain, drawn)]
            case "domain":
                return [register_domain(domain, tags=drawn["tags"], minute=self.mesh.minute)]
            case "request":
                expression = data.draw(st.sampled_from(EXPRESSIONS))
                return [request(self.mesh, domain, data.draw(people), expression=expression)]
            case _:
                return self.crawled(domain, data.draw(st.sampled_from(TABLES)), data.draw(st.sampled_from(FOUND)))

    def crawled(self, domain: str, table: str, found: tuple[str, ...]) -> list[Envelope]:
        """Let the domain's crawler write columns into its table, wherever it is; return what the domain says of it."""
        facts: list[Envelope] = []
        client = self.mesh.calls.client("glue", role(ACCOUNTS[domain], "crawler"))
        for database, each in [*self.witness.tables(domain)]:
            new = [{"Name": name, "Type": "string"} for name in found if name not in column_names(each)]
            if each["Name"] != table or not new or not self.may_crawl(domain, database, table):
                continue
            storage = each["StorageDescriptor"]
            kept = {name: each[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys") if name in each}
            written = {**kept, "StorageDescriptor": {**storage, "Columns": [*storage["Columns"], *new]}}
            client.update_table(CatalogId=CENTRAL, DatabaseName=database, TableInput=written)
            schema = {"name": table, "columns": len(written["StorageDescriptor"]["Columns"]), "changed": True}
            data = {
                "domain": domain,
                "product": "one",
                "access_mode": database.rsplit("_", 1)[-1],
                "tables": [{**schema, "digest": uuid.uuid4().hex}],
            }
            account, minute = ACCOUNTS[domain], self.mesh.minute
            facts.append(event("DataProductSchemaUpdated", data, account=account, minute=minute))
        return facts

    def may_crawl(self, domain: str, database: str, table: str) -> bool:
        """Whether a domain's product is registered, and linked: it is crawled after that."""
        product, crawler = self.mesh.registry.product(domain, "one"), caller(role(ACCOUNTS[domain], "crawler"))
        if product is None or product.content is None:
            return False
        with adapter.scope(CENTRAL, REGION):
            return engine.has(crawler, "ALTER", catalog=CENTRAL, database=database, table=table)


Life.TestCase.settings = QUICK
test_nobody_reads_what_no_grant_of_theirs_showed = Life.TestCase


@settings(QUICK, max_examples=22)
@given(domain=domains, changes=st.lists(other_tags, min_size=1, max_size=3))
def test_nobody_reads_on_the_way_what_they_read_neither_before_nor_after(
    domain: str, changes: list[dict[str, Any]]
) -> None:
    snapshots.restore("busy")
    mesh = AccessMesh()
    mesh.central.executions = 1000
    mesh.pass_time(minutes=5)
    witness, on_the_way = Witness(mesh), list[frozenset[Readable]]()
    mesh.calls.after_change = lambda: on_the_way.append(witness.readable(PEOPLE))
    for drawn in changes:
        before = witness.readable(PEOPLE)
        on_the_way.clear()
        mesh.pass_time(minutes=1)
        mesh.send(product_command(mesh, domain, tagged_anew(domain, drawn)))
        after = witness.readable(PEOPLE)
        for seen in on_the_way:
            assert seen <= before | after, sorted(seen - before - after)
