"""SQS queues that invoke functions: polled with the function's role, answered message by message.

MiniStack polls, batches and filters; who may be polled and what becomes of a batch is decided here.
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html

Knowingly different from AWS: batching windows are not waited for (a batch is what lies there when the poller comes, at
least every second), messages of a FIFO queue are handed over one batch at a time, and a role that loses a permission
stops the polling at once and visibly (`LastProcessingResult`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

from sandbox import adapter, authz, keys
from sandbox.api import Json

_MODULE = "services.lambda_svc"
adapter.uses(
    _MODULE,
    "_ESM_BACKOFF_SECONDS",
    "_esm_backoff_until",
    "_execute_function",
    "_get_func_record_for_qualifier",
    "_resolve_existing_esm_function",
    "time",
)
adapter.uses("services.sqs", "_delete_messages_for_esm")
adapter.uses("core.responses", "error_response_json")

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html (permissions)
_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")

_log = logging.getLogger(__name__)


def install() -> None:
    """Ask the role before a queue is mapped, before it is polled, and note it for every batch."""
    adapter.patch(_MODULE, "_create_esm", _checked)
    adapter.patch(_MODULE, "_iter_all_esms", _permitted)
    adapter.patch(_MODULE, "_run_sqs_batch", lambda _: _run)


def _is_queue(arn: str) -> bool:
    return arn.split(":")[2:3] == ["sqs"]


# --- making a mapping -------------------------------------------------------------------------------------------------


def _checked(original: Callable[[dict[str, Any]], Json]) -> Callable[[dict[str, Any]], Json]:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html."""

    def create(data: dict[str, Any]) -> Json:
        source = str(data.get("EventSourceArn", ""))
        if not _is_queue(source):
            return original(data)
        name, qualifier, error = adapter.internal(_MODULE, "_resolve_existing_esm_function")(
            data.get("FunctionName", "")
        )
        if error:
            return original(data)
        _, config = adapter.internal(_MODULE, "_get_func_record_for_qualifier")(name, qualifier)
        refusal = _refusal(data, config or {}, source)
        if refusal:
            return adapter.internal("core.responses", "error_response_json")(
                "InvalidParameterValueException", refusal, 400
            )
        return original(data)

    return create


def _refusal(data: dict[str, Any], config: dict[str, Any], source: str) -> str:
    role = str(config.get("Role", ""))
    for action in _ACTIONS:
        if not authz.check(role, f"sqs:{action}", source, resource_policy=adapter.queue_policy(source)).allowed:
            return f"The function execution role does not have permissions to call {action} on SQS"
    if int(data.get("BatchSize") or 10) > 10 and not data.get("MaximumBatchingWindowInSeconds"):
        return "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    visible, timeout = int(adapter.queue_attributes(source).get("VisibilityTimeout", 30)), int(config.get("Timeout", 3))
    if visible < timeout:
        return f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds"
    return ""


# --- polling ----------------------------------------------------------------------------------------------------------


def _permitted(original: Callable[[], Iterator[Json]]) -> Callable[[], Iterator[Json]]:
    """The mappings whose functions' roles may read their queues and, if there is one, use the queues' keys."""

    def mappings() -> Iterator[Json]:
        for account, region, mapping in original():
            if not _is_queue(str(mapping.get("EventSourceArn", ""))) or not mapping.get("Enabled", True):
                yield account, region, mapping
                continue
            with adapter.scope(account, region):
                refused = next((need for need in _needs(mapping) if not _decided(mapping, need, note=False)), None)
                if refused is not None:
                    told = f"PROBLEM: {refused[0]} denied to the function's role"
                    if mapping.get("LastProcessingResult") != told:
                        mapping["LastProcessingResult"] = told
                        _decided(mapping, refused, note=True)
                    continue
            yield account, region, mapping

    return mappings


Need = tuple[str, str, dict[str, str]]


def _needs(mapping: dict[str, Any]) -> list[Need]:
    """Action, resource and condition keys of all a poller does with the function's role."""
    queue = str(mapping["EventSourceArn"])
    needs: list[Need] = [(f"sqs:{action}", queue, {}) for action in _ACTIONS]
    account, region = queue.split(":")[4], queue.split(":")[3]
    key = adapter.key_arn(adapter.queue_attributes(queue).get("KmsMasterKeyId"), account, region)
    if key is not None:
        needs.append(("kms:Decrypt", key, keys.via_service("sqs", region, {"aws:sqs:arn": queue})))
    return needs


def _decided(mapping: dict[str, Any], need: Need, *, note: bool) -> bool:
    name, qualifier = mapping["FunctionName"], mapping.get("Qualifier")
    _, config = adapter.internal(_MODULE, "_get_func_record_for_qualifier")(name, qualifier)
    action, resource, context = need
    policy = adapter.key_policy(resource) if action.startswith("kms:") else adapter.queue_policy(resource)
    who = authz.principal_for(str((config or {}).get("Role", "")))
    decision = authz.decide(
        who,
        action,
        resource,
        context=context,
        resource_policy=policy,
        resource_account=authz.account_of(resource),
        key_policy_required=action.startswith("kms:"),
    )
    if note:
        authz.record(who, action, resource, decision, via="lambda.amazonaws.com")
    return decision.allowed


# --- a batch ----------------------------------------------------------------------------------------------------------


def _run(  # noqa: PLR0917  MiniStack's signature
    mapping: dict[str, Any],
    function: Json,
    event: dict[str, Any],
    batch: list[dict[str, Any]],
    queue_url: str,
    queue_name: str,
) -> None:
    """Invoke the function; what it did not take stays in the queue until its visibility timeout is over."""
    for need in _needs(mapping):
        _decided(mapping, need, note=True)
    result = adapter.internal(_MODULE, "_execute_function")(function, event)
    pauses = adapter.internal(_MODULE, "_esm_backoff_until")
    if result.get("error"):
        mapping["LastProcessingResult"] = "FAILED"
        _log.info("%s failed with a batch of %s: %s", mapping["FunctionName"], queue_name, result.get("body"))
        pauses[mapping["UUID"]] = _now() + adapter.internal(_MODULE, "_ESM_BACKOFF_SECONDS")
        return
    pauses.pop(mapping["UUID"], None)
    sent = {message["id"] for message in batch}
    failed = _failed(mapping, result.get("body"), sent)
    done = {message["receipt_handle"] for message in batch if message["id"] not in failed}
    if done:
        adapter.internal("services.sqs", "_delete_messages_for_esm")(queue_url, done)
    mapping["LastProcessingResult"] = f"OK - {len(done)} records" if not failed else f"OK - {len(failed)} failures"


def _failed(mapping: dict[str, Any], body: Json, sent: set[str]) -> set[str]:
    """The ids a function gives back; an answer that names none of the batch fails the whole batch.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        return set()
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body or "null")
        except ValueError:
            return sent
    if body is None or body == {}:
        return set()
    if not isinstance(body, dict) or not isinstance(body.get("batchItemFailures", []) or [], list):
        return sent
    named = [
        failure.get("itemIdentifier") if isinstance(failure, dict) else None
        for failure in body.get("batchItemFailures") or []
    ]
    return sent if any(name not in sent for name in named) else {str(name) for name in named}


def _now() -> float:
    found: float = adapter.internal(_MODULE, "time").time()
    return found
