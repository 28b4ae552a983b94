"""Registration of a domain: admit, verify, prepare the catalog and its LF-tags, route events, record."""

from datetime import datetime
from typing import NamedTuple

from datamesh.logic.admission import LEASE, Verdict, changed, claimed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, read_command, stamp_of
from datamesh.logic.domains import (
    ROUTE_TARGET,
    Central,
    account_to_register,
    check_config,
    check_secret_arn,
    database_grants,
    database_tags,
    databases_of,
    location_grants,
    route_name,
    routing_pattern,
    strongest,
    tag_grants,
    wanted_databases,
)
from datamesh.logic.inherited_tags import check_inherited
from datamesh.logic.ports import Buckets, Catalog, DomainConfigs, LfTags, Permissions, Registry, Router
from datamesh.logic.senders import sender_of
from datamesh.logic.tag_events import first_batch
from datamesh.logic.tag_work import tag_work
from datamesh.logic.tagging import Tagging, TagRules
from datamesh.logic.tagging import World as TaggingWorld
from datamesh.models.arns import s3_arn
from datamesh.models.commands import RegisterDataDomain
from datamesh.models.config import DomainConfig
from datamesh.models.errors import (
    AccountAlreadyRegistered,
    BucketAlreadyClaimed,
    BucketNotOwned,
    CommandRejection,
    LeaseLost,
    LocationChanged,
    SenderNotOwner,
    WriteConflict,
)
from datamesh.models.facts import DataDomainRegistered
from datamesh.models.permissions import DatabaseResource
from datamesh.models.registry import (
    Change,
    DomainRecord,
    Drop,
    GiveBack,
    Save,
    Stamp,
    Take,
    account_claim,
    bucket_claim,
)
from datamesh.models.steps import Json, StepRequest


class World(NamedTuple):
    """What registration of a domain touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    configs: DomainConfigs
    buckets: Buckets
    lf_tags: LfTags
    router: Router


class DomainRegistration:
    """The steps of register_data_domain. Every step may be repeated."""

    def __init__(self, world: World, central: Central) -> None:
        self._world = world
        self._central = central
        self._seen = TaggingWorld(world.registry, world.catalog, world.lf_tags)
        self._tagging = Tagging(
            self._seen,
            TagRules(domain_tag_key=central.domain_tag_key, sensitive_tags=central.sensitive_tags),
            account_id=central.account_id,
        )

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks, and hold the domain's record."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def verify(self, request: StepRequest, now: datetime) -> Json:
        """Read the config secret, check it, and claim the bucket."""

        def act() -> Json:
            try:
                return deciding_again(lambda: self._verify(request, now))
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise

        return answering(request, now, act)

    def prepare(self, request: StepRequest, now: datetime) -> Json:
        """Register the location, create the databases, tag the one that is shared by LF-tag, grant."""

        def act() -> Json:
            try:
                return self._prepare(request, now)
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise

        return answering(request, now, act)

    def route(self, request: StepRequest, now: datetime) -> Json:  # noqa: ARG002 - all steps look alike
        """Create the rule that forwards what central addresses to the domain."""
        record, config = self._held(request)
        self._world.router.ensure_route(
            rule=route_name(self._central.prefix, record.domain),
            description=f"What central addresses to {record.domain} ({record.account_id})",
            pattern=routing_pattern(record.account_id),
            target_id=ROUTE_TARGET,
            target_arn=config.event_bus_arn,
            role_arn=self._central.routing_role_arn,
            dead_letter_arn=self._central.routing_dlq_arn,
        )
        return {"outcome": "routed", "domain": record.domain}

    def record(self, request: StepRequest, now: datetime) -> Json:
        """Put the configuration in force, and return the fact to publish."""
        return deciding_again(lambda: self._record(request, now))

    def tell(self, request: StepRequest, now: datetime) -> Json:
        """Return the next facts to publish about tables whose inherited LF-tags changed; none when all are told."""
        return self._tell(request, now)

    def confirm(self, request: StepRequest, now: datetime) -> Json:
        """Release the record: the fact is published."""
        return deciding_again(lambda: self._confirm(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the record as failed, so that the command sent again starts over."""
        return deciding_again(lambda: self._fail(request, now))

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, command = read_command(request, RegisterDataDomain, now)
        registry, stamp = self._world.registry, stamp_of(metadata)
        sender = sender_of(envelope, metadata, self._central.account_id)
        account = account_to_register(command, sender)
        check_secret_arn(command.config_secret_arn, account, self._central)
        record = registry.domain(command.domain)
        gone = record is not None and record.status == "DEREGISTERED"
        if record is not None and record.account_id != account and not gone:
            raise SenderNotOwner(f"{command.domain} is registered for another account than {account}")
        claim = account_claim(account, command.domain)
        owner = registry.owner(claim)
        if owner not in {None, command.domain}:
            raise AccountAlreadyRegistered(f"Account {account} is registered as {owner}")
        same = record is not None and record.stamp.event_id == metadata.event_id
        recorded = record.content_stamp if record is not None else None
        if recorded is not None and not same and not stamp.newer_than(recorded):
            return DUPLICATE
        execution_id = request.execution.id
        verdict = judge(record, same_command=same, execution_id=execution_id, now=now)
        if verdict is Verdict.DUPLICATE:
            return DUPLICATE
        if verdict is Verdict.START:
            self._tagging.check_known([("tags", command.tags)])
            if sender.central:
                # The account itself has not spoken: nothing is held in its name before its secret names the domain.
                config = self._world.configs.read(command.config_secret_arn)
                check_config(config, command, account, self._central)
            admitted = self._admitted(record, command, account, stamp=stamp, execution_id=execution_id, now=now)
            registry.write([Save(admitted), Take(claim)])
        return {"outcome": "admitted", "domain": command.domain}

    @staticmethod
    def _admitted(
        record: DomainRecord | None,
        command: RegisterDataDomain,
        account: str,
        *,
        stamp: Stamp,
        execution_id: str,
        now: datetime,
    ) -> DomainRecord:
        if record is not None:
            # A name that was given up is free for another account.
            owner = (
                {"account_id": account, "secret_arn": command.config_secret_arn}
                if record.status == "DEREGISTERED"
                else {}
            )
            return claimed(record, stamp=stamp, execution_id=execution_id, now=now, **owner)
        return DomainRecord(
            status="REGISTERING",
            stamp=stamp,
            execution_id=execution_id,
            lease_expires_at=now + LEASE,
            updated_at=now,
            domain=command.domain,
            account_id=account,
            secret_arn=command.config_secret_arn,
        )

    def _verify(self, request: StepRequest, now: datetime) -> Json:
        _, _, command = read_command(request, RegisterDataDomain, now)
        record = self._holding(request, command)
        config = self._world.configs.read(command.config_secret_arn)
        check_config(config, command, record.account_id, self._central)
        if record.config is not None and record.config.location != config.location:
            raise LocationChanged(
                f"{command.domain} is registered at {record.config.location} and cannot move to {config.location}",
                "config_secret_arn",
            )
        if not self._world.buckets.is_owned_by(config.bucket, record.account_id):
            raise BucketNotOwned(
                f"{config.bucket} does not belong to {record.account_id}, or central may not look at it"
            )
        claim = bucket_claim(config.bucket, command.domain)
        verified = changed(record, now=now, pending=config, pending_tags=command.tags)
        changes: list[Change] = [Save(verified), Take(claim)]
        if record.pending is not None and record.pending.bucket != config.bucket:
            changes.append(GiveBack(bucket_claim(record.pending.bucket, command.domain)))
        try:
            self._world.registry.write(changes)
        except WriteConflict:
            if self._world.registry.owner(claim) not in {None, command.domain}:
                raise BucketAlreadyClaimed(f"{config.bucket} is registered for another domain") from None
            raise
        return {"outcome": "verified", "domain": command.domain}

    def _prepare(self, request: StepRequest, now: datetime) -> Json:
        record, config = self._held(request)
        central, permissions = self._central, self._world.permissions
        names = databases_of(central.prefix, record.domain)
        permissions.register_location(
            s3_arn(central.partition, config.bucket, config.prefix), central.lake_access_role_arn
        )
        # First the location: creating a database that points to it needs the right to use it.
        permissions.grant(location_grants(config, central))
        for database in wanted_databases(config, names):
            self._world.catalog.ensure_database(database)
            permissions.remove_iam_allowed_principals(
                DatabaseResource(catalog_id=central.account_id, name=database.name)
            )
        permissions.grant(database_grants(config, names, central))
        with tag_work(self._world.registry, f"{request.execution.id}/{request.step}", now):
            self._tag(record, config, names.tbac, now)
        return {"outcome": "prepared", "domain": record.domain}

    def _tag(self, record: DomainRecord, config: DomainConfig, database: str, now: datetime) -> None:
        """Give the tag-based database its LF-tags, and the domain's account what goes with its value."""
        key, lf_tags = self._central.domain_tag_key, self._world.lf_tags
        lf_tags.ensure_value(key, record.domain)
        wanted = self._wanted_tags(record)
        if lf_tags.database_tags(database) != wanted:
            check_inherited(self._seen, self._tagging, domain=record.domain, database=database, wanted=wanted, now=now)
            lf_tags.set_database_tags(database, wanted)
        self._world.permissions.grant(tag_grants(config, self._central))

    def _wanted_tags(self, record: DomainRecord) -> dict[str, str]:
        return database_tags(record.domain, record.pending_tags or {}, self._central.domain_tag_key)

    def _withdraw(self, request: StepRequest, now: datetime) -> None:
        """Undo the admission of a command that is rejected after it; nothing of it remains."""
        _, _, command = read_command(request, RegisterDataDomain, now)
        record = self._holding(request, command)
        if record.version == 1:
            self._world.registry.write([Drop(record), GiveBack(account_claim(record.account_id, record.domain))])
            return
        # A domain that had left is as gone as before; the one that wanted its name gives everything back.
        gone = record.content_stamp is not None and record.config is None
        settled = gone or (record.content_stamp is not None and record.outcome is None)
        given_back: list[Change] = []
        if gone:
            given_back.append(GiveBack(account_claim(record.account_id, record.domain)))
            if record.pending is not None:
                given_back.append(GiveBack(bucket_claim(record.pending.bucket, record.domain)))
        self._world.registry.write(
            [
                *given_back,
                Save(
                    changed(
                        record,
                        now=now,
                        status="DEREGISTERED" if gone else "REGISTERED" if settled else "FAILED",
                        stamp=record.content_stamp or record.stamp,
                        pending=None if settled else record.pending,
                        pending_tags=None if settled else record.pending_tags,
                        error=None if settled else "An earlier registration has not been completed",
                    )
                ),
            ]
        )

    def _record(self, request: StepRequest, now: datetime) -> Json:
        _, metadata, command = read_command(request, RegisterDataDomain, now)
        record, config = self._held(request)
        names = databases_of(self._central.prefix, record.domain)
        tags = record.pending_tags or {}
        self._record_tags(record, now)
        same = record.config == config and record.tags == tags
        if record.content_stamp == record.stamp and same and record.outcome is not None:
            # The answer to an earlier attempt of this step was lost.
            outcome = record.outcome
        else:
            outcome = strongest(
                record.outcome,
                "registered" if record.config is None else "unchanged" if same else "updated",
            )
            self._world.registry.write(
                [
                    Save(
                        changed(
                            record,
                            now=now,
                            config=config,
                            secret_arn=command.config_secret_arn,
                            tags=tags,
                            content_stamp=record.stamp,
                            databases=names,
                            registered_at=record.registered_at or now,
                            outcome=outcome,
                        )
                    )
                ]
            )
        fact = DataDomainRegistered(
            domain=command.domain,
            account_id=record.account_id,
            region=config.region,
            catalog_account=self._central.account_id,
            databases=names,
            location=config.location,
            bus_arn=config.event_bus_arn,
            outcome=outcome,
        )
        return {"outcome": outcome, "entries": entries_of(metadata, now, record.account_id, fact)}

    def _record_tags(self, record: DomainRecord, now: datetime) -> None:
        """Record what other tags of the database mean for who reads the domain's tables, which inherit them."""
        registry, wanted = self._world.registry, self._wanted_tags(record)
        for product in registry.products(record.domain):
            stale = [
                table.name
                for table in registry.tables(record.domain, product.name)
                if table.tagged is not None and table.tagged.database != wanted
            ]
            if stale:
                self._tagging.record(product, record.stamp, now, names=stale, guard=record)

    def _tell(self, request: StepRequest, now: datetime) -> Json:
        _, metadata, command = read_command(request, RegisterDataDomain, now)
        record = self._holding(request, command)
        told = int(request.payload.get("told", 0))
        entries = [
            entry
            for product in self._world.registry.products(record.domain)
            for entry in self._tagging.announcements(product, metadata, now)
        ]
        batch = first_batch(entries[told:])
        return {
            "outcome": "more" if batch else "told",
            "told": told + len(batch),
            "entries": [entry.to_json() for entry in batch],
        }

    def _confirm(self, request: StepRequest, now: datetime) -> Json:
        _, _, command = read_command(request, RegisterDataDomain, now)
        record = self._world.registry.domain(command.domain)
        if record is not None and record.execution_id == request.execution.id and record.status == "REGISTERED":
            return {"outcome": "confirmed"}
        record = held(record, request.execution.id)
        self._world.registry.write(
            [Save(changed(record, now=now, status="REGISTERED", pending=None, pending_tags=None, outcome=None))]
        )
        return {"outcome": "confirmed"}

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            _, _, command = read_command(request, RegisterDataDomain, now)
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

    def _holding(self, request: StepRequest, command: RegisterDataDomain) -> DomainRecord:
        return held(self._world.registry.domain(command.domain), request.execution.id)

    def _held(self, request: StepRequest) -> tuple[DomainRecord, DomainConfig]:
        """Return the record that this execution holds, and the verified configuration."""
        command = request.envelope.data(RegisterDataDomain)
        record = self._holding(request, command)
        if record.pending is None:
            raise LeaseLost(f"{command.domain} has no verified configuration")
        return record, record.pending
