"""`datamesh policy`: look at the approval policy before it is in force, and ask it questions."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from datamesh.cli.documents import Problem, parse, read_document
from datamesh.cli.output import REFUSED, Format, Output, answer
from datamesh.logic.policy_remarks import remarks
from datamesh.models.policy import ApprovalPolicy

app = typer.Typer(no_args_is_help=True, help="The approval policy: who has to agree before access is granted.")

PolicyFile = Annotated[Path, typer.Argument(help="The policy, in YAML or JSON.", show_default=False)]


@app.command()
def validate(file: PolicyFile, output: Output = Format.TABLE) -> None:
    """Check a policy. Every error names its field."""
    found = parse(ApprovalPolicy, read_document(file))
    if isinstance(found, list):
        data = {"valid": False, "errors": [problem._asdict() for problem in found]}
        answer(data, output, table=lambda: _problems(found))
        raise typer.Exit(REFUSED)
    data = {"valid": True, "digest": found.digest, "rules": len(found.rules), "remarks": remarks(found)}
    answer(data, output, table=lambda: _summary(found))


def _problems(problems: list[Problem]) -> RenderableType:
    table = Table("field", "problem", title="The policy is not valid.", title_justify="left")
    for problem in problems:
        table.add_row(problem.field, problem.problem)
    return table


def _summary(policy: ApprovalPolicy) -> RenderableType:
    table = Table("rule", "stages", "longest", "purposes", title="The policy is valid.", title_justify="left")
    for rule in policy.rules:
        stages = ", ".join(f"{stage.name} ({stage.quorum} of {' + '.join(stage.approvers)})" for stage in rule.stages)
        longest = "any time" if rule.max_duration_days is None else f"{rule.max_duration_days} days"
        table.add_row(
            rule.name, stages or "approved by itself", longest, ", ".join(rule.purposes or ()) or "any, or none"
        )
    found = remarks(policy)
    table.caption = "\n".join(f"Note: {text}" for text in found) or None
    table.caption_justify = "left"
    return table
