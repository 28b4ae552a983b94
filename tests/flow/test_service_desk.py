"""The subscription that docs/approvals.md shows: an API destination hears of requests that wait, and of no others."""

import json
import re
from typing import Any, cast

import pytest
from moto.events.models import EventPattern

from tests.support.terraform_plan import ROOT

SCENARIO = ROOT / "tests" / "plan" / "modules" / "event-subscription" / "to_api_destination.tfvars.json"
DOCUMENT = ROOT / "docs" / "approvals.md"


def event(status: str, source: str = "datamesh.central") -> dict[str, Any]:
    """Return the sample of DataProductAccessRequested."""
    sample: dict[str, Any] = json.loads(
        (ROOT / "tests" / "events" / "data_product_access_requested.json").read_text(encoding="utf-8")
    )
    sample["source"] = source
    sample["detail"]["data"]["status"] = status
    return sample


@pytest.mark.parametrize(
    ("told", "heard"),
    [(event("PENDING"), True), (event("APPROVED"), False), (event("PENDING", "datamesh.domain"), False)],
)
def test_it_hears_of_what_waits_alone(told: dict[str, Any], heard: bool) -> None:
    pattern = json.loads(SCENARIO.read_text(encoding="utf-8"))["event_pattern"]
    assert EventPattern.load(pattern).matches_event(cast("Any", told)) is heard


def test_the_document_shows_the_planned_pattern() -> None:
    pattern = json.loads(json.loads(SCENARIO.read_text(encoding="utf-8"))["event_pattern"])
    shown = re.search(r'"tell_service_desk".*?jsonencode\((.*?)\)\n', DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    # HCL's way to write an object, in JSON's.
    as_json = re.sub(r"([\w-]+) += ", r'"\1": ', shown[1]).replace("]\n", "],\n", 2)
    assert json.loads(as_json) == pattern
