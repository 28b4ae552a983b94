"""Buses, rules, targets, policies, archives and API destinations as MiniStack stores them, and its dispatch replaced.

All of it goes through `sandbox.adapter`, which knows what of MiniStack's inside the sandbox relies on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sandbox import adapter, clock
from sandbox.api import AwsError
from sandbox.events.model import Arn

_MODULE = "services.eventbridge"

adapter.uses(
    _MODULE,
    "_EventView",
    "_api_destination_send_sync",
    "_api_destinations",
    "_archives",
    "_build_api_destination_request",
    "_connection_auth_headers",
    "_connections",
    "_event_bus_policies",
    "_event_buses",
    "_matches_pattern_view",
    "_render_input_template",
    "_resolve_http_parameters",
    "_rule_key",
    "_rules",
    "_targets",
)
adapter.uses("core.responses", "json_response", "error_response_json")


def _of(name: str) -> Any:  # noqa: ANN401 - MiniStack is untyped
    return adapter.internal(_MODULE, name)


# --- look-ups ---------------------------------------------------------------------------------------------------------


def bus_exists(account: str, region: str, name: str) -> bool:
    """Whether the account has this bus; every account has the default bus."""
    return name == "default" or bool(_of("_event_buses").contains_scoped(account, region, name))


def bus_count(account: str, region: str) -> int:
    """How many buses the account has, the default bus included."""
    names = {key for key, _ in _of("_event_buses").items_scoped(account, region)}
    return len(names | {"default"})


def rules(account: str, region: str, bus: str) -> list[dict[str, Any]]:
    """The rules of a bus, as MiniStack keeps them."""
    return [rule for _, rule in _of("_rules").items_scoped(account, region) if rule.get("EventBusName") == bus]


def targets(account: str, region: str, bus: str, rule: str) -> list[dict[str, Any]]:
    """The targets of a rule."""
    found = _of("_targets").get_scoped(account, region, _of("_rule_key")(rule, bus))
    return [dict(target) for target in found or []]


def set_bus_policy(arn: str, policy: dict[str, Any]) -> None:
    """Replace the resource policy of a bus, as it was sent: with every `Sid` and `Condition`."""
    bus = Arn.parse(arn)
    _of("_event_bus_policies").set_scoped(bus.account, bus.region, bus.resource.removeprefix("event-bus/"), policy)


# --- matching and shaping ---------------------------------------------------------------------------------------------


def matches(pattern: str, envelope: Mapping[str, Any]) -> bool:
    """Whether an event, as an envelope, matches an event pattern."""
    without = {key: value for key, value in envelope.items() if key != "detail"}
    view = _of("_EventView")(without, json.dumps(envelope.get("detail", {})))
    return bool(_of("_matches_pattern_view")(pattern, view))


def render_template(template: str, values: Mapping[str, Any]) -> str:
    """Fill an input template's `<name>` places."""
    return str(_of("_render_input_template")(template, dict(values)))


# --- archives ---------------------------------------------------------------------------------------------------------


def archive(record: Mapping[str, Any], envelope: Mapping[str, Any], bus_arn: str) -> None:
    """Keep an event in every archive of its bus whose pattern it matches.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html
    """
    bus = Arn.parse(bus_arn)
    for _, found in _of("_archives").items_scoped(bus.account, bus.region):
        pattern = found.get("EventPattern")
        if found.get("EventSourceArn") == bus_arn and (not pattern or matches(pattern, envelope)):
            found.setdefault("Events", []).append(dict(record))
            found["EventCount"] = found.get("EventCount", 0) + 1


# --- API destinations -------------------------------------------------------------------------------------------------


def connection_exists(arn: str) -> bool:
    """Whether this is the ARN of a connection."""
    where = Arn.parse(arn)
    found = _of("_connections").get_scoped(where.account, where.region, where.resource.split("/")[1])
    return bool(found) and found["ConnectionArn"] == arn


def rename(member: str, name: str, arn: str) -> None:
    """Give a connection or API destination of the current account another ARN."""
    found = _of("_connections" if member == "ConnectionArn" else "_api_destinations").get(name)
    found[member] = arn


def call_api_destination(arn: str, payload: str, envelope: Mapping[str, Any], target: Mapping[str, Any]) -> int | None:
    """Send to an API destination with its connection's credentials.

    Returns the HTTP status, or None when the destination or its connection is missing or inactive. Raises `OSError`
    when the endpoint cannot be reached.
    """
    where = Arn.parse(arn)
    destination = _of("_api_destinations").get_scoped(where.account, where.region, where.resource.split("/")[1])
    if not destination or destination.get("ApiDestinationState") != "ACTIVE":
        return None
    name = Arn.parse(str(destination["ConnectionArn"])).resource.split("/")[1]
    connection = _of("_connections").get_scoped(where.account, where.region, name)
    if not connection or connection.get("ConnectionState") != "AUTHORIZED":
        return None
    parameters = _of("_resolve_http_parameters")(target.get("HttpParameters") or {}, dict(envelope))
    request = _of("_build_api_destination_request")(destination, connection, parameters, payload)
    request["url"] = _local(request["url"])
    token = (where.account, where.region, name)
    send = _of("_api_destination_send_sync")
    status = int(send(request, _of("_connection_auth_headers")(connection, token)))
    if status in {401, 407} and connection.get("AuthorizationType") == "OAUTH_CLIENT_CREDENTIALS":
        fresh = _of("_connection_auth_headers")(connection, token, force_refresh=True)
        status = int(send(request, fresh))
    return status


def _local(url: str) -> str:
    """API destinations must be HTTPS (API_CreateApiDestination); on this machine plain HTTP stands for it."""
    split = urlsplit(url)
    if split.scheme == "https" and split.hostname in {"127.0.0.1", "localhost"}:
        return urlunsplit(split._replace(scheme="http"))
    return url


# --- MiniStack's own emitters -----------------------------------------------------------------------------------------

PutEntries = Callable[[list[dict[str, Any]], bool], dict[str, Any]]
Dispatch = Callable[[Mapping[str, Any]], None]
InvokeTarget = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], None]


def replace_delivery(put_entries: PutEntries, dispatch: Dispatch, invoke_target: InvokeTarget) -> None:
    """Put these in the place of MiniStack's PutEvents, rule matching and target invocation.

    They run in the account and region that MiniStack has made current: `put_entries(entries, from_aws)` for its service
    events and for state machines, `dispatch(record)` for replays and notifications, and
    `invoke_target(target, record, rule)` for schedules.
    """
    answer = adapter.internal("core.responses", "json_response")
    refuse = adapter.internal("core.responses", "error_response_json")

    def put_events(data: Mapping[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: ANN401
        try:
            return answer(put_entries(list(data.get("Entries") or []), allow_aws_source))
        except AwsError as error:
            return refuse(error.code, error.message, error.status)

    def dispatch_event(event: Mapping[str, Any], view: object = None) -> None:  # noqa: ARG001
        dispatch(event)

    def invoke(
        target: Mapping[str, Any],
        event: Mapping[str, Any],
        rule: Mapping[str, Any],
        view: object = None,  # noqa: ARG001
    ) -> None:
        invoke_target(target, event, rule)

    # Schedules, archives and replays keep the sandbox's time, so that a test can move it.
    adapter.patch(_MODULE, "_now_ts", lambda _: clock.time)
    adapter.patch(_MODULE, "_put_events", lambda _: put_events)
    adapter.patch(_MODULE, "_dispatch_event", lambda _: dispatch_event)
    adapter.patch(_MODULE, "_invoke_target", lambda _: invoke)
