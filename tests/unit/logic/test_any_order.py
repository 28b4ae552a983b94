"""Whatever the order and however often events arrive, what remains is the same."""

import copy
import uuid
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.models.permissions import FilterResource
from tests.support.central import FLOW_OF, FakeCentral, central_with
from tests.support.central_commands import (
    MARKETING,
    event,
    product_spec,
    register_domain,
    register_product,
    request_access,
    table_spec,
)

# The steps in the order of the state machines, which tests/unit/logic/test_register_*.py walk themselves.
ORDER = {
    "register_data_domain": ("admit", "verify", "prepare", "route", "record", "tell", "confirm"),
    "register_data_product": ("admit", "tables", "grant", "record", "tell", "confirm"),
    "share_data_product": ("admit", "grant", "record", "confirm"),
    "index_data_product": ("index",),
}
COLUMNS = [{"name": "id", "type": "bigint"}]
PRODUCT = product_spec(table_spec("flights", columns=COLUMNS), table_spec("airports", columns=COLUMNS))
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def _prepared(*domains: str, product: bool = False) -> FakeCentral:
    return central_with(*domains, product=PRODUCT if product else None)


def prepared(*domains: str, product: bool = False) -> FakeCentral:
    """Return central with domains registered, and if wanted a product; made once, copied often."""
    return copy.deepcopy(_prepared(*domains, product=product))


def run(central: FakeCentral, envelope: dict[str, Any]) -> None:
    """Run a flow without its state machine, which is quicker."""
    flow = FLOW_OF.get(envelope["detail-type"], "index_data_product")
    central.executions += 1
    payload: dict[str, Any] = {}
    for step in ORDER[flow]:
        result = central.step(flow, step, envelope, f"execution-{central.executions}", **payload)
        if result["outcome"] in {"rejected", "duplicate", "pending"}:
            return
        payload |= {name: result[name] for name in ("tables", "resource_shares") if name in result}


def meaning(central: FakeCentral) -> dict[str, Any]:
    """Return what remains, without which of several commands came last."""
    state = central.state()
    for record in state["registry"].values():
        if isinstance(record, dict):
            for name in ("stamp", "content_stamp", "index", "crawl", "linked", "secret_arn"):
                record.pop(name, None)
    return state


VERSIONS = [
    register_product(product_spec(table_spec("flights"), description="first"), minute=1, event_id=uuid.UUID(int=11)),
    register_product(
        product_spec(table_spec("flights", description="d"), table_spec("airports"), classification="public"),
        minute=2,
        event_id=uuid.UUID(int=12),
    ),
    register_product(
        product_spec(table_spec("airports", columns=[{"name": "code", "type": "string", "pii": True}]), pii=True),
        minute=3,
        event_id=uuid.UUID(int=13),
    ),
    register_product(product_spec(table_spec("planes"), description="last"), minute=3, event_id=uuid.UUID(int=14)),
]


@FEW
@given(st.permutations(VERSIONS), st.lists(st.sampled_from(VERSIONS), max_size=4))
def test_registrations_in_any_order_and_number_end_alike(order: list[Any], repeated: list[Any]) -> None:
    expected, central = prepared("sales"), prepared("sales")
    for command in VERSIONS:
        run(expected, command)
    for command in [*order, *repeated]:
        run(central, command)
    final, wanted = meaning(central), meaning(expected)
    # Types and descriptions that a late command declared for a table that exists are not written twice: compare tables
    # by what the newest word on each says.
    assert final == wanted


REPEATED = register_product(product_spec(table_spec("flights"), table_spec("airports")))


@FEW
@given(
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=2), st.sampled_from(ORDER["register_data_product"])), max_size=24
    )
)
def test_one_command_in_three_executions_at_once_ends_as_in_one(schedule: list[tuple[int, str]]) -> None:
    """Steps of three executions of one command interleave; those that do not hold the record do nothing."""
    central, expected = prepared("sales"), prepared("sales")
    run(expected, REPEATED)
    payloads: list[dict[str, Any]] = [{}, {}, {}]
    ended, at = [False] * 3, [0, 0, 0]
    for number, _ in [*schedule, *[(number, "") for number in range(3) for _ in range(6)]]:
        steps = ORDER["register_data_product"]
        if ended[number] or at[number] == len(steps):
            continue
        result = central.step(
            "register_data_product", steps[at[number]], REPEATED, f"execution-{number}", **payloads[number]
        )
        payloads[number] |= {name: result[name] for name in ("tables", "resource_shares") if name in result}
        ended[number] = result["outcome"] == "duplicate"
        at[number] += 1
    assert meaning(central) == meaning(expected)
    assert sum(ended) == 2


@FEW
@given(st.lists(st.sampled_from(["before", "after"]), max_size=4), st.data())
def test_a_registration_that_keeps_crashing_heals(crashes: list[Any], data: st.DataObject) -> None:
    central, expected = prepared("sales"), prepared("sales")
    run(expected, REPEATED)
    for number, when in enumerate(crashes):
        stop = data.draw(st.sampled_from(ORDER["register_data_product"]))
        payload: dict[str, Any] = {}
        for step in ORDER["register_data_product"]:
            if step == stop and when == "before":
                break
            result = central.step("register_data_product", step, REPEATED, f"crash-{number}", **payload)
            if result["outcome"] == "duplicate":
                break
            payload |= {name: result[name] for name in ("tables", "resource_shares") if name in result}
            if step == stop:
                break
        # The state machine records the failure.
        central.step("register_data_product", "fail", REPEATED, f"crash-{number}")
    run(central, REPEATED)
    assert meaning(central) == meaning(expected)


FACTS = [
    event(
        name,
        {
            "domain": "sales",
            "product": "air_travel",
            "tables": [{"name": "flights", "columns": 1, "digest": "d", "changed": True}]
            if name == "DataProductSchemaUpdated"
            else [{"name": "flights", "status": "FAILED", "error": None}],
        },
        minute=minute,
        event_id=uuid.UUID(int=minute),
    )
    for name, minute in [
        ("DataProductSchemaUpdated", 1),
        ("DataProductCrawlFailed", 2),
        ("DataProductSchemaUpdated", 3),
        ("DataProductCrawlFailed", 4),
    ]
]


@FEW
@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS), max_size=4))
def test_facts_in_any_order_and_number_end_with_the_newest(order: list[Any], repeated: list[Any]) -> None:
    central = prepared("sales", product=True)
    for fact in [*order, *repeated]:
        run(central, fact)
    _, table = central.registry.tables("sales", "air_travel")
    assert table.crawl is not None
    assert (table.crawl.status, table.crawl.stamp.event_id) == ("FAILED", uuid.UUID(int=4))
    assert table.index is not None
    assert table.index.stamp.event_id == uuid.UUID(int=3)


REQUESTS = [
    request_access(uuid.UUID(int=number), tables=[table]) for number, table in [(1, "flights"), (2, "airports")]
]


def granted_to(central: FakeCentral, who: str) -> set[str]:
    """Return the tables of which an account or principal may read something."""
    return {
        resource.table
        for (principal, resource), (held, _) in central.lake_formation.granted.items()
        if isinstance(resource, FilterResource) and principal == who and "SELECT" in held
    }


@FEW
@given(st.lists(st.sampled_from([*REQUESTS, register_domain("marketing", minute=2)]), min_size=1, max_size=6))
def test_requests_in_any_order_and_number_grant_what_was_asked(commands: list[Any]) -> None:
    central = prepared("sales", "marketing", product=True)
    for command in commands:
        run(central, command)
    asked = {each["detail"]["data"]["tables"][0] for each in commands if each in REQUESTS}
    assert granted_to(central, MARKETING) == asked
    assert {grant.tables[0] for grant in central.registry.grants("sales", "air_travel")} == asked


PRODUCTS = st.builds(
    lambda **said: said,
    classification=st.sampled_from([None, "public", "internal", "confidential", "restricted"]),
    pii=st.sampled_from([None, True, False]),
)


@FEW
@given(st.lists(st.tuples(PRODUCTS, st.booleans()), min_size=1, max_size=4))
def test_nothing_sensitive_is_ever_granted(said: list[tuple[dict[str, Any], bool]]) -> None:
    """Whatever the producer declares, and whenever a consumer asks: a grant follows only an open declaration."""
    central = prepared("sales", "marketing")
    for number, (product, flagged) in enumerate(said):
        columns = [{"name": "passenger", "type": "string", "pii": flagged}]
        run(central, register_product(product_spec(table_spec("flights", columns=columns), **product), minute=number))
        before = bool(granted_to(central, MARKETING))
        run(central, request_access(uuid.UUID(int=number + 1), minute=number))
        after = bool(granted_to(central, MARKETING))
        is_open = product["classification"] in {"public", "internal"} and product["pii"] is False and not flagged
        assert before or after == is_open
        if before:
            return
