"""A domain leaves the real mesh: nothing of it is left but its data, and the others do not notice."""

from __future__ import annotations

from typing import Any

from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, SALES
from tests.sandbox.mesh.story import Story


def made_by_registration(story: Story) -> dict[str, Any]:
    """What a registration leaves in central's account, and what it gave the domains."""
    lake_formation = story.client("lakeformation", CENTRAL)
    rules = story.client("events", CENTRAL).list_rules(EventBusName=CENTRAL.bus, NamePrefix="datamesh-to-")["Rules"]
    return {
        "databases": sorted(
            database["Name"] for database in story.client("glue", CENTRAL).get_databases()["DatabaseList"]
        ),
        "locations": sorted(
            location["ResourceArn"] for location in lake_formation.list_resources()["ResourceInfoList"]
        ),
        "tags": {tag["TagKey"]: sorted(tag["TagValues"]) for tag in lake_formation.list_lf_tags()["LFTags"]},
        "permissions": {account.name: story.permissions(account) for account in (CENTRAL, SALES, MARKETING, FINANCE)},
        "rules": sorted(rule["Name"] for rule in rules),
    }


def test_a_domain_that_leaves_takes_everything_along_and_may_come_back(story: Story) -> None:
    # GIVEN the mesh before finance joins
    before = made_by_registration(story)
    secret = story.mesh.outputs[FINANCE.name]["config_secret_arn"]
    command = {"domain": FINANCE.domain, "config_secret_arn": secret, "tags": {"classification": "internal"}}
    correlation_id = story.put(FINANCE, "RegisterDataDomain", command)
    story.listener.wait("DataDomainRegistered", correlation_id, receiver=FINANCE.name)
    story.settle()
    joined = made_by_registration(story)
    assert "finance" in joined["tags"]["lob"]
    # WHEN it leaves
    correlation_id = story.put(FINANCE, "DeregisterDataDomain", {"domain": FINANCE.domain})
    story.listener.wait("DataDomainDeregistered", correlation_id, receiver=FINANCE.name)
    story.settle()
    # THEN the mesh is as it was; its bucket still is
    assert made_by_registration(story) == before
    lake = story.mesh.lake(FINANCE)
    assert (
        story.client("s3", FINANCE).list_objects_v2(Bucket=lake["bucket"])["ResponseMetadata"]["HTTPStatusCode"] == 200
    )
    # AND it may come back
    correlation_id = story.put(FINANCE, "RegisterDataDomain", command)
    story.listener.wait("DataDomainRegistered", correlation_id, receiver=FINANCE.name)
    story.settle()
    assert made_by_registration(story) == joined


def test_a_domain_in_use_stays(shared: Story) -> None:
    before = made_by_registration(shared)
    for account in (SALES, MARKETING):
        correlation_id = shared.put(account, "DeregisterDataDomain", {"domain": account.domain})
        answer = shared.listener.wait("CommandRejected", correlation_id, receiver=account.name).data
        assert (answer["code"], answer["field"]) == ("DomainInUse", "domain")
    assert made_by_registration(shared) == before
