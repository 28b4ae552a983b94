"""What a valid approval policy says that its author may not have meant."""

from datamesh.logic.policy import mailbox
from datamesh.models.policy import PRODUCERS_GROUPS, ApprovalPolicy, Conditions, DiscoveryConditions, Rule, Stage


def remarks(policy: ApprovalPolicy) -> list[str]:
    """Return what deserves a second look; none of it makes the policy less valid."""
    found: list[str] = []
    for number, rule in enumerate(policy.rules):
        if _speaks_of_all(rule):
            found += [
                f"rule {later.name} is never reached: {rule.name}, before it, speaks of every request"
                for later in policy.rules[number + 1 :]
            ]
            break
    else:
        found.append("there is no rule for everything else: what no rule speaks of is refused")
    for rule in policy.rules:
        for stage in rule.stages:
            found += _too_few(policy, rule, stage)
    asked = {name for rule in policy.rules for stage in rule.stages for name in (*stage.approvers, *stage.escalate_to)}
    found += [f"group {name} is asked by no rule" for name in sorted(policy.groups.keys() - asked)]
    return found + _never_reached(policy)


def _never_reached(policy: ApprovalPolicy) -> list[str]:
    for number, rule in enumerate(policy.discovery):
        if rule.when == DiscoveryConditions():
            return [
                f"discovery rule {later.name} is never reached: {rule.name}, before it, speaks of every product"
                for later in policy.discovery[number + 1 :]
            ]
    return []


def _speaks_of_all(rule: Rule) -> bool:
    return bool(rule.stages) and rule.when == Conditions()


def _too_few(policy: ApprovalPolicy, rule: Rule, stage: Stage) -> list[str]:
    found = []
    for groups, doing in ((stage.approvers, "asks"), (stage.escalate_to, "escalates to")):
        ours = sorted(set(groups) - PRODUCERS_GROUPS)
        people = {mailbox(person.email) for name in ours for person in policy.groups[name]}
        if ours and len(people) < stage.quorum:
            found.append(
                f"rule {rule.name}, stage {stage.name} {doing} {stage.quorum} of {' and '.join(ours)}, who are only"
                f" {len(people)}: every request that comes to it is refused"
            )
    return found
