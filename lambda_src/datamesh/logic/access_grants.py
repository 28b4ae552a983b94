"""A request's grant, by name or by LF-tag: what it would show, granting it, changing a standing one, taking it back."""

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from datamesh.logic.named_requests import NamedRequests
from datamesh.logic.request_admission import AccessCommand
from datamesh.logic.request_decisions import ruling_of
from datamesh.logic.share_world import Granted, Seen, ShareConfig, World
from datamesh.logic.tag_requests import TagRequests, sensitive_names
from datamesh.models.commands import ProductRef, WidenDataProductAccess
from datamesh.models.errors import CatalogInconsistent, InvalidEvent
from datamesh.models.registry import Change, Check, GrantRecord, RequestRecord, Save, TagGrantRecord


class Access:
    """The grants of requests."""

    def __init__(self, world: World, config: ShareConfig) -> None:
        self._registry = world.registry
        self._named = NamedRequests(world, config)
        self._by_tag = TagRequests(world, config)

    def working(self, record: RequestRecord, holder: str, now: datetime) -> AbstractContextManager[None]:
        """Keep what is looked at as it is until the block ends: LF-tags, for an expression. Raises RecordBusy."""
        return self._by_tag.working(holder, now) if record.expression is not None else nullcontext()

    def look(self, record: RequestRecord, command: AccessCommand, now: datetime) -> Seen:
        """Return what a request would show now. Raises a CommandRejection when it cannot be asked for (any more)."""
        if record.expression is None:
            reference = _reference(record)
            return self._named.look(record, reference, self._base_by_name(record, reference), now)
        if isinstance(command, WidenDataProductAccess):
            return self._by_tag.look_at_addition(record, command)
        return self._by_tag.look(record, record.expression, now)

    def grant(self, record: RequestRecord, seen: Seen, now: datetime) -> Granted:
        """Grant what was seen, or change the standing grant that the request is about.

        The registry says it first. Raises TooManyFilters, InvalidRowFilter, GrantNotVisible and GrantFailed.
        """
        grant_to = ruling_of(record).grant_to
        if record.sort == "extension":
            return self._extend(record, seen)
        if record.sort == "widening":
            return self._widen(record, seen)
        if record.expression is not None:
            return self._by_tag.grant(record, record.expression, seen, grant_to=grant_to, now=now)
        return self._named.grant(record, _reference(record), seen, grant_to=grant_to, now=now)

    def extended(self, base: RequestRecord, expires_at: datetime | None) -> list[Change]:
        """Return what makes a standing grant last longer."""
        own = self.own(base)
        return [] if own is None or own.expires_at == expires_at else [_saved(own, expires_at=expires_at)]

    def tables_of(self, record: RequestRecord) -> tuple[str, ...]:
        """Return all tables that the product asked for has now."""
        return self._named.asked(_reference(record), None).names

    def recorded(self, record: RequestRecord, shares: tuple[str, ...], expires_at: datetime | None) -> list[Change]:
        """Return what a grant's record has to say once it is granted."""
        own = self.own(record)
        if own is None or (own.expires_at == expires_at and own.resource_shares == shares):
            return []
        return [_saved(own, expires_at=expires_at, resource_shares=shares)]

    def own(self, record: RequestRecord) -> GrantRecord | TagGrantRecord | None:
        """Return the grant of a request."""
        if record.expression is not None:
            return self._by_tag.own(record)
        return self._named.own(record.request_id, _reference(record))

    def take_back(self, record: RequestRecord) -> list[Change]:
        """Revoke what was granted by a request that asked for access itself, and return what forgets it.

        Called inside `working`. What other requests were granted stays.
        """
        if record.sort != "access":
            return []
        if record.expression is not None:
            return self._by_tag.take_back(record)
        return self._named.take_back(record, _reference(record))

    def _widen(self, record: RequestRecord, seen: Seen) -> Granted:
        base = self._base(record)
        if base.expression is not None:
            own = self._tag_grant(base)
            approved = tuple(dict.fromkeys((*own.approved, *sensitive_names(seen))))
            if approved != own.approved:
                self._registry.write([Check(record), *self._by_tag.changed(base, approved=approved)])
            return Granted(own, own.resource_shares)
        grant = self._named_grant(base)
        wanted = self._named.widened(grant, seen, grant_to=ruling_of(record).grant_to)
        if wanted.model_copy(update={"version": grant.version}) != grant:
            self._registry.write([Check(record), *seen.guards, Save(wanted)])
            grant = wanted
        shares = self._named.apply(grant)
        self._named.narrow_grantees(grant)
        return Granted(grant, shares)

    def _extend(self, record: RequestRecord, seen: Seen) -> Granted:
        """Note what of a standing grant is sensitive and was approved once more; its end moves when it is recorded."""
        base = self._base(record)
        if base.expression is not None:
            own: GrantRecord | TagGrantRecord = self._tag_grant(base)
            approved = tuple(dict.fromkeys((*self._tag_grant(base).approved, *sensitive_names(seen))))
            wanted = own.model_copy(update={"approved": approved})
        else:
            own = named = self._named_grant(base)
            wanted = named.model_copy(update={"shown": self._named.approved_again(named, seen)})
        if wanted != own:
            self._registry.write([Check(record), _saved(wanted)])
        return Granted(wanted, wanted.resource_shares)

    def _base(self, record: RequestRecord) -> RequestRecord:
        base = self._registry.request(record.of) if record.of is not None else None
        if base is None:
            raise CatalogInconsistent(f"The request {record.request_id} is about none that stands")
        return base

    def _base_by_name(self, record: RequestRecord, reference: ProductRef) -> GrantRecord | None:
        return self._named.own(record.of, reference) if record.of is not None else None

    def _named_grant(self, base: RequestRecord) -> GrantRecord:
        own = self._named.own(base.request_id, _reference(base))
        if own is None:
            raise CatalogInconsistent(f"The registry has no grant of the request {base.request_id}")
        return own

    def _tag_grant(self, base: RequestRecord) -> TagGrantRecord:
        own = self._by_tag.own(base)
        if own is None:
            raise CatalogInconsistent(f"The registry has no grant of the request {base.request_id}")
        return own


def _reference(record: RequestRecord) -> ProductRef:
    if record.product is None:
        raise InvalidEvent("A request names a product or an expression")
    return record.product


def _saved(own: GrantRecord | TagGrantRecord, **changes: object) -> Save:
    return Save(own.model_copy(update={**changes, "version": own.version + 1}))
