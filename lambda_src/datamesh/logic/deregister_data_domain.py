"""A domain leaves: nothing of it may be in use, then all that its registration made is undone. Its data stays.

Source of the order: Lake Formation drops a database only for who may drop it, and keeps what is granted on a location
after the location is gone.
"""

from datetime import datetime
from typing import NamedTuple

from datamesh.logic.admission import LEASE, Verdict, changed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, read_command, stamp_of
from datamesh.logic.domains import (
    ROUTE_TARGET,
    Mesh,
    database_grants,
    databases_of,
    domain_expression,
    location_grants,
    route_name,
    tag_grants,
)
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry, Router
from datamesh.logic.senders import sender_of
from datamesh.logic.tag_work import tag_work
from datamesh.models.arns import s3_arn
from datamesh.models.commands import DeregisterDataDomain
from datamesh.models.config import DomainConfig
from datamesh.models.errors import CommandRejection, DomainInUse, DomainNotRegistered, SenderNotOwner
from datamesh.models.facts import Databases, DataDomainDeregistered
from datamesh.models.permissions import DatabaseResource, Grant, TableResource, TagPolicyResource
from datamesh.models.registry import (
    Change,
    DomainRecord,
    Drop,
    GiveBack,
    Save,
    account_claim,
    bucket_claim,
)
from datamesh.models.steps import Json, StepRequest

SHOWN = 5
# Of products that left before there is a record still, so that no late word brings them back.
GONE = "DEREGISTERED"


class World(NamedTuple):
    """What the end of a domain touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    lf_tags: LfTags
    router: Router


class Leaving(NamedTuple):
    """The domain that this execution holds, with what its registration made."""

    record: DomainRecord
    config: DomainConfig
    databases: Databases


class DomainDeregistration:
    """The steps of deregister_data_domain. Every step may be repeated."""

    def __init__(self, world: World, central: Mesh, *, own_role_arn: str) -> None:
        self._world = world
        self._central = central
        self._own_role_arn = own_role_arn

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks and that nothing of the domain is in use, and hold its record."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def release(self, request: StepRequest, now: datetime) -> Json:
        """Undo what the registration made, and return the fact to publish. A use that has begun since refuses it."""

        def act() -> Json:
            try:
                with tag_work(self._world.registry, f"{request.execution.id}/release", now):
                    return self._release(request, now)
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise

        return answering(request, now, act)

    def close(self, request: StepRequest, now: datetime) -> Json:
        """Stop routing to the domain, and record that it is gone: the fact is published."""
        return deciding_again(lambda: self._close(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the record as failed, so that the command sent again starts over."""
        return deciding_again(lambda: self._fail(request, now))

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, command = read_command(request, DeregisterDataDomain, now)
        record, stamp = self._world.registry.domain(command.domain), stamp_of(metadata)
        sender = sender_of(envelope, metadata, self._central.account_id)
        if record is None:
            raise DomainNotRegistered(f"The domain {command.domain} is not registered")
        if record.account_id != sender.account_of(record):
            raise SenderNotOwner(f"{command.domain} is registered for another account than {envelope.account}")
        same = record.stamp.event_id == metadata.event_id
        if record.status == "DEREGISTERED" or (
            not same and record.content_stamp is not None and not stamp.newer_than(record.content_stamp)
        ):
            return DUPLICATE
        verdict = judge(record, same_command=same, execution_id=request.execution.id, now=now)
        if verdict is Verdict.DUPLICATE:
            return DUPLICATE
        if record.config is None or record.databases is None:
            raise DomainNotRegistered(f"The registration of {command.domain} was never completed")
        self._check_unused(Leaving(record, record.config, record.databases))
        if verdict is Verdict.START:
            holding = changed(
                record,
                now=now,
                status="DEREGISTERING",
                stamp=stamp,
                execution_id=request.execution.id,
                lease_expires_at=now + LEASE,
                error=None,
            )
            self._world.registry.write([Save(holding)])
        return {"outcome": "admitted", "domain": command.domain}

    def _check_unused(self, leaving: Leaving) -> None:
        """Raise DomainInUse, naming what would be left hanging."""
        name, registry = leaving.record.domain, self._world.registry
        uses = [f"the product {product.name}" for product in registry.products(name) if product.status != GONE]
        key = self._central.domain_tag_key
        for grant in registry.tag_grants():
            if grant.consumer == name:
                uses.append(f"its tag grant {grant.request_id}")
            elif name in grant.expression.get(key, ()):
                uses.append(f"{grant.consumer}'s tag grant {grant.request_id} for {key}={name}")
        uses += [
            f"its grant {grant.request_id} of {grant.product.domain}.{grant.product.name}"
            for grant in registry.all_grants()
            if grant.consumer == name
        ]
        uses += self._held_of_others(leaving)
        for database in (leaving.databases.nrac, leaving.databases.tbac):
            uses += [f"the table {database}.{table.name}" for table in self._world.catalog.list_tables(database)]
        if uses:
            shown = ", ".join(uses[:SHOWN])
            more = f" and {len(uses) - SHOWN} more" if len(uses) > SHOWN else ""
            raise DomainInUse(f"{name} cannot leave while there is {shown}{more}")

    def _held_of_others(self, leaving: Leaving) -> list[str]:
        """Return what the domain's account was granted of other domains, by Lake Formation's own word."""
        account = leaving.record.account_id
        if account == self._central.account_id:
            return []
        own = {grant.resource for grant in self._given(leaving)}
        rows = self._world.permissions.list_permissions(principal=account)
        return [
            f"its grant on {row.resource.database}.{row.resource.name}"
            if isinstance(row.resource, TableResource)
            else "a tag policy of its account"
            for row in rows
            if isinstance(row.resource, TableResource | TagPolicyResource) and row.resource not in own
        ]

    def _given(self, leaving: Leaving) -> list[Grant]:
        """Return all that the registration granted."""
        return [
            *tag_grants(leaving.config, self._central),
            *database_grants(leaving.config, leaving.databases, self._central),
            *location_grants(leaving.config, self._central),
        ]

    def _release(self, request: StepRequest, now: datetime) -> Json:
        _, metadata, command = read_command(request, DeregisterDataDomain, now)
        leaving, world, central = self._held(request), self._world, self._central
        databases = [
            name
            for name in (leaving.databases.nrac, leaving.databases.tbac)
            if world.catalog.get_database(name) is not None
        ]
        if len(databases) == 2:
            # Once more: a product may have been admitted before this domain was held.
            self._check_unused(leaving)
        if leaving.databases.tbac in databases:
            world.lf_tags.set_database_tags(leaving.databases.tbac, {})
        given = self._given(leaving)
        world.permissions.revoke(
            grant
            for grant in given
            if not isinstance(grant.resource, DatabaseResource) or grant.resource.name in databases
        )
        ((key, values),) = domain_expression(command.domain, central).items()
        world.lf_tags.remove_values(key, values)
        for name in databases:
            # An administrator may not drop what others made without this; it goes with the database.
            resource = DatabaseResource(catalog_id=central.account_id, name=name)
            world.permissions.grant([Grant(principal=self._own_role_arn, resource=resource, permissions=("DROP",))])
            world.catalog.delete_database(name)
        config = leaving.config
        world.permissions.deregister_location(s3_arn(central.partition, config.bucket, config.prefix))
        fact = DataDomainDeregistered(
            domain=command.domain, account_id=leaving.record.account_id, databases=leaving.databases
        )
        return {"outcome": "released", "entries": entries_of(metadata, now, leaving.record.account_id, fact)}

    def _close(self, request: StepRequest, now: datetime) -> Json:
        command = request.envelope.data(DeregisterDataDomain)
        record = self._world.registry.domain(command.domain)
        if record is not None and record.execution_id == request.execution.id and record.status == "DEREGISTERED":
            return {"outcome": "closed"}
        record = held(record, request.execution.id)
        self._world.router.remove_route(route_name(self._central.prefix, record.domain), ROUTE_TARGET)
        gone = [product for product in self._world.registry.products(record.domain) if product.status == GONE]
        self._world.registry.write_all([Drop(product) for product in gone], record)
        changes: list[Change] = [
            # The record stays, so that an older registration that comes late does not bring the domain back.
            Save(
                changed(
                    record,
                    now=now,
                    status="DEREGISTERED",
                    content_stamp=record.stamp,
                    config=None,
                    pending=None,
                    tags={},
                    registered_at=None,
                    pending_tags=None,
                    outcome=None,
                )
            ),
            GiveBack(account_claim(record.account_id, record.domain)),
        ]
        buckets = sorted({config.bucket for config in (record.config, record.pending) if config is not None})
        changes += [GiveBack(bucket_claim(bucket, record.domain)) for bucket in buckets]
        self._world.registry.write(changes)
        return {"outcome": "closed"}

    def _withdraw(self, request: StepRequest, now: datetime) -> None:
        """Give the domain back as it was: nothing has been undone yet."""
        record = self._held(request).record
        settled = changed(record, now=now, status="REGISTERED", stamp=record.content_stamp or record.stamp)
        self._world.registry.write([Save(settled)])

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            _, _, command = read_command(request, DeregisterDataDomain, now)
        except CommandRejection:
            return {"outcome": "failed", "recorded": False}
        record = failed(
            self._world.registry.domain(command.domain),
            execution_id=request.execution.id,
            error=error_text(request),
            now=now,
        )
        if record is not None:
            self._world.registry.write([Save(record)])
        return {"outcome": "failed", "recorded": record is not None}

    def _held(self, request: StepRequest) -> Leaving:
        command = request.envelope.data(DeregisterDataDomain)
        record = held(self._world.registry.domain(command.domain), request.execution.id)
        config = record.config
        if config is None:
            raise DomainNotRegistered(f"The registration of {command.domain} was never completed")
        return Leaving(record, config, record.databases or databases_of(self._central.prefix, record.domain))
