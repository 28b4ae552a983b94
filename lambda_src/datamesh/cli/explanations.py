"""What `datamesh policy explain` has found, for people to read."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.logic.exposed import ExposedTable
from datamesh.logic.policy_explained import ExplainedStage, Explanation, in_words

MAX_REASONS = 20
_OUTCOMES = {"automatic": "Granted at once", "people": "People have to decide", "refused": "Refused"}
_WHOM = {"account": "the consumer's account", "principals": "the named principals alone"}


def explanation_table(found: Explanation) -> RenderableType:
    """Return an explanation as text, with a table of the stages."""
    lines = [f"{_OUTCOMES[found.outcome]}{f', by rule {found.rule}' if found.rule else ''}."]
    if found.refusal is not None:
        lines.append(f"{found.refusal.code}: {found.refusal.message}")
    lines += [f"Shows {_shown(table)}" for table in found.shows]
    lines += [f"Sensitive: {reason}" for reason in found.reasons[:MAX_REASONS]]
    if len(found.reasons) > MAX_REASONS:
        lines.append(f"… and {len(found.reasons) - MAX_REASONS} more reasons")
    if found.outcome != "refused" and found.grant_to is not None:
        lasting = "without end" if found.duration_days is None else f"for {found.duration_days} days"
        lines.append(f"To {_WHOM[found.grant_to]}, {lasting}.")
    text = Text("\n".join(lines))
    if not found.stages:
        return text
    table = Table("stage", "who must agree", "within", "otherwise")
    for stage in found.stages:
        who = "\n".join(map(in_words, stage.places))
        table.add_row(Text(stage.name), Text(who), f"{stage.deadline_hours} h", Text(_otherwise(stage)))
    return Group(text, table)


def _shown(table: ExposedTable) -> str:
    rows = f", rows where {table.rows}" if table.rows is not None else ""
    sensitive = f"; sensitive: {', '.join(table.sensitive)}" if table.sensitive else ""
    return f"{table.name}: {', '.join(table.columns) or 'no column yet'}{rows}{sensitive}"


def _otherwise(stage: ExplainedStage) -> str:
    if stage.on_deadline == "deny":
        return "denied"
    return "these may decide as well:\n" + "\n".join(map(in_words, stage.escalation))
