"""The Data Catalog's resource policy: kept and returned, so that onboarding can find one; it grants nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sandbox import clock
from sandbox.api import AwsError, Call
from sandbox.glue import errors

_policies: dict[tuple[str, str], dict[str, Any]] = {}


def document(account: str, region: str) -> dict[str, Any] | None:
    """The policy of an account's catalog, parsed."""
    found = _policies.get((account, region))
    return json.loads(found["PolicyInJson"]) if found else None


def put_resource_policy(call: Call) -> dict[str, Any]:
    """PutResourcePolicy, with its conditions on what is there."""
    key, text = (call.caller.account, call.region), call.params["PolicyInJson"]
    try:
        json.loads(text)
    except ValueError as failure:
        raise errors.invalid("Policy is not valid JSON.") from failure
    old = _policies.get(key)
    _check(call, old, call.params.get("PolicyExistsCondition", "NONE"))
    now = int(clock.time())
    policy_hash = hashlib.sha256(text.encode()).hexdigest()
    _policies[key] = {
        "PolicyInJson": text,
        "PolicyHash": policy_hash,
        "CreateTime": old["CreateTime"] if old else now,
        "UpdateTime": now,
        "EnableHybrid": call.params.get("EnableHybrid", "FALSE"),
    }
    return {"PolicyHash": policy_hash}


def _check(call: Call, old: dict[str, Any] | None, condition: str) -> None:
    if condition == "MUST_EXIST" and old is None:
        raise AwsError("EntityNotFoundException", "Policy not found.")
    if condition == "NOT_EXIST" and old is not None:
        raise AwsError("ConditionCheckFailureException", "A policy exists.")
    wanted = call.params.get("PolicyHashCondition")
    if wanted and (old or {}).get("PolicyHash") != wanted:
        raise AwsError("ConditionCheckFailureException", "The policy hash does not match.")


def get_resource_policy(call: Call) -> dict[str, Any]:
    """GetResourcePolicy of the caller's own catalog."""
    found = _policies.get((call.caller.account, call.region))
    if found is None:
        raise AwsError("EntityNotFoundException", "Policy not found.")
    return {key: value for key, value in found.items() if key != "EnableHybrid"}


def delete_resource_policy(call: Call) -> dict[str, Any]:
    """DeleteResourcePolicy, where the hash matches when one is given."""
    old = _policies.get((call.caller.account, call.region))
    _check(call, old, "MUST_EXIST")
    del _policies[(call.caller.account, call.region)]
    return {}


def get_state() -> dict[tuple[str, str], dict[str, Any]]:
    """For snapshots."""
    return {key: dict(value) for key, value in _policies.items()}


def set_state(state: dict[tuple[str, str], dict[str, Any]]) -> None:
    """For snapshots."""
    _policies.clear()
    _policies.update({key: dict(value) for key, value in state.items()})
