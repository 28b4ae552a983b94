"""What remains of a grant: in the registry and the ledger, when it ends, and what is told of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from datamesh.logic import share_facts
from datamesh.logic.access_grants import Access
from datamesh.logic.admission import changed
from datamesh.logic.request_decisions import ruling_of
from datamesh.logic.request_states import FLOW, entry
from datamesh.logic.share_world import ShareConfig, World
from datamesh.models.commands import ExpireDataProductAccess
from datamesh.models.errors import CatalogInconsistent
from datamesh.models.events import EventData, Metadata, make_entry
from datamesh.models.ledger import LedgerKind
from datamesh.models.registry import Change, GrantRecord, RequestRecord, Save, TagGrantRecord

# Whoever may go on needs time to ask for it; of a short access most of its time is over when it is warned of its end.
WARNED_BEFORE = timedelta(days=7)
WARNED_AFTER = 0.8
EXPIRE = ExpireDataProductAccess.detail_type()


class ShareRecord:
    """Records grants, schedules their end, and says what to tell."""

    def __init__(self, world: World, config: ShareConfig, access: Access) -> None:
        self._registry = world.registry
        self._schedules = world.schedules
        self._config = config
        self._access = access

    def recorded(self, record: RequestRecord, shares: tuple[str, ...], now: datetime) -> RequestRecord:
        """Record a grant once, with the time at which it ends, and return the request as it is recorded."""
        if record.granted_at is not None:
            return record
        expires_at = self._expires_at(record, now)
        done = changed(record, now=now, granted_at=now, expires_at=expires_at)
        self._registry.write([Save(done), *self._of_grant(done, shares, now)])
        return done

    def schedule(self, record: RequestRecord, cause: Metadata, now: datetime) -> None:
        """Schedule the end of an access, and the warning before it."""
        about = self._standing(record)
        if about.expires_at is None:
            return
        at = about.expires_at
        lasts = at - now
        warning = max(now + lasts * WARNED_AFTER, at - WARNED_BEFORE)
        for name, when, warns in (("expire", at, False), ("warn", warning, True)):
            said = ExpireDataProductAccess(request_id=about.request_id, expires_at=at, warning=warns)
            event = make_entry(said, cause=cause, now=now, discriminator=name)
            self._schedules.set(self._schedule_name(name, about), when, EXPIRE, event.detail)

    def unschedule(self, record: RequestRecord) -> None:
        """Remove the schedules of an access of which nothing is left."""
        if record.sort == "access":
            for name in ("expire", "warn"):
                self._schedules.remove(self._schedule_name(name, record))

    def facts(self, record: RequestRecord, matches: object) -> list[EventData]:
        """Return what to tell of a grant. That it was asked for was told before, where people had to decide."""
        asked = [] if ruling_of(record).stages else [share_facts.requested(record)]
        told: list[EventData] = [*asked, share_facts.approved(record)]
        about = self._standing(record)
        if record.sort == "extension":
            return [*told, share_facts.extended(record)]
        if record.sort == "widening" and record.expression is not None:
            return told
        grant = self._access.own(about)
        if grant is None:
            raise CatalogInconsistent(f"The registry has no grant of the request {about.request_id}")
        # A widening may have new tables to link; what is linked already is found so.
        said = share_facts.granted(about, grant, catalog_account=self._config.account_id, matches=matches)
        more: Sequence[EventData] = share_facts.widened(record, about) if record.sort == "widening" else ()
        return [*told, *more, said]

    def _of_grant(self, record: RequestRecord, shares: tuple[str, ...], now: datetime) -> list[Change]:
        if record.sort == "access":
            changes = self._access.recorded(record, shares, record.expires_at)
            return [*changes, self._entered("AccessGranted", record, self._access.own(record), shares, now)]
        base = self._standing(record)
        if record.sort == "extension":
            kind: LedgerKind = "AccessExtended"
            changes = self._access.extended(base, record.expires_at)
        else:
            kind = "AccessWidened"
            changes = self._access.recorded(base, shares, record.expires_at)
        longer = changed(base, now=now, expires_at=record.expires_at)
        moved = [Save(longer)] if longer.expires_at != base.expires_at else []
        return [*changes, *moved, self._entered(kind, record, self._access.own(base), shares, now)]

    def _expires_at(self, record: RequestRecord, now: datetime) -> datetime | None:
        """Return when the access ends. An extension never shortens it; a widening does, where the policy lets it last
        less than what stands already: what it adds has no end of its own.
        """
        days = ruling_of(record).duration_days
        ends = now + timedelta(days=days) if days is not None else None
        if record.sort == "access":
            return ends
        before = self._standing(record).expires_at
        known = [each for each in (before, ends) if each is not None]
        if record.sort == "widening":
            return min(known, default=None)
        return max(known) if len(known) == 2 else None

    def _standing(self, record: RequestRecord) -> RequestRecord:
        """Return the request whose access it is about."""
        if record.of is None:
            return record
        base = self._registry.request(record.of)
        if base is None:
            raise CatalogInconsistent(f"The request {record.request_id} is about none that stands")
        return base

    def _entered(
        self,
        kind: LedgerKind,
        record: RequestRecord,
        grant: GrantRecord | TagGrantRecord | None,
        shares: tuple[str, ...],
        now: datetime,
    ) -> Change:
        made: dict[str, Any] = grant.to_json() if grant is not None else {}
        kept = ("database", "shown", "expression", "grant_to", "principals", "permissions", "approved")
        details = {name: made[name] for name in kept if name in made}
        return entry(
            kind,
            record,
            now=now,
            actor=FLOW,
            of=str(record.of) if record.of is not None else None,
            exposure=record.exposure,
            expires_at=record.to_json()["expires_at"],
            resource_shares=list(shares),
            result="granted, and read back",
            **details,
        )

    def _schedule_name(self, what: str, record: RequestRecord) -> str:
        return f"{self._config.prefix}-{what}-{record.request_id}"
