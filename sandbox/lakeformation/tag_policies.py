"""What a grant on a tag policy gives: on which databases, tables and columns, and how much of it.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-notes.html: where only some columns of a table match, Alter,
Drop, Insert and Delete are not granted, Describe is; of Super, Select and Describe are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sandbox.lakeformation import catalog, tags, world
from sandbox.lakeformation.resources import EVERY, ON_PART, VALID, Expression, Kind, Resource, table
from sandbox.lakeformation.store import lock, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet


class _Reach(NamedTuple):
    """How much of a table carries the tags."""

    table: bool
    some: bool
    """Any column."""
    whole: bool
    """Every column."""


def expression(policy: Resource) -> Expression | None:
    """The expression of a policy; None when it was saved under a name that is gone."""
    if not policy.expression_name:
        return policy.expression
    saved = store.account(policy.catalog).tag_expressions.get(policy.expression_name)
    return saved.expression if saved else None


def pairs(policy: Resource) -> list[tuple[str, str]]:
    """The keys of a policy's expression with each of their values."""
    return [(key, value) for key, values in expression(policy) or () for value in values]


def columns(policy: Resource, of: Resource, names: Iterable[str]) -> set[str]:
    """Which of these columns of a table, lower case, carry the tags."""
    wanted = expression(policy)
    if wanted is None or policy.policy_type != Kind.TABLE or policy.catalog != of.catalog:
        return set()
    return {name for name in (each.lower() for each in names) if _matches(wanted, of, name)}


def on_table(policy: Resource, permissions: AbstractSet[str], of: Resource) -> AbstractSet[str]:
    """What these permissions on the policy are on a table; SELECT stands for some columns of it."""
    wanted = expression(policy)
    if wanted is None or policy.policy_type != Kind.TABLE or policy.catalog != of.catalog:
        return frozenset()
    reach = _reach(wanted, of)
    if not (reach.table or reach.some):
        return frozenset()
    held = set(VALID[Kind.TABLE] if "ALL" in permissions else permissions)
    if not reach.whole and held - ON_PART:
        held = held & ON_PART | {"DESCRIBE"}
    return held if reach.some else held - {"SELECT"}


def whole(policy: Resource, of: Resource) -> bool:
    """Whether every column of a table carries the tags."""
    wanted = expression(policy)
    return wanted is not None and policy.catalog == of.catalog and _reach(wanted, of).whole


def on_database(policy: Resource, permissions: AbstractSet[str], database: Resource) -> AbstractSet[str]:
    """What these permissions on the policy are on a database itself."""
    wanted = expression(policy)
    if wanted is None or policy.policy_type != Kind.DATABASE or policy.catalog != database.catalog:
        return frozenset()
    if not tags.matches(wanted, tags.effective(database.catalog, database.database)):
        return frozenset()
    return VALID[Kind.DATABASE] if "ALL" in permissions else permissions


def tables(policy: Resource, database: Resource) -> Iterator[Resource]:
    """The tables of a database that a policy on tables can be about."""
    here = world.current()
    if policy.policy_type != Kind.TABLE or policy.catalog != database.catalog:
        return
    if here.database(database.catalog, database.database) is None:
        return
    for found in here.tables(database.catalog, database.database):
        yield table(database.catalog, database.database, found["Name"])


def tag_deleted(account: str, key: str) -> None:
    """Forget the grants on a tag that is gone, and on the expressions in which it stands.

    "When you delete an LF-tag, the LFTagPolicy attached to the LF-tag becomes invalid"
    (https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_DeleteLFTag.html): a tag of the same name that
    is made later brings none of them back. Shares in RAM stay behind, as with dropped tables.
    """
    gone = key.lower()

    def invalid(resource: Resource) -> bool:
        keys = {resource.tag_key, *(each for each, _ in resource.expression)}
        return resource.catalog == account and gone in keys

    with lock:
        for _, each in store.accounts():
            each.forget(lambda grant: invalid(grant.resource))


def known(account: str, key: str, values: Sequence[str], *, all_values: bool) -> bool:
    """Whether the account has this tag with these values; with `all_values`, "*" may stand for whatever there is."""
    there = store.account(account).lf_tags.get(key)
    return there is not None and set(values) - ({EVERY} if all_values else set()) <= set(there)


def covers_tag(held: Resource, target: Resource) -> bool:
    """Whether a grant on a tag is one on all these values of it; a target without values means the key as such."""
    if held.kind is not Kind.LF_TAG or (held.catalog, held.tag_key) != (target.catalog, target.tag_key):
        return False
    return EVERY in held.tag_values or set(target.tag_values) <= set(held.tag_values)


def _matches(wanted: Expression, of: Resource, column: str) -> bool:
    return tags.matches(wanted, tags.effective(of.catalog, of.database, of.table, column))


def _reach(wanted: Expression, of: Resource) -> _Reach:
    matched = tags.matches(wanted, tags.effective(of.catalog, of.database, of.table))
    if not _columns_tagged(of):
        # Every column inherits what the table has: no need to ask the catalog for their names.
        return _Reach(table=matched, some=matched, whole=matched)
    names = catalog.column_names(of)
    hits = {name for name in names if _matches(wanted, of, name)}
    return _Reach(table=matched, some=bool(hits), whole=bool(hits) and hits == names)


def _columns_tagged(of: Resource) -> bool:
    assigned = store.account(of.catalog).tags
    return any(resource.kind is Kind.COLUMNS and resource.entity == of.entity for resource in assigned)
