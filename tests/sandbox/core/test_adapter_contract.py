"""What the sandbox relies on inside MiniStack still is where it was. An upgrade that moves something fails here."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

SANDBOX = Path(__file__).resolve().parents[3] / "sandbox"
# Parameters of what the sandbox replaces: MiniStack calls the replacement with them.
SIGNATURES = {
    ("app", "_dispatch_service_request"): ["method", "path", "headers", "body", "query_params", "request_id"],
    ("app", "call_service_handler_sync"): ["handler", "method", "path", "headers", "body", "query_params", "timeout"],
    ("core.iam_actions", "access_denied_response"): [
        "service",
        "action",
        "principal_arn",
        "request_id",
        "error_code",
        "message",
        "headers",
        "resource_arn",
        "explicit_deny",
        "resource_policy_arn",
    ],
    ("core.iam_actions", "extract_iam_action"): ["service", "method", "path", "headers", "body", "query_params"],
    ("core.iam_evaluator", "_first_match"): ["ctx", "stmts", "effect"],
    ("core.iam_evaluator", "_resolve_condition_key"): ["key", "ctx"],
    ("core.iam_evaluator", "_resource_policy"): ["service", "resource_arn"],
    ("core.iam_evaluator", "enforce"): [
        "access_key_id",
        "iam_action",
        "service",
        "region",
        "resource_arn",
        "service_context",
    ],
    ("core.iam_evaluator", "evaluate_trust_policy"): ["trust_doc", "caller_arn", "ctx"],
    ("core.iam_evaluator", "pin_request_caller"): ["headers", "query_params"],
    ("core.iam_evaluator", "pin_request_origin"): ["source_ip", "secure_transport"],
    ("core.iam_evaluator", "resource_policy_allows"): ["raw_policy", "ctx", "same_account"],
    ("core.lambda_runtime", "invalidate_worker"): ["func_name", "qualifier", "account", "region"],
    ("core.responses", "request_scope"): ["account_id", "region"],
    ("core.router", "detect_service"): ["method", "path", "headers", "query_params"],
    ("services.cloudwatch", "_describe_alarms"): ["params", "cbor_data", "is_cbor", "is_json"],
    ("services.lambda_svc", "_create_function"): ["data"],
    ("services.lambda_svc", "_execute_function_warm"): ["func", "event", "request_id"],
    ("services.stepfunctions", "_apply_catcher"): ["catcher", "raw_input", "ctx", "query_language", "error_output"],
    ("services.stepfunctions", "_apply_state_assign"): ["state_def", "raw_input", "ctx", "result", "error_output"],
    ("services.stepfunctions", "_error_matches"): ["error_equals", "error"],
    ("services.stepfunctions", "_execute_task"): ["state_def", "raw_input", "execution", "ctx"],
    ("services.stepfunctions", "_fail_execution"): ["execution", "error", "cause"],
    ("services.stepfunctions", "_run_execution"): ["exec_arn"],
    ("services.stepfunctions", "_run_sub_machine"): ["states", "start_at", "input_data", "execution", "ctx"],
    ("services.stepfunctions", "_with_retry_and_catch"): ["state_def", "raw_input", "ctx", "attempt"],
}
# In a process of its own: fitting the sandbox in changes MiniStack for good.
PROBE = """
import importlib, inspect, json, os, sys
os.environ["AUTH"] = "true"
signatures = {}
for module, name in json.loads(sys.argv[1]):
    found = getattr(importlib.import_module(f"ministack.{module}"), name, None)
    signatures[f"{module}.{name}"] = list(inspect.signature(found).parameters) if found else None
from sandbox import adapter, server
server.install(4566)
missing = []
for module, names in sorted(adapter.INTERNALS.items()):
    for name in sorted(names):
        try:
            adapter.internal(module, name)
        except (AttributeError, ImportError) as error:
            missing.append(str(error))
print(json.dumps({"signatures": signatures, "missing": missing, "declared": len(adapter.INTERNALS)}))
"""


@pytest.fixture(scope="module")
def probed() -> dict[str, object]:
    """What a fresh process with the sandbox fitted in finds inside MiniStack."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(list(SIGNATURES))],
        cwd=SANDBOX.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"The sandbox does not fit into this MiniStack:\n{done.stderr}"
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_version_is_the_one_the_adapter_was_written_for() -> None:
    assert version("ministack") == "1.5.33", "Read MiniStack's changes, mend the sandbox, then change this line."


def test_everything_the_sandbox_uses_is_still_there(probed: dict[str, object]) -> None:
    assert probed["missing"] == []
    assert int(str(probed["declared"])) > 10


def test_what_the_sandbox_replaces_is_still_called_alike(probed: dict[str, object]) -> None:
    assert probed["signatures"] == {f"{module}.{name}": names for (module, name), names in SIGNATURES.items()}


def test_only_the_adapter_imports_ministack() -> None:
    importing = []
    for path in sorted(SANDBOX.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "ministack" for name in names):
                importing.append(path.relative_to(SANDBOX).as_posix())
    assert set(importing) <= {"adapter.py"}
