"""What of a request ends, and what of it the consumer goes on needing by its other requests.

It is computed anew by every step, from the registry: nobody else changes what the consumer is granted meanwhile
(logic/access_work.py).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datamesh.logic.access import expression_grants, filter_grants, grantees
from datamesh.logic.access_ports import TagSearch
from datamesh.logic.ports import Registry
from datamesh.models.errors import CatalogInconsistent
from datamesh.models.facts import DataProductAccessEnding, EndingDatabase, EndingTable
from datamesh.models.permissions import FilterResource, Grant
from datamesh.models.policy import GrantTo
from datamesh.models.registry import GrantRecord, RequestRecord, TagGrantRecord


class Scope(NamedTuple):
    """What a request was granted, as far as that came, and what its consumer was granted besides.

    `own` or `own_tags` is None where nothing was recorded: by name something may be granted nevertheless.
    """

    record: RequestRecord
    own: GrantRecord | None
    own_tags: TagGrantRecord | None
    others: tuple[GrantRecord, ...]
    """Other grants on the same database: its links are in the same place."""
    other_tags: tuple[TagGrantRecord, ...]
    database: str | None
    filters: dict[str, str]
    """The request's own data cells filters, by table."""

    @property
    def grant_to(self) -> GrantTo:
        """To whom central granted: the account, which passes on, or the principals themselves."""
        own = self.own or self.own_tags
        if own is not None:
            return own.grant_to
        return self.record.ruling.grant_to if self.record.ruling is not None else "account"


class Endings:
    """Looks at what ends."""

    def __init__(self, registry: Registry, tag_search: TagSearch, *, account_id: str, database_prefix: str) -> None:
        self._registry = registry
        self._tag_search = tag_search
        self._account_id = account_id
        self._database_prefix = database_prefix

    def scope(self, record: RequestRecord) -> Scope:
        """Return what a request was granted, and what of that others need."""
        if record.expression is not None:
            return self._by_tag(record)
        return self._by_name(record)

    def announcement(self, scope: Scope) -> DataProductAccessEnding:
        """Return what the consumer is told before central revokes."""
        record = scope.record
        if record.ending is None:
            raise CatalogInconsistent(f"The access of request {record.request_id} does not end")
        return DataProductAccessEnding(
            request_id=record.request_id,
            domain=record.domain,
            product=record.product,
            expression=record.expression,
            catalog_account=self._account_id,
            database=scope.database,
            tables=tuple(_ending_table(scope, name) for name in sorted(scope.filters)),
            databases=tuple(self._ending_databases(scope)),
            keep_expression_for=_kept(
                record, (grant.principals for grant in self.same_expression(scope) if self._passed_on(grant))
            ),
            principals=record.principals,
            grant_to=scope.grant_to,
            reason=record.ending.reason,
        )

    def same_expression(self, scope: Scope) -> list[TagGrantRecord]:
        """Return the consumer's other grants of the same expression: Lake Formation has them as one."""
        return [grant for grant in scope.other_tags if grant.expression == scope.record.expression]

    def resource(self, scope: Scope, table: str) -> FilterResource:
        """Return the filter of a table as Lake Formation names it."""
        return FilterResource(
            catalog_id=self._account_id, database=scope.database or "", table=table, name=scope.filters[table]
        )

    def filter_grants(self, scope: Scope) -> list[Grant]:
        """Return what was granted by name, or should have been."""
        if scope.database is None:
            return []
        return filter_grants(
            self._grantees(scope.record, scope.grant_to, scope.record.principals),
            catalog_id=self._account_id,
            database=scope.database,
            filters=scope.filters,
        )

    def expression_grants(self, scope: Scope) -> list[Grant]:
        """Return what was granted by tag expression, except what another request of the consumer goes on needing.

        Lake Formation has a grant once, however many requests led to it.
        """
        own = scope.own_tags
        if own is None:
            return []
        kept = {
            who
            for grant in self.same_expression(scope)
            for who in self._grantees(grant, grant.grant_to, grant.principals)
        }
        who = [who for who in self._grantees(own, own.grant_to, own.principals) if who not in kept]
        return expression_grants(who, catalog_id=self._account_id, expression=own.expression)

    def _grantees(
        self, grant: RequestRecord | TagGrantRecord, grant_to: GrantTo, principals: tuple[str, ...]
    ) -> tuple[str, ...]:
        return grantees(grant.account_id, principals, grant_to, catalog_id=self._account_id)

    def _passed_on(self, grant: TagGrantRecord) -> bool:
        """Whether the consumer's account holds the grant and passes it on. Central's own account holds nothing."""
        return grant.grant_to == "account" or grant.account_id == self._account_id

    def _by_name(self, record: RequestRecord) -> Scope:
        reference = record.product
        product = self._registry.product(reference.domain, reference.name) if reference is not None else None
        if reference is None or product is None:
            return Scope(record, None, None, (), (), None, {})
        grants = [
            grant
            for each in self._registry.products(reference.domain)
            for grant in self._registry.grants(reference.domain, each.name)
            if grant.account_id == record.account_id
        ]
        own = next((grant for grant in grants if grant.request_id == record.request_id), None)
        database = own.database if own is not None else product.database
        others = tuple(grant for grant in grants if grant is not own and grant.database == database)
        # A grant that failed half-way may have made filters that no record names; later tables may have come.
        known = [table.name for table in self._registry.tables(reference.domain, reference.name)]
        filters = dict.fromkeys((*known, *record.tables), f"{self._database_prefix}_{record.request_id.hex}")
        if own is not None:
            if record.later_tables == "excluded":
                filters = {name: text for name, text in filters.items() if name in {*own.tables, *record.tables}}
            filters |= {name: shown.filter for name, shown in own.shown.items()}
        return Scope(record, own, None, others, (), database, filters)

    def _by_tag(self, record: RequestRecord) -> Scope:
        grants = [grant for grant in self._registry.tag_grants() if grant.account_id == record.account_id]
        own = next((grant for grant in grants if grant.request_id == record.request_id), None)
        return Scope(record, None, own, (), tuple(grant for grant in grants if grant is not own), None, {})

    def _ending_databases(self, scope: Scope) -> Iterator[EndingDatabase]:
        record = scope.record
        if record.expression is None:
            if scope.database is not None:
                principals = [grant.principals for grant in scope.others]
                yield EndingDatabase(
                    name=scope.database, keep_link=bool(principals), keep_principals=_kept(record, principals)
                )
            return
        needed: dict[str, list[tuple[str, ...]]] = {}
        for grant in scope.other_tags:
            for database in self._tag_search.matched_databases(grant.expression):
                needed.setdefault(database, []).append(grant.principals)
        # Every database that the expression may ever have matched: what was linked once stays until it is removed.
        for domain in self._registry.all_domains():
            if domain.databases is not None and domain.account_id != record.account_id:
                name = domain.databases.tbac
                principals = needed.get(name, [])
                yield EndingDatabase(name=name, keep_link=bool(principals), keep_principals=_kept(record, principals))


def _ending_table(scope: Scope, name: str) -> EndingTable:
    principals = [grant.principals for grant in scope.others if name in {*grant.tables, *grant.shown}]
    return EndingTable(
        name=name,
        filter=scope.filters[name],
        keep_link=bool(principals),
        keep_principals=_kept(scope.record, principals),
    )


def _kept(record: RequestRecord, others: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return those of a request's principals whom other requests name, too."""
    named = {principal for principals in others for principal in principals}
    return tuple(principal for principal in record.principals if principal in named)
