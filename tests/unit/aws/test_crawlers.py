"""Glue crawlers: every call can be repeated, and a busy Glue is not an error."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from datamesh.aws.crawlers import Crawlers
from datamesh.aws.retry import Retrier
from datamesh.models.crawls import CrawlerState

NAME = "datamesh-domain-air_travel-flights-0123456789"
ROLE = "arn:aws:iam::222222222222:role/datamesh-domain-crawler"


@pytest.fixture
def glue() -> Iterator[tuple[Crawlers, Stubber]]:
    client = boto3.client("glue")
    with Stubber(client) as stubber:
        yield Crawlers(client, Retrier(total=2, sleep=lambda _: None)), stubber
        stubber.assert_no_pending_responses()


def create(crawlers: Crawlers) -> bool:
    return crawlers.create(
        name=NAME, role_arn=ROLE, database="datamesh_sales", link="flights", location_account="111111111111"
    )


def test_a_crawler_crawls_one_link_with_lake_formation_s_credentials(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_response(
        "create_crawler",
        {},
        {
            "Name": NAME,
            "Role": ROLE,
            "Description": "Made by crawl_data_product for one run and deleted after it.",
            "Targets": {"CatalogTargets": [{"DatabaseName": "datamesh_sales", "Tables": ["flights"]}]},
            "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
            "Configuration": json.dumps(
                {"Version": 1.0, "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}}
            ),
            "LakeFormationConfiguration": {"UseLakeFormationCredentials": True, "AccountId": "111111111111"},
        },
    )
    assert create(crawlers)


def test_in_one_account_the_credentials_are_its_own(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_response(
        "create_crawler",
        {},
        {
            "Name": NAME,
            "Role": ROLE,
            "Description": ANY,
            "Targets": ANY,
            "SchemaChangePolicy": ANY,
            "Configuration": ANY,
            "LakeFormationConfiguration": {"UseLakeFormationCredentials": True},
        },
    )
    assert crawlers.create(name=NAME, role_arn=ROLE, database="d", link="flights", location_account=None)


def test_a_crawler_that_exists_is_the_same_run_s(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("create_crawler", "AlreadyExistsException")
    assert create(crawlers)


@pytest.mark.parametrize("code", ["ResourceNumberLimitExceededException", "LimitExceededException"])
def test_no_room_for_a_crawler_now(glue: tuple[Crawlers, Stubber], code: str) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("create_crawler", code)
    assert not create(crawlers)
    stubber.add_client_error("start_crawler", code)
    assert not crawlers.start(NAME)


def test_a_role_that_glue_does_not_know_yet_is_waited_for(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("create_crawler", "InvalidInputException", f"Service is unable to assume role {ROLE}")
    stubber.add_response("create_crawler", {})
    assert create(crawlers)


@pytest.mark.parametrize("call", ["create_crawler", "start_crawler"])
def test_a_refusal_is_raised(glue: tuple[Crawlers, Stubber], call: str) -> None:
    crawlers, stubber = glue
    stubber.add_client_error(call, "AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        create(crawlers) if call == "create_crawler" else crawlers.start(NAME)


def test_a_start_that_is_throttled_is_retried(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("start_crawler", "ThrottlingException")
    stubber.add_response("start_crawler", {}, {"Name": NAME})
    assert crawlers.start(NAME)


@pytest.mark.parametrize("call", ["create_crawler", "start_crawler"])
def test_a_glue_that_stays_busy_has_no_room_now(call: str) -> None:
    client = boto3.client("glue")
    crawlers = Crawlers(client, Retrier(total=2, sleep=lambda _: None))
    with Stubber(client) as stubber:
        for _ in range(200):
            stubber.add_client_error(call, "ThrottlingException")
        assert not (create(crawlers) if call == "create_crawler" else crawlers.start(NAME))


def test_a_crawler_that_runs_is_started(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("start_crawler", "CrawlerRunningException")
    assert crawlers.start(NAME)


@pytest.mark.parametrize(
    ("crawler", "state", "ended", "idle"),
    [
        ({"State": "READY"}, CrawlerState(), False, True),
        ({"State": "RUNNING"}, CrawlerState(activity="RUNNING"), False, False),
        ({"State": "STOPPING", "LastCrawl": {"Status": "SUCCEEDED"}}, None, False, False),
        ({"State": "READY", "LastCrawl": {"Status": "SUCCEEDED"}}, CrawlerState(last_status="SUCCEEDED"), True, False),
        (
            {"State": "READY", "LastCrawl": {"Status": "FAILED", "ErrorMessage": "no access"}},
            CrawlerState(last_status="FAILED", error="no access"),
            True,
            False,
        ),
    ],
)
def test_states(
    glue: tuple[Crawlers, Stubber], crawler: dict[str, Any], state: CrawlerState | None, ended: bool, idle: bool
) -> None:
    crawlers, stubber = glue
    stubber.add_response("get_crawler", {"Crawler": {"Name": NAME, **crawler}}, {"Name": NAME})
    found = crawlers.state(NAME)
    assert found is not None
    assert (found.ended, found.idle) == (ended, idle)
    assert state is None or found == state


def test_a_crawler_that_is_gone_has_no_state(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("get_crawler", "EntityNotFoundException")
    assert crawlers.state(NAME) is None


def test_deleting(glue: tuple[Crawlers, Stubber]) -> None:
    crawlers, stubber = glue
    stubber.add_response("delete_crawler", {}, {"Name": NAME})
    assert crawlers.delete(NAME)
    stubber.add_client_error("delete_crawler", "EntityNotFoundException")
    assert crawlers.delete(NAME)


@pytest.mark.parametrize(
    "answer", [None, "CrawlerNotRunningException", "CrawlerStoppingException", "EntityNotFoundException"]
)
def test_a_crawler_that_runs_is_stopped_and_deleted_later(glue: tuple[Crawlers, Stubber], answer: str | None) -> None:
    crawlers, stubber = glue
    stubber.add_client_error("delete_crawler", "CrawlerRunningException")
    if answer is None:
        stubber.add_response("stop_crawler", {}, {"Name": NAME})
    else:
        stubber.add_client_error("stop_crawler", answer)
    assert not crawlers.delete(NAME)
