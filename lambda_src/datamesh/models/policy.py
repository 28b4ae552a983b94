"""The approval policy: who has to agree before access is granted, as data that central's Terraform writes.

The first rule whose conditions all hold decides. A rule without stages approves by itself: automatic approval is a rule
like any other, only that it never speaks of what is sensitive. A request that no rule speaks of is refused.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, field_validator, model_validator

from datamesh.models.base import DomainName, Model, ShortText
from datamesh.models.commands import MAX_DURATION_DAYS, Classification, Purpose
from datamesh.models.errors import InvalidPolicy
from datamesh.models.people import Person
from datamesh.models.tags import TagKey, TagValues

# Groups that every producer names for itself in its config secret.
PRODUCT_OWNERS = "product_owners"
DATA_STEWARDS = "data_stewards"
PRODUCERS_GROUPS = frozenset({PRODUCT_OWNERS, DATA_STEWARDS})
MAX_RULES = 50
# Who may find something, where it is not certain domains. No domain of these names can be told from them.
FINDERS = frozenset({"everyone", "nobody"})
MAX_STAGES = 5
MAX_DEADLINE_HOURS = 24 * 30

_DOMAIN = TypeAdapter[str](DomainName)

PolicyName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
GrantTo = Literal["account", "principals"]
PolicyClassification = Classification | Literal["unclassified"]
PolicyMode = Literal["nrac", "tbac"]


class Conditions(Model):
    """What a request must be like for a rule to speak of it. What is null is not looked at.

    Of a tag expression a list holds when it holds for any table that is matched: the stricter rule comes first. In a
    rule that approves by itself it must hold for all of them.
    """

    sensitive: bool | None = Field(None, description="As central computes it from the catalog; never what is claimed.")
    classifications: tuple[PolicyClassification, ...] | None = None
    producers: tuple[DomainName, ...] | None = None
    consumers: tuple[DomainName, ...] | None = None
    access_modes: tuple[PolicyMode, ...] | None = None
    tags: dict[TagKey, TagValues] | None = Field(None, description="LF-tags that something asked for carries.")


class Stage(Model):
    """People who have to agree. Stages come one after the other."""

    name: PolicyName
    approvers: tuple[PolicyName, ...] = Field(
        min_length=1,
        description="Groups: `product_owners` and `data_stewards` of the producer, or one of the policy's.",
    )
    quorum: int = Field(1, ge=1, le=20, description="How many of all its approvers must agree, of each producer.")
    deadline_hours: int = Field(72, ge=1, le=MAX_DEADLINE_HOURS)
    on_deadline: Literal["deny", "escalate"] = "deny"
    escalate_to: tuple[PolicyName, ...] = Field((), description="Groups that may decide as well after the deadline.")

    @model_validator(mode="after")
    def _escalates_to_somebody(self) -> Self:
        if (self.on_deadline == "escalate") != bool(self.escalate_to):
            raise ValueError("escalate_to is given exactly when on_deadline is escalate")
        return self


class Rule(Model):
    """What the policy says of some requests."""

    name: PolicyName
    description: ShortText | None = None
    when: Conditions = Conditions()
    stages: tuple[Stage, ...] = Field((), max_length=MAX_STAGES, description="Empty: approved automatically.")
    max_duration_days: int | None = Field(
        None, ge=1, le=MAX_DURATION_DAYS, description="Longest access; a request without duration gets just this."
    )
    purposes: tuple[Purpose, ...] | None = Field(
        None, description="Purposes that may be asked for; null: any, or none."
    )
    grant_to: GrantTo | None = Field(
        None, description="null: what is sensitive to the named principals alone, all else to the consumer's account."
    )

    @model_validator(mode="after")
    def _stage_names_differ(self) -> Self:
        if len({stage.name for stage in self.stages}) != len(self.stages):
            raise ValueError("stages must have different names")
        return self

    @model_validator(mode="after")
    def _people_decide_on_what_is_sensitive(self) -> Self:
        if self.when.sensitive and not self.stages:
            raise ValueError("a rule about what is sensitive needs a stage: it is never approved without people")
        return self


class DiscoveryConditions(Model):
    """What a product must be like for a discovery rule to speak of it. What is null is not looked at."""

    sensitive: bool | None = None
    classifications: tuple[PolicyClassification, ...] | None = None
    producers: tuple[DomainName, ...] | None = None
    tags: dict[TagKey, TagValues] | None = Field(None, description="LF-tags that something of the product carries.")


def _is_domain(name: str) -> bool:
    try:
        _DOMAIN.validate_python(name)
    except ValidationError:
        return False
    return True


class DiscoveryRule(Model):
    """Who may find products that are so. Their own domain and who governs the mesh find them always."""

    name: PolicyName
    description: ShortText | None = None
    when: DiscoveryConditions = DiscoveryConditions()
    visible_to: Literal["everyone", "nobody"] | tuple[DomainName, ...] = Field(
        description="Everyone who is signed in, the members of these domains, or nobody but the owner."
    )

    @field_validator("visible_to", mode="before")
    @classmethod
    def _word_or_domains(cls, value: object) -> object:
        """Return a word, or domains. What is neither is refused here in one sentence, not by the parts of a union."""
        # Terraform's types know no "word or list": there it is always a list.
        names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
        if len(names) == 1 and isinstance(names[0], str) and names[0] in FINDERS:
            return names[0]
        domains = [name for name in names if isinstance(name, str) and name not in FINDERS and _is_domain(name)]
        if isinstance(value, str) or not names or len(domains) != len(names):
            raise ValueError("must be everyone, nobody, or the names of one or more domains")
        return tuple(names)

    def shows_to(self, domains: Collection[str]) -> bool:
        """Tell whether a member of these domains may find what the rule speaks of."""
        if self.visible_to == "everyone":
            return True
        return self.visible_to != "nobody" and not set(self.visible_to).isdisjoint(domains)


class ApprovalPolicy(Model):
    """The policy of the mesh: who has to agree, and what may be discovered at all.

    Of `discovery` the first rule whose conditions hold decides; what no rule speaks of everybody may find.
    """

    groups: dict[PolicyName, tuple[Person, ...]] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=MAX_RULES)
    discovery: tuple[DiscoveryRule, ...] = Field((), max_length=MAX_RULES)

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        if len({rule.name for rule in self.rules}) != len(self.rules):
            raise ValueError("rules must have different names")
        if len({rule.name for rule in self.discovery}) != len(self.discovery):
            raise ValueError("discovery rules must have different names")
        if taken := PRODUCERS_GROUPS & self.groups.keys():
            raise ValueError(f"{', '.join(sorted(taken))}: the producers name these themselves")
        known = PRODUCERS_GROUPS | self.groups.keys()
        for rule in self.rules:
            for stage in rule.stages:
                if unknown := sorted({*stage.approvers, *stage.escalate_to} - known):
                    raise ValueError(f"rule {rule.name}, stage {stage.name}: no such group: {', '.join(unknown)}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the policy, which names its version."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


class Ruling(Model):
    """What the policy says of a request: kept with it, so that a later policy does not change it."""

    policy: str = Field(description="Digest of the policy.")
    rule: PolicyName
    stages: tuple[Stage, ...] = Field((), description="As they were when it was asked; empty: approved automatically.")
    grant_to: GrantTo
    duration_days: int | None
    sensitive: bool
    reasons: tuple[str, ...] = ()


DEFAULT_POLICY = ApprovalPolicy(
    rules=(
        Rule(
            name="not-sensitive",
            description="What is classified and holds no personal data is granted at once.",
            when=Conditions(sensitive=False),
        ),
        Rule(
            name="sensitive",
            description="The producer's owners decide on what is sensitive or not classified.",
            stages=(Stage(name="owners", approvers=(PRODUCT_OWNERS,)),),
        ),
    ),
)


def read_policy(document: str | None) -> ApprovalPolicy:
    """Read a policy as the registry keeps it; without one the default policy is in force. Raises InvalidPolicy."""
    if document is None:
        return DEFAULT_POLICY
    try:
        return ApprovalPolicy.model_validate_json(document)
    except ValidationError as error:
        raise InvalidPolicy(str(error)) from error
