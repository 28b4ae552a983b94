"""What LF-TBAC means, written from AWS's documentation alone, to hold the sandbox against.

It shares no code with the sandbox and has no calls, accounts' administrators, IAM or limits: only tags, what is
assigned, what is granted, and what follows. Pages are those of https://docs.aws.amazon.com/lake-formation/latest/dg/.

A place is a path in the owner's catalog: `("shop",)`, `("shop", "orders")`, `("shop", "orders", "price")`. A principal
is an account, `"333333333333"`, or somebody in it, `"333333333333/analyst"`. A right is an action at a place; SELECT is
always one at a column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Place = tuple[str, ...]
Right = tuple[str, Place]

ON_DATABASES = frozenset({"ALTER", "CREATE_TABLE", "DESCRIBE", "DROP"})
ON_TABLES = frozenset({"ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"})
WHOLE_TABLE = frozenset({"ALTER", "DELETE", "DROP", "INSERT"})


class RefusedError(Exception):
    """AWS would refuse this."""


@dataclass(frozen=True)
class Policy:
    """Databases or tables by their tags: AND across keys, OR across the values of a key.

    lf-tag-considerations: `module=sales AND division=(consumer OR commercial)`.
    """

    kind: str
    expression: frozenset[tuple[str, frozenset[str]]]

    @classmethod
    def of(cls, kind: str, expression: Mapping[str, Iterable[str]]) -> Policy:
        """The policy in lower case: "Tags keys and values are converted to all lower case" (TBAC-notes)."""
        pairs = ((key.lower(), frozenset(value.lower() for value in values)) for key, values in expression.items())
        return cls(kind, frozenset(pairs))

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Whether a resource with these tags is meant."""
        return all(tags.get(key) in values for key, values in self.expression)

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Its tag values, one by one."""
        return {(key, value) for key, values in self.expression for value in values}


class TagModel:
    """One account's catalog and tags, and what principals of this and of other accounts may do there."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.tags: dict[str, set[str]] = {}
        self.places: dict[Place, None] = {}
        self.assigned: dict[Place, dict[str, str]] = defaultdict(dict)
        self.granted: dict[tuple[str, Policy | Place], set[str]] = defaultdict(set)
        self.grantable: dict[tuple[str, Policy | Place], set[str]] = defaultdict(set)
        self.described: dict[str, set[tuple[str, str]]] = defaultdict(set)

    # --- the ontology -------------------------------------------------------------------------------------------------

    def create_tag(self, key: str, *values: str) -> None:
        """TBAC-creating-tags."""
        if key.lower() in self.tags:
            raise RefusedError
        self.tags[key.lower()] = {value.lower() for value in values}

    def add_values(self, key: str, *values: str) -> None:
        """TBAC-updating-tags."""
        self._known(key)
        self.tags[key.lower()] |= {value.lower() for value in values}

    def delete_value(self, key: str, value: str) -> None:
        """APIReference UpdateLFTag: "attached to a resource, then API errors out […] Update not allowed"."""
        self._known(key, value)
        if any(tags.get(key.lower()) == value.lower() for tags in self.assigned.values()):
            raise RefusedError
        self.tags[key.lower()].remove(value.lower())

    def delete_tag(self, key: str) -> None:
        """TBAC-deleting-tags: no check; "no longer visible for the resource", grants on it are no longer had."""
        self._known(key)
        del self.tags[key.lower()]
        for tags in self.assigned.values():
            tags.pop(key.lower(), None)
        for held in [*self.granted]:
            if isinstance(held[1], Policy) and key.lower() in dict(held[1].expression):
                self.granted.pop(held)
                self.grantable.pop(held, None)
        for account, values in self.described.items():
            self.described[account] = {pair for pair in values if pair[0] != key.lower()}

    def _known(self, key: str, *values: str) -> None:
        """lf-tag-considerations: predefined "before they can be assigned to Data Catalog resources or granted"."""
        if key.lower() not in self.tags or not {value.lower() for value in values} <= self.tags[key.lower()]:
            raise RefusedError

    # --- the catalog and its tags -------------------------------------------------------------------------------------

    def create(self, *place: str) -> None:
        """A database, table or column; a database with no tags, the others with what they inherit."""
        self.places[place] = None

    def delete(self, *place: str) -> None:
        """Take it away with all in it; the same name later begins without tags or grants of its own."""
        for gone in [each for each in self.places if each[: len(place)] == place]:
            del self.places[gone]
            self.assigned.pop(gone, None)
            for held in [each for each in self.granted if each[1] == gone]:
                self.granted.pop(held)
                self.grantable.pop(held, None)

    def assign(self, place: Place, key: str, value: str) -> None:
        """lf-tag-considerations: "only one value for a particular key"; another one takes its place."""
        self._known(key, value)
        self.assigned[place][key.lower()] = value.lower()

    def remove(self, place: Place, key: str) -> None:
        """TBAC-assigning-tags: only what is assigned at the place itself; what it inherits is seen again."""
        if key.lower() not in self.assigned[place]:
            raise RefusedError
        del self.assigned[place][key.lower()]

    def tags_at(self, place: Place) -> dict[str, str]:
        """TBAC-assigning-tags: inherited from database to table to column; a value assigned below overrides its key."""
        found: dict[str, str] = {}
        for depth in range(1, len(place) + 1):
            found |= self.assigned.get(place[:depth], {})
        return found

    def inside(self, place: Place) -> list[Place]:
        """The tables of a database or the columns of a table, in order."""
        return [each for each in self.places if each[:-1] == place]

    # --- grants -------------------------------------------------------------------------------------------------------

    def grant(
        self,
        principal: str,
        target: Policy | Place,
        *permissions: str,
        options: Iterable[str] = (),
        by: str | None = None,
    ) -> None:
        """Grant on a tag policy or by name; `by` is the account whose administrator grants, the owner if not said.

        cross-account-TBAC: what goes to another account goes with the grant option, or it cannot be passed on.
        """
        grantor = self.owner if by is None else by
        if isinstance(target, Policy):
            for key, values in target.expression:
                self._known(key, *values)
        if grantor != self.owner and not all(self.may_pass_on(grantor, target, each) for each in permissions):
            raise RefusedError
        self.granted[principal, target] |= {*permissions}
        self.grantable[principal, target] |= {*options}

    def revoke(self, principal: str, target: Policy | Place, *permissions: str) -> None:
        """Take permissions and their grant options away."""
        self.granted[principal, target] -= {*permissions}
        self.grantable[principal, target] -= {*permissions}

    def describe_values(self, account: str, key: str, *values: str) -> None:
        """Let another account see values of a tag: TBAC-granting-tags."""
        self._known(key, *values)
        self.described[account] |= {(key.lower(), value.lower()) for value in values}

    def may_pass_on(self, account: str, target: Policy | Place, permission: str) -> bool:
        """What another account's administrator may grant to principals there.

        By name, what the account may grant of it: lf-tag-considerations. By policy, permission-cascading-rules: the
        very same one that was received with the grant option, or another one of which the account has DESCRIBE on
        every value, which cross-account-cascading-permissions refuses for the same.
        """
        if isinstance(target, Policy):
            if self.granted.get((account, target)):
                return bool({permission, "ALL"} & self.grantable[account, target])
            return target.pairs <= self.described[account]
        reached = set(self._rights_of(account, self.grantable))
        wanted = self.inside(target) if permission == "SELECT" and len(target) == 2 else [target]
        return all((permission, place) in reached for place in wanted)

    # --- what follows -------------------------------------------------------------------------------------------------

    def rights(self, principal: str) -> set[Right]:
        """All that a principal may do; outside of the owner's account no more than its account was granted.

        access-control-metadata: "the union of the permissions granted by both the methods"; cross-account-permissions.
        """
        found = set(self._rights_of(principal, self.granted))
        account = principal.partition("/")[0]
        if account in {self.owner, principal}:
            return found
        return found & set(self._rights_of(account, self.granted))

    def selects(self, principal: str, table: Place) -> list[str]:
        """The columns that the principal reads, in the table's order."""
        rights = self.rights(principal)
        return [column[-1] for column in self.inside(table) if ("SELECT", column) in rights]

    def sees(self, principal: str, place: Place) -> bool:
        """Whether a database or table is listed for it: it may do something there or inside.

        metadata-permissions: of a database with one permitted table, GetTables answers with this one.
        """
        return any(each[: len(place)] == place for _, each in self.rights(principal))

    def may(self, principal: str, permission: str, place: Place) -> bool:
        """Whether the principal has the permission on a database or a table."""
        return (permission, place) in self.rights(principal)

    def found_by(self, expression: Mapping[str, Iterable[str]]) -> set[Place]:
        """The tables and columns that carry the expression's tags: APIReference SearchTablesByLFTags."""
        policy = Policy.of("TABLE", expression)
        return {place for place in self.places if len(place) > 1 and policy.matches(self.tags_at(place))}

    def _rights_of(self, principal: str, kept: Mapping[tuple[str, Policy | Place], set[str]]) -> Iterator[Right]:
        for (holder, target), permissions in kept.items():
            if holder != principal or not permissions:
                continue
            if isinstance(target, Policy):
                for place in self.places:
                    yield from self._by_policy(target, permissions, place)
            else:
                yield from self._by_name(target, permissions)

    def _by_name(self, place: Place, permissions: set[str]) -> Iterator[Right]:
        """lf-permissions-reference: SELECT on a table is on all its columns; Super is everything."""
        if "ALL" in permissions:
            permissions = {*(ON_DATABASES if len(place) == 1 else ON_TABLES)}
        for permission in permissions:
            if permission == "SELECT" and len(place) == 2:
                yield from (("SELECT", column) for column in self.inside(place))
            else:
                yield permission, place

    def _by_policy(self, policy: Policy, permissions: set[str], place: Place) -> Iterator[Right]:
        if policy.kind == "DATABASE" and len(place) == 1 and policy.matches(self.tags_at(place)):
            yield from self._by_name(place, permissions)
        if policy.kind == "TABLE" and len(place) == 2:
            columns = self.inside(place)
            matching = [column for column in columns if policy.matches(self.tags_at(column))]
            if matching or policy.matches(self.tags_at(place)):
                yield from _on_table(place, permissions, matching, whole=matching == columns)


def _on_table(table: Place, permissions: set[str], matching: list[Place], *, whole: bool) -> Iterator[Right]:
    """TBAC-notes: of a subset of columns no Alter, Drop, Insert or Delete, "only Describe is granted"; of Super, "only
    Select and Describe".
    """
    held = {*ON_TABLES} if "ALL" in permissions else {*permissions}
    if not whole and held & WHOLE_TABLE:
        held = held - WHOLE_TABLE | {"DESCRIBE"}
    if "SELECT" in held:
        yield from (("SELECT", column) for column in matching)
    yield from ((permission, table) for permission in held - {"SELECT"})
