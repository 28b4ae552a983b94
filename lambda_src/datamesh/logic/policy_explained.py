"""What would come of a request, without asking anybody: the dry run of the approval policy."""

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field

from datamesh.logic.exposed import ExposedTable
from datamesh.logic.policy import People, Subject, check_reachable, check_together, describe, places, rule_on
from datamesh.models.approvals import Seat
from datamesh.models.base import Model
from datamesh.models.config import DomainConfig
from datamesh.models.errors import CommandRejection, QuorumUnreachable
from datamesh.models.policy import ApprovalPolicy, GrantTo, Stage

Outcome = Literal["automatic", "people", "refused"]


class Place(Model):
    """So many of these people would have to agree."""

    groups: tuple[str, ...]
    producer: str | None
    quorum: int
    people: tuple[str, ...] | None = Field(description="Their addresses; null: not known here.")


class ExplainedStage(Model):
    """A stage of the rule, with its people."""

    name: str
    places: tuple[Place, ...]
    deadline_hours: int
    on_deadline: Literal["deny", "escalate"]
    escalation: tuple[Place, ...] = ()


class Refusal(Model):
    """Why a request would be refused."""

    code: str
    message: str
    field: str | None = None


class Explanation(Model):
    """What would come of a request."""

    outcome: Outcome
    policy: str = Field(description="Digest of the policy.")
    rule: str | None = None
    sensitive: bool | None = Field(description="null: it was refused before anybody looked.")
    shows: tuple[ExposedTable, ...] = Field((), description="What it would show, where the catalog was looked at.")
    reasons: tuple[str, ...] = ()
    stages: tuple[ExplainedStage, ...] = ()
    grant_to: GrantTo | None = None
    duration_days: int | None = Field(None, description="null: without end.")
    refusal: Refusal | None = None


def explain(
    policy: ApprovalPolicy,
    subject: Subject,
    *,
    producers: Mapping[str, DomainConfig] | None,
    consumer: DomainConfig | None,
) -> Explanation:
    """Return what would come of a request. `producers` is None when the domains' people are not known here."""
    common = {"policy": policy.digest, "sensitive": subject.sensitive, "reasons": subject.reasons}
    try:
        ruling = rule_on(policy, subject)
    except CommandRejection as error:
        return Explanation(outcome="refused", refusal=refusal_of(error), **common)
    people = People(policy, producers or {}, consumer, subject)
    known = producers is not None
    refusal: Refusal | None = None
    try:
        for stage in ruling.stages:
            _check(stage, people, known=known)
        if known:
            groups = {stage.name: (*stage.approvers, *stage.escalate_to) for stage in ruling.stages}
            check_together({stage.name: places(groups[stage.name], stage.quorum, people) for stage in ruling.stages})
    except CommandRejection as error:
        refusal = refusal_of(error)
    outcome: Outcome = "people" if ruling.stages else "automatic"
    return Explanation(
        outcome=outcome if refusal is None else "refused",
        rule=ruling.rule,
        stages=tuple(_explained(stage, people, known=known) for stage in ruling.stages),
        grant_to=ruling.grant_to,
        duration_days=ruling.duration_days,
        refusal=refusal,
        **common,
    )


def refusal_of(error: CommandRejection) -> Refusal:
    """Return a refusal as data."""
    return Refusal(code=error.code, message=error.message, field=error.field)


def _check(stage: Stage, people: People, *, known: bool) -> None:
    asked = places(stage.approvers, stage.quorum, people)
    if not asked:
        raise QuorumUnreachable(f"stage {stage.name} has nobody to ask: what is asked for has no producer")
    for seat in (*asked, *places(stage.escalate_to, stage.quorum, people)):
        if known or seat.producer is None:
            check_reachable(stage, seat)


def _explained(stage: Stage, people: People, *, known: bool) -> ExplainedStage:
    def placed(groups: Collection[str]) -> tuple[Place, ...]:
        return tuple(_place(seat, known=known) for seat in places(groups, stage.quorum, people))

    return ExplainedStage(
        name=stage.name,
        places=placed(stage.approvers),
        deadline_hours=stage.deadline_hours,
        on_deadline=stage.on_deadline,
        escalation=placed(stage.escalate_to),
    )


def _place(seat: Seat, *, known: bool) -> Place:
    people = tuple(person.email for person in seat.approvers) if known or seat.producer is None else None
    return Place(groups=seat.groups, producer=seat.producer, quorum=seat.quorum, people=people)


def in_words(place: Place) -> str:
    """Return a place for people to read: `2 of the product_owners of sales: sam@…, sue@…`."""
    who = describe(Seat(groups=place.groups, producer=place.producer, approvers=(), quorum=place.quorum))
    people = "who they are is not known here" if place.people is None else ", ".join(place.people) or "nobody"
    return f"{place.quorum} of {who}: {people}"
