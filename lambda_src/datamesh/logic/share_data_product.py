"""Sharing of a product: admit and decide, grant, record.

Products that are classified and not sensitive are granted by policy; all others are refused, never granted.
"""

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import account_grants, ensure_granted
from datamesh.logic.admission import LEASE, Verdict, changed, claimed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, read_command, rejected, stamp_of
from datamesh.logic.ports import Catalog, Permissions, Registry
from datamesh.logic.senders import RegisteredDomain, registered_sender
from datamesh.logic.sensitivity import assess
from datamesh.models.arns import parse_arn
from datamesh.models.commands import RequestDataProductAccess
from datamesh.models.errors import (
    CatalogInconsistent,
    CommandRejection,
    OwnProduct,
    PrincipalNotInDomain,
    ProductNotFound,
    RecordBusy,
    RequestIdReused,
    SensitiveProduct,
    TableNotFound,
)
from datamesh.models.facts import (
    POLICY_NOT_SENSITIVE,
    READ_PERMISSIONS,
    DataProductAccessApproved,
    DataProductAccessGranted,
    DataProductAccessRequested,
)
from datamesh.models.registry import Drop, GrantRecord, ProductRecord, RequestRecord, Save, TableRecord
from datamesh.models.steps import Json, StepRequest

SHOWN_REASONS = 10


class World(NamedTuple):
    """What sharing touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions


class Asked(NamedTuple):
    """A product and those of its tables that are asked for."""

    product: ProductRecord
    tables: tuple[TableRecord, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(table.name for table in self.tables)


class ProductSharing:
    """The steps of share_data_product. Every step may be repeated."""

    def __init__(self, world: World, *, account_id: str) -> None:
        self._world = world
        self._account_id = account_id

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
                status="GRANTING",
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
                principals=command.principals,
                justification=command.justification,
            )
        try:
            asked = self._decide(command, consumer)
        except CommandRejection as rejection:
            # An attempt that failed may have granted already.
            self._refuse(record, rejection, granted=seen is not None and seen.status != "REJECTED")
            return rejected(envelope, rejection, now)
        approved = record.model_copy(
            update={
                "tables": asked.names,
                "decided_by": POLICY_NOT_SENSITIVE,
                "reason": approval_reason(asked),
            }
        )
        registry.write([Save(approved)])
        return {"outcome": "admitted", "request_id": str(command.request_id), "tables": list(asked.names)}

    def _decide(self, command: RequestDataProductAccess, consumer: RegisteredDomain) -> Asked:
        """Return what is asked for, when the policy approves it. Raises a CommandRejection otherwise."""
        if command.product.domain == command.domain:
            raise OwnProduct("A domain needs no access to a product of its own")
        for number, principal in enumerate(command.principals):
            if parse_arn(principal).account != consumer.record.account_id:
                raise PrincipalNotInDomain(f"{principal} is not in {command.domain}'s account", f"principals.{number}")
        asked = self._asked(command)
        self._check_sensitivity(asked)
        return asked

    def _asked(self, command: RequestDataProductAccess) -> Asked:
        reference = command.product
        product = self._world.registry.product(reference.domain, reference.name)
        if product is None or product.content is None:
            if product is not None and product.in_progress:
                raise RecordBusy(f"The product {reference.domain}.{reference.name} is being registered")
            raise ProductNotFound(f"There is no product {reference.domain}.{reference.name}")
        tables = {table.name: table for table in self._world.registry.tables(reference.domain, reference.name)}
        wanted = command.tables or tuple(sorted(tables))
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
        assessment = assess(
            database,
            [table for table in found.values() if table is not None],
            contents=[content for content in (product.content, product.pending) if content is not None],
            specs={table.name: table.spec for table in asked.tables},
        )
        if assessment.sensitive:
            shown = "; ".join(assessment.reasons[:SHOWN_REASONS])
            more = len(assessment.reasons) - SHOWN_REASONS
            raise SensitiveProduct(
                f"{product.domain}.{product.name} needs an approval, which cannot be asked for yet: {shown}"
                + (f" (and {more} more reasons)" if more > 0 else "")
            )

    def _grant(self, request: StepRequest, now: datetime) -> Json:
        command, record = self._held(request)
        try:
            asked = self._asked(command.model_copy(update={"tables": record.tables}))
            self._check_sensitivity(asked)
        except CommandRejection as rejection:
            self._refuse(changed(record, now=now), rejection, granted=True)
            raise
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
        return {"outcome": "granted", "request_id": str(record.request_id), "resource_shares": list(shares)}

    def _refuse(self, record: RequestRecord, rejection: CommandRejection, *, granted: bool) -> None:
        """Record a rejection. What an earlier attempt may have granted is revoked first: refused is never granted.

        Tables that other requests of the account were granted stay granted.
        """
        reference, own = record.product, None
        product = self._world.registry.product(reference.domain, reference.name) if granted else None
        if product is not None and product.account_id != record.account_id:
            grants = self._world.registry.grants(reference.domain, reference.name)
            own = next((grant for grant in grants if grant.request_id == record.request_id), None)
            others = [grant for grant in grants if grant is not own and grant.account_id == record.account_id]
            kept = {table for grant in others for table in grant.tables}
            self._world.permissions.revoke(
                account_grants(
                    record.account_id,
                    catalog_id=self._account_id,
                    database=product.database,
                    tables=[table for table in record.tables if table not in kept],
                    permissions=READ_PERMISSIONS,
                )
            )
        refused = _refused(record, rejection)
        self._world.registry.write([Save(refused), *([Drop(own)] if own is not None else [])])

    def _record(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, _ = read_command(request, RequestDataProductAccess, now)
        command, record = self._held(request)
        product = self._asked(command.model_copy(update={"tables": record.tables})).product
        shares = tuple(request.payload.get("resource_shares") or ())
        if record.granted_at is None:
            grant = GrantRecord(
                request_id=record.request_id,
                product=record.product,
                consumer=record.domain,
                account_id=record.account_id,
                database=product.database,
                tables=record.tables,
                principals=record.principals,
                permissions=READ_PERMISSIONS,
                resource_shares=shares,
                granted_at=now,
            )
            self._world.registry.write([Save(changed(record, now=now, granted_at=now)), Save(grant)])
        identity = {"request_id": record.request_id, "domain": record.domain, "product": record.product}
        asked = {"tables": record.tables, "principals": record.principals}
        facts = (
            DataProductAccessRequested.model_validate(identity | asked),
            DataProductAccessApproved.model_validate(
                identity | {"decided_by": record.decided_by, "reason": record.reason}
            ),
            DataProductAccessGranted.model_validate(
                identity
                | asked
                | {
                    "catalog_account": self._account_id,
                    "database": product.database,
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
    for name in ("tables", "principals"):
        asked[name] = sorted(asked[name]) if asked[name] is not None else None
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


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
