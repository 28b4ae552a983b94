"""The front door: every API call of every service comes in here, in place of MiniStack's dispatcher.

It finds who calls, whose resource is meant and which faults are armed; calls of services the sandbox serves or gates
itself (Lake Formation, RAM, Glue, Athena) it answers, all others run in MiniStack, in the owner's account.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox import adapter, authz, faults, gate, ledger, owners, resources, wire
from sandbox.api import AwsError, Call, Caller, Decision, Json
from sandbox.cognito import browsers
from sandbox.owners import Request

Answer = tuple[int, dict[str, str], Any]

adapter.uses(
    "app",
    "_credential_failure",
    "_decompress_request_body",
    "_routing_params",
    "_dispatch_service_request",
    "call_service_handler_sync",
)
adapter.uses("core.router", "detect_service", "extract_access_key_id", "extract_region")
adapter.uses("core.iam_actions", "SERVICE_TO_IAM_NAMESPACE", "extract_iam_action")

# Services that also answer requests no IAM action stands for: sign-up, sign-in, tokens.
_OPEN_SERVICES = {"cognito-idp", "cognito-identity", "sts", "imds", "ecs-metadata"}
# Rooms that know the resources of their calls; [] leaves the check to the room.
_RESOURCES_OF = {
    "events": ("sandbox.events.resources", "event_resources"),
    "glue": ("sandbox.glue.resources", "glue_resources"),
    "scheduler": ("sandbox.scheduler.management", "scheduler_resources"),
}


def install() -> None:
    """Put the front door and the gate in MiniStack's place."""
    adapter.patch("app", "_dispatch_service_request", _dispatcher)
    adapter.patch("core.iam_evaluator", "enforce", gate.enforce)
    authz.install()
    adapter.patch("core.iam_evaluator", "evaluate_trust_policy", gate.trust)
    adapter.patch("core.iam_evaluator", "pin_request_caller", gate.pin_request_caller)
    adapter.patch("core.iam_evaluator", "resource_policy_allows", gate.resource_policy_allows)
    adapter.patch("core.iam_actions", "access_denied_response", gate.access_denied_response)


def _dispatcher(original: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    async def dispatch(  # noqa: PLR0917  MiniStack's signature
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]], request_id: str
    ) -> Answer:
        request, region = _routed(method, path, headers, body, query)
        account = adapter.account()
        key = adapter.internal("core.router", "extract_access_key_id")(headers, query)
        context = {"account": account, "principal": authz.arn_of_key(key, account)}
        names = _names(request)
        entries = ledger.Collection()
        collecting = ledger.collecting.set(entries)
        try:
            await asyncio.to_thread(faults.before_call, request.service, names, **context)
            if request.service in adapter.handlers or request.service in adapter.gates:
                answer = await _own(request, account, region, key)
            else:
                if ":" not in names and request.service not in _OPEN_SERVICES:
                    _refuse_unknown(request, key)
                answer = await _ministack(original, request, account, region, request_id)
            if answer[0] < 400:
                faults.after_call(request.service, names, **context)
        except AwsError as failure:
            answer = _refuse(request, failure)
            if request.service == "cognito-idp":
                # Pages call it across origins: without these headers they would not be told why.
                answer = (answer[0], browsers.with_headers(answer[1]), answer[2])
            ledger.mark(entries, failure.code)
        finally:
            entries.closed = True
            ledger.collecting.reset(collecting)
        if answer[0] >= 400:
            ledger.mark(entries, _error_code(answer))
        return answer

    return dispatch


def _error_code(answer: Answer) -> str:
    """The code in an error answer, whatever its protocol."""
    status, headers, body = answer
    named = next((value for name, value in headers.items() if name.lower() == "x-amzn-errortype"), "")
    if named:
        return str(named).split(":")[0]
    text = bytes(body[:2000]) if isinstance(body, bytes | bytearray) else b""
    found = re.search(rb'<Code>([^<]+)</Code>|"__type": ?"(?:[^"#]*#)?([^"]+)"', text)
    return (found.group(1) or found.group(2)).decode() if found else str(status)


def _routed(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> tuple[Request, str]:
    detect = adapter.internal("core.router", "detect_service")
    routing = adapter.internal("app", "_routing_params")(method, path, headers, body, query)
    service = detect(method, path, headers, routing)
    region = adapter.internal("core.router", "extract_region")(headers, query)
    return Request(service, method, path, headers, query, body, routing), region


def _names(request: Request) -> str:
    """The operation and the IAM action of a request, for faults that name either."""
    action = adapter.internal("core.iam_actions", "extract_iam_action")(
        request.service, request.method, request.path, request.headers, request.body, request.params
    )
    return "|".join(name for name in (request.operation(), action) if name)


def _refuse_unknown(request: Request, key: str) -> None:
    """A request that stands for no IAM action is the root user's only: nobody could have allowed it."""
    if adapter.internal("core.iam_evaluator", "_anonymous").get():
        return
    caller = gate.caller(key)
    if isinstance(caller, AwsError):
        raise caller
    if not caller.is_root:
        action = f"{request.service}:{request.operation() or 'Unknown'}"
        reason = f"because no identity-based policy allows the {action} action"
        raise authz.refusal(caller.arn, action, "*", Decision(allowed=False, explicit_deny=False, reason=reason))


def _refuse(request: Request, failure: AwsError) -> Answer:
    try:
        return wire.error(request.service, failure, request.headers)
    except Exception:  # noqa: BLE001  a service botocore does not know still gets an answer
        return failure.status, {"Content-Type": "application/json"}, f'{{"__type": "{failure.code}"}}'.encode()


def call(
    service: str, operation: str, params: dict[str, Any], *, access_key: str, account: str, region: str
) -> dict[str, Any]:
    """A call from inside (a state machine's task, a scheduler) as whom the access key belongs to; raises `AwsError`.

    It passes the same door as one from outside; only its signature is not asked for. From a worker thread.
    """
    method, path, headers, query, body = wire.request(service, operation, params)
    scope = f"{access_key}/20240101/{region}/{service}/aws4_request"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    headers["host"] = f"{service}.{region}.amazonaws.com"
    request_id = str(uuid.uuid4())

    async def dispatch(*request: Json) -> Answer:
        adapter.internal("core.iam_evaluator", "_signed_request").set(None)
        adapter.internal("core.iam_evaluator", "_anonymous").set(False)
        door: Callable[..., Awaitable[Answer]] = adapter.internal("app", "_dispatch_service_request")
        return await door(*request, request_id)

    def send() -> Answer:
        with adapter.scope(account, region):
            answer: Answer = adapter.internal("app", "call_service_handler_sync")(
                dispatch, method, path, headers, body, query
            )
            return answer

    status, answered, payload = contextvars.copy_context().run(send)
    return wire.response(service, operation, status, answered, payload)


# --- MiniStack's services ---------------------------------------------------------------------------------------------


async def _ministack(
    original: Callable[..., Awaitable[Answer]], request: Request, account: str, region: str, request_id: str
) -> Answer:
    owner, owner_region = owners.owner_of(request) or (account, region)
    _expected_owner(request, owner)
    token = gate.front.set(gate.Front(request, account, owner, owner_region))
    try:
        with adapter.scope(owner, owner_region):
            return await original(
                request.method, request.path, request.headers, request.body, request.query, request_id
            )
    finally:
        gate.front.reset(token)


def _expected_owner(request: Request, owner: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html: 403 on a mismatch."""
    expected = request.headers.get("x-amz-expected-bucket-owner")
    if request.service == "s3" and expected and expected != owner:
        raise AwsError("AccessDenied", "Access Denied", 403)


# --- the sandbox's services -------------------------------------------------------------------------------------------


async def _own(request: Request, account: str, region: str, key: str) -> Answer:
    caller = gate.caller(key)
    if isinstance(caller, AwsError):
        return wire.error(request.service, caller)
    with adapter.scope(account, region):
        return await asyncio.to_thread(_answer, request, caller, region)


def _answer(request: Request, caller: Caller, region: str) -> Answer:
    """In a worker thread: decode, authorise, handle, encode. Raises `AwsError`."""
    service = request.service
    operation, params = wire.decode(
        service,
        method=request.method,
        path=request.path,
        headers=request.headers,
        query=request.query,
        body=request.body,
    )
    call = Call(service, operation, params, caller, region)
    result = handle(call)
    return wire.encode(service, operation, result)


def handle(call: Call) -> dict[str, Any]:
    """Authorise and carry out a call of a service the sandbox serves or gates; raises `AwsError`."""
    context = resources.request_context(call)
    for resource in _resources(call):
        authz.require(call.caller.arn, f"{call.service}:{call.operation}", resource, context=context)
    handler = adapter.handlers.get(call.service)
    if handler is not None:
        return handler(call)
    return adapter.gates[call.service](call, _next)


def _next(call: Call) -> dict[str, Any]:
    """MiniStack's own handler, in the account whose scope is current."""
    return adapter.invoke_raw(
        call.service, call.operation, call.params, account=adapter.account(), region=adapter.region()
    )


def _resources(call: Call) -> list[str]:
    """The ARNs AWS checks `<service>:<Operation>` on."""
    if call.service in _RESOURCES_OF:
        module, name = _RESOURCES_OF[call.service]
        found: list[str] = getattr(importlib.import_module(module), name)(call)
        return found
    if call.service == "athena":
        group = call.params.get("WorkGroup") or "primary"
        if call.operation.startswith("List") and "WorkGroup" not in call.params:
            return ["*"]
        return [f"arn:aws:athena:{call.region}:{call.caller.account}:workgroup/{group}"]
    return ["*"]
