"""manage_lf_tags as Terraform invokes it: a stable answer, a readable refusal, and patience with workflows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from datamesh.handlers import manage_lf_tags
from datamesh.handlers._runtime import utc_now
from datamesh.logic.tag_work import tag_work
from datamesh.models.errors import InvalidLfTags, RecordBusy
from datamesh.models.registry import Drop
from datamesh.settings import load
from tests.support.central import FakeCentral

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "manage_lf_tags",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
}


@pytest.fixture
def central(monkeypatch: pytest.MonkeyPatch) -> FakeCentral:
    load.cache_clear()
    central = FakeCentral()
    central.lf_tags.known = {}
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(manage_lf_tags, "Registry", lambda *_args, **_more: central.registry)
    monkeypatch.setattr(manage_lf_tags, "LfTags", lambda *_args, **_more: central.lf_tags)
    monkeypatch.setattr(manage_lf_tags, "LakeFormation", lambda *_args, **_more: central.lake_formation)
    monkeypatch.setattr(manage_lf_tags, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/own")
    monkeypatch.setattr(manage_lf_tags, "_pause", lambda: None)
    return central


def request(**tags: list[str]) -> dict[str, Any]:
    return {"domain_tag_key": "lob", "tags": tags, "tf": {"action": "create", "prev_input": None}}


def test_tags_are_made_and_the_answer_is_stable(central: FakeCentral) -> None:
    answer = manage_lf_tags.handler(request(channel=["web", "shop"]), CONTEXT)
    assert answer == {"tags": {"channel": ["shop", "web"]}}
    assert manage_lf_tags.handler(request(channel=["web", "shop"]), CONTEXT) == answer
    assert central.lf_tags.known == {"channel": {"web", "shop"}}


@pytest.mark.usefixtures("central")
def test_a_wrong_request_names_the_field() -> None:
    with pytest.raises(InvalidLfTags, match=r"tags\.channel.*lower case"):
        manage_lf_tags.handler(request(channel=["Web"]), CONTEXT)


def test_it_waits_for_the_workflow_that_works_on_tags(central: FakeCentral, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = 0

    def pause() -> None:
        nonlocal waits
        waits += 1
        work = central.registry.tag_work()
        if waits == 3 and work is not None:
            central.registry.write([Drop(work)])

    monkeypatch.setattr(manage_lf_tags, "_pause", pause)
    with tag_work(central.registry, "register_data_product/tables", utc_now()):
        manage_lf_tags.handler(request(channel=["web"]), CONTEXT)
    assert waits == 3
    assert central.lf_tags.known == {"channel": {"web"}}


def test_it_gives_up_when_tags_are_worked_on_for_too_long(central: FakeCentral) -> None:
    with (
        tag_work(central.registry, "register_data_product/tables", utc_now()),
        pytest.raises(RecordBusy, match="register_data_product"),
    ):
        manage_lf_tags.handler(request(channel=["web"]), CONTEXT)
    assert central.lf_tags.known == {}
