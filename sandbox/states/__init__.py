"""Step Functions with its state machines' roles, as AWS runs them.

MiniStack parses and evaluates; this package walks, carries out tasks as the machine's role, retries, times out, aborts
and answers the calls around them. It is fitted in by `install()`.

Knowingly different from AWS:

* A role that does not trust `states.amazonaws.com` any more fails each task with States.Runtime; AWS documents the
  refusal of CreateStateMachine only (which is refused here too).
* Which name Step Functions gives to a service's refusal is a rule here (sandbox/states/errors.py), not a table of all
  of AWS's integrations.
* `.sync` is modelled for states:startExecution; other jobs (`glue:startJobRun.sync`) run as request and response.
* Activities wait without a timeout. Distributed Map, Express workflows and redrive are MiniStack's, unexamined.
* An execution whose task waits for its token survives a snapshot and waits on after the restore (its retries are
  counted anew); one that is elsewhere (a Wait state, a branch, a running task) stays RUNNING for ever when restored.
* Log delivery is checked when a machine is made, stored and shown; nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jsonata.timebox import Timebox

from sandbox import adapter, authz, clock, snapshots
from sandbox.api import Json
from sandbox.states import attempts, engine, errors, restored, runs

_MODULE = "services.stepfunctions"
adapter.uses(_MODULE, "_STATUS_EVENT_PAYLOAD_CAP", "_iso_to_epoch_ms", "_executions", "_resolve_state_machine_arn")
adapter.uses("core.responses", "error_response_json", "json_response")

_LOG_DELIVERY = (
    "CreateLogDelivery",
    "GetLogDelivery",
    "UpdateLogDelivery",
    "DeleteLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "DescribeResourcePolicies",
    "DescribeLogGroups",
)

Operation = Callable[[dict[str, Any]], Json]


def install() -> None:
    """Put this package in the place of MiniStack's execution loop."""
    adapter.patch(_MODULE, "_run_execution", lambda _: engine.run)
    adapter.patch(_MODULE, "_execute_task", lambda _: attempts.execute_task)
    adapter.patch(_MODULE, "_with_retry_and_catch", lambda _: attempts.with_retry_and_catch)
    adapter.patch(_MODULE, "_run_sub_machine", lambda _: _sub_machine)
    adapter.patch(_MODULE, "_fail_execution", lambda _: engine.fail)
    adapter.patch(_MODULE, "_error_matches", lambda _: errors.matches)
    adapter.patch(_MODULE, "_apply_state_assign", lambda _: _assign)
    adapter.patch(_MODULE, "_scaled_sleep", lambda _: runs.pause)
    # What an execution tells the time by: its context, its history, and `$now()` and `$millis()`.
    adapter.patch(_MODULE, "now_iso", lambda _: _now)
    Timebox.current_milli_time = staticmethod(lambda: round(clock.time() * 1000))
    adapter.patch(_MODULE, "_sleep_until", lambda _: runs.pause_until)
    adapter.patch(_MODULE, "_emit_execution_status_event", lambda _: _emit)
    adapter.patch(_MODULE, "_start_execution", _start)
    adapter.patch(_MODULE, "_stop_execution", _stop)
    adapter.patch(_MODULE, "_create_state_machine", _trusted)
    adapter.patch(_MODULE, "_update_state_machine", _trusted)
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        adapter.patch(_MODULE, name, _open_token)
    snapshots.before_change(runs.abandon_all)
    restored.install()


def _now() -> str:
    return clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _refuse(code: str, message: str) -> Json:
    return adapter.internal("core.responses", "error_response_json")(code, message, 400)


def _sub_machine(states: Json, start: str, given: Json, execution: Json, context: dict[str, Any]) -> Json:
    """A branch or iteration sees the outer variables and keeps its own to itself.

    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html (scope)
    """
    inner = {**context, "variables": dict(context.get("variables", {}))}
    return engine.walk(states, start, given, execution, inner)


def _assign(
    state: dict[str, Any], given: Json, context: dict[str, Any] | None, result: Json = None, error_output: Json = None
) -> None:
    """All of `Assign` is evaluated with the values before it, then takes effect at once (same page)."""
    wanted = state.get("Assign")
    if context is None or not isinstance(wanted, dict):
        return
    if runs.ministack("_state_query_language")(state, context) != "JSONata":
        return
    template = runs.ministack("_apply_jsonata_template")
    values = {
        name: template(value, given, context, result=result, error_output=error_output)
        for name, value in wanted.items()
    }
    context.setdefault("variables", {}).update(values)


def _emit(execution: dict[str, Any]) -> None:
    """ "Step Functions Execution Status Change" on the default bus.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    status = execution["status"]
    if status == "RUNNING":
        execution[engine.STARTED] = clock.time()
    if execution.get("sync"):
        return
    cap = adapter.internal(_MODULE, "_STATUS_EVENT_PAYLOAD_CAP")
    milliseconds = adapter.internal(_MODULE, "_iso_to_epoch_ms")
    redrivable = status in ("FAILED", "TIMED_OUT", "ABORTED")
    detail = {
        "executionArn": execution["executionArn"],
        "stateMachineArn": execution["stateMachineArn"],
        "name": execution["name"],
        "status": status,
        "startDate": milliseconds(execution.get("startDate")),
        "stopDate": milliseconds(execution.get("stopDate")),
        **_included("input", execution.get("input"), cap),
        **_included("output", execution.get("output") if status == "SUCCEEDED" else None, cap),
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": None if redrivable else f"Execution is {status} and cannot be redriven",
        "error": execution.get("error") if redrivable else None,
        "cause": execution.get("cause") if redrivable else None,
    }
    arn = execution["executionArn"]
    adapter.put_aws_event(
        "aws.states",
        "Step Functions Execution Status Change",
        detail,
        [arn],
        account=authz.account_of(arn),
        region=arn.split(":")[3],
    )


def _included(name: str, value: str | None, cap: int) -> dict[str, Any]:
    if value is None:
        return {name: None, f"{name}Details": None}
    fits = len(value) <= cap
    return {name: value if fits else None, f"{name}Details": {"included": fits}}


def _start(original: Operation) -> Operation:
    def start(data: dict[str, Any]) -> Json:
        """Starting a running execution again with the same input answers the same (API_StartExecution)."""
        machine = runs.ministack("_resolve_state_machine_arn")(data.get("stateMachineArn", ""))
        if machine and data.get("name"):
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{data['name']}"
            running = runs.ministack("_executions").get(arn)
            same = running and running["input"] == data.get("input", "{}")
            if running and same and running["status"] == "RUNNING":
                body = {"executionArn": arn, "startDate": running["startDate"]}
                return adapter.internal("core.responses", "json_response")(body)
        try:
            json.loads(data.get("input") or "{}")
        except ValueError as error:
            return _refuse("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'")
        return original(data)

    return start


def _stop(original: Operation) -> Operation:
    def stop(data: dict[str, Any]) -> Json:
        answer = original(data)
        run = runs.run_of(data.get("executionArn", ""))
        if run is not None and run.execution["status"] == "ABORTED":
            run.stopped.set()
        return answer

    return stop


def _trusted(original: Operation) -> Operation:
    def create_or_update(data: dict[str, Any]) -> Json:
        """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html."""
        role = data.get("roleArn")
        name = data.get("stateMachineArn") or (
            f"arn:aws:states:{adapter.region()}:{adapter.account()}:stateMachine:{data.get('name', '')}"
        )
        if role:
            source = {"aws:SourceArn": name, "aws:SourceAccount": adapter.account()}
            if not authz.check_assume(role, engine.STATES, context=source).allowed:
                return _refuse(
                    "AccessDeniedException",
                    f"Neither the global service principal {engine.STATES}, nor the regional one is authorized to "
                    "assume the provided role.",
                )
        if role and not _may_log(role, data.get("loggingConfiguration") or {}):
            return _refuse(
                "AccessDeniedException",
                "The state machine IAM Role is not authorized to access the Log Destination",
            )
        return original(data)

    return create_or_update


def _may_log(role: str, logging: dict[str, Any]) -> bool:
    """https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy."""
    if logging.get("level", "OFF") == "OFF" or not logging.get("destinations"):
        return True
    # Every one is asked, so that the ledger shows all of them as used.
    decisions = [authz.check(role, f"logs:{name}", "*") for name in _LOG_DELIVERY]
    return all(decision.allowed for decision in decisions)


def _open_token(original: Operation) -> Operation:
    def send(data: dict[str, Any]) -> Json:
        token = data.get("taskToken", "")
        info = runs.ministack("_task_tokens").get(token)
        if info is None and token in runs.closed_tokens:
            return _refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        if info is None:
            return _refuse("InvalidToken", "Invalid Token: 'Invalid token'")
        if info["event"].is_set():
            return _refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        if "output" in data:
            try:
                json.loads(data["output"])
            except ValueError as error:
                return _refuse("InvalidOutput", f"Invalid Output: '{error}'")
        info["beat"] = clock.time()
        return original(data)

    return send
