"""What the approval policy says of a request: the rule that speaks of it, and who may decide.

The first rule whose conditions hold decides. A rule without stages is read narrowly, because nobody looks after it: its
lists must hold for all that is asked for, not for something of it only, and it never speaks of what is sensitive.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from datamesh.models.approvals import Seat
from datamesh.models.config import DomainConfig
from datamesh.models.errors import DurationTooLong, NoPolicyRule, PurposeNotAllowed, QuorumUnreachable
from datamesh.models.people import Person
from datamesh.models.policy import DATA_STEWARDS, PRODUCERS_GROUPS, PRODUCT_OWNERS, ApprovalPolicy, Rule, Ruling, Stage

UNCLASSIFIED = "unclassified"
NO_VALUE = ""


class Subject(NamedTuple):
    """What is asked for, as central sees it, by all that a policy may look at.

    `tags` has every value that something asked for carries, by key, and NO_VALUE among them when something carries no
    value of that key (`tags_of` computes it so): a rule that approves by itself must hold for that, too.
    """

    consumer: str
    requested_by: str | None
    access_mode: Literal["nrac", "tbac"]
    producers: tuple[str, ...]
    sensitive: bool
    reasons: tuple[str, ...] = ()
    classifications: frozenset[str] = frozenset({UNCLASSIFIED})
    tags: Mapping[str, frozenset[str]] = {}
    purpose: str | None = None
    duration_days: int | None = None


def tags_of(carriers: Iterable[Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """Return what a subject carries: `carriers` has the effective LF-tags of each column or table asked for."""
    all_tags = list(carriers)
    keys = {key for tags in all_tags for key in tags}
    return {key: frozenset(tags.get(key, NO_VALUE) for tags in all_tags) for key in sorted(keys)}


def rule_on(policy: ApprovalPolicy, subject: Subject) -> Ruling:
    """Return what the policy says of a request. Raises NoPolicyRule, PurposeNotAllowed, DurationTooLong."""
    for rule in policy.rules:
        if _speaks_of(rule, subject):
            return _ruling(policy, rule, subject)
    raise NoPolicyRule("no rule of the approval policy speaks of such a request")


class People(NamedTuple):
    """Everybody who may be asked to decide, and who may not.

    `producers` has the configs of the subject's producers by domain, `consumer` that of the domain that asks.
    """

    policy: ApprovalPolicy
    producers: Mapping[str, DomainConfig]
    consumer: DomainConfig | None
    subject: Subject
    central_topic_arn: str | None = None


def seats_of(
    stage: Stage,
    *,
    policy: ApprovalPolicy,
    producers: Mapping[str, DomainConfig],
    consumer: DomainConfig | None,
    subject: Subject,
    central_topic_arn: str | None,
) -> tuple[Seat, ...]:
    """Return the places at a stage with who may sit there: all of them must be filled. Raises QuorumUnreachable.

    There is one for each producer whose own groups the stage names, and one for all groups of the policy together.
    `producers` has the configs of the subject's producers by domain. A group that the policy does not have any more
    (the stage is as it was when the request came) has no members.
    """
    people = People(policy, producers, consumer, subject, central_topic_arn)
    seats = places(stage.approvers, stage.quorum, people)
    if not seats:
        raise QuorumUnreachable(f"stage {stage.name} has nobody to ask: what is asked for has no producer")
    for seat in seats:
        check_reachable(stage, seat)
    return seats


def escalation_seats(
    stage: Stage,
    *,
    policy: ApprovalPolicy,
    producers: Mapping[str, DomainConfig],
    consumer: DomainConfig | None,
    subject: Subject,
    central_topic_arn: str | None,
) -> tuple[Seat, ...]:
    """Return the places with who may decide as well after the stage's deadline; none when it does not escalate.

    Raises QuorumUnreachable, like `seats_of`.
    """
    people = People(policy, producers, consumer, subject, central_topic_arn)
    seats = places(stage.escalate_to, stage.quorum, people)
    for seat in seats:
        check_reachable(stage, seat)
    return seats


# --- Rules ---


def _speaks_of(rule: Rule, subject: Subject) -> bool:
    when = rule.when
    automatic = not rule.stages
    if automatic and subject.sensitive:
        return False
    return (
        when.sensitive in {None, subject.sensitive}
        and _holds(when.classifications, subject.classifications, of_all=automatic)
        and _holds(when.producers, frozenset(subject.producers), of_all=automatic)
        and _holds(when.consumers, frozenset({subject.consumer}), of_all=automatic)
        and _holds(when.access_modes, frozenset({subject.access_mode}), of_all=automatic)
        and all(
            _holds(values, subject.tags.get(key, frozenset()), of_all=automatic)
            for key, values in (when.tags or {}).items()
        )
    )


def _holds(listed: tuple[str, ...] | None, found: frozenset[str], *, of_all: bool) -> bool:
    if listed is None:
        return True
    if of_all:
        return bool(found) and found <= set(listed)
    return not found.isdisjoint(listed)


def _ruling(policy: ApprovalPolicy, rule: Rule, subject: Subject) -> Ruling:
    if rule.purposes is not None and subject.purpose not in rule.purposes:
        allowed = f"rule {rule.name} allows the purposes {', '.join(rule.purposes)}"
        raise PurposeNotAllowed(allowed if subject.purpose is None else f"{allowed}, not {subject.purpose}")
    longest = rule.max_duration_days
    wanted = subject.duration_days if subject.duration_days is not None else longest
    if longest is not None and wanted is not None and wanted > longest:
        raise DurationTooLong(f"rule {rule.name} allows at most {longest} days, not {wanted}")
    return Ruling(
        policy=policy.digest,
        rule=rule.name,
        stages=rule.stages,
        grant_to=rule.grant_to or ("principals" if subject.sensitive else "account"),
        duration_days=wanted,
        sensitive=subject.sensitive,
        reasons=subject.reasons,
    )


# --- Seats ---


def places(groups: Collection[str], quorum: int, people: People) -> tuple[Seat, ...]:
    """Return the places for some groups with who may sit there, be they enough or not."""
    theirs = tuple(sorted(PRODUCERS_GROUPS.intersection(groups)))
    ours = tuple(sorted(set(groups) - PRODUCERS_GROUPS))
    barred = _barred(people)
    seats: list[Seat] = []
    for domain in sorted(set(people.subject.producers)) if theirs else ():
        config = people.producers.get(domain)
        seats.append(
            Seat(
                groups=theirs,
                producer=domain,
                approvers=_eligible((each for group in theirs for each in _of_producer(config, group)), barred),
                topic_arn=config.approval_topic_arn if config is not None else None,
                quorum=quorum,
            )
        )
    if ours:
        members = (each for group in ours for each in people.policy.groups.get(group, ()))
        approvers = _eligible(members, barred)
        seats.append(Seat(groups=ours, approvers=approvers, topic_arn=people.central_topic_arn, quorum=quorum))
    return tuple(seats)


def check_reachable(stage: Stage, seat: Seat) -> None:
    """Check that enough people may sit at a place. Raises QuorumUnreachable."""
    if len(seat.approvers) < seat.quorum:
        raise QuorumUnreachable(
            f"stage {stage.name} needs {seat.quorum} of {describe(seat)}, and only {len(seat.approvers)} may decide"
            " on a request of this domain"
        )


def check_together(stages: Mapping[str, Sequence[Seat]]) -> None:
    """Check that the stages, by name with all who may decide there, do not need more people than there are.

    Nobody decides at two stages of a request, so the stages share their people out. Raises QuorumUnreachable.
    """
    for size in range(2, len(stages) + 1):
        for names in combinations(stages, size):
            needed = sum(max((seat.quorum for seat in stages[name]), default=0) for name in names)
            people = {person.email for name in names for seat in stages[name] for person in seat.approvers}
            if len(people) < needed:
                raise QuorumUnreachable(
                    f"stages {' and '.join(names)} need {needed} different people together, and only {len(people)} may"
                    " decide: nobody decides at two stages"
                )


def describe(seat: Seat) -> str:
    """Return a seat's name for people: its groups, and whose they are."""
    groups = " and ".join(seat.groups)
    return f"the {groups} of {seat.producer}" if seat.producer is not None else groups


def _of_producer(config: DomainConfig | None, group: str) -> tuple[Person, ...]:
    if config is None:
        return ()
    return {PRODUCT_OWNERS: config.product_owners, DATA_STEWARDS: config.data_stewards}[group]


def _barred(people: People) -> frozenset[str]:
    """Return the mailboxes of those who may not decide: who asks, and everybody known to be of the consumer.

    Whoever is of the consumer by one entry is so by all: another entry, of another group or another domain's config,
    that does not say so changes nothing.
    """
    subject, consumer = people.subject, people.consumer
    barred = set() if subject.requested_by is None else {mailbox(subject.requested_by)}
    if consumer is not None:
        barred |= {mailbox(person.email) for person in (*consumer.product_owners, *consumer.data_stewards)}
    everybody = _everybody(people.policy, people.producers.values())
    return frozenset(barred | {mailbox(person.email) for person in everybody if person.domain == subject.consumer})


def _everybody(policy: ApprovalPolicy, configs: Iterable[DomainConfig]) -> Iterator[Person]:
    for group in policy.groups.values():
        yield from group
    for config in configs:
        yield from (*config.product_owners, *config.data_stewards)


def _eligible(people: Iterable[Person], barred: frozenset[str]) -> tuple[Person, ...]:
    """Return who may decide, everybody once, in an order that does not hang on how the groups are listed."""
    found: dict[str, Person] = {}
    for person in sorted(people, key=_plainest_first):
        box = mailbox(person.email)
        if box not in barred:
            found.setdefault(box, person)
    return tuple(sorted(found.values(), key=lambda person: person.email))


def _plainest_first(person: Person) -> tuple[int, str, bool, str, str]:
    return (len(person.email), person.email, person.name is None, person.name or "", person.domain or "")


def mailbox(email: str) -> str:
    """Return the mailbox that an address ends in: what stands after a plus sign makes nobody another person."""
    local, _, host = email.lower().partition("@")
    return f"{local.partition('+')[0]}@{host}"
