"""record_event: what the timeline keeps of a mesh event, and of what Step Functions says of central's executions.

The timeline is looked at by people, so that what is secret or private never gets there: example values of columns are
left out, and what would be too large is cut with a mark. Whom something concerns is told from accounts, as EventBridge
and the registry know them, and from the domains that an event names at the places where the contract has them.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError

from datamesh.logic.report_workflow_failure import cause_of_execution
from datamesh.models.base import DOMAIN_PATTERN
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, Envelope, Metadata, describe
from datamesh.models.executions import STATUS_CHANGE, ExecutionStatusChange
from datamesh.models.facts import FACTS
from datamesh.models.timeline import LinkSign, TimelineEvent, TimelineExecution

# An event may have 256 KB and is kept under several keys.
MAX_DATA = 32_000
MAX_ERROR = 256
MAX_CAUSE = 2_048
CUT = "…"
# What is left of lists and texts, tried in this order until the whole is small enough.
_MEASURES = ((100, 2_000), (20, 500), (5, 200), (1, 100))
# How far ahead of EventBridge's clock a sender's may be.
_CLOCK_SKEW = timedelta(minutes=5)
# How task tokens, signatures of links and credentials look: nothing that people read is so long without a space.
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_%-]{120,}")
_SIGNED = re.compile(r"(signature=)[^&\s\"'\\]+", re.IGNORECASE)
LEFT_OUT = "(left out)"

_FACTS = frozenset(fact.detail_type() for fact in FACTS)

DomainOf = Callable[[str], str | None]


class Recorded(NamedTuple):
    """What the timeline keeps of an event, and what it tells of how central and a domain reach each other."""

    event: TimelineEvent
    signs: tuple[LinkSign, ...]


class Recording:
    """Tells what is to be kept. `domain_of` returns whose an account is, None when it is nobody's.

    What comes after `state_machine_prefix` in the name of a state machine is the workflow.
    """

    def __init__(self, domain_of: DomainOf, *, account_id: str, state_machine_prefix: str) -> None:
        self._domain_of = domain_of
        self._account_id = account_id
        self._prefix = state_machine_prefix

    def event(self, envelope: Envelope) -> Recorded:
        """Return what is kept of a mesh event. Raises InvalidEvent when somebody else says that it is central."""
        central = envelope.source == CENTRAL_SOURCE
        if central and envelope.account != self._account_id:
            raise InvalidEvent(f"{envelope.detail_type} says that it is central's, but {envelope.account} sent it")
        metadata = envelope.metadata_or_substitute()
        data = _object(envelope.detail.get("data"))
        kept = TimelineEvent(
            event_id=metadata.event_id,
            correlation_id=metadata.correlation_id,
            causation_id=metadata.causation_id,
            detail_type=envelope.detail_type,
            source=envelope.source,
            account=envelope.account,
            # A sender ahead of its time would stand on top of every list.
            occurred_at=min(metadata.occurred_at, envelope.time + _CLOCK_SKEW),
            target_account=metadata.target_account,
            person=metadata.person if central else None,
            domains=tuple(dict.fromkeys(self._concerned(envelope, metadata, data))),
            request_id=_uuid(data.get("request_id")),
            data=small(without_examples(data)),
        )
        return Recorded(kept, tuple(self._signs(kept)))

    def execution(self, envelope: Envelope) -> TimelineExecution | None:
        """Return what is kept of an execution's new status; None when it is none of central's workflows.

        Raises InvalidEvent when it is no such event of this account.
        """
        if envelope.detail_type != STATUS_CHANGE or envelope.source != "aws.states":
            raise InvalidEvent(f"{envelope.detail_type} of {envelope.source} is neither a mesh event nor an execution")
        if envelope.account != self._account_id:
            raise InvalidEvent(f"An execution of {envelope.account} is none of this account")
        try:
            change = ExecutionStatusChange.model_validate(envelope.detail)
        except ValidationError as error:
            raise InvalidEvent(f"Not the status of an execution: {describe(error)}") from error
        if not change.state_machine.startswith(self._prefix):
            return None
        started_by = _envelope(change.input_object)
        cause = cause_of_execution(change.input_object)
        if cause is None and started_by is not None:
            cause = started_by.metadata_or_substitute()
        data = {} if started_by is None else _object(started_by.detail.get("data"))
        concerned = () if started_by is None or cause is None else self._concerned(started_by, cause, data)
        return TimelineExecution(
            workflow=change.state_machine.removeprefix(self._prefix).replace("-", "_"),
            name=change.name,
            execution_arn=change.execution_arn,
            status=change.status,
            correlation_id=None if cause is None else cause.correlation_id,
            event_id=None if cause is None else cause.event_id,
            source=None if started_by is None else started_by.source,
            account=None if started_by is None else started_by.account,
            domains=tuple(dict.fromkeys(concerned)),
            subject=None if started_by is None else subject_of(data),
            started_at=change.started_at or envelope.time,
            stopped_at=change.stopped_at,
            redrive_count=change.redrive_count or 0,
            error=_shortened(change.error, MAX_ERROR),
            cause=_shortened(change.cause, MAX_CAUSE),
        )

    def _concerned(self, envelope: Envelope, metadata: Metadata, data: Mapping[str, Any]) -> Iterator[str]:
        """Yield the domains that an event concerns: whom it names, then its sender's and its addressee's.

        Whom somebody asks about is not told what he asks with: the owner of a product hears from central what comes of
        a request, so that the product's domain counts in facts only. Domains that are named deeper inside, as in what a
        change means for all consumers, are told by events of their own.
        """
        central = envelope.source == CENTRAL_SOURCE
        yield from _named(envelope, data)
        if not central and (sender := self._domain_of(envelope.account)) is not None:
            yield sender
        target = metadata.target_account
        # What is said to central's own account answers a person, and no domain that may lie there as well.
        answers_person = envelope.detail_type == "CommandRejected" and target == self._account_id
        if central and target is not None and not answers_person and (told := self._domain_of(target)) is not None:
            yield told

    def _signs(self, event: TimelineEvent) -> Iterator[LinkSign]:
        if event.source == CENTRAL_SOURCE:
            if event.target_account not in {None, self._account_id}:
                told = self._domain_of(event.target_account or "")
                if told is not None:
                    yield LinkSign(domain=told, sign="SENT", at=event.occurred_at)
            return
        domain = self._domain_of(event.account)
        if event.source != DOMAIN_SOURCE or domain is None:
            return
        yield LinkSign(domain=domain, sign="HEARD", at=event.occurred_at)
        if event.detail_type == "WorkflowFailed":
            said = [str(event.data.get(name) or "") for name in ("workflow", "error", "cause")]
            text = _shortened(": ".join(part for part in said if part), MAX_CAUSE)
            yield LinkSign(domain=domain, sign="FAILED", at=event.occurred_at, text=text)


def subject_of(data: Mapping[str, Any]) -> str | None:
    """Return what an event is about: a product as `<domain>.<name>`, a request by its id, else a domain."""
    if (request_id := _uuid(data.get("request_id"))) is not None:
        return str(request_id)
    domain: object = data.get("domain")
    name: object = data.get("product", data.get("name"))
    if isinstance(name, dict):
        domain, name = name.get("domain", domain), name.get("name")
    if not _is_domain(domain):
        return None
    return f"{domain}.{name}"[:MAX_ERROR] if isinstance(name, str) and name else str(domain)


def redacted(text: str) -> str:
    """Return a text without anything that looks like a token or a signature."""
    return _OPAQUE.sub(LEFT_OUT, _SIGNED.sub(rf"\g<1>{LEFT_OUT}", text))


def without_examples(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of an event without example values of columns: only who has access to a product sees those."""
    return {name: _without_examples(value) for name, value in data.items() if name != "examples" or "name" not in data}


def small(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of an event as it is, or with its long lists and texts cut, each with a mark."""
    if _size(data) <= MAX_DATA:
        return data
    for items, letters in _MEASURES:
        shorter = {name: _cut(value, items, letters) for name, value in data.items()}
        if _size(shorter) <= MAX_DATA:
            return shorter
    return {CUT: f"{_size(data)} bytes are not kept"}


def _named(envelope: Envelope, data: Mapping[str, Any]) -> Iterator[str]:
    named: list[object] = [data.get("domain"), data.get("producer")]
    product: object = data.get("product")
    if isinstance(product, dict) and envelope.detail_type in _FACTS:
        named.append(product.get("domain"))
    yield from (str(name) for name in named if _is_domain(name))


def _is_domain(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(DOMAIN_PATTERN, name) is not None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _envelope(event: Mapping[str, Any]) -> Envelope | None:
    try:
        return Envelope.read(event)
    except InvalidEvent:
        return None


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _without_examples(value: object) -> object:
    if isinstance(value, dict):
        return without_examples(value)
    return [_without_examples(each) for each in value] if isinstance(value, list) else value


def _cut(value: object, items: int, letters: int) -> object:
    if isinstance(value, str):
        return value if len(value) <= letters else value[:letters] + CUT
    if isinstance(value, list):
        kept = [_cut(each, items, letters) for each in value[:items]]
        return kept if len(value) <= items else [*kept, f"{CUT} {len(value) - items} more"]
    if isinstance(value, dict):
        names = list(value)
        shorter = {name: _cut(value[name], items, letters) for name in names[:items]}
        return shorter if len(names) <= items else shorter | {CUT: f"{len(names) - items} more"}
    return value


def _size(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data).encode())


def _shortened(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    text = redacted(text)
    return text if len(text) <= length else text[: length - len(CUT)] + CUT
