"""Requests for a tag expression: whether they may be granted, and the grant.

An expression holds for tables to come as well. That none of them is sensitive is seen to where tags are changed
(logic/exposure.py): each side checks and acts while the other cannot (logic/tag_work.py).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import ensure_granted, expression_grants, listed_as
from datamesh.logic.answers import needs_approval
from datamesh.logic.ports import LfTags, Permissions, Registry
from datamesh.logic.senders import registered_sender
from datamesh.logic.tag_matches import Match, Survey, by_database
from datamesh.logic.tag_work import tag_work
from datamesh.logic.tags import no_such_value
from datamesh.models.errors import (
    ExpressionTooLarge,
    NothingMatches,
    OwnProduct,
    TooManyTagPolicies,
    UnknownTag,
)
from datamesh.models.facts import MatchedDatabase
from datamesh.models.permissions import Grant, TagPolicyResource
from datamesh.models.registry import Check, Drop, RequestRecord, Save, TagGrantRecord
from datamesh.models.tags import Conditions, TagExpression, conditions

# https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html
MAX_EXPRESSION_BYTES = 900
MAX_TAG_POLICIES = 50


class Granted(NamedTuple):
    """What a granted expression matches, and the RAM shares that carry the grant."""

    matches: tuple[MatchedDatabase, ...]
    shares: tuple[str, ...]


class TagRequests:
    """Decides on requests for a tag expression, grants them and takes them back."""

    def __init__(
        self,
        registry: Registry,
        permissions: Permissions,
        lf_tags: LfTags,
        survey: Survey,
        *,
        account_id: str,
        domain_tag_key: str,
    ) -> None:
        self._registry = registry
        self._permissions = permissions
        self._lf_tags = lf_tags
        self._survey = survey
        self._account_id = account_id
        self._domain_tag_key = domain_tag_key

    def decide(self, request: RequestRecord, expression: TagExpression, now: datetime) -> list[Match]:
        """Return what an expression matches now, when the policy approves it.

        Raises OwnProduct, ExpressionTooLarge, UnknownTag, TooManyTagPolicies, NothingMatches, SensitiveProduct, and
        RecordBusy while a product that is matched is being registered.
        """
        if expression.get(self._domain_tag_key) == (request.domain,):
            raise OwnProduct("A domain needs no access to products of its own", f"expression.{self._domain_tag_key}")
        size = expression_bytes(expression)
        if size > MAX_EXPRESSION_BYTES:
            raise ExpressionTooLarge(f"The expression has {size} bytes, more than {MAX_EXPRESSION_BYTES}")
        self._check_known(expression)
        self._check_policies(request, expression)
        matches = self._survey.matches(expression, now)
        if all(match.domain == request.domain for match in matches):
            raise NothingMatches("No table of another domain carries what the expression asks for")
        reasons = list(dict.fromkeys(reason for match in matches for reason in match.reasons))
        if reasons:
            raise needs_approval("What the expression matches", reasons, field="expression")
        return matches

    def grant(self, request: RequestRecord, expression: TagExpression, *, holder: str, now: datetime) -> Granted:
        """Decide once more and grant to the consumer's account, while nobody changes tags.

        The registry has the grant before Lake Formation does: who changes tags afterwards must know of it, even if this
        step dies in between. Raises what `decide` raises, RecordBusy, GrantNotVisible, and DomainNotRegistered when the
        consumer has left since it asked.
        """
        with tag_work(self._registry, holder, now):
            registered_sender(self._registry.domain(request.domain), request.domain, request.account_id)
            matches = self.decide(request, expression, now)
            standing = self._own_grant(request)
            if standing is None:
                standing = TagGrantRecord(
                    request_id=request.request_id,
                    consumer=request.domain,
                    account_id=request.account_id,
                    expression=expression,
                    principals=request.principals,
                    granted_at=now,
                )
                self._registry.write([Check(request), Save(standing)])
            shares = ensure_granted(self._permissions, self._grants(request.account_id, expression), request.account_id)
            if shares != standing.resource_shares:
                update = {"resource_shares": shares, "version": standing.version + 1}
                self._registry.write([Check(request), Save(standing.model_copy(update=update))])
        return Granted(by_database(matches), shares)

    def refuse(self, refused: RequestRecord, expression: TagExpression, *, holder: str, now: datetime) -> None:
        """Record a refused request. What an earlier attempt granted is revoked first: refused is never granted.

        What other requests of the account were granted by the same expression stays granted. Raises RecordBusy.
        """
        with tag_work(self._registry, holder, now):
            own = self._own_grant(refused)
            if own is not None and not any(grant.expression == expression for grant in self._others(refused)):
                self._permissions.revoke(self._grants(refused.account_id, expression))
            self._registry.write([Save(refused), *([Drop(own)] if own is not None else [])])

    def _grants(self, account_id: str, expression: TagExpression) -> list[Grant]:
        return expression_grants(account_id, catalog_id=self._account_id, expression=expression)

    def _own_grant(self, request: RequestRecord) -> TagGrantRecord | None:
        return next((grant for grant in self._registry.tag_grants() if grant.request_id == request.request_id), None)

    def _others(self, request: RequestRecord) -> list[TagGrantRecord]:
        """Return the standing grants of the same account by its other requests."""
        return [
            grant
            for grant in self._registry.tag_grants()
            if grant.account_id == request.account_id and grant.request_id != request.request_id
        ]

    def _check_known(self, expression: TagExpression) -> None:
        for key, values in expression.items():
            known = self._lf_tags.values(key)
            if known is None:
                raise UnknownTag(f"There is no LF-tag {key}", f"expression.{key}")
            if unknown := [value for value in values if value not in known]:
                raise UnknownTag(no_such_value(key, unknown, known), f"expression.{key}")

    def _check_policies(self, request: RequestRecord, expression: TagExpression) -> None:
        """Check that one policy more fits, for the account and for each principal to which it will be passed on.

        The account has those that Lake Formation lists and those that the registry says it should have; a principal has
        those of the requests that named it.
        """
        wanted, others = conditions(expression), self._others(request)
        held: dict[str, set[Conditions | str]] = {
            principal: {conditions(grant.expression) for grant in others if principal in grant.principals}
            for principal in request.principals
        }
        for grant in self._grants(request.account_id, expression):
            kind = listed_as(grant.resource)
            rows = self._permissions.list_permissions(principal=request.account_id, resource_type=kind)
            policies = [row.resource for row in rows if isinstance(row.resource, TagPolicyResource)]
            held[f"account {request.account_id} ({kind})"] = {
                *(policy.saved_as or policy.expression for policy in policies),
                *(conditions(other.expression) for other in others),
            }
        for who, known in held.items():
            if wanted not in known and len(known) >= MAX_TAG_POLICIES:
                raise TooManyTagPolicies(f"{who} has {len(known)} tag policies, of at most {MAX_TAG_POLICIES}")


def expression_bytes(expression: Mapping[str, Sequence[str]]) -> int:
    """Return the size of an expression as Lake Formation is sent it."""
    return len(json.dumps([{"TagKey": key, "TagValues": list(values)} for key, values in expression.items()]).encode())


def tag_approval_reason(matches: Sequence[Match]) -> str:
    """Return why the policy approved."""
    return f"All {len(matches)} tables that the expression matches are classified and show no personal data"
