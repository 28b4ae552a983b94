"""One run of a crawler, with nothing but its role's rights.

https://docs.aws.amazon.com/glue/latest/dg/crawler-lf-integ.html (Lake Formation's credentials),
https://docs.aws.amazon.com/glue/latest/dg/crawler-prereqs.html (the role),
https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html (the events).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox import adapter, authz, clock, settings
from sandbox.api import AwsError, Caller, Json
from sandbox.glue import definitions, objects, store
from sandbox.glue.inference import CsvClassifier, Found, discover
from sandbox.glue.store import Record
from sandbox.lakeformation import engine

SERVICE = "glue.amazonaws.com"
_BATCH = 100


def require_trust(role_arn: str, account: str) -> None:
    """Glue must be able to assume the role for a crawler; raises InvalidInputException."""
    if not authz.check_assume(role_arn, SERVICE, context={"aws:SourceAccount": account}).allowed:
        raise AwsError(
            "InvalidInputException",
            f"Service is unable to assume provided role {role_arn}. Please verify role's TrustPolicy.",
        )


class CancelledError(Exception):
    """StopCrawler was called."""


@dataclass
class _Run:
    account: str
    region: str
    crawler: Record
    caller: Caller
    cancelled: threading.Event
    created: int = 0
    updated: int = 0
    partitions: int = 0
    started: float = field(default_factory=clock.time)

    @property
    def name(self) -> str:
        return str(self.crawler["Name"])

    def glue(self, operation: str, **params: Json) -> dict[str, Any]:
        """A Glue call as the role. The gate imports the crawlers, so it is looked up when it is needed."""
        from sandbox.glue import gate  # noqa: PLC0415

        self.check()
        return gate.call_as(self.caller, self.region, operation, **params)

    def check(self) -> None:
        if self.cancelled.is_set():
            raise CancelledError


def run(account: str, region: str, name: str, cancelled: threading.Event) -> None:
    """The background part of StartCrawler: never raises, always ends in LastCrawl, READY and an event."""
    crawler = store.crawler(account, region, name)
    if crawler is None:
        return
    role = crawler["Role"]
    caller = Caller(_session(role), role, account, is_root=False)
    this = _Run(account, region, crawler, caller, cancelled)
    _announce(this, "Started", startTime=_iso(this.started))
    try:
        clock.sleep(settings.get().latency.get("glue:crawl", 0.0), cancelled)
        this.check()
        require_trust(role, account)
        _crawl(this)
        status, error = "SUCCEEDED", None
    except CancelledError:
        status, error = "CANCELLED", None
    except AwsError as failure:
        status, error = "FAILED", failure.message
    except Exception as failure:  # noqa: BLE001  a crawler reports every failure as its own
        status, error = "FAILED", f"Internal Service Exception: {failure}"
    _finish(this, status, error)


def _session(role_arn: str) -> str:
    name = role_arn.rsplit("/", 1)[-1]
    return f"arn:aws:sts::{authz.account_of(role_arn)}:assumed-role/{name}/AWS-Crawler"


def _finish(this: _Run, status: str, error: str | None) -> None:
    if not _write(this, State="STOPPING"):
        return
    last = {
        "Status": status,
        "ErrorMessage": error,
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": this.name,
        "MessagePrefix": f"{abs(hash((this.name, this.started))):x}",
        "StartTime": this.started,
    }
    clock.sleep(settings.get().latency.get("glue:stop", 0.0))
    _write(
        this,
        State="READY",
        LastCrawl=last,
        CrawlElapsedTime=int((clock.time() - this.started) * 1000),
        _tables_created=this.created,
        _tables_updated=this.updated,
    )
    if status == "SUCCEEDED":
        _announce(this, "Succeeded", **_statistics(this))
    elif status == "FAILED":
        _announce(this, "Failed", errorMessage=error or "", cloudWatchLogLink=_log_link(this))


def _write(this: _Run, **members: Json) -> bool:
    """Change the crawler unless it is gone (a reset may have taken it)."""
    with store.lock:
        record = store.crawler(this.account, this.region, this.name)
        if record is None or record.get("_started") != this.crawler.get("_started"):
            return False
        store.put_crawler(this.account, this.region, {**record, **members})
        return True


# --- events -----------------------------------------------------------------------------------------------------------


def _announce(this: _Run, state: str, **more: str) -> None:
    """Cancelled runs are not announced: AWS lists Started, Succeeded and Failed only."""
    detail = {
        "accountId": this.account,
        "crawlerName": this.name,
        "state": state,
        "message": f"Crawler {state}",
        **more,
    }
    adapter.put_aws_event("aws.glue", "Glue Crawler State Change", detail, [], account=this.account, region=this.region)


def _statistics(this: _Run) -> dict[str, str]:
    return {
        "tablesCreated": str(this.created),
        "tablesUpdated": str(this.updated),
        "tablesDeleted": "0",
        "partitionsCreated": str(this.partitions),
        "partitionsUpdated": "0",
        "partitionsDeleted": "0",
        "runningTime (sec)": str(int(clock.time() - this.started)),
        "completionDate": _iso(clock.time()),
        "warningMessage": "N/A",
        "cloudWatchLogLink": _log_link(this),
    }


def _log_link(this: _Run) -> str:
    place = f"https://console.aws.amazon.com/cloudwatch/home?region={this.region}"
    return f"{place}#logEventViewer:group=/aws-glue/crawlers;stream={this.name}"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- the crawl --------------------------------------------------------------------------------------------------------


def _crawl(this: _Run) -> None:
    targets = this.crawler["Targets"]
    for target in targets.get("CatalogTargets") or []:
        for table in target["Tables"]:
            _crawl_table(this, target["DatabaseName"], table)
    for target in targets.get("S3Targets") or []:
        _crawl_path(this, target["Path"])


def _crawl_table(this: _Run, database: str, name: str) -> None:
    """A catalog target: the table, or the target of the link, gets the schema that its objects have."""
    table = this.glue("GetTable", DatabaseName=database, Name=name)["Table"]
    location = (table.get("StorageDescriptor") or {}).get("Location")
    if not location:
        raise AwsError("InvalidInputException", f"Table {database}.{name} has no S3 location that could be crawled.")
    found = _discover(this, location, _owner(this, table))
    if found is None:
        return
    merge = definitions.merges(this.crawler.get("Configuration"))
    new = definitions.changed(table, found, this.name, merge=merge)
    if this.crawler["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE":
        this.glue("UpdateTable", DatabaseName=database, TableInput=new)
        this.updated += int(definitions.differs(table, new))
        table = new
    _add_partitions(this, database, name, table, found)


def _owner(this: _Run, table: Record) -> str:
    """The catalog a table lies in: behind a link to it, or behind a link to its database."""
    return str((table.get("TargetTable") or table).get("CatalogId") or this.account)


def _crawl_path(this: _Run, path: str) -> None:
    """An S3 target: one table for the path, named after its last folder."""
    location = path.rstrip("/") + "/"
    database = this.crawler["DatabaseName"]
    target = this.glue("GetDatabase", Name=database)["Database"].get("TargetDatabase") or {}
    found = _discover(this, location, target.get("CatalogId") or this.account)
    if found is None:
        return
    last = location.rstrip("/").rsplit("/", 1)[-1]
    name = f"{this.crawler.get('TablePrefix', '')}{re.sub(r'[^a-z0-9_]', '_', last.lower())}"
    try:
        old = this.glue("GetTable", DatabaseName=database, Name=name)["Table"]
    except AwsError as failure:
        if failure.code != "EntityNotFoundException":
            raise
        table = definitions.definition(found, name, location, this.name)
        this.glue("CreateTable", DatabaseName=database, TableInput=table)
        this.created += 1
    else:
        table = old
        if this.crawler["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE":
            merge = definitions.merges(this.crawler.get("Configuration"))
            table = definitions.changed(old, found, this.name, merge=merge)
            this.glue("UpdateTable", DatabaseName=database, TableInput=table)
            this.updated += int(definitions.differs(old, table))
    _add_partitions(this, database, name, table, found)


def _add_partitions(this: _Run, database: str, name: str, table: Record, found: Found) -> None:
    """New partitions are always added, whatever the policy says about schema changes."""
    if not found.partitions:
        return
    known: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        page = this.glue("GetPartitions", DatabaseName=database, TableName=name, ExcludeColumnSchema=True, **token)
        known += [partition["Values"] for partition in page["Partitions"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    inputs = definitions.partition_inputs(found, table, known)
    for start in range(0, len(inputs), _BATCH):
        batch = inputs[start : start + _BATCH]
        answer = this.glue("BatchCreatePartition", DatabaseName=database, TableName=name, PartitionInputList=batch)
        if answer["Errors"]:
            raise AwsError("InternalServiceException", answer["Errors"][0]["ErrorDetail"]["ErrorMessage"])
    this.partitions += len(inputs)


def _discover(this: _Run, location: str, owner: str) -> Found | None:
    """Look at the objects with the rights the crawler has; raises `AwsError` when it has none."""
    reader = _reader(this, location, owner)
    keys = reader.keys()
    return discover(keys, reader.prefix, _stoppable(this, reader.read), _classifier(this))


def _classifier(this: _Run) -> CsvClassifier | None:
    """The crawler's custom CSV classifier; other kinds read formats that are not crawled here."""
    for name in this.crawler.get("Classifiers") or []:
        found = adapter.invoke_raw("glue", "GetClassifier", {"Name": name}, account=this.account, region=this.region)
        known = found["Classifier"].get("CsvClassifier")
        if known:
            header = {"PRESENT": True, "ABSENT": False}.get(known.get("ContainsHeader", "UNKNOWN"))
            return CsvClassifier(known.get("Delimiter"), header, tuple(known.get("Header") or ()))
    return None


def _stoppable(this: _Run, read: Callable[[str], bytes]) -> Callable[[str], bytes]:
    def checked(key: str) -> bytes:
        this.check()
        return read(key)

    return checked


def _reader(this: _Run, location: str, owner: str) -> objects.Reader:
    """With `UseLakeFormationCredentials` Lake Formation vends the registered role, else the crawler's role reads."""
    configuration = this.crawler.get("LakeFormationConfiguration") or {}
    if not configuration.get("UseLakeFormationCredentials"):
        return objects.reader(location, this.region, this.caller)
    registrar = configuration.get("AccountId") or this.account
    authz.require(this.caller.arn, "lakeformation:GetDataAccess", "*")
    if engine.registered_location(registrar, location) is None:
        raise AwsError("InvalidInputException", f"The S3 location: {location} is not registered.")
    if not engine.can_use_location(this.caller, location, catalog=registrar):
        raise AwsError(
            "AccessDeniedException", f"Insufficient Lake Formation permission(s) on {location} in catalog {owner}"
        )
    return objects.vended(location, this.region, registrar)
