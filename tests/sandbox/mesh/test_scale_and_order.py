"""Many tables, many domains, events twice and out of order: the end state is the same, the cost does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox.mesh.bring_up import describe
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, ROOT, SALES, Account
from tests.sandbox.mesh.story import DATABASE, Story, until

FLOWS = {"register_data_product": CENTRAL, "link_data_product": SALES, "crawl_data_product": SALES}


def transitions(story: Story, account: Account, flow: str) -> int:
    """How many states the newest execution of a flow entered: what Step Functions charges for."""
    arn = story.executions(account, flow, "SUCCEEDED")[0]["executionArn"]
    pages = story.client("stepfunctions", account).get_paginator("get_execution_history").paginate(executionArn=arn)
    return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])


def product_of(story: Story, count: int, name: str) -> dict[str, Any]:
    """A product of ``count`` small CSV tables, whose objects are put into sales' bucket."""
    lake = story.mesh.lake(SALES)
    s3 = story.client("s3", SALES)
    tables = []
    for number in range(count):
        table = f"{name}_{number:03d}"
        s3.put_object(Bucket=lake["bucket"], Key=f"{lake['prefix']}{table}/data.csv", Body=b"id,label\n1,one\n2,two\n")
        tables.append(
            {
                "name": table,
                "location": f"{story.mesh.location(SALES)}{table}/",
                "format": "csv",
                "columns": [],
                "partition_keys": [],
            }
        )
    return {"name": name, "description": name, "classification": "public", "pii": False, "tables": tables}


def test_fifty_tables_cost_as_many_transitions_as_one(story: Story) -> None:
    # GIVEN a product of one table
    story.register_product(product_of(story, 1, "small"))
    story.settle()
    one = {flow: transitions(story, account, flow) for flow, account in FLOWS.items()}
    # WHEN one of fifty is registered and shared as a whole
    registered = story.register_product(product_of(story, 50, "large"))
    story.settle()
    # THEN each table has its outcome, each is linked and crawled, and no flow took more transitions
    assert [table["outcome"] for table in registered.data["tables"]] == ["created"] * 50
    assert {flow: transitions(story, account, flow) for flow, account in FLOWS.items()} == one
    story.request_access(product={"domain": "sales", "name": "large"}, tables=None)
    assert story.query(f"SELECT label FROM {DATABASE}.large_049 ORDER BY id").rows == [["one"], ["two"]]


def test_the_same_registration_again_changes_nothing(shared: Story) -> None:
    before = {account.name: shared.permissions(account) for account in (CENTRAL, SALES, MARKETING)}
    again = shared.register_product(wait_for_crawl=False)
    shared.settle()
    assert again.data["outcome"] == "unchanged"
    assert {table["outcome"] for table in again.data["tables"]} == {"unchanged"}
    assert {account.name: shared.permissions(account) for account in (CENTRAL, SALES, MARKETING)} == before


def test_duplicated_and_replayed_events_leave_the_same_permissions(shared: Story) -> None:
    # GIVEN everything that crossed the mesh so far, once more, backwards: as a replay of an archive may deliver it
    before = {account.name: shared.permissions(account) for account in (CENTRAL, SALES, MARKETING)}
    envelopes = []
    for account in (SALES, MARKETING):
        for flow in ("link_data_product", "crawl_data_product"):
            for execution in shared.executions(account, flow):
                client = shared.client("stepfunctions", account)
                described = client.describe_execution(executionArn=execution["executionArn"])
                envelopes.append((account, described["stateMachineArn"], described["input"]))
    for flow in ("register_data_domain", "register_data_product", "share_data_product"):
        for execution in shared.executions(CENTRAL, flow):
            client = shared.client("stepfunctions", CENTRAL)
            described = client.describe_execution(executionArn=execution["executionArn"])
            envelopes.append((CENTRAL, described["stateMachineArn"], described["input"]))
    assert len(envelopes) >= 6
    # WHEN each arrives twice at the same moment
    with ThreadPoolExecutor(4) as pool:
        for account, machine, payload in reversed(envelopes):
            client = shared.client("stepfunctions", account)
            list(
                pool.map(
                    lambda _, c=client, m=machine, p=payload: c.start_execution(stateMachineArn=m, input=p), (1, 2)
                )
            )
    shared.settle()
    # THEN the permissions are the same, and the query still works
    assert {account.name: shared.permissions(account) for account in (CENTRAL, SALES, MARKETING)} == before
    assert shared.query().rows == [["1458"]]
    assert shared.client("glue", SALES).list_crawlers()["CrawlerNames"] == []


def test_the_same_command_twice_at_the_same_moment_is_done_once(story: Story) -> None:
    command = {"domain": "sales", "product": story.manifest(("airports",))}
    correlation_id = str(uuid.uuid4())
    metadata = {
        "schema_version": "1.0",
        "event_id": str(uuid.uuid4()),
        "correlation_id": correlation_id,
        "causation_id": None,
        "occurred_at": "2026-11-21T00:00:00Z",
    }
    entry = {
        "EventBusName": SALES.bus,
        "Source": "datamesh.domain",
        "DetailType": "RegisterDataProduct",
        "Detail": json.dumps({"metadata": metadata, "data": command}),
    }
    story.client("events", SALES).put_events(Entries=[entry, entry])
    story.listener.wait("DataProductSchemaUpdated", correlation_id, receiver=CENTRAL.name)
    story.settle()
    story.listener.poll()
    answers = [
        event.data["outcome"]
        for event in story.listener.events
        if event.detail_type == "DataProductRegistered" and event.receiver == SALES.name
    ]
    assert answers.count("registered") == 1
    tables = story.client("glue", CENTRAL).get_tables(DatabaseName="datamesh_sales_nrac")["TableList"]
    assert [table["Name"] for table in tables] == ["airports"]


def test_three_domains_register_at_once_and_twice(story: Story) -> None:
    def register(account: Account) -> str:
        secret = story.mesh.outputs[account.name]["config_secret_arn"]
        return story.put(account, "RegisterDataDomain", {"domain": account.domain, "config_secret_arn": secret})

    accounts = [SALES, MARKETING, FINANCE]
    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:
            correlation_ids = list(pool.map(register, accounts))
        for account, correlation_id in zip(accounts, correlation_ids, strict=True):
            story.listener.wait("DataDomainRegistered", correlation_id, receiver=account.name)
    databases = {database["Name"] for database in story.client("glue", CENTRAL).get_databases()["DatabaseList"]}
    assert databases == {f"datamesh_{account.domain}_{mode}" for account in accounts for mode in ("nrac", "tbac")}
    rules = story.client("events", CENTRAL).list_rules(EventBusName=CENTRAL.bus, NamePrefix="datamesh-to-")["Rules"]
    assert sorted(rule["Name"] for rule in rules) == [
        "datamesh-to-finance",
        "datamesh-to-marketing",
        "datamesh-to-sales",
    ]


def test_a_late_share_waits_for_visibility(story: Story) -> None:
    story.sandbox.settings(ram_visibility_delay=6)
    story.register_product(story.manifest(("airports",)))
    story.request_access(tables=["airports"])
    assert story.query().rows == [["1458"]]


def test_throttled_lake_formation_does_not_fail_the_flow(story: Story) -> None:
    story.sandbox.inject(
        service="lakeformation",
        action="BatchGrantPermissions",
        error="ThrottlingException",
        count=3,
        account=CENTRAL.id,
    )
    story.register_product(story.manifest(("airports",)))
    assert story.executions(CENTRAL, "register_data_product", "FAILED") == []


def test_a_crash_after_the_side_effect_is_healed_by_the_retry(story: Story) -> None:
    story.sandbox.inject(service="glue", action="CreateTable", error="InternalServiceException", after=True, count=1)
    story.register_product(story.manifest(("airports", "planes")))
    story.settle()
    tables = story.client("glue", CENTRAL).get_tables(DatabaseName="datamesh_sales_nrac")["TableList"]
    assert sorted(table["Name"] for table in tables) == ["airports", "planes"]


def test_a_failed_crawl_is_told_from_a_good_one(story: Story) -> None:
    # GIVEN a crawler role that may not ask Lake Formation for data
    role = "datamesh-domain-crawler"
    iam = story.client("iam", SALES)
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    correlation_id = story.put(
        SALES, "RegisterDataProduct", {"domain": "sales", "product": story.manifest(("airports",))}
    )
    failed = story.listener.wait("DataProductCrawlFailed", correlation_id, receiver=CENTRAL.name)
    assert failed.data["tables"][0]["status"] == "FAILED"
    assert failed.data["tables"][0]["error"]
    until(lambda: story.client("glue", SALES).list_crawlers()["CrawlerNames"] == [], "the crawler to be deleted")


def run_example(story: Story, directory: Path, example: str) -> str:
    """Run an example as its reader does and return what it printed: no code of ours but the file itself."""
    description = directory / "sandbox.json"
    description.write_text(json.dumps(describe(story.mesh, process_id=None)))
    done = subprocess.run(
        [sys.executable, f"examples/{example}", str(description)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_somebody_elses_client_can_use_the_mesh(story: Story, tmp_path: Path) -> None:
    """What `make up` promises: plain boto3 and build/sandbox.json, no code of ours in between."""
    said = run_example(story, tmp_path, "share_a_product.py")
    assert "before: SCHEMA_NOT_FOUND" in said
    assert "after: ['2013', 'EWR']" in said


def test_somebody_elses_client_can_share_by_tag_and_do_so_again(story: Story, tmp_path: Path) -> None:
    rows = "[['airport', 'seats'], ['EWR', '95'], ['JFK', '120'], ['LGA', '80']]"
    for before in ("SCHEMA_NOT_FOUND", rows):
        said = run_example(story, tmp_path, "share_by_tag.py")
        assert f"before: {before}" in said
        assert f"after: {rows}" in said
        assert "the hidden column: COLUMN_NOT_FOUND" in said
    story.settle()
    for account, flow in ((CENTRAL, "index_data_product"), (SALES, "link_data_product"), (SALES, "crawl_data_product")):
        assert story.executions(account, flow, "FAILED") == []
