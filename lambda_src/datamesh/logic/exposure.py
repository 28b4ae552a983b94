"""What a change of LF-tags or columns does to those who hold tag grants."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from datamesh.logic.tags import is_exposed, matched_columns
from datamesh.models.facts import MAX_LISTED_COLUMNS, AccessChange, AccessEffect
from datamesh.models.registry import TagGrantRecord
from datamesh.models.tags import TableTags

Expression = Mapping[str, tuple[str, ...]]


class Seen(NamedTuple):
    """What somebody sees of a table: whether it is visible, and the columns that can be read."""

    visible: bool
    columns: tuple[str, ...]


NOTHING = Seen(visible=False, columns=())


def seen(expressions: Iterable[Expression], table: TableTags | None) -> Seen:
    """Return what the union of tag expressions shows of a table; nothing when there is no table."""
    if table is None:
        return NOTHING
    visible, columns = False, set[str]()
    for expression in expressions:
        visible = visible or is_exposed(expression, table)
        columns.update(matched_columns(expression, table))
    return Seen(visible=visible, columns=tuple(name for name in table.column_names if name in columns))


def access_changes(
    before: Mapping[str, TableTags], after: Mapping[str, TableTags], grants: Sequence[TagGrantRecord]
) -> tuple[AccessChange, ...]:
    """Return who gains or loses what of which table, by consumer, table and principals.

    `before` and `after` are the tables by name; a table that is in one only was created or is gone. Principals of one
    consumer for whom the change is the same stand in one entry.
    """
    held: dict[tuple[str, str], list[Expression]] = {}
    for grant in grants:
        for principal in grant.principals:
            held.setdefault((grant.consumer, principal), []).append(grant.expression)
    alike: dict[tuple[str, str, AccessEffect, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (consumer, principal), expressions in sorted(held.items()):
        for name in sorted({*before, *after}):
            was, now = seen(expressions, before.get(name)), seen(expressions, after.get(name))
            effect = _effect(was, now)
            if effect is not None:
                key = (consumer, name, effect, _without(now.columns, was.columns), _without(was.columns, now.columns))
                alike.setdefault(key, []).append(principal)
    return tuple(
        AccessChange(
            consumer=consumer,
            principals=tuple(principals),
            table=table,
            effect=effect,
            gained=gained[:MAX_LISTED_COLUMNS],
            gained_count=len(gained),
            lost=lost[:MAX_LISTED_COLUMNS],
            lost_count=len(lost),
        )
        for (consumer, table, effect, gained, lost), principals in sorted(alike.items())
    )


def _effect(was: Seen, now: Seen) -> AccessEffect | None:
    if was.visible != now.visible:
        return "gained" if now.visible else "lost"
    gained, lost = set(now.columns) - set(was.columns), set(was.columns) - set(now.columns)
    if gained and lost:
        return "changed"
    if gained:
        return "widened"
    return "narrowed" if lost else None


def _without(columns: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = set(others)
    return tuple(name for name in columns if name not in known)
