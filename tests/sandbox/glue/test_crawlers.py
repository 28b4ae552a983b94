"""Crawlers: who may make one, what goes together, and a run with Lake Formation's credentials over accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.glue.conftest import restored
from tests.sandbox.glue.lake import (
    BUCKET,
    CENTRAL,
    DATABASE,
    LOCAL,
    LOCATION,
    SALES,
    Lake,
    allow,
    parquet,
    role_arn,
    table_of,
    target,
    until,
    without,
)

NAME = "crawl"
_BUILT = "glue-producer"
ROLE = role_arn(SALES, "crawler")
GLUE = ["glue:GetTable", "glue:GetDatabase", "glue:UpdateTable", "glue:GetPartitions", "glue:BatchCreatePartition"]
POLICY = [allow(GLUE), allow(["lakeformation:GetDataAccess"])]
LOG = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
LAKE_FORMATION = {"UseLakeFormationCredentials": True, "AccountId": CENTRAL}
MERGE = json.dumps({"Version": 1.0, "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}})
S3_TARGET = {"S3Targets": [{"Path": f"s3://{BUCKET}/products/orders"}]}


@pytest.fixture(scope="module")
def built_producer(built: Lake) -> Lake:
    """The producer got its tables back with ALTER and links to them, and has a crawler role with every right."""
    lake = restored(built)
    lake.consumer(SALES)
    location = {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": f"arn:aws:s3:::{BUCKET}/products"}}
    lake.grant(CENTRAL, SALES, location, ["DATA_LOCATION_ACCESS"], grantable=True)
    lake.role(SALES, "crawler", POLICY, service="glue.amazonaws.com")
    lake.grant(SALES, ROLE, {"Database": {"Name": LOCAL}}, ["DESCRIBE"])
    lake.grant(SALES, ROLE, location, ["DATA_LOCATION_ACCESS"])
    for table in ("orders", "flights"):
        lake.share(table, ("SELECT", "DESCRIBE", "ALTER"), account=SALES)
        lake.grant(SALES, ROLE, {"Table": {"DatabaseName": LOCAL, "Name": table}}, ["DESCRIBE"])
        lake.grant(SALES, ROLE, table_of(table), ["SELECT", "DESCRIBE", "ALTER"])
    lake.sandbox.snapshot(_BUILT)
    return lake


@pytest.fixture
def producer(built_producer: Lake) -> Lake:
    """The same, restored."""
    return restored(built_producer, _BUILT)


def create(lake: Lake, table: str = "orders", **more: Any) -> Any:
    """A crawler on a link, with Lake Formation's credentials; the client of its creator."""
    glue = lake.client("glue", SALES)
    definition = {
        "Name": NAME,
        "Role": ROLE,
        "Targets": {"CatalogTargets": [{"DatabaseName": LOCAL, "Tables": [table]}]},
        "SchemaChangePolicy": LOG,
        "LakeFormationConfiguration": LAKE_FORMATION,
    }
    glue.create_crawler(**{**definition, **more})
    return glue


def run(lake: Lake, table: str = "orders", **more: Any) -> dict[str, Any]:
    """Create, start, wait until it is ready again, and its LastCrawl."""
    glue = create(lake, table, **more)
    glue.start_crawler(Name=NAME)
    return ended(glue)


def ended(glue: Any) -> dict[str, Any]:
    """The LastCrawl of a crawler that is ready again."""

    def look() -> dict[str, Any] | None:
        crawler = glue.get_crawler(Name=NAME)["Crawler"]
        return crawler.get("LastCrawl") if crawler["State"] == "READY" else None

    return until(look)


def central_table(lake: Lake, name: str) -> dict[str, Any]:
    """The table as its owner sees it."""
    found: dict[str, Any] = lake.client("glue", CENTRAL, "admin").get_table(**target(name))["Table"]
    return found


# --- a crawl ----------------------------------------------------------------------------------------------------------


def test_a_crawl_by_the_link_writes_the_schema_into_the_owners_catalog(producer: Lake) -> None:
    producer.client("s3", SALES).put_object(
        Bucket=BUCKET, Key="products/orders/orders.csv", Body=b"id,customer,amount,city\n1,ann,1.5,Rome\n2,b,2,Oslo\n"
    )
    assert run(producer, Configuration=MERGE)["Status"] == "SUCCEEDED"
    table = central_table(producer, "orders")
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["id", "customer", "amount", "city"]
    assert table["StorageDescriptor"]["Columns"][1]["Parameters"] == {"pii_flag": "true"}
    assert table["Parameters"]["data_classification"] == "internal"
    assert table["Parameters"]["UPDATED_BY_CRAWLER"] == NAME


def link_database(lake: Lake, table: str = "orders") -> dict[str, Any]:
    """A link of the producer to central's whole database; the targets that name a table through it."""
    database = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}
    lake.client("glue", SALES, "admin").create_database(DatabaseInput={"Name": "linked", "TargetDatabase": database})
    return {"CatalogTargets": [{"DatabaseName": "linked", "Tables": [table]}]}


def test_a_database_link_will_do(producer: Lake) -> None:
    targets = link_database(producer)
    assert run(producer, Targets=targets)["ErrorMessage"] == "Database linked not found."
    producer.grant(SALES, ROLE, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    body = b"id,customer,amount,city\n1,ann,1.5,Rome\n"
    producer.client("s3", SALES).put_object(Bucket=BUCKET, Key="products/orders/orders.csv", Body=body)
    producer.client("glue", SALES).delete_crawler(Name=NAME)
    assert run(producer, Configuration=MERGE, Targets=targets)["Status"] == "SUCCEEDED"
    columns = central_table(producer, "orders")["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["id", "customer", "amount", "city"]


def test_new_partitions_are_added_through_a_database_link(producer: Lake) -> None:
    targets = link_database(producer, "flights")
    producer.grant(SALES, ROLE, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    body = parquet(id=[30], carrier=["DL"])
    producer.client("s3", SALES).put_object(Bucket=BUCKET, Key="products/flights/month=3/a.parquet", Body=body)
    assert run(producer, Targets=targets)["Status"] == "SUCCEEDED"
    place = {"DatabaseName": DATABASE, "TableName": "flights"}
    found = producer.client("glue", CENTRAL, "admin").get_partitions(**place)["Partitions"]
    assert [partition["Values"] for partition in found] == [["1"], ["2"], ["3"]]


def test_through_a_database_link_the_role_needs_iam_on_the_owners_arns(producer: Lake) -> None:
    targets = link_database(producer)
    producer.grant(SALES, ROLE, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    own = [allow(GLUE, [f"arn:aws:glue:eu-west-1:{SALES}:*"]), POLICY[1]]
    producer.role(SALES, "crawler", own, service="glue.amazonaws.com")
    assert "not authorized to perform: glue:GetTable" in run(producer, Targets=targets)["ErrorMessage"]


def test_without_merging_metadata_of_others_is_lost(producer: Lake) -> None:
    assert run(producer)["Status"] == "SUCCEEDED"
    table = central_table(producer, "orders")
    assert "data_classification" not in table["Parameters"]
    assert all("Parameters" not in column for column in table["StorageDescriptor"]["Columns"])


def test_new_partitions_are_added(producer: Lake) -> None:
    producer.client("s3", SALES).put_object(
        Bucket=BUCKET, Key="products/flights/month=3/a.parquet", Body=parquet(id=[30], carrier=["DL"])
    )
    assert run(producer, "flights")["Status"] == "SUCCEEDED"
    place = {"DatabaseName": DATABASE, "TableName": "flights"}
    found = producer.client("glue", CENTRAL, "admin").get_partitions(**place)["Partitions"]
    assert [partition["Values"] for partition in found] == [["1"], ["2"], ["3"]]
    assert found[2]["StorageDescriptor"]["Location"] == f"{LOCATION}flights/month=3/"
    assert central_table(producer, "flights")["PartitionKeys"] == [{"Name": "month", "Type": "int"}]


def test_an_update_behavior_of_log_changes_no_schema(producer: Lake) -> None:
    policy = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    assert run(producer, SchemaChangePolicy=policy)["Status"] == "SUCCEEDED"
    assert central_table(producer, "orders")["VersionId"] == "0"


def test_nothing_to_crawl_succeeds_and_changes_nothing(producer: Lake) -> None:
    producer.client("s3", SALES).delete_object(Bucket=BUCKET, Key="products/orders/orders.csv")
    assert run(producer)["Status"] == "SUCCEEDED"
    assert central_table(producer, "orders")["VersionId"] == "0"


def test_a_crawl_is_announced_on_the_default_bus(producer: Lake) -> None:
    events, sqs = producer.client("events", SALES), producer.client("sqs", SALES)
    queue = sqs.create_queue(QueueName="crawls")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    pattern = {"source": ["aws.glue"], "detail-type": ["Glue Crawler State Change"], "detail": {"crawlerName": [NAME]}}
    events.put_rule(Name="crawls", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="crawls", Targets=[{"Id": "q", "Arn": arn}])
    run(producer)
    seen: list[dict[str, Any]] = []

    def both() -> bool:
        received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        seen.extend(json.loads(message["Body"]) for message in received)
        return len(seen) >= 2

    until(both)
    by_state = {event["detail"]["state"]: event for event in seen}
    assert set(by_state) == {"Started", "Succeeded"}
    assert by_state["Succeeded"]["account"] == SALES
    assert by_state["Succeeded"]["detail"].items() >= {"accountId": SALES, "tablesUpdated": "1"}.items()


@pytest.mark.parametrize(
    "action", [*(action for action in GLUE if action != "glue:GetDatabase"), "lakeformation:GetDataAccess"]
)
def test_the_role_needs_each_action(producer: Lake, action: str) -> None:
    producer.role(SALES, "crawler", without(POLICY, action), service="glue.amazonaws.com")
    producer.client("s3", SALES).put_object(
        Bucket=BUCKET, Key="products/flights/month=3/a.parquet", Body=parquet(id=[30], carrier=["DL"])
    )
    last = run(producer, "flights")
    assert last["Status"] == "FAILED"
    assert f"assumed-role/crawler/AWS-Crawler is not authorized to perform: {action}" in last["ErrorMessage"]


def test_the_role_needs_iam_on_the_owners_arns(producer: Lake) -> None:
    own = [allow(GLUE, [f"arn:aws:glue:eu-west-1:{SALES}:*"]), POLICY[1]]
    producer.role(SALES, "crawler", own, service="glue.amazonaws.com")
    assert run(producer)["Status"] == "FAILED"


@pytest.mark.parametrize(
    ("resource", "permissions", "message"),
    [
        (table_of("orders"), ["ALTER"], "Required Alter on orders"),
        ({"Table": {"DatabaseName": LOCAL, "Name": "orders"}}, ["DESCRIBE"], "Entity Not Found"),
        (table_of("orders"), ["SELECT", "DESCRIBE", "ALTER"], "no S3 location"),
        (
            {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": f"arn:aws:s3:::{BUCKET}/products"}},
            ["DATA_LOCATION_ACCESS"],
            "Insufficient Lake Formation permission",
        ),
    ],
    ids=["alter", "the-link", "the-target", "the-location"],
)
def test_the_role_needs_each_grant(
    producer: Lake, resource: dict[str, Any], permissions: list[str], message: str
) -> None:
    producer.revoke(SALES, ROLE, resource, permissions)
    last = run(producer)
    assert last["Status"] == "FAILED"
    assert message in last["ErrorMessage"]
    assert central_table(producer, "orders")["VersionId"] == "0"


def test_the_location_must_be_registered(producer: Lake) -> None:
    producer.client("lakeformation", CENTRAL, "admin").deregister_resource(
        ResourceArn=f"arn:aws:s3:::{BUCKET}/products"
    )
    assert "is not registered" in run(producer)["ErrorMessage"]


def test_the_registered_role_must_reach_the_bucket(producer: Lake) -> None:
    producer.client("s3", SALES).delete_bucket_policy(Bucket=BUCKET)
    last = run(producer)
    assert last["Status"] == "FAILED"
    assert "lake-access" in last["ErrorMessage"]


def test_glue_must_still_be_trusted_when_it_runs(producer: Lake) -> None:
    glue = create(producer)
    producer.role(SALES, "crawler", POLICY, service="ec2.amazonaws.com")
    glue.start_crawler(Name=NAME)
    assert "unable to assume" in ended(glue)["ErrorMessage"]


def test_without_lake_formation_the_roles_own_rights_count(producer: Lake) -> None:
    last = run(producer, LakeFormationConfiguration={"UseLakeFormationCredentials": False})
    assert "s3:ListBucket" in last["ErrorMessage"]
    producer.role(SALES, "crawler", [*POLICY, allow(["s3:ListBucket", "s3:GetObject"])], service="glue.amazonaws.com")
    glue = producer.client("glue", SALES)
    glue.start_crawler(Name=NAME)
    until(lambda: ended(glue)["Status"] == "SUCCEEDED")


def test_an_s3_target_makes_a_table(producer: Lake) -> None:
    producer.role(SALES, "crawler", [*POLICY, allow(["glue:CreateTable", "s3:*"])], service="glue.amazonaws.com")
    producer.client("glue", SALES, "admin").create_database(DatabaseInput={"Name": "found"})
    producer.grant(SALES, ROLE, {"Database": {"Name": "found"}}, ["CREATE_TABLE", "DESCRIBE"])
    more: dict[str, Any] = {
        "Targets": S3_TARGET,
        "DatabaseName": "found",
        "TablePrefix": "raw_",
        "LakeFormationConfiguration": {},
    }
    assert run(producer, **more)["Status"] == "SUCCEEDED"
    # What it made is the crawler's role's own.
    producer.grant(
        SALES, role_arn(SALES, "admin"), {"Table": {"DatabaseName": "found", "Name": "raw_orders"}}, ["DESCRIBE"]
    )
    table = producer.client("glue", SALES, "admin").get_table(DatabaseName="found", Name="raw_orders")["Table"]
    assert table["CreatedBy"].endswith("assumed-role/crawler/AWS-Crawler")
    metrics = producer.client("glue", SALES).get_crawler_metrics(CrawlerNameList=[NAME])["CrawlerMetricsList"]
    assert metrics[0]["TablesCreated"] == 1


# --- the API ----------------------------------------------------------------------------------------------------------


def test_a_crawler_comes_back_as_it_was_made(producer: Lake) -> None:
    glue = create(producer, Tags={"run": "1"}, Configuration=MERGE)
    crawler = glue.get_crawler(Name=NAME)["Crawler"]
    assert crawler["LakeFormationConfiguration"] == LAKE_FORMATION
    assert (crawler["Role"], crawler["State"], crawler["Configuration"]) == (ROLE, "READY", MERGE)
    assert crawler["SchemaChangePolicy"] == LOG
    assert glue.list_crawlers(Tags={"run": "1"})["CrawlerNames"] == [NAME]
    assert glue.list_crawlers(Tags={"run": "2"})["CrawlerNames"] == []
    answer = glue.batch_get_crawlers(CrawlerNames=[NAME, "other"])
    assert ([found["Name"] for found in answer["Crawlers"]], answer["CrawlersNotFound"]) == ([NAME], ["other"])
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        create(producer)
    glue.update_crawler(Name=NAME, Description="new")
    assert glue.get_crawlers()["Crawlers"][0].items() >= {"Description": "new", "Version": 2}.items()
    glue.delete_crawler(Name=NAME)
    for look in (glue.get_crawler, glue.start_crawler, glue.stop_crawler, glue.delete_crawler):
        with pytest.raises(glue.exceptions.EntityNotFoundException):
            look(Name=NAME)


def test_a_running_crawler_is_left_alone_until_it_is_stopped(producer: Lake) -> None:
    producer.sandbox.settings(latency={"glue:crawl": 3600})
    glue = create(producer)
    with pytest.raises(glue.exceptions.CrawlerNotRunningException):
        glue.stop_crawler(Name=NAME)
    glue.start_crawler(Name=NAME)
    assert glue.get_crawler(Name=NAME)["Crawler"]["State"] == "RUNNING"
    for refused in (glue.start_crawler, glue.delete_crawler, glue.update_crawler):
        with pytest.raises(glue.exceptions.CrawlerRunningException):
            refused(Name=NAME)
    glue.stop_crawler(Name=NAME)
    assert ended(glue)["Status"] == "CANCELLED"
    glue.delete_crawler(Name=NAME)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"SchemaChangePolicy": {"DeleteBehavior": "DELETE_FROM_DATABASE"}}, "DeleteBehavior LOG"),
        ({"SchemaChangePolicy": {"UpdateBehavior": "LOG"}}, "DeleteBehavior LOG"),
        ({"Targets": {}}, "At least one crawl target"),
        ({"Targets": {"DynamoDBTargets": [{"Path": "t"}]}}, "does not crawl DynamoDBTargets"),
        ({"Targets": {"CatalogTargets": [{"DatabaseName": LOCAL, "Tables": ["a", "b"]}]}}, "single catalog target"),
        ({"Targets": S3_TARGET}, "DatabaseName must be specified"),
        ({"Configuration": "{"}, "not valid JSON"),
        ({"Configuration": "{}"}, "Version 1.0"),
        (
            {
                "Targets": {"S3Targets": [{"Path": "s3://a/x"}, {"Path": "s3://b/x"}]},
                "DatabaseName": LOCAL,
            },
            "same bucket",
        ),
        (
            {
                "Targets": {**S3_TARGET, "CatalogTargets": [{"DatabaseName": LOCAL, "Tables": ["a"]}]},
                "DatabaseName": LOCAL,
            },
            "cannot be combined",
        ),
    ],
)
def test_what_a_crawler_cannot_be(producer: Lake, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as refusal:
        create(producer, **more)
    assert refusal.value.response["Error"]["Code"] == "InvalidInputException"


def test_the_role_must_be_passed_and_trust_glue(producer: Lake) -> None:
    producer.role(SALES, "maker", [allow(["glue:CreateCrawler"])])
    maker = producer.client("glue", SALES, "maker")
    definition = {"Name": NAME, "Targets": S3_TARGET, "DatabaseName": LOCAL}
    with pytest.raises(maker.exceptions.AccessDeniedException, match=f"iam:PassRole on resource: {ROLE}"):
        maker.create_crawler(Role=ROLE, **definition)
    producer.role(SALES, "maker", [allow(["glue:CreateCrawler", "iam:PassRole"])])
    for role in ("maker", "nothing"):
        with pytest.raises(maker.exceptions.InvalidInputException, match="unable to assume"):
            maker.create_crawler(Role=role_arn(SALES, role), **definition)
    with pytest.raises(maker.exceptions.AccessDeniedException, match="Cross-account"):
        maker.create_crawler(Role=role_arn(CENTRAL, "lake-access"), **definition)
    maker.create_crawler(Role="crawler", **definition)
