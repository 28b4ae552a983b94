"""A domain's account from inside: what is asked of AWS, and nothing but the one event is put."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from datamesh.aws.domain_account import DomainAccount, Identity
from datamesh.aws.domain_bus import READY
from datamesh.models.errors import PublishFailed


class FakeSession:
    """Clients that answer, and keep what they were asked."""

    region_name = "eu-west-1"

    def __init__(self, *, failed: int = 0) -> None:
        self.failed = failed
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.endpoints: set[str | None] = set()

    def client(self, service: str, *, endpoint_url: str | None, config: object) -> FakeSession:
        self.endpoints.add(endpoint_url)
        return self

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": "2" * 12, "Arn": "arn:me"}

    def describe_event_bus(self, **given: Any) -> dict[str, Any]:
        self.asked.append(("bus", given))
        return {"Arn": "arn:bus"}

    def describe_secret(self, **given: Any) -> dict[str, Any]:
        self.asked.append(("secret", given))
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "DescribeSecret")

    def put_events(self, **given: Any) -> dict[str, Any]:
        self.asked.append(("put", given["Entries"][0]))
        entries = [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}] if self.failed else [{}]
        return {"FailedEntryCount": self.failed, "Entries": entries}


def account(session: FakeSession) -> DomainAccount:
    given: Any = session
    return DomainAccount(given, prefix="mesh", endpoint_url="http://localhost:1")


def test_it_is_looked_at_by_the_meshs_names() -> None:
    session = FakeSession()
    found = account(session)
    assert (found.region, found.identity(), found.bus()) == ("eu-west-1", Identity("2" * 12, "arn:me"), "arn:bus")
    with pytest.raises(ClientError):
        found.config_secret()
    assert session.asked == [("bus", {"Name": "mesh-domain"}), ("secret", {"SecretId": "mesh-domain-config"})]
    assert session.endpoints == {"http://localhost:1"}


def test_the_event_that_is_tried_is_one_that_nobody_acts_on() -> None:
    session = FakeSession()
    account(session).try_to_put()
    ((_, entry),) = session.asked
    assert (entry["DetailType"], entry["EventBusName"], entry["Source"]) == (READY, "mesh-domain", "datamesh.domain")
    with pytest.raises(PublishFailed, match="later"):
        account(FakeSession(failed=1)).try_to_put()
