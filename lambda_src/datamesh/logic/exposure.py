"""What a change of LF-tags or columns does to those who hold tag grants."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from datamesh.logic.tags import WHOLE_TABLE, Matched, matched
from datamesh.models.facts import MAX_LISTED_COLUMNS, AccessChange, AccessEffect
from datamesh.models.registry import TagGrantRecord
from datamesh.models.tags import TableTags

Expression = Mapping[str, tuple[str, ...]]
NOTHING = Matched(table=False, columns=())


class Gain(NamedTuple):
    """What principals of a consumer would see of a table that they do not see now."""

    consumer: str
    principals: tuple[str, ...]
    table: str
    shown: Matched


def access_changes(
    before: Mapping[str, TableTags], after: Mapping[str, TableTags], grants: Sequence[TagGrantRecord]
) -> tuple[AccessChange, ...]:
    """Return who gains or loses what of which table, by consumer, table and principals.

    `before` and `after` are the tables by name; a table that is in one only was created or is gone. Principals of one
    consumer for whom the change is the same stand in one entry.
    """
    alike: dict[tuple[str, str, AccessEffect, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for consumer, principal, name, was, now in _seen(before, after, grants):
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


def gains(
    before: Mapping[str, TableTags], after: Mapping[str, TableTags], grants: Sequence[TagGrantRecord]
) -> tuple[Gain, ...]:
    """Return who would see what that they do not see now, all columns, by consumer, table and principals."""
    alike: dict[tuple[str, str, Matched], list[str]] = {}
    for consumer, principal, name, was, now in _seen(before, after, grants):
        shown = Matched(now.table and not was.table, _without(now.columns, was.columns))
        if shown != NOTHING:
            alike.setdefault((consumer, name, shown), []).append(principal)
    return tuple(
        Gain(consumer, tuple(principals), table, shown)
        for (consumer, table, shown), principals in sorted(alike.items())
    )


def unapproved(gain: Gain, database: str, grants: Sequence[TagGrantRecord]) -> Gain:
    """Return what of a gain nobody approved: without the columns that people let all these principals see.

    Of a table that was approved as a whole (`*`) these are all, later ones too.
    """
    approved = {
        entry
        for grant in grants
        if grant.consumer == gain.consumer and set(gain.principals) <= set(grant.principals)
        for entry in grant.approved
    }
    start = f"{database}.{gain.table}."
    whole = f"{start}{WHOLE_TABLE}" in approved
    columns = tuple(column for column in gain.shown.columns if not whole and f"{start}{column}" not in approved)
    # Who may see columns of a table may see that there is the table.
    table = gain.shown.table and not any(entry.startswith(start) for entry in approved)
    return gain._replace(shown=Matched(table=table, columns=columns))


def _seen(
    before: Mapping[str, TableTags], after: Mapping[str, TableTags], grants: Sequence[TagGrantRecord]
) -> Iterator[tuple[str, str, str, Matched, Matched]]:
    """Yield what every principal sees of every table, before and after."""
    held: dict[tuple[str, str], list[Expression]] = {}
    for grant in grants:
        for principal in grant.principals:
            held.setdefault((grant.consumer, principal), []).append(grant.expression)
    names = sorted({*before, *after})
    for (consumer, principal), expressions in sorted(held.items()):
        for name in names:
            was, now = (matched(expressions, tables[name]) if name in tables else NOTHING for tables in (before, after))
            yield consumer, principal, name, was, now


def _effect(was: Matched, now: Matched) -> AccessEffect | None:
    was_visible, visible = was != NOTHING, now != NOTHING
    if was_visible != visible:
        return "gained" if visible else "lost"
    gained, lost = set(now.columns) - set(was.columns), set(was.columns) - set(now.columns)
    if gained and lost:
        return "changed"
    if gained:
        return "widened"
    return "narrowed" if lost else None


def _without(columns: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = set(others)
    return tuple(name for name in columns if name not in known)
