"""A domain (sales) that forwards to central: the mesh's road without the mesh."""

from __future__ import annotations

import pytest

from sandbox.client import Sandbox
from tests.sandbox.events.world import CENTRAL, ORGANIZATION, SALES, World, allow, bus_arn


@pytest.fixture
def world(clean_sandbox: Sandbox) -> World:
    """An empty sandbox."""
    return World(clean_sandbox)


@pytest.fixture(scope="session")
def road_snapshot(sandbox: Sandbox) -> str:
    """The road, built once: most tests close it in one place."""
    sandbox.reset()
    _build_road(World(sandbox))
    sandbox.snapshot("events-road")
    return "events-road"


@pytest.fixture
def road(sandbox: Sandbox, road_snapshot: str) -> World:
    """sales' bus → central's bus (open to the organization, for `shop`'s `Sold`) → a queue in central."""
    sandbox.restore(road_snapshot)
    return World(sandbox)


def _build_road(world: World) -> None:
    world.bus(
        CENTRAL,
        "central",
        {
            "Sid": "Members",
            "Principal": "*",
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalOrgID": ORGANIZATION,
                    "events:source": "shop",
                    "events:detail-type": "Sold",
                }
            },
        },
    )
    world.bus(SALES, "domain")
    out = world.rule(SALES, "domain", "to-central")
    role = world.role(
        SALES,
        "forward",
        allow("events:PutEvents", bus_arn(CENTRAL, "central")),
        Condition={"StringEquals": {"aws:SourceAccount": SALES}, "ArnEquals": {"aws:SourceArn": out}},
    )
    letters = world.queue(SALES, "forward-dlq", out)
    world.target(
        SALES,
        "domain",
        "to-central",
        bus_arn(CENTRAL, "central"),
        RoleArn=role,
        DeadLetterConfig={"Arn": letters},
        RetryPolicy={"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
    )
    arrived = world.rule(CENTRAL, "central", "arrived", {"source": ["shop"], "account": [SALES]})
    world.target(CENTRAL, "central", "arrived", world.queue(CENTRAL, "arrived", arrived))
