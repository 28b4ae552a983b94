"""Rules that hold for every state machine definition of the modules, and the proof that each check can fail."""

import copy
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from datamesh.logic.tag_work import LEASE
from datamesh.models import errors
from datamesh.models.policy import MAX_DEADLINE_HOURS, MAX_STAGES
from tests.support import asl

PATHS = asl.definition_paths()
EVERY_DEFINITION = pytest.mark.parametrize("path", PATHS, ids=asl.flow_of)
FUNCTIONS_ALLOWED_IN_EXPRESSIONS = {"exists", "merge"}


def domain_errors() -> set[str]:
    return {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.DatameshError)
    }


def test_there_is_a_definition_for_the_flows_that_are_workflows() -> None:
    assert {"link_data_product", "crawl_data_product"} <= {asl.flow_of(path) for path in PATHS}


@EVERY_DEFINITION
def test_uses_exactly_the_inputs_that_the_workflow_module_supplies(path: Path) -> None:
    assert asl.template_inputs(path.read_text(encoding="utf-8")) == set(asl.TEMPLATE_INPUTS)


@EVERY_DEFINITION
def test_has_no_finding_of_cfn_lint(path: Path) -> None:
    assert asl.lint(asl.render(path)) == []


@EVERY_DEFINITION
def test_graph_is_closed_and_connected(path: Path) -> None:
    assert asl.graph_errors(asl.render(path)) == []


@EVERY_DEFINITION
def test_machine_is_jsonata_bounded_and_described(path: Path) -> None:
    definition = asl.render(path)
    assert definition["QueryLanguage"] == "JSONata"
    assert definition["Comment"]
    waits = any(asl.waits_for_people(state) for state in definition["States"].values())
    # An execution lives for a year at most: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    assert 0 < definition["TimeoutSeconds"] <= (365 * 86_400 if waits else 86_400)
    assert all(state.get("Comment") for state in definition["States"].values())
    assert not {"Map", "Parallel", "Wait"} & {state["Type"] for state in definition["States"].values()}


@EVERY_DEFINITION
def test_every_task_is_retried_caught_bounded_and_described(path: Path) -> None:
    found = [error for name, state in asl.tasks(asl.render(path)).items() for error in asl.task_errors(name, state)]
    assert found == []


@EVERY_DEFINITION
def test_machine_outlives_each_of_its_tasks(path: Path) -> None:
    definition = asl.render(path)
    times = [state["TimeoutSeconds"] for state in asl.tasks(definition).values()]
    longest = max(time for time in times if isinstance(time, int))
    assert longest < definition["TimeoutSeconds"]


def test_a_machine_that_asks_people_outlives_the_longest_policy() -> None:
    definition = asl.render(asl.REPOSITORY / "modules" / "central-governance" / "share_data_product.asl.json")
    # Every stage may be escalated once, for as long again.
    assert definition["TimeoutSeconds"] > MAX_STAGES * MAX_DEADLINE_HOURS * 3600 * 2


@EVERY_DEFINITION
def test_error_names_exist(path: Path) -> None:
    assert asl.error_names(asl.render(path)) <= asl.AWS_ERRORS | domain_errors()


@EVERY_DEFINITION
def test_every_step_exists_in_the_handler_and_every_step_is_used(path: Path) -> None:
    handler = importlib.import_module(f"datamesh.handlers.{asl.flow_of(path)}")
    assert asl.step_names(asl.render(path)) == set(handler.STEPS)


@EVERY_DEFINITION
def test_every_function_call_hands_over_event_and_execution(path: Path) -> None:
    for name, state in asl.tasks(asl.render(path)).items():
        if asl.is_function_call(state):
            payload = state["Arguments"]["Payload"]
            assert payload["event"] == "{% $states.context.Execution.Input %}", name
            assert set(payload["execution"]) == {"id", "name", "started_at"}, name


@EVERY_DEFINITION
def test_expressions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("{%") == text.count("{% ") == text.count(" %}")
    for expression in asl.expressions(asl.render(path)):
        called = set(re.findall(r"\$([A-Za-z]+)\s*\(", expression))
        assert called <= FUNCTIONS_ALLOWED_IN_EXPRESSIONS, expression
        assert "function" not in expression, expression


@EVERY_DEFINITION
def test_a_failure_ends_in_a_state_that_says_why(path: Path) -> None:
    failures = [state for state in asl.render(path)["States"].values() if state["Type"] == "Fail"]
    assert failures
    assert all("Error" in state and "Cause" in state for state in failures)


# --- each check refuses what it is there to refuse ------------------------------------------------------------------


@pytest.fixture
def definition() -> dict[str, Any]:
    return {
        "Comment": "c",
        "QueryLanguage": "JSONata",
        "StartAt": "First",
        "TimeoutSeconds": 10,
        "States": {
            "First": {
                "Comment": "c",
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "TimeoutSeconds": 5,
                "Arguments": {"FunctionName": "f", "Payload": {"step": "one"}},
                "Retry": [
                    {
                        "ErrorEquals": sorted(asl.TRANSIENT_LAMBDA_ERRORS),
                        "IntervalSeconds": 1,
                        "BackoffRate": 2,
                        "MaxAttempts": 3,
                        "MaxDelaySeconds": 9,
                        "JitterStrategy": "FULL",
                    }
                ],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Broken"}],
                "Next": "Done",
            },
            "Done": {"Type": "Succeed"},
            "Broken": {"Type": "Fail", "Error": "E", "Cause": "c"},
        },
    }


def test_a_good_definition_passes_every_check(definition: dict[str, Any]) -> None:
    assert asl.lint(definition) == []
    assert asl.graph_errors(definition) == []
    assert asl.task_errors("First", definition["States"]["First"]) == []


@pytest.mark.parametrize("field", ["Comment", "Retry", "Catch", "TimeoutSeconds"])
def test_a_task_without_one_of_the_four_is_found(definition: dict[str, Any], field: str) -> None:
    del definition["States"]["First"][field]
    assert any(field in error for error in asl.task_errors("First", definition["States"]["First"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"JitterStrategy": "NONE"}, "full jitter"),
        ({"ErrorEquals": ["States.ALL"]}, "repeats every error"),
        ({"ErrorEquals": ["Lambda.ServiceException"]}, "does not retry"),
    ],
)
def test_a_careless_retrier_is_found(definition: dict[str, Any], change: dict[str, Any], message: str) -> None:
    definition["States"]["First"]["Retry"][0].update(change)
    assert any(message in error for error in asl.task_errors("First", definition["States"]["First"]))


def test_catchers_in_the_wrong_order_are_found(definition: dict[str, Any]) -> None:
    state = definition["States"]["First"]
    state["Catch"].append({"ErrorEquals": ["States.Timeout"], "Next": "Broken"})
    assert len(asl.task_errors("First", state)) == 2


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("States", "First", "Next"), "Nowhere", "is no state"),
        (("States", "First", "Catch", 0, "Next"), "Nowhere", "is no state"),
        (("StartAt",), "Nowhere", "is no state"),
        (("StartAt",), "Done", "nothing leads to 'First'"),
        (("States", "First", "End"), True, "either Next or End"),
        (("States", "Done"), {"Type": "Choice", "Choices": []}, "has no Default"),
    ],
)
def test_a_broken_graph_is_found(definition: dict[str, Any], path: tuple[Any, ...], value: Any, message: str) -> None:
    broken = copy.deepcopy(definition)
    place: Any = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert any(message in error for error in asl.graph_errors(broken))


@pytest.mark.parametrize(
    ("change"),
    [{"Parameters": {}}, {"ResultPath": "$.x"}, {"TimeoutSecond": 5}],
)
def test_cfn_lint_finds_fields_that_do_not_exist(definition: dict[str, Any], change: dict[str, Any]) -> None:
    definition["States"]["First"].update(change)
    assert asl.lint(definition)


def test_the_query_language_belongs_at_the_top(definition: dict[str, Any]) -> None:
    definition["States"]["QueryLanguage"] = definition.pop("QueryLanguage")
    assert asl.lint(definition)


@pytest.mark.parametrize("text", ['{"a": "${unknown}"}', '{"a": "{%{ 1 %}"}'])
def test_a_template_that_terraform_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(asl.TemplateError):
        asl.render_text(text)


WORK_ON_TAGS = [
    ("deregister_data_domain", "Release Catalog"),
    ("index_data_product", "Index Fact"),
    ("register_data_domain", "Prepare Catalog"),
    ("register_data_product", "Create Tables"),
    ("share_data_product", "Admit Request"),
    ("share_data_product", "Grant Access"),
]


@pytest.mark.parametrize(("flow", "state"), WORK_ON_TAGS)
def test_who_works_on_tags_waits_until_the_lease_of_one_that_died_has_passed(flow: str, state: str) -> None:
    definition = asl.render(asl.REPOSITORY / "modules" / "central-governance" / f"{flow}.asl.json")
    (busy,) = (retry for retry in definition["States"][state]["Retry"] if "RecordBusy" in retry["ErrorEquals"])
    longest = [
        min(busy["MaxDelaySeconds"], busy["IntervalSeconds"] * busy["BackoffRate"] ** attempt)
        for attempt in range(busy["MaxAttempts"])
    ]
    # With full jitter half of it on average; that, and much less than that with bad luck, must do.
    assert sum(longest) / 2 > LEASE.total_seconds() * 1.75
    assert sum(longest) < definition["TimeoutSeconds"]
