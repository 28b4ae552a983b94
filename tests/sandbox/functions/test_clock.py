"""A function sees the sandbox's time, also when it is warm, and what it signs with it is let in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL
from tests.sandbox.functions.support import deploy, invoke

SOURCE = """
import datetime as module
import os
import time
from datetime import date, datetime, timezone
from time import time as imported

import boto3

at_start = datetime.now(timezone.utc).isoformat()

class Mine(datetime):
    pass

def handler(event, context):
    return {
        "start": at_start,
        "process": os.getpid(),
        "now": datetime.now(timezone.utc).isoformat(),
        "utcnow": module.datetime.utcnow().isoformat(),
        "kind": type(Mine.now(timezone.utc)).__name__,
        "exact": type(datetime.now()) is datetime,
        "today": date.today().isoformat(),
        "time": time.time(),
        "imported": imported(),
        "ns": time.time_ns() / 1e9,
        "year": time.gmtime().tm_year,
        "left": context.get_remaining_time_in_millis(),
        "caller": boto3.client("sts").get_caller_identity()["Account"],
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
    }
"""
DAY = 86_400.0


def test_a_function_sees_the_time_a_test_moved_cold_and_warm(
    clean_sandbox: Sandbox, make_role: Callable[..., str]
) -> None:
    role = make_role("clock", {"Action": "dynamodb:ListTables", "Resource": "*"})
    deploy(clean_sandbox, CENTRAL, "clock", SOURCE, role)
    cold = invoke(clean_sandbox, CENTRAL, "clock")
    assert abs(cold["time"] - time.time()) < 5
    clean_sandbox.advance(400 * DAY)
    warm = invoke(clean_sandbox, CENTRAL, "clock")
    expected = datetime.fromisoformat(clean_sandbox.now()).timestamp()
    assert warm["process"] == cold["process"]
    assert warm["start"] == cold["start"]
    for told in (
        warm["time"],
        warm["imported"],
        warm["ns"],
        datetime.fromisoformat(warm["now"]).timestamp(),
        datetime.fromisoformat(warm["utcnow"] + "+00:00").timestamp(),
    ):
        assert abs(told - expected) < 5, json.dumps(warm)
    assert warm["year"] == datetime.fromisoformat(clean_sandbox.now()).year
    assert warm["today"] == clean_sandbox.now()[:10]
    assert (warm["kind"], warm["exact"], warm["caller"], warm["tables"]) == ("Mine", True, CENTRAL, [])
    assert 0 < warm["left"] <= 30_000
    clean_sandbox.reset()
    role = make_role("clock", {"Action": "dynamodb:ListTables", "Resource": "*"})
    deploy(clean_sandbox, CENTRAL, "clock", SOURCE, role)
    assert abs(invoke(clean_sandbox, CENTRAL, "clock")["time"] - time.time()) < 5


def test_a_signature_far_from_either_time_is_still_refused(clean_sandbox: Sandbox) -> None:
    clean_sandbox.advance(DAY)
    # The test process signs with the machine's time: that is let in as well.
    assert clean_sandbox.client("sts", CENTRAL).get_caller_identity()["Account"] == CENTRAL
