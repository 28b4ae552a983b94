"""Inventories: what a plan must hold, as a YAML file of the part that its scenario is about.

    counts:      {<resource type>: number, resources: number of all managed ones}
    values:      {<address>: part of its values}
    outputs:     {<name>: value or part of it}
    references:  {<address>: {<argument>: [what its expression refers to, among others]}}

Mappings match when the plan has at least their keys; lists must have the same length, and those of plain values may
be in any order. `__missing__` stands for a value that is null, absent or known only after apply, and instead of the
values of a whole resource for a resource that is not there. Where a mapping or a list is wanted and the plan has
text, the text is read as JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.terraform_plan import Plan

MISSING = "__missing__"

# Set by the provider, the same in every plan, or without meaning before apply.
NOISE = frozenset({"id", "tags", "tags_all", "timeouts", "version", "minified_json", "json"})


def differences(plan: Plan, inventory: Mapping[str, Any]) -> list[str]:
    """Return how a plan differs from what an inventory says about it, one sentence each."""
    unknown = set(inventory) - {"counts", "values", "outputs", "references"}
    found = [f"{key}: not a part of an inventory" for key in sorted(unknown)]
    found += _count_differences(plan, inventory.get("counts") or {})
    for address, expected in (inventory.get("values") or {}).items():
        resource = plan.resources.get(address)
        if expected == MISSING:
            found += [f"{address}: should not be there"] if resource else []
        elif resource is None:
            found.append(f"{address}: is not there")
        else:
            found += _differ(expected, resource.values, address)
    for name, expected in (inventory.get("outputs") or {}).items():
        found += _differ(expected, plan.outputs.get(name, MISSING), f"output {name}")
    for address, arguments in (inventory.get("references") or {}).items():
        for argument, expected in arguments.items():
            references = plan.references(address, argument)
            found += [
                f"{address}.{argument}: does not refer to {name}, only to {sorted(references)}"
                for name in expected
                if name not in references
            ]
    return found


def counts(plan: Plan) -> dict[str, int]:
    """Return how many managed resources of each type there are, and of all together."""
    types = Counter(each.type for each in plan.resources.values() if not _is_data(each.address))
    return {**dict(sorted(types.items())), "resources": types.total()}


def _is_data(address: str) -> bool:
    return address.startswith("data.") or ".data." in address


def _count_differences(plan: Plan, expected: Mapping[str, int]) -> Iterator[str]:
    actual = counts(plan)
    for kind, number in expected.items():
        if actual.get(kind, 0) != number:
            yield f"counts: {number} {kind} expected, {actual.get(kind, 0)} planned"


def _differ(expected: Any, actual: Any, where: str) -> Iterator[str]:
    if expected == MISSING:
        if actual is not None and actual != MISSING:
            yield f"{where}: should be missing, is {actual!r}"
        return
    if isinstance(expected, (Mapping, list)) and isinstance(actual, str) and actual != MISSING:
        actual = json.loads(actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key, value in expected.items():
            yield from _differ(value, actual.get(key, MISSING), f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        if all(isinstance(each, (str, int, float)) for each in [*expected, *actual]):
            expected, actual = sorted(expected, key=str), sorted(actual, key=str)
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _differ(one, other, f"{where}[{index}]")
    elif expected != actual:
        yield f"{where}: {expected!r} expected, {actual!r} planned"


def describe(plan: Plan) -> dict[str, Any]:
    """Return an inventory of all that is known in a plan, to be cut down to what its scenario is about."""
    values = {
        address: _plain({key: value for key, value in each.values.items() if key not in NOISE})
        for address, each in sorted(plan.resources.items())
    }
    outputs = {name: _plain(value) for name, value in sorted(plan.outputs.items())}
    return {
        "counts": counts(plan),
        "values": {address: each for address, each in values.items() if each},
        "outputs": {name: value for name, value in outputs.items() if value is not None},
    }


def _plain(value: Any) -> Any:
    """Leave out what says nothing, and show JSON documents as what they say."""
    if isinstance(value, Mapping):
        plain = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in plain.items() if each not in (None, [], {}, "")}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
