"""Requests for a tag expression: what it shows, the grant, its extension and its end.

An expression holds for tables to come as well. That nothing sensitive is among them unless people approved it is seen
to where tags are changed (logic/exposure.py): each side checks and acts while the other cannot (logic/tag_work.py).
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from datamesh.logic.access import ensure_granted, expression_grants, grantees, listed_as
from datamesh.logic.exposed import ExposedTable, Exposure
from datamesh.logic.policy import tags_of
from datamesh.logic.senders import registered_sender
from datamesh.logic.share_world import Granted, Seen, ShareConfig, World
from datamesh.logic.tag_matches import Match, Survey, by_database
from datamesh.logic.tag_work import tag_work
from datamesh.logic.tags import no_such_value
from datamesh.models.commands import WidenDataProductAccess
from datamesh.models.errors import (
    ExpressionTooLarge,
    InvalidCommand,
    NothingMatches,
    OwnProduct,
    SensitiveProduct,
    TooManyTagPolicies,
    UnknownTag,
)
from datamesh.models.permissions import Grant, TagPolicyResource
from datamesh.models.policy import GrantTo
from datamesh.models.registry import Change, Check, Drop, RequestRecord, Save, TagGrantRecord
from datamesh.models.tags import Conditions, TagExpression, conditions

# https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html
MAX_EXPRESSION_BYTES = 900
MAX_TAG_POLICIES = 50


class TagRequests:
    """Says what requests for a tag expression show, grants them and takes them back."""

    def __init__(self, world: World, config: ShareConfig) -> None:
        self._registry = world.registry
        self._permissions = world.permissions
        self._lf_tags = world.lf_tags
        self._survey = Survey(
            world.registry,
            world.catalog,
            world.lf_tags,
            database_prefix=config.database_prefix,
            sensitive_tags=config.rules.sensitive_tags,
        )
        self._account_id = config.account_id
        self._domain_tag_key = config.rules.domain_tag_key

    def working(self, holder: str, now: datetime) -> AbstractContextManager[None]:
        """Hold the right to grant by LF-tag: what is looked at in the block holds until it ends. Raises RecordBusy."""
        return tag_work(self._registry, holder, now)

    def look(self, request: RequestRecord, expression: TagExpression, now: datetime) -> Seen:
        """Return what an expression shows now.

        Raises OwnProduct, ExpressionTooLarge, UnknownTag, TooManyTagPolicies, NothingMatches, SensitiveProduct for what
        nobody could approve, and RecordBusy while a product that is matched is being registered.
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
        if undecidable := [match.undecidable for match in matches if match.undecidable is not None]:
            raise SensitiveProduct(f"Nobody could approve what the expression matches: {undecidable[0]}", "expression")
        return Seen(
            mode="tbac",
            exposure=Exposure(tables=tuple(_exposed(match) for match in matches)),
            producers=tuple(sorted({match.domain for match in matches if match.domain is not None} - {request.domain})),
            classifications=frozenset(match.classification for match in matches),
            tags=tags_of(tags for match in matches for tags in match.tags),
            matches=by_database(matches),
        )

    def look_at_addition(self, request: RequestRecord, command: WidenDataProductAccess) -> Seen:
        """Return what a tag grant would show besides, as central itself foresees it: nothing carries the tags yet.

        Raises InvalidCommand.
        """
        if command.producer is None or command.database is None:
            raise InvalidCommand("A tag grant is widened by what a producer has in a database", "database")
        reasons = tuple(command.reasons) or ("not classified yet",)
        tables = tuple(
            ExposedTable(name=f"{command.database}.{table}", columns=columns, sensitive=columns, reasons=reasons)
            for table, columns in sorted(command.columns.items())
        )
        carried = {key: frozenset(values) for key, values in (request.expression or {}).items()}
        product = self._registry.product(command.producer, request.product.name) if request.product else None
        content = product.content if product is not None else None
        classification = content.classification if content is not None else None
        return Seen(
            mode="tbac",
            exposure=Exposure(tables=tables),
            producers=(command.producer,),
            classifications=frozenset({classification or "unclassified"}),
            tags=carried,
        )

    def grant(
        self, request: RequestRecord, expression: TagExpression, seen: Seen, *, grant_to: GrantTo, now: datetime
    ) -> Granted:
        """Grant to the consumer's account, or to the principals alone. Called while nobody changes tags.

        The registry has the grant before Lake Formation does: who changes tags afterwards must know of it, even if this
        step dies in between. Raises GrantNotVisible, and DomainNotRegistered when the consumer has left since it asked.
        """
        registered_sender(self._registry.domain(request.domain), request.domain, request.account_id)
        standing = self.own(request)
        if standing is not None and standing.grant_to != grant_to:
            self._permissions.revoke(self._every_grant(standing))
        wanted = TagGrantRecord(
            request_id=request.request_id,
            consumer=request.domain,
            account_id=request.account_id,
            expression=expression,
            principals=request.principals,
            grant_to=grant_to,
            approved=sensitive_names(seen),
            resource_shares=standing.resource_shares if standing is not None else (),
            granted_at=standing.granted_at if standing is not None else now,
            version=standing.version if standing is not None else 1,
        )
        if wanted != standing:
            wanted = _next(standing, wanted) if standing is not None else wanted
            self._registry.write([Check(request), Save(wanted)])
        shares = ensure_granted(self._permissions, self._grants(wanted))
        if shares != wanted.resource_shares:
            wanted = wanted.model_copy(update={"resource_shares": shares, "version": wanted.version + 1})
            self._registry.write([Check(request), Save(wanted)])
        return Granted(wanted, shares)

    def changed(self, request: RequestRecord, **changes: object) -> list[Save]:
        """Return what changes a request's grant in the registry; nothing when it has none."""
        own = self.own(request)
        return [] if own is None else [Save(_next(own, own.model_copy(update=changes)))]

    def take_back(self, request: RequestRecord) -> list[Change]:
        """Revoke what was granted by a request, and return what forgets it. Called while nobody changes tags.

        What others of the account, or of its principals, hold by the same expression stays granted.
        """
        own = self.own(request)
        if own is None:
            return []
        kept = {
            grant.principal
            for other in self._others(request)
            if other.expression == own.expression
            for grant in self._grants(other)
        }
        self._permissions.revoke([grant for grant in self._every_grant(own) if grant.principal not in kept])
        return [Drop(own)]

    def own(self, request: RequestRecord) -> TagGrantRecord | None:
        """Return the standing grant of a request."""
        return next((grant for grant in self._registry.tag_grants() if grant.request_id == request.request_id), None)

    def _grants(self, record: TagGrantRecord) -> list[Grant]:
        who = grantees(record.account_id, record.principals, record.grant_to, catalog_id=self._account_id)
        return expression_grants(who, catalog_id=self._account_id, expression=record.expression)

    def _every_grant(self, record: TagGrantRecord) -> list[Grant]:
        """Return the grants to the account and to the principals: a decision made anew may have changed to whom."""
        accounts = () if record.account_id == self._account_id else (record.account_id,)
        who = (*accounts, *record.principals)
        return expression_grants(who, catalog_id=self._account_id, expression=record.expression)

    def _others(self, request: RequestRecord) -> list[TagGrantRecord]:
        """Return the standing grants of the same account by its other requests."""
        return [
            grant
            for grant in self._registry.tag_grants()
            if grant.account_id == request.account_id and grant.request_id not in {request.request_id, request.of}
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
        account = (request.account_id,) if request.account_id != self._account_id else ()
        for grant in expression_grants(account, catalog_id=self._account_id, expression=expression):
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


def sensitive_names(seen: Seen) -> tuple[str, ...]:
    """Return as `<database>.<table>.<column>` what is sensitive of what an expression shows."""
    return tuple(f"{table.name}.{column}" for table in seen.exposure.tables for column in table.sensitive)


def _exposed(match: Match) -> ExposedTable:
    return ExposedTable(name=match.name, columns=match.columns, sensitive=match.sensitive, reasons=match.reasons)


def _next(standing: TagGrantRecord, wanted: TagGrantRecord) -> TagGrantRecord:
    return wanted.model_copy(update={"version": standing.version + 1})
