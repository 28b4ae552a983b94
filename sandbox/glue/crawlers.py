"""The crawler API. What a run does is in `crawl`.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-crawling.html
"""

from __future__ import annotations

import json
import threading
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import AwsError, Call
from sandbox.glue import access, crawl, errors, objects, store
from sandbox.glue.store import Record

_MEMBERS = (
    "Role",
    "DatabaseName",
    "Description",
    "Targets",
    "Classifiers",
    "TablePrefix",
    "SchemaChangePolicy",
    "RecrawlPolicy",
    "LineageConfiguration",
    "LakeFormationConfiguration",
    "Configuration",
    "CrawlerSecurityConfiguration",
)
# https://docs.aws.amazon.com/general/latest/gr/glue.html
_LIMIT = 1000
_DEFAULT_POLICY = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}

# Runs under way: (account, region, name) → set to cancel.
_runs: dict[tuple[str, str, str], threading.Event] = {}


def _found(call: Call, name: str) -> Record:
    record = store.crawler(call.caller.account, call.region, name)
    if record is None:
        raise AwsError("EntityNotFoundException", f"Crawler with name {name} does not exist")
    return record


def _shown(record: Record) -> Record:
    return {key: value for key, value in record.items() if not key.startswith("_")}


# --- creating and changing --------------------------------------------------------------------------------------------


def create_crawler(call: Call) -> dict[str, Any]:
    """CreateCrawler: iam:PassRole; a role that Glue may assume; targets that go together."""
    name, account = call.params["Name"], call.caller.account
    now = int(clock.time())
    record = {key: call.params[key] for key in _MEMBERS if key in call.params}
    record |= {
        "Name": name,
        "Role": _role(call, call.params["Role"]),
        "Schedule": _schedule(call.params.get("Schedule")),
        "State": "READY",
        "CrawlElapsedTime": 0,
        "CreationTime": now,
        "LastUpdated": now,
        "Version": 1,
    }
    record["SchemaChangePolicy"] = {**_DEFAULT_POLICY, **record.get("SchemaChangePolicy", {})}
    record.setdefault("RecrawlPolicy", {"RecrawlBehavior": "CRAWL_EVERYTHING"})
    record.setdefault("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"})
    record.setdefault("Classifiers", [])
    record.setdefault("LakeFormationConfiguration", {"UseLakeFormationCredentials": False, "AccountId": ""})
    _check(record)
    with store.lock:
        if store.crawler(account, call.region, name) is not None:
            raise errors.already_exists(f"Crawler with name {name} already exists")
        if len(list(store.crawlers(account, call.region))) >= _LIMIT:
            raise AwsError("ResourceNumberLimitExceededException", "The number of crawlers exceeds the limit.")
        store.put_crawler(account, call.region, record)
    store.tag(account, call.region, f"crawler/{name}", call.params.get("Tags") or {})
    return {}


def _role(call: Call, role: str) -> str:
    """The role's ARN; the caller may pass it to Glue and Glue may assume it."""
    arn = role if role.startswith("arn:") else f"arn:aws:iam::{call.caller.account}:role/{role}"
    if authz.account_of(arn) != call.caller.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.")
    try:
        authz.require(call.caller.arn, "iam:PassRole", arn, context={"iam:PassedToService": crawl.SERVICE})
    except AwsError as failure:
        # Glue's refusal, not IAM's.
        raise AwsError("AccessDeniedException", failure.message) from failure
    crawl.require_trust(arn, call.caller.account)
    return arn


def _schedule(expression: str | None) -> Record | None:
    return {"ScheduleExpression": expression, "State": "SCHEDULED"} if expression else None


def _check(record: Record) -> None:
    """https://docs.aws.amazon.com/glue/latest/dg/crawler-lf-integ.html, …/crawler-data-stores.html."""
    targets = {kind: items for kind, items in (record.get("Targets") or {}).items() if items}
    others = sorted(set(targets) - {"S3Targets", "CatalogTargets"})
    if others:
        raise errors.invalid(f"This sandbox does not crawl {', '.join(others)}.")
    if not targets:
        raise errors.invalid("At least one crawl target must be specified.")
    if len(targets) > 1:
        raise errors.invalid("Catalog targets cannot be combined with other targets.")
    if "CatalogTargets" in targets and record["SchemaChangePolicy"]["DeleteBehavior"] != "LOG":
        raise errors.invalid("The SchemaChangePolicy for CatalogTargets must have DeleteBehavior LOG.")
    if "S3Targets" in targets and not record.get("DatabaseName"):
        raise errors.invalid("DatabaseName must be specified for S3 targets.")
    _check_configuration(record.get("Configuration"))
    _check_paths(targets.get("S3Targets", []))
    if (record.get("LakeFormationConfiguration") or {}).get("UseLakeFormationCredentials"):
        _check_lake_formation(targets)


def _check_configuration(text: str | None) -> None:
    if not text:
        return
    try:
        parsed = json.loads(text)
    except ValueError as failure:
        raise errors.invalid("Configuration is not valid JSON.") from failure
    if not isinstance(parsed, dict) or parsed.get("Version") != 1.0:
        raise errors.invalid("Configuration must have Version 1.0.")


def _check_paths(targets: list[Record]) -> None:
    for target in targets:
        try:
            objects.parse(target.get("Path", ""))
        except ValueError as failure:
            raise errors.invalid(str(failure)) from failure


def _check_lake_formation(targets: Record) -> None:
    """With Lake Formation's credentials: one catalog table, or S3 paths of one bucket."""
    named = [table for target in targets.get("CatalogTargets", []) for table in target["Tables"]]
    if "CatalogTargets" in targets and (len(targets["CatalogTargets"]) > 1 or len(named) != 1):
        raise errors.invalid(
            "Only a single catalog target with a single table is supported with Lake Formation credentials."
        )
    if len({objects.parse(target["Path"])[0] for target in targets.get("S3Targets", [])}) > 1:
        raise errors.invalid("All S3 targets must be in the same bucket with Lake Formation credentials.")


def update_crawler(call: Call) -> dict[str, Any]:
    """UpdateCrawler: not while it runs."""
    with store.lock:
        record = _found(call, call.params["Name"])
        _require_ready(record)
        record |= {key: call.params[key] for key in _MEMBERS if key in call.params and key != "Role"}
        if "Role" in call.params:
            record["Role"] = _role(call, call.params["Role"])
        if "Schedule" in call.params:
            record["Schedule"] = _schedule(call.params["Schedule"])
        record["SchemaChangePolicy"] = {**_DEFAULT_POLICY, **record.get("SchemaChangePolicy", {})}
        _check(record)
        record |= {"LastUpdated": int(clock.time()), "Version": record["Version"] + 1}
        store.put_crawler(call.caller.account, call.region, record)
    return {}


def _require_ready(record: Record) -> None:
    if record["State"] != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {record['Name']} has already started")


def delete_crawler(call: Call) -> dict[str, Any]:
    """DeleteCrawler: not while it runs."""
    name = call.params["Name"]
    with store.lock:
        _require_ready(_found(call, name))
        store.drop_crawler(call.caller.account, call.region, name)
    store.untag(call.caller.account, call.region, f"crawler/{name}")
    return {}


# --- running ----------------------------------------------------------------------------------------------------------


def start_crawler(call: Call) -> dict[str, Any]:
    """StartCrawler: runs in the background; READY → RUNNING → STOPPING → READY."""
    name, key = call.params["Name"], (call.caller.account, call.region, call.params["Name"])
    with store.lock:
        record = _found(call, name)
        _require_ready(record)
        record |= {"State": "RUNNING", "_started": clock.time()}
        store.put_crawler(call.caller.account, call.region, record)
        cancelled = _runs[key] = threading.Event()
    adapter.start_background(crawl.run, *key, cancelled)
    return {}


def stop_crawler(call: Call) -> dict[str, Any]:
    """StopCrawler: the run ends as CANCELLED."""
    name = call.params["Name"]
    with store.lock:
        record = _found(call, name)
        if record["State"] == "STOPPING":
            raise AwsError("CrawlerStoppingException", f"Crawler with name {name} is stopping")
        cancelled = _runs.get((call.caller.account, call.region, name))
        if record["State"] != "RUNNING" or cancelled is None:
            raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
        record["State"] = "STOPPING"
        store.put_crawler(call.caller.account, call.region, record)
        cancelled.set()
    return {}


# --- looking ----------------------------------------------------------------------------------------------------------


def get_crawler(call: Call) -> dict[str, Any]:
    """GetCrawler."""
    record = _found(call, call.params["Name"])
    if record["State"] == "RUNNING":
        record["CrawlElapsedTime"] = int((clock.time() - record["_started"]) * 1000)
    return {"Crawler": _shown(record)}


def get_crawlers(call: Call) -> dict[str, Any]:
    """GetCrawlers of the account."""
    found = [_shown(record) for record in store.crawlers(call.caller.account, call.region)]
    return access.page(found, call.params, "Crawlers")


def batch_get_crawlers(call: Call) -> dict[str, Any]:
    """BatchGetCrawlers: names that do not exist come back as such."""
    found = {record["Name"]: _shown(record) for record in store.crawlers(call.caller.account, call.region)}
    names = call.params["CrawlerNames"]
    return {
        "Crawlers": [found[name] for name in names if name in found],
        "CrawlersNotFound": [name for name in names if name not in found],
    }


def list_crawlers(call: Call) -> dict[str, Any]:
    """ListCrawlers, by tags when given."""
    account, wanted = call.caller.account, (call.params.get("Tags") or {}).items()
    names = [
        record["Name"]
        for record in store.crawlers(account, call.region)
        if wanted <= store.tags_of(account, call.region, f"crawler/{record['Name']}").items()
    ]
    return access.page(names, call.params, "CrawlerNames")


def get_crawler_metrics(call: Call) -> dict[str, Any]:
    """GetCrawlerMetrics: of the last run."""
    wanted = call.params.get("CrawlerNameList")
    metrics = [
        {
            "CrawlerName": record["Name"],
            "TimeLeftSeconds": 0.0,
            "StillEstimating": record["State"] == "RUNNING",
            "LastRuntimeSeconds": record["CrawlElapsedTime"] / 1000,
            "MedianRuntimeSeconds": record["CrawlElapsedTime"] / 1000,
            "TablesCreated": record.get("_tables_created", 0),
            "TablesUpdated": record.get("_tables_updated", 0),
            "TablesDeleted": 0,
        }
        for record in store.crawlers(call.caller.account, call.region)
        if not wanted or record["Name"] in wanted
    ]
    return access.page(metrics, call.params, "CrawlerMetricsList")


def reset() -> None:
    """Cancel what runs: its crawlers are gone."""
    for cancelled in list(_runs.values()):
        cancelled.set()
    _runs.clear()
