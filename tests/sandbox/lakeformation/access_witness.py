"""Sees who reads what is sensitive, keeps a book of what people approved, and holds all grants against the registry.

Nothing of the product's logic is asked: what is sensitive follows from what was declared, who approved from what the
test's own people posted, and what is granted from the sandbox's Lake Formation.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from datamesh.models.approvals import ApprovalRecord
from datamesh.models.registry import GrantRecord, RequestRecord, TagGrantRecord
from sandbox import adapter
from sandbox.lakeformation import engine
from sandbox.lakeformation.effective import Cells
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import store
from tests.sandbox.lakeformation.access_drawing import GOVERNANCE, QUORUMS, Asked
from tests.sandbox.lakeformation.mesh_witness import (
    DOMAINS,
    OPEN,
    SENSITIVE,
    Readable,
    Witness,
    column_names,
    domain_of,
    is_own,
    while_nothing_changes,
)
from tests.support import sandbox_mesh
from tests.support.access_mesh import GOVERNORS, OWNERS, AccessMesh, Mailed
from tests.support.central_commands import ACCOUNTS, CENTRAL, REGION
from tests.support.sandbox_mesh import PEOPLE, caller, role

ENDED = {"CANCELLED", "DENIED", "EXPIRED", "FAILED", "REJECTED", "REVOKED"}
# An access lasts from when it is granted, which may take a little.
SOON = timedelta(minutes=1)
# What dies on the way is brought forward some hours later.
SLACK = timedelta(days=1)


class Approved(NamedTuple):
    """That people let these principals read these columns, by a request or by what changes its grant."""

    request_id: uuid.UUID
    principals: frozenset[str]
    columns: frozenset[tuple[str, str, str]]
    until: datetime | None


@dataclass
class Book:
    """What was asked for, and what the people who were asked have said."""

    mesh: AccessMesh
    asked: dict[uuid.UUID, Asked] = field(default_factory=dict)
    yes: dict[tuple[uuid.UUID, str], dict[int, set[str]]] = field(default_factory=dict)
    approved: list[Approved] = field(default_factory=list)

    def said_yes(self, mail: Mailed, before: ApprovalRecord) -> None:
        """Note a vote that was taken; of the last one that was needed, what is approved by it."""
        votes = self.yes.setdefault((mail.request_id, before.digest), {})
        votes.setdefault(mail.number, set()).add(mail.to)
        record = self.mesh.registry.request(mail.request_id)
        after = self.mesh.stage(mail)
        assert record is not None
        assert record.ruling is not None
        if after.status != "APPROVED" or mail.number + 1 < len(record.ruling.stages):
            return
        base = self.asked[record.of or record.request_id]
        days = record.ruling.duration_days
        tables = {
            (database, name): table.sensitive
            for table in before.shown
            for database, name in [self._place(record, table.name)]
        }
        self._check_quorum(record, votes, base, {domain_of(database) for database, _ in tables} - {record.domain})
        self.approved.append(
            Approved(
                record.of or record.request_id,
                base.principals,
                frozenset((*place, column) for place, columns in tables.items() for column in columns),
                self.mesh.central.now + timedelta(days=days) if days is not None else None,
            )
        )

    def covers(self, seen: Readable) -> bool:
        """Whether people let somebody read a column, by an access that has not ended."""
        wanted = (seen.database, seen.table, seen.column)
        return any(
            seen.principal in each.principals
            and wanted in each.columns
            and self.stands(each.request_id)
            and (each.until is None or self.mesh.central.now < each.until + SLACK or self.is_ending(each.request_id))
            for each in self.approved
        )

    def stands(self, request_id: uuid.UUID) -> bool:
        """Whether an access has not ended: neither revoked, nor is its time over and nobody is ending it right now."""
        record = self.mesh.registry.request(request_id)
        if record is None or record.status in ENDED:
            return False
        over = record.expires_at is not None and self.mesh.central.now > record.expires_at + SOON
        return not over or record.status == "REVOKING" or self.is_ending(request_id)

    def is_ending(self, request_id: uuid.UUID) -> bool:
        """Whether an execution that ends this access has not ended itself."""
        waiting = [run.envelope for run in self.mesh.runs]
        return any(
            each["detail-type"] == "ExpireDataProductAccess" and each["detail"]["data"]["request_id"] == str(request_id)
            for each in (*self.mesh.at_work, *waiting)
        )

    def _place(self, record: RequestRecord, name: str) -> tuple[str, str]:
        """Return the database and the name of a table as people were shown it."""
        if record.product is None:
            database, _, table = name.partition(".")
            return database, table
        return f"datamesh_{record.product.domain}_nrac", name

    def _check_quorum(
        self, record: RequestRecord, votes: dict[int, set[str]], base: Asked, producers: set[str]
    ) -> None:
        """Check that those whom the policy asks have agreed: enough of each group, nobody twice, nobody's own."""
        assert record.ruling is not None
        everybody = [person for number in sorted(votes) for person in votes[number]]
        assert len(everybody) == len(set(everybody)), f"somebody decided twice: {votes}"
        barred = {*OWNERS[base.domain], record.requested_by, base.requested_by}
        assert barred.isdisjoint(everybody), f"{barred & {*everybody}} decided on the own request"
        for number, stage in enumerate(record.ruling.stages):
            of_owners, of_governance = QUORUMS[stage.name]
            said, governors = votes.get(number, set()), {*GOVERNORS} - barred
            for producer in producers:
                # Governance may help when the deadline was over once.
                sitting = {*OWNERS[producer]} | (governors if stage.escalate_to else set())
                assert len(said & sitting) >= of_owners, f"{said} are not enough of {producer} at {stage.name}"
            assert len(said & governors) >= of_governance, f"{said} are not enough of {GOVERNANCE}"


class AccessWitness(Witness):
    """Sees what is the case."""

    mesh: AccessMesh

    def cells(self) -> dict[tuple[str, str, str], set[Cells]]:
        """What people in the domains read, by principal, database and table: columns, with the rows."""
        found: dict[tuple[str, str, str], set[Cells]] = {}
        with adapter.scope(CENTRAL, REGION), while_nothing_changes():
            for database, table in [each for domain in DOMAINS for each in self.tables(domain)]:
                ref = engine.TableRef(CENTRAL, database, table["Name"])
                for account in ACCOUNTS.values():
                    for name in PEOPLE:
                        who = role(account, name)
                        seen = engine.readable_cells(caller(who), ref, column_names(table))
                        if seen:
                            found[who, database, table["Name"]] = set(seen)
        return found

    def reasons(self, seen: Readable) -> set[str]:
        """By what was declared and is in force, or what the catalog says, a column is sensitive.

        While a registration is under way, or has died, its owner says both: what counts then is what both say, and the
        catalog, which is changed table by table.
        """
        table = self.table(seen.database, seen.table)
        parameters = table["Parameters"]
        product = self.mesh.registry.product(domain_of(seen.database), "one")
        said = [each for each in (product.content, product.pending) if each is not None] if product is not None else []
        under_way = product is not None and product.pending is not None
        (column,) = [each for each in table["StorageDescriptor"]["Columns"] if each["Name"] == seen.column]
        specs = {each.name: each.spec for each in self.mesh.registry.tables(domain_of(seen.database), "one")}
        declared = {each.name: each for each in specs[seen.table].columns} if seen.table in specs else {}
        own = declared.get(seen.column)
        carried = self.carried(seen.database, seen.table, seen.column) if seen.database.endswith("_tbac") else {}
        reasons = {
            "classification": all(each.classification not in OPEN for each in said),
            "classification in the catalog": parameters.get("data_classification") not in OPEN,
            "pii": all(each.pii is not False for each in said),
            "pii in the catalog": parameters.get("pii_flag") != "false",
            "pii of the column": own is not None and own.pii is True and not under_way,
            "pii of the column in the catalog": column.get("Parameters", {}).get("pii_flag", "false") != "false",
            "LF-tags": bool(SENSITIVE & carried.items()),
        }
        return {reason for reason, holds in reasons.items() if holds}

    def requests(self) -> list[RequestRecord]:
        """All requests."""
        return self.mesh.registry.all_requests()

    # --- at rest ------------------------------------------------------------------------------------------------------

    def wanted(self) -> set[tuple[str, Resource]]:
        """Who holds what in central by the registry, the producers' own aside."""
        found: set[tuple[str, Resource]] = set()
        for grant in self.grants():
            who = grant.principals if grant.grant_to == "principals" else (grant.account_id,)
            if isinstance(grant, GrantRecord):
                for table, shown in grant.shown.items():
                    if shown.columns:
                        found |= {(each, _filter(grant.database, table, shown.filter)) for each in who}
            else:
                found |= {(each, policy) for each in who for policy in _policies(grant)}
        return found

    def held(self) -> set[tuple[str, Resource]]:
        """Who of other accounts holds what in central, the producers' own aside."""
        found: set[tuple[str, Resource]] = set()
        with adapter.scope(CENTRAL, REGION):
            for grant in store.account(CENTRAL).grants.values():
                account = grant.principal.split(":")[4] if ":" in grant.principal else grant.principal
                if account in ACCOUNTS.values() and not _is_own(account, grant.resource):
                    found.add((grant.principal, grant.resource))
        return found

    def check_filters(self) -> None:
        """Check that there are just the filters that the registry has, showing just that."""
        wanted = {
            (grant.database, table, shown.filter): (tuple(sorted(shown.columns)), shown.rows)
            for grant in self.grants()
            if isinstance(grant, GrantRecord)
            for table, shown in grant.shown.items()
        }
        there = {
            (place.database, place.table, place.filter_name): (tuple(sorted(cells.columns or ())), cells.row_filter)
            for place, cells in store.account(CENTRAL).cell_filters.items()
        }
        # A filter cannot show nothing: then it stays as it was, and nobody holds it.
        empty = {key for key, (columns, _) in wanted.items() if not columns}
        assert {key: shown for key, shown in there.items() if key not in empty} == {
            key: shown for key, shown in wanted.items() if key not in empty
        }

    def check_grants(self) -> None:
        """Check that central grants what the registry says, and nothing else."""
        wanted, held = self.wanted(), self.held()
        assert held == wanted, {"missing": wanted - held, "too much": held - wanted}

    def check_consumers(self) -> None:
        """Check that what is passed on and linked in the domains' accounts is needed by a grant that stands."""
        grants = self.grants()
        for domain, account in ACCOUNTS.items():
            named = [each for each in grants if isinstance(each, GrantRecord) and each.account_id == account]
            tagged = [each for each in grants if isinstance(each, TagGrantRecord) and each.account_id == account]
            for database, link in self._links(account):
                owner = database.removeprefix("datamesh_")
                needed = owner == domain or any(
                    grant.product.domain == owner and link in {*grant.tables, *grant.shown} for grant in named
                )
                assert needed, f"{domain} still has a link {database}.{link}"
            for database in self._database_links(account):
                assert tagged or domain_of(database) == domain, f"{domain} still has a link to {database}"
            self._check_passed_on(account, named, tagged)

    def _check_passed_on(self, account: str, named: list[GrantRecord], tagged: list[TagGrantRecord]) -> None:
        people = {role(account, name) for name in PEOPLE}
        targets = {
            (principal, _filter(grant.database, table, shown.filter))
            for grant in named
            for principal in grant.principals
            for table, shown in grant.shown.items()
        } | {(principal, policy) for grant in tagged for principal in grant.principals for policy in _policies(grant)}
        links = {
            (principal, table)
            for grant in named
            for principal in grant.principals
            for table in ("", *grant.tables, *grant.shown)
        }
        for grant in store.account(account).grants.values():
            if grant.principal not in people:
                continue
            what = grant.resource
            if what.kind in (Kind.CELLS_FILTER, Kind.TAG_POLICY):
                assert (grant.principal, what) in targets, f"{grant.principal} still holds {what}"
            elif what.database.endswith("_tbac"):
                if ACCOUNTS[domain_of(what.database)] == account:
                    continue
                assert any(grant.principal in each.principals for each in tagged), f"{grant.principal} holds {what}"
            else:
                assert (grant.principal, what.table) in links, f"{grant.principal} still holds {what}"

    def _links(self, account: str) -> Iterator[tuple[str, str]]:
        for database in sandbox_mesh.raw(account, "glue", "GetDatabases")["DatabaseList"]:
            if "TargetDatabase" not in database:
                name = database["Name"]
                tables = sandbox_mesh.raw(account, "glue", "GetTables", DatabaseName=name)["TableList"]
                yield from ((name, table["Name"]) for table in tables)

    def _database_links(self, account: str) -> list[str]:
        found = sandbox_mesh.raw(account, "glue", "GetDatabases")["DatabaseList"]
        return [each["Name"] for each in found if "TargetDatabase" in each]

    def check_cells(self, asked: dict[uuid.UUID, Asked]) -> None:
        """Check that people read just the cells that their grants by name say, and that those were asked for."""
        wanted: dict[tuple[str, str, str], set[Cells]] = {}
        for grant in self.grants():
            if not isinstance(grant, GrantRecord):
                continue
            about = asked.get(grant.request_id)
            for table, shown in grant.shown.items():
                if about is not None:
                    assert about.tables is None or table in about.tables
                    assert table not in about.columns or {*shown.columns} <= {*about.columns[table]}
                    assert shown.rows == about.rows.get(table), (grant, about)
                    assert grant.principals == tuple(sorted(about.principals))
                if shown.columns:
                    cells = Cells(frozenset(shown.columns), (shown.rows,) if shown.rows else ())
                    for principal in grant.principals:
                        wanted.setdefault((principal, grant.database, table), set()).add(cells)
        found = {key: cells for key, cells in self.cells().items() if key[1].endswith("_nrac")}
        assert found == wanted


def _filter(database: str, table: str, name: str) -> Resource:
    return Resource(Kind.CELLS_FILTER, CENTRAL, database=database, table=table, filter_name=name, home=CENTRAL)


def _policies(grant: TagGrantRecord) -> Iterator[Resource]:
    pairs = sorted((key.lower(), tuple(sorted(v.lower() for v in values))) for key, values in grant.expression.items())
    for kind in ("DATABASE", "TABLE"):
        yield Resource(Kind.TAG_POLICY, CENTRAL, policy_type=kind, expression=tuple(pairs))


def _is_own(account: str, resource: Resource) -> bool:
    """Whether this is how producers hold what is theirs: by name, as a location, or by their own tag."""
    domain = next(name for name, each in ACCOUNTS.items() if each == account)
    if resource.kind is Kind.TAG_POLICY:
        return resource.expression == (("lob", (domain,)),)
    if resource.kind is Kind.LF_TAG:
        return (resource.tag_key, resource.tag_values) == ("lob", (domain,))
    if resource.kind is Kind.DATA_LOCATION:
        return True
    return resource.kind is not Kind.CELLS_FILTER and resource.database.startswith(f"datamesh_{domain}_")


def strangers(found: frozenset[Readable]) -> Iterator[Readable]:
    """Yield what is read by others than its owners."""
    yield from (seen for seen in sorted(found) if not is_own(seen))
