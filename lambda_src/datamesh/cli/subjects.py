"""What a request is like, as the options of `datamesh policy explain` describe it."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from datamesh.cli.output import unanswered
from datamesh.logic.policy import NO_VALUE, UNCLASSIFIED, Subject
from datamesh.logic.sensitivity import OPEN_CLASSIFICATIONS
from datamesh.models.base import DomainName
from datamesh.models.people import Email
from datamesh.models.tags import TagKey, TagValue

_DOMAIN: TypeAdapter[str] = TypeAdapter(DomainName)
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)
_TAG_KEY: TypeAdapter[str] = TypeAdapter(TagKey)
_TAG_VALUE: TypeAdapter[str] = TypeAdapter(TagValue)


class Mode(StrEnum):
    """How access is asked for."""

    NRAC = "nrac"
    TBAC = "tbac"


class PolicyClass(StrEnum):
    """What something asked for is classified as."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"
    UNCLASSIFIED = "unclassified"


class Given(NamedTuple):
    """The options."""

    consumer: str
    producers: tuple[str, ...]
    sensitive: bool | None
    classifications: tuple[str, ...]
    tags: tuple[str, ...]
    mode: Mode
    purpose: str | None
    duration_days: int | None
    requested_by: str | None


def subject_of(given: Given) -> Subject:
    """Return the request that the options describe; ends the command when there can be none like it."""
    for domain in (given.consumer, *given.producers):
        _check(_DOMAIN, domain, "the name of a domain")
    if given.requested_by is not None:
        _check(_EMAIL, given.requested_by, "an address")
    if given.consumer in given.producers:
        unanswered(f"{given.consumer} needs no access to data of its own")
    classifications = frozenset(map(str, given.classifications)) or frozenset({UNCLASSIFIED})
    closed = sorted(classifications - OPEN_CLASSIFICATIONS)
    if closed and given.sensitive is False:
        unanswered(f"what is {closed[0]} is sensitive: give --classification public or internal")
    sensitive = bool(closed) if given.sensitive is None else given.sensitive
    reasons = [f"something is {name}" for name in closed]
    return Subject(
        consumer=given.consumer,
        requested_by=given.requested_by,
        access_mode=given.mode.value,
        producers=tuple(dict.fromkeys(given.producers)),
        sensitive=sensitive,
        reasons=tuple(reasons or (["said so"] if sensitive else [])),
        classifications=classifications,
        tags=_tags(given.tags),
        purpose=given.purpose,
        duration_days=given.duration_days,
    )


def _tags(pairs: tuple[str, ...]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            unanswered(f"{pair} is not KEY=VALUE")
        _check(_TAG_KEY, key, "the key of an LF-tag")
        if value != NO_VALUE:
            _check(_TAG_VALUE, value, "the value of an LF-tag")
        found.setdefault(key, set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _check(kind: TypeAdapter[str], text: str, what: str) -> None:
    try:
        kind.validate_python(text)
    except ValidationError:
        unanswered(f"{text!r} is not {what}")
