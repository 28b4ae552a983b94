"""What the approval policy says of a request, on what it would show now; and who may decide on it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict

from datamesh.logic.policy import Subject, check_together, escalation_seats, rule_on, seats_of
from datamesh.logic.ports import Registry
from datamesh.logic.request_states import FLOW, asked_of, entered, entry
from datamesh.logic.share_world import Seen, ShareConfig
from datamesh.models.approvals import Seat
from datamesh.models.config import DomainConfig
from datamesh.models.errors import CatalogInconsistent
from datamesh.models.ledger import LedgerEvent
from datamesh.models.policy import ApprovalPolicy, Ruling
from datamesh.models.registry import Append, Change, PolicySeen, RequestRecord, Save

# The ledger and the request keep the first reasons: thousands of columns may have one each.
MAX_REASONS = 50


class _People(TypedDict):
    """What finds the people of a stage."""

    policy: ApprovalPolicy
    producers: Mapping[str, DomainConfig]
    consumer: DomainConfig | None
    subject: Subject
    central_topic_arn: str | None


class Decision(NamedTuple):
    """A request as the policy has it, and what is written with it. The version is still that of the one given."""

    request: RequestRecord
    changes: tuple[Change, ...]

    @property
    def automatic(self) -> bool:
        """Whether nobody has to be asked."""
        return self.request.status == "APPROVED"


class Decisions:
    """Decides by the approval policy, and finds the people of its stages."""

    def __init__(self, registry: Registry, config: ShareConfig) -> None:
        self._registry = registry
        self._topic = config.central_topic_arn

    def decide(self, request: RequestRecord, seen: Seen, now: datetime) -> Decision:
        """Return the request approved, or waiting for the people of the first stage.

        Raises NoPolicyRule, PurposeNotAllowed, DurationTooLong, and QuorumUnreachable when too few people may decide at
        any of the stages, or at all of them together: then nobody is asked.
        """
        policy = self._registry.policy()
        subject = _subject(request, seen)
        ruling = rule_on(policy, subject)
        ruling = ruling.model_copy(update={"reasons": ruling.reasons[:MAX_REASONS]})
        people = self._people(policy, subject)
        check_together(
            {stage.name: (*seats_of(stage, **people), *escalation_seats(stage, **people)) for stage in ruling.stages}
        )
        by, why = f"policy:{ruling.rule}", _why(ruling)
        decided = request.model_copy(
            update={
                "ruling": ruling,
                "exposure": seen.exposure.digest,
                "producers": seen.producers,
                "stage": 0 if ruling.stages else None,
                "decided_by": None if ruling.stages else by,
                "reason": why,
                **entered(request, "PENDING" if ruling.stages else "APPROVED", now=now, by=by, why=why),
            }
        )
        exposed = {
            "policy": ruling.policy,
            "rule": ruling.rule,
            "stages": [stage.name for stage in ruling.stages],
            "exposure": seen.exposure.digest,
            "sensitive": ruling.sensitive,
            "reasons": list(ruling.reasons),
            "shown": {table.name: _shown(table.columns) for table in seen.exposure.tables[:MAX_REASONS]},
        }
        changes: list[Change] = [
            *self._policy_in_force(policy, now),
            entry(
                "AccessRequested",
                decided,
                now=now,
                actor=(request.asked_by or f"account:{request.account_id}") if request.sort != "widening" else FLOW,
                **asked_of(decided),
                **exposed,
            ),
        ]
        if not ruling.stages:
            changes.append(entry("AccessApproved", decided, now=now, actor=by, reason=why, exposure=decided.exposure))
        return Decision(decided, tuple(changes))

    def seats(self, request: RequestRecord, number: int) -> tuple[Seat, ...]:
        """Return who may decide at a stage. Raises QuorumUnreachable when too few are left."""
        return seats_of(ruling_of(request).stages[number], **self._people(self._registry.policy(), _asking(request)))

    def escalation(self, request: RequestRecord, number: int) -> tuple[Seat, ...]:
        """Return who may decide as well after a stage's deadline. Raises QuorumUnreachable."""
        stage = ruling_of(request).stages[number]
        if not stage.escalate_to:
            return ()
        return escalation_seats(stage, **self._people(self._registry.policy(), _asking(request)))

    def _people(self, policy: ApprovalPolicy, subject: Subject) -> _People:
        consumer = self._registry.domain(subject.consumer)
        return {
            "policy": policy,
            "producers": self._configs(subject.producers),
            "consumer": consumer.config if consumer is not None else None,
            "subject": subject,
            "central_topic_arn": self._topic,
        }

    def _configs(self, domains: Sequence[str]) -> dict[str, DomainConfig]:
        found = {name: self._registry.domain(name) for name in domains}
        return {name: record.config for name, record in found.items() if record is not None and record.config}

    def _policy_in_force(self, policy: ApprovalPolicy, now: datetime) -> list[Change]:
        """Return what enters a policy into the ledger that was not decided by before."""
        seen = self._registry.policy_seen()
        if seen is not None and seen.digest == policy.digest:
            return []
        version = seen.version + 1 if seen is not None else 1
        event = LedgerEvent(
            kind="PolicyInForce", at=now, actor=FLOW, details={"digest": policy.digest, "policy": policy.to_json()}
        )
        return [Save(PolicySeen(digest=policy.digest, version=version)), Append(event)]


def ruling_of(request: RequestRecord) -> Ruling:
    """Return what the policy said of a request. Raises CatalogInconsistent when it was not asked."""
    if request.ruling is None:
        raise CatalogInconsistent(f"The request {request.request_id} was not decided on")
    return request.ruling


def _subject(request: RequestRecord, seen: Seen) -> Subject:
    return _asking(request)._replace(
        access_mode=seen.mode,
        producers=seen.producers,
        sensitive=seen.exposure.sensitive,
        reasons=seen.exposure.reasons,
        classifications=seen.classifications,
        tags=seen.tags,
    )


def _asking(request: RequestRecord) -> Subject:
    """Return who asks whom, which is all that counts for who may decide."""
    return Subject(
        consumer=request.domain,
        requested_by=request.requested_by,
        access_mode="tbac" if request.expression is not None else "nrac",
        producers=request.producers,
        sensitive=True,
        purpose=request.purpose,
        duration_days=request.duration_days,
    )


def _why(ruling: Ruling) -> str:
    shown = "; ".join(ruling.reasons[:10])
    more = f" (and {len(ruling.reasons) - 10} more reasons)" if len(ruling.reasons) > 10 else ""
    what = f"sensitive: {shown}{more}" if ruling.sensitive else "all of it is classified and free of personal data"
    how = "people have to decide" if ruling.stages else "approved by the policy"
    return f"Rule {ruling.rule}, {how}; {what}"


def _shown(columns: Sequence[str]) -> dict[str, object]:
    return {"count": len(columns), "columns": list(columns[:MAX_REASONS])}
