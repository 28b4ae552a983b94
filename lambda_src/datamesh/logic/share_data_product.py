"""Sharing by name or by LF-tag: admit and decide, grant, record.

What is classified and not sensitive is granted by policy; all else is refused, never granted. This file has the steps,
and requests for a product by its name; logic/tag_requests.py has those for a tag expression.
"""

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import account_grants, ensure_granted
from datamesh.logic.admission import LEASE, Verdict, changed, claimed, deciding_again, failed, held, judge
from datamesh.logic.answers import (
    DUPLICATE,
    answering,
    entries_of,
    error_text,
    needs_approval,
    read_command,
    rejected,
    stamp_of,
)
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry
from datamesh.logic.senders import RegisteredDomain, registered_sender
from datamesh.logic.sensitivity import assess
from datamesh.logic.tag_matches import Survey
from datamesh.logic.tag_requests import Granted, TagRequests, tag_approval_reason
from datamesh.logic.tagging import TagRules, column_names, declared_tags
from datamesh.models.arns import parse_arn
from datamesh.models.commands import ProductRef, RequestDataProductAccess
from datamesh.models.errors import (
    CatalogInconsistent,
    CommandRejection,
    InvalidEvent,
    NotSharedByName,
    OwnProduct,
    PrincipalNotInDomain,
    ProductNotFound,
    RecordBusy,
    RequestIdReused,
    TableNotFound,
)
from datamesh.models.facts import (
    POLICY_NOT_SENSITIVE,
    READ_PERMISSIONS,
    DataProductAccessApproved,
    DataProductAccessGranted,
    DataProductAccessRequested,
)
from datamesh.models.registry import (
    Check,
    Drop,
    GrantRecord,
    ProductRecord,
    RequestRecord,
    Save,
    TableRecord,
)
from datamesh.models.steps import Json, StepRequest


class World(NamedTuple):
    """What sharing touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    lf_tags: LfTags


class Asked(NamedTuple):
    """A product and those of its tables that are asked for."""

    product: ProductRecord
    tables: tuple[TableRecord, ...]

    @property
    def reference(self) -> ProductRef:
        """The product, as requests name it."""
        return ProductRef(domain=self.product.domain, name=self.product.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(table.name for table in self.tables)


class ProductSharing:
    """The steps of share_data_product. Every step may be repeated."""

    def __init__(self, world: World, *, account_id: str, database_prefix: str, rules: TagRules) -> None:
        self._world = world
        self._account_id = account_id
        self._sensitive_tags = rules.sensitive_tags
        survey = Survey(
            world.registry,
            world.catalog,
            world.lf_tags,
            database_prefix=database_prefix,
            sensitive_tags=rules.sensitive_tags,
        )
        self._by_tag = TagRequests(
            world.registry,
            world.permissions,
            world.lf_tags,
            survey,
            account_id=account_id,
            domain_tag_key=rules.domain_tag_key,
        )

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks for what, decide, and hold the request's record."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def grant(self, request: StepRequest, now: datetime) -> Json:
        """Decide once more on what the catalog says now, then grant to the consumer's account."""
        return answering(request, now, lambda: deciding_again(lambda: self._grant(request, now)))

    def record(self, request: StepRequest, now: datetime) -> Json:
        """Record the grant, and return the facts to publish."""
        return deciding_again(lambda: self._record(request, now))

    def confirm(self, request: StepRequest, now: datetime) -> Json:
        """Release the record: the facts are published."""
        return deciding_again(lambda: self._confirm(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the request as failed, so that the command sent again starts over."""
        return deciding_again(lambda: self._fail(request, now))

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, command = read_command(request, RequestDataProductAccess, now)
        registry = self._world.registry
        consumer = registered_sender(registry.domain(command.domain), command.domain, envelope.account)
        record, digest = registry.request(command.request_id), request_digest(command)
        if record is not None and record.digest != digest:
            raise RequestIdReused(f"The request {command.request_id} asked for something else")
        refused = record is not None and record.status == "REJECTED"
        # A request that was refused may be made again, for what was in its way may have been mended.
        same = record is not None and (not refused or record.stamp.event_id == metadata.event_id)
        verdict = judge(record, same_command=same, execution_id=request.execution.id, now=now)
        if verdict is Verdict.DUPLICATE:
            # The answer to a refused request may have been lost: it is given again.
            return rejected(envelope, _rejection_of(record), now) if record is not None and refused else DUPLICATE
        seen = record
        if record is not None:
            record = claimed(
                record, stamp=stamp_of(metadata), execution_id=request.execution.id, now=now, rejection=None
            )
        else:
            record = RequestRecord(
                status="APPROVED",
                stamp=stamp_of(metadata),
                execution_id=request.execution.id,
                lease_expires_at=now + LEASE,
                updated_at=now,
                request_id=command.request_id,
                digest=digest,
                domain=command.domain,
                account_id=envelope.account,
                product=command.product,
                tables=command.tables or (),
                expression=command.expression,
                principals=command.principals,
                justification=command.justification,
            )
        try:
            approved = self._decide(command, record, consumer, now)
        except CommandRejection as rejection:
            # An attempt that failed may have granted already.
            granted = seen is not None and seen.status != "REJECTED"
            self._refuse(record, rejection, request, now, granted=granted)
            return rejected(envelope, rejection, now)
        # Only while the domain stands: one that leaves looks for what it holds first.
        registry.write([Save(approved), Check(consumer.record)])
        return {"outcome": "admitted", "request_id": str(command.request_id), "tables": list(approved.tables)}

    def _decide(
        self, command: RequestDataProductAccess, record: RequestRecord, consumer: RegisteredDomain, now: datetime
    ) -> RequestRecord:
        """Return the request as approved by the policy. Raises a CommandRejection otherwise."""
        if command.product is not None and command.product.domain == command.domain:
            raise OwnProduct("A domain needs no access to a product of its own")
        for number, principal in enumerate(command.principals):
            if parse_arn(principal).account != consumer.record.account_id:
                raise PrincipalNotInDomain(f"{principal} is not in {command.domain}'s account", f"principals.{number}")
        tables: tuple[str, ...] = ()
        if command.expression is not None:
            reason = tag_approval_reason(self._by_tag.decide(record, command.expression, now))
        else:
            asked = self._asked(command.product, command.tables)
            self._check_sensitivity(asked)
            reason, tables = approval_reason(asked), asked.names
        return record.model_copy(update={"tables": tables, "decided_by": POLICY_NOT_SENSITIVE, "reason": reason})

    def _asked(self, reference: ProductRef | None, names: tuple[str, ...] | None) -> Asked:
        if reference is None:
            raise InvalidEvent("A request names a product or an expression")
        product = self._world.registry.product(reference.domain, reference.name)
        if product is None or product.content is None:
            if product is not None and product.in_progress:
                raise RecordBusy(f"The product {reference.domain}.{reference.name} is being registered")
            raise ProductNotFound(f"There is no product {reference.domain}.{reference.name}")
        if "nrac" not in product.placed:
            raise NotSharedByName(f"{reference.domain}.{reference.name} is shared by LF-tag: ask for an expression")
        tables = {table.name: table for table in self._world.registry.tables(reference.domain, reference.name)}
        wanted = names or tuple(sorted(tables))
        for number, name in enumerate(wanted):
            if name not in tables:
                raise TableNotFound(f"{reference.domain}.{reference.name} has no table {name}", f"tables.{number}")
        return Asked(product, tuple(tables[name] for name in sorted(wanted)))

    def _check_sensitivity(self, asked: Asked) -> None:
        """Raise SensitiveProduct unless everything asked for is classified and free of personal data, in the catalog as
        it is now and in all that was declared, what is just being declared included.
        """
        product, catalog = asked.product, self._world.catalog
        database = catalog.get_database(product.database)
        found = {name: catalog.get_table(product.database, name) for name in asked.names}
        missing = [name for name, table in found.items() if table is None]
        if database is None or missing:
            raise CatalogInconsistent(f"The catalog misses {product.database} {', '.join(missing)}".rstrip())
        tables = [table for table in found.values() if table is not None]
        specs = {table.name: table.spec for table in asked.tables}
        domain = self._world.registry.domain(product.domain)
        domain_tags = domain.tags if domain is not None else {}
        reasons = [
            reason
            for content in (product.content, product.pending)
            if content is not None
            for reason in assess(
                database,
                tables,
                contents=[content],
                specs=specs,
                # By what LF-tags they are declared with, too: those speak of the same data, shared by them or not.
                tags={
                    table.name: declared_tags(domain_tags, content, specs[table.name], column_names(table))
                    for table in tables
                },
                sensitive_tags=self._sensitive_tags,
            ).reasons
        ]
        if reasons:
            raise needs_approval(f"{product.domain}.{product.name}", list(dict.fromkeys(reasons)))

    def _grant(self, request: StepRequest, now: datetime) -> Json:
        command, record = self._held(request)
        try:
            if command.expression is not None:
                granted = self._by_tag.grant(record, command.expression, holder=_holder(request), now=now)
            else:
                granted = self._grant_by_name(record)
        except CommandRejection as rejection:
            self._refuse(changed(record, now=now), rejection, request, now, granted=True)
            raise
        return {
            "outcome": "granted",
            "request_id": str(record.request_id),
            "resource_shares": list(granted.shares),
            "matches": [match.to_json() for match in granted.matches],
        }

    def _grant_by_name(self, record: RequestRecord) -> Granted:
        self._check_consumer(record)
        asked = self._asked(record.product, record.tables)
        self._check_sensitivity(asked)
        shares = ensure_granted(
            self._world.permissions,
            account_grants(
                record.account_id,
                catalog_id=self._account_id,
                database=asked.product.database,
                tables=asked.names,
                permissions=READ_PERMISSIONS,
            ),
            record.account_id,
        )
        # Once more: of a domain that leaves and a grant to it at once, one sees the other.
        self._check_consumer(record)
        return Granted((), shares)

    def _check_consumer(self, record: RequestRecord) -> None:
        """Raise DomainNotRegistered, SenderNotOwner or RecordBusy when the domain that asked has left, or leaves."""
        registered_sender(self._world.registry.domain(record.domain), record.domain, record.account_id)

    def _refuse(
        self, record: RequestRecord, rejection: CommandRejection, request: StepRequest, now: datetime, *, granted: bool
    ) -> None:
        """Record a rejection. What an earlier attempt may have granted is revoked first: refused is never granted.

        What other requests of the account were granted stays granted.
        """
        refused = _refused(record, rejection)
        if not granted:
            self._world.registry.write([Save(refused)])
        elif record.expression is not None:
            self._by_tag.refuse(refused, record.expression, holder=_holder(request), now=now)
        else:
            self._refuse_by_name(refused)

    def _refuse_by_name(self, refused: RequestRecord) -> None:
        reference, own = refused.product, None
        product = self._world.registry.product(reference.domain, reference.name) if reference is not None else None
        if product is not None and product.account_id != refused.account_id:
            grants = self._world.registry.grants(product.domain, product.name)
            own = next((grant for grant in grants if grant.request_id == refused.request_id), None)
            others = [grant for grant in grants if grant is not own and grant.account_id == refused.account_id]
            kept = {table for grant in others for table in grant.tables}
            self._world.permissions.revoke(
                account_grants(
                    refused.account_id,
                    catalog_id=self._account_id,
                    database=product.database,
                    tables=[table for table in refused.tables if table not in kept],
                    permissions=READ_PERMISSIONS,
                )
            )
        self._world.registry.write([Save(refused), *([Drop(own)] if own is not None else [])])

    def _record(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, _ = read_command(request, RequestDataProductAccess, now)
        _, record = self._held(request)
        asked = self._asked(record.product, record.tables) if record.expression is None else None
        shares = tuple(request.payload.get("resource_shares") or ())
        if record.granted_at is None:
            granted = Save(changed(record, now=now, granted_at=now))
            # What is granted by LF-tag was recorded before it was granted.
            by_name = [Save(_grant_record(record, asked, shares, now))] if asked is not None else []
            self._world.registry.write([granted, *by_name])
        identity = {
            "request_id": record.request_id,
            "domain": record.domain,
            "product": record.product,
            "expression": record.expression,
        }
        facts = (
            DataProductAccessRequested.model_validate(
                identity | {"tables": record.tables, "principals": record.principals}
            ),
            DataProductAccessApproved.model_validate(
                identity | {"decided_by": record.decided_by, "reason": record.reason}
            ),
            DataProductAccessGranted.model_validate(
                identity
                | {
                    "tables": record.tables,
                    "principals": record.principals,
                    "catalog_account": self._account_id,
                    "database": asked.product.database if asked is not None else None,
                    "matches": request.payload.get("matches") or (),
                    "permissions": READ_PERMISSIONS,
                    "resource_shares": shares,
                }
            ),
        )
        return {"outcome": "granted", "entries": entries_of(metadata, now, envelope.account, *facts)}

    def _confirm(self, request: StepRequest, now: datetime) -> Json:
        record = self._request(request)
        # The consumer may have been faster to provision than this step to confirm.
        settled = record is not None and record.status in {"GRANTED", "PROVISIONED"}
        if record is not None and record.execution_id == request.execution.id and settled:
            return {"outcome": "confirmed"}
        record = held(record, request.execution.id)
        self._world.registry.write([Save(changed(record, now=now, status="GRANTED"))])
        return {"outcome": "confirmed"}

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            record = self._request(request)
        except CommandRejection:
            return {"outcome": "failed", "recorded": False}
        marked = failed(record, execution_id=request.execution.id, error=error_text(request), now=now)
        if marked is not None:
            self._world.registry.write([Save(marked)])
        return {"outcome": "failed", "recorded": marked is not None}

    def _request(self, request: StepRequest) -> RequestRecord | None:
        _, command = request.envelope.command(RequestDataProductAccess)
        return self._world.registry.request(command.request_id)

    def _held(self, request: StepRequest) -> tuple[RequestDataProductAccess, RequestRecord]:
        command = request.envelope.data(RequestDataProductAccess)
        return command, held(self._world.registry.request(command.request_id), request.execution.id)


def request_digest(command: RequestDataProductAccess) -> str:
    """Return a digest of what is asked for, the order of tables and principals aside."""
    asked = command.to_json()
    if command.expression is None:
        # Requests by name have the digest that they had before there were others.
        del asked["expression"]
    for name in ("tables", "principals"):
        asked[name] = sorted(asked[name]) if asked[name] is not None else None
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _holder(request: StepRequest) -> str:
    return f"{request.execution.id}/{request.step}"


def _grant_record(record: RequestRecord, asked: Asked, shares: tuple[str, ...], now: datetime) -> GrantRecord:
    return GrantRecord(
        request_id=record.request_id,
        product=asked.reference,
        consumer=record.domain,
        account_id=record.account_id,
        database=asked.product.database,
        tables=record.tables,
        principals=record.principals,
        permissions=READ_PERMISSIONS,
        resource_shares=shares,
        granted_at=now,
    )


def approval_reason(asked: Asked) -> str:
    """Return why the policy approved."""
    content = asked.product.content
    classification = content.classification if content else None
    return f"All {len(asked.tables)} tables are classified ({classification}) and declared free of personal data"


def _refused(record: RequestRecord, rejection: CommandRejection) -> RequestRecord:
    """Return the request as refused, to be saved instead of the record given."""
    update = {
        "status": "REJECTED",
        "rejection": rejection.code,
        "rejected_field": rejection.field,
        "reason": rejection.message,
        "granted_at": None,
    }
    return record.model_copy(update=update)


def _rejection_of(record: RequestRecord) -> CommandRejection:
    """Return the rejection that a refused request records."""
    known = {kind.__name__: kind for kind in CommandRejection.__subclasses__()}
    return known.get(record.rejection or "", CommandRejection)(record.reason or "", record.rejected_field)
