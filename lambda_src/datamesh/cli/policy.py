"""`datamesh policy`: look at the approval policy before it is in force, and ask it questions."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.aws.registry import Registry
from datamesh.cli.documents import Problem, parse, read_document
from datamesh.cli.explanations import explanation_table
from datamesh.cli.live import DOMAIN_TAG_KEY, SENSITIVE_TAGS, asked_for, explained_live, tag_rules
from datamesh.cli.output import OK, REFUSED, Format, Output, answer, remark, unanswered
from datamesh.cli.subjects import Given, Mode, PolicyClass, subject_of
from datamesh.logic.policy import Subject
from datamesh.logic.policy_explained import Explanation
from datamesh.logic.policy_explained import explain as explain_subject
from datamesh.logic.policy_remarks import remarks
from datamesh.models.config import DomainConfig
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


@app.command()
def explain(  # noqa: PLR0917 - options have no order
    request: Annotated[
        Path | None,
        typer.Option(
            help="The data of a RequestDataProductAccess, in YAML or JSON. What it would show, and what of it is"
            " sensitive, is then looked up with the credentials of central's account.",
            show_default=False,
        ),
    ] = None,
    consumer: Annotated[str | None, typer.Option(help="The domain that asks.", show_default=False)] = None,
    producer: Annotated[
        list[str] | None, typer.Option(help="A domain whose data is asked for.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Ask this policy, not the one in force.", show_default=False)
    ] = None,
    registry_table: Annotated[
        str | None,
        typer.Option(
            help="Central's registry. With a policy from a file it tells who the domains' people are.",
            show_default="<prefix>-registry, without a policy from a file",
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(envvar="DATAMESH_PREFIX", help="The mesh's prefix.")] = "datamesh",
    sensitive: Annotated[
        bool | None,
        typer.Option("--sensitive/--not-sensitive", help="Whether any of it is.", show_default="by classification"),
    ] = None,
    classification: Annotated[
        list[PolicyClass] | None, typer.Option(help="A classification of it.", show_default="unclassified")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            help="An LF-tag that something of it carries: KEY=VALUE, or KEY= where something carries none.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[Mode, typer.Option(help="By name, or by LF-tag.")] = Mode.NRAC,
    purpose: Annotated[str | None, typer.Option(help="What for.", show_default=False)] = None,
    duration_days: Annotated[int | None, typer.Option(min=1, help="For how long.", show_default=False)] = None,
    requested_by: Annotated[str | None, typer.Option(help="Address of who asks.", show_default=False)] = None,
    domain_tag_key: Annotated[str, typer.Option(help="With --request: the mesh's domain_tag_key.")] = DOMAIN_TAG_KEY,
    sensitive_tag: Annotated[
        list[str] | None,
        typer.Option(
            help="With --request: the mesh's sensitive_tags, KEY=VALUE.", show_default=", ".join(SENSITIVE_TAGS)
        ),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say who would have to agree to a request, without asking anybody.

    Ends with 0 when the request would be granted, by itself or by people, and with 1 when it would be refused.
    """
    by_file = request is not None
    if by_file == bool(consumer and producer) or (by_file and (consumer or producer)):
        unanswered("give either --request, or --consumer and --producer")
    described = (sensitive, classification, tag, purpose, duration_days, requested_by)
    if by_file and any(each is not None and each != [] for each in described):
        unanswered("a request in a file says itself what it is like: leave the other options out")
    registry = None
    if policy is None or registry_table is not None or by_file:
        registry = Registry(registry_table or f"{prefix}-registry")
    in_question = _policy_in(policy) if policy is not None else _in_force(registry)
    if request is not None and registry is not None:
        rules = tag_rules(domain_tag_key, sensitive_tag or list(SENSITIVE_TAGS))
        found = explained_live(in_question, asked_for(request), registry, prefix=prefix, rules=rules)
    else:
        given = Given(
            consumer or "",
            tuple(producer or ()),
            sensitive,
            tuple(classification or ()),
            tuple(tag or ()),
            mode,
            purpose,
            duration_days,
            requested_by,
        )
        found = _explained(given, in_question, registry)
    answer(found.to_json(), output, table=lambda: explanation_table(found))
    raise typer.Exit(REFUSED if found.outcome == "refused" else OK)


def _explained(given: Given, policy: ApprovalPolicy, registry: Registry | None) -> Explanation:
    subject = subject_of(given)
    producers, consumer = _people(registry, subject)
    return explain_subject(policy, subject, producers=producers, consumer=consumer)


def _policy_in(file: Path) -> ApprovalPolicy:
    found = parse(ApprovalPolicy, read_document(file))
    if isinstance(found, list):
        unanswered(f"{file} is not a valid policy: {found[0].field}: {found[0].problem}")
    return found


def _in_force(registry: Registry | None) -> ApprovalPolicy:
    if registry is None:
        unanswered("there is no policy to ask")
    return registry.policy()


def _people(registry: Registry | None, subject: Subject) -> tuple[dict[str, DomainConfig] | None, DomainConfig | None]:
    """Return the configs of the producers and of the consumer; of those that are not registered there are none."""
    if registry is None:
        remark("The domains' people are not known: give --registry-table to look them up.")
        return None, None
    found = {name: registry.domain(name) for name in (*subject.producers, subject.consumer)}
    configs = {name: record.config for name, record in found.items() if record is not None and record.config}
    if unknown := sorted(found.keys() - configs.keys()):
        remark(f"Not registered: {', '.join(unknown)}.")
    consumer = configs.pop(subject.consumer, None)
    return configs, consumer


def _problems(problems: list[Problem]) -> RenderableType:
    table = Table("field", "problem", title="The policy is not valid.", title_justify="left")
    for problem in problems:
        table.add_row(Text(problem.field), Text(problem.problem))
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
    table.caption = Text("\n".join(f"Note: {text}" for text in found)) if found else None
    table.caption_justify = "left"
    return table
