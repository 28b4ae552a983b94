"""The timeline in memory, and events and executions to put into it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from datamesh.aws.timeline import Flow
from datamesh.models.base import iso
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE
from datamesh.models.timeline import LinkSign, LinkSigns, TimelineEvent, TimelineExecution
from tests.support.central_commands import ACCOUNTS, CENTRAL, NOW, REGION

ItemT = TypeVar("ItemT", TimelineEvent, TimelineExecution)
FLOW = uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
Copies = dict[tuple[str, str], Any]


class FakeTimeline:
    """The timeline table: a dictionary by key, with the conditions that the gateway puts on its writes."""

    def __init__(self, *things: TimelineEvent | TimelineExecution) -> None:
        self.items: Copies = {}
        for thing in things:
            if isinstance(thing, TimelineEvent):
                self.put_event(thing)
            else:
                self.put_execution(thing)

    def put_event(self, event: TimelineEvent, *, expires_at: datetime = NOW) -> bool:
        place = f"{iso(event.occurred_at)}#{event.event_id}"
        lists = [f"CORRELATION#{event.correlation_id}", f"EVENTS#{place[:7]}"]
        lists += [f"DOMAIN#{domain}#EVENTS" for domain in event.domains]
        new = [pk for pk in lists if (pk, place) not in self.items]
        self.items |= {(pk, place): event for pk in new}
        return bool(new)

    def put_execution(self, execution: TimelineExecution, *, expires_at: datetime = NOW) -> TimelineExecution:
        key = (f"EXECUTION#{execution.execution_id}", "META")
        known = self.items[key].merged(execution) if key in self.items else execution
        place = f"{iso(known.started_at)}#{known.execution_id}"
        lists = [f"EXECUTIONS#{place[:7]}", *(f"DOMAIN#{domain}#EXECUTIONS" for domain in known.domains)]
        if known.correlation_id is not None:
            lists.append(f"CORRELATION#{known.correlation_id}")
        self.items |= {key: known} | {(pk, place): known for pk in lists}
        return known

    def put_sign(self, sign: LinkSign, *, expires_at: datetime = NOW) -> None:
        key = (f"DOMAIN#{sign.domain}#LINK", sign.sign)
        if key not in self.items or self.items[key].at < sign.at:
            self.items[key] = sign

    def flow(self, correlation_id: uuid.UUID) -> Flow:
        found = [item for _, item in self._list(f"CORRELATION#{correlation_id}")][::-1]
        return Flow(
            tuple(item for item in found if isinstance(item, TimelineEvent)),
            tuple(item for item in found if isinstance(item, TimelineExecution)),
        )

    def execution(self, execution_id: str) -> TimelineExecution | None:
        return self.items.get((f"EXECUTION#{execution_id}", "META"))

    def link(self, domain: str) -> LinkSigns:
        found = dict(self._list(f"DOMAIN#{domain}#LINK"))
        return LinkSigns(sent=found.get("SENT"), heard=found.get("HEARD"), failed=found.get("FAILED"))

    def events_of(self, domain: str, *, limit: int, after: str | None = None) -> tuple[list[TimelineEvent], str | None]:
        return _page(self._list(f"DOMAIN#{domain}#EVENTS"), limit, after)

    def executions_of(
        self,
        domain: str,
        *,
        limit: int,
        after: str | None = None,
        accept: Callable[[TimelineExecution], bool] = lambda _execution: True,
    ) -> tuple[list[TimelineExecution], str | None]:
        return _page(self._list(f"DOMAIN#{domain}#EXECUTIONS"), limit, after, accept)

    def events(
        self, *, limit: int, since: datetime, until: datetime, after: str | None = None
    ) -> tuple[list[TimelineEvent], str | None]:
        return _page(self._months("EVENTS#", since, until), limit, after)

    def executions(
        self,
        *,
        limit: int,
        since: datetime,
        until: datetime,
        after: str | None = None,
        accept: Callable[[TimelineExecution], bool] = lambda _execution: True,
    ) -> tuple[list[TimelineExecution], str | None]:
        return _page(self._months("EXECUTIONS#", since, until), limit, after, accept)

    def _list(self, pk: str) -> list[tuple[str, Any]]:
        return sorted(((key[1], item) for key, item in self.items.items() if key[0] == pk), reverse=True)

    def _months(self, start: str, since: datetime, until: datetime) -> list[tuple[str, Any]]:
        first, last = f"{start}{iso(since)[:7]}", f"{start}{iso(until)[:7]}"
        found = [(sk, item) for (pk, sk), item in self.items.items() if pk.startswith(start) and first <= pk <= last]
        return sorted(found, key=lambda each: each[0], reverse=True)


def _page(
    items: Iterable[tuple[str, ItemT]],
    limit: int,
    after: str | None,
    accept: Callable[[ItemT], bool] = lambda _item: True,
) -> tuple[list[ItemT], str | None]:
    found: list[ItemT] = []
    last = None
    for sk, item in items:
        if after is not None and sk >= after:
            continue
        if len(found) == limit:
            return found, last
        if accept(item):
            found.append(item)
        last = sk
    return found, None


def event(
    detail_type: str,
    *domains: str,
    number: int = 1,
    after: float = 0.0,
    said_by: str | None = None,
    to: str | None = None,
    person: str | None = None,
    correlation_id: uuid.UUID = FLOW,
    **data: Any,
) -> TimelineEvent:
    """Return an event as the timeline keeps it. `said_by` is the domain that said it; without one central did."""
    return TimelineEvent(
        event_id=uuid.UUID(int=number),
        correlation_id=correlation_id,
        detail_type=detail_type,
        source=CENTRAL_SOURCE if said_by is None else DOMAIN_SOURCE,
        account=CENTRAL if said_by is None else ACCOUNTS[said_by],
        occurred_at=NOW + timedelta(seconds=after),
        target_account=None if to is None else ACCOUNTS[to],
        person=person,
        domains=domains,
        data=data,
    )


def execution(
    workflow: str = "register_data_product", *domains: str, name: str = "one", after: float = 0.0, **changes: Any
) -> TimelineExecution:
    """Return an execution as the timeline keeps it."""
    machine = f"datamesh-central-{workflow.replace('_', '-')}"
    known: Mapping[str, Any] = {
        "workflow": workflow,
        "name": name,
        "execution_arn": f"arn:aws:states:{REGION}:{CENTRAL}:execution:{machine}:{name}",
        "status": "RUNNING",
        "correlation_id": FLOW,
        "event_id": uuid.UUID(int=1),
        "source": CENTRAL_SOURCE,
        "account": CENTRAL,
        "domains": domains or ("sales",),
        "subject": "sales.air_travel",
        "started_at": NOW + timedelta(seconds=after),
    }
    return TimelineExecution.model_validate({**known, **changes})


def ended(execution: TimelineExecution, status: str, after: float = 10.0, **changes: Any) -> TimelineExecution:
    """Return an execution with its end."""
    stopped = execution.started_at + timedelta(seconds=after)
    return TimelineExecution.model_validate({**dict(execution), "status": status, "stopped_at": stopped, **changes})
