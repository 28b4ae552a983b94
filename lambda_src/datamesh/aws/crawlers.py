"""Glue crawlers: created for one run, started, watched, stopped and deleted. All calls can be repeated."""

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule, error_of
from datamesh.models.crawls import CrawlerState
from datamesh.models.errors import AwsTemporarilyUnavailable

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import LakeFormationConfigurationTypeDef

# Too many crawlers at once: not an error of this one, it is started when another has ended.
LIMITS = frozenset(
    {"ResourceNumberLimitExceededException", "LimitExceededException", "ConcurrentRunsExceededException"}
)
# By default a crawler removes all metadata that it does not set itself: the owner's classification and personal
# data flags among it. New columns only, then: a column that changes its type or goes is the owner's to say.
# Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html
_KEEP_OWNERS_METADATA = json.dumps(
    {"Version": 1.0, "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}}
)
_NEW_ROLE = Rule(
    Handling.RETRY,
    frozenset({"InvalidInputException"}),
    # IAM has not told Glue of the new crawler role yet.
    ("unable to assume role", "cannot be assumed", "does not have permission to assume"),
    budget=60,
    cap=10,
)
_START = (
    Rule(Handling.RETRY, THROTTLES, budget=20, cap=5),
    Rule(Handling.RETRY, HICCUPS, budget=20, cap=5),
)
_CREATE = (_NEW_ROLE, *_START)


class Crawlers:
    """Gateway to the crawlers of the own account."""

    def __init__(self, client: "GlueClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.glue()
        self._retrier = retrier or Retrier()

    def create(self, *, name: str, role_arn: str, database: str, link: str, location_account: str | None) -> bool:
        """Create a crawler for one linked table; False when the account has no room for it now.

        Its target is the link, its credentials Lake Formation's; in that mode AWS allows one table per crawler. It
        updates the table's columns and never deletes a table. `location_account` is the account that registered the
        data's location, None where it is the own one. One of this name exists only when the same run made it,
        which counts as created.
        Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-lf-integ.html
        """
        credentials: LakeFormationConfigurationTypeDef = {"UseLakeFormationCredentials": True}
        if location_account is not None:
            credentials["AccountId"] = location_account
        try:
            self._retrier.run(
                lambda: self._client.create_crawler(
                    Name=name,
                    Role=role_arn,
                    Description="Made by crawl_data_product for one run and deleted after it.",
                    Targets={"CatalogTargets": [{"DatabaseName": database, "Tables": [link]}]},
                    SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
                    Configuration=_KEEP_OWNERS_METADATA,
                    LakeFormationConfiguration=credentials,
                ),
                rules=_CREATE,
            )
        except self._client.exceptions.AlreadyExistsException:
            return True
        except AwsTemporarilyUnavailable:
            return False
        except ClientError as error:
            if error_of(error)[0] in LIMITS:
                return False
            raise
        return True

    def start(self, name: str) -> bool:
        """Start a crawler; False when Glue is too busy to start another one now.

        One that runs already counts as started.
        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_StartCrawler.html
        """
        try:
            self._retrier.run(lambda: self._client.start_crawler(Name=name), rules=_START)
        except self._client.exceptions.CrawlerRunningException:
            return True
        except AwsTemporarilyUnavailable:
            return False
        except ClientError as error:
            if error_of(error)[0] in LIMITS:
                return False
            raise
        return True

    def state(self, name: str) -> CrawlerState | None:
        """Return what a crawler is doing and how its crawl ended; None when it does not exist.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_GetCrawler.html
        """
        try:
            answer = self._retrier.run(lambda: self._client.get_crawler(Name=name))
        except self._client.exceptions.EntityNotFoundException:
            return None
        crawler = cast("dict[str, Any]", answer["Crawler"])
        last = crawler.get("LastCrawl") or {}
        return CrawlerState(
            activity=crawler.get("State", "READY"), last_status=last.get("Status"), error=last.get("ErrorMessage")
        )

    def delete(self, name: str) -> bool:
        """Delete a crawler, or ask it to stop first; True when it is gone.

        Source: https://docs.aws.amazon.com/glue/latest/webapi/API_DeleteCrawler.html
        """
        try:
            self._retrier.run(lambda: self._client.delete_crawler(Name=name), rules=RULES)
        except self._client.exceptions.EntityNotFoundException:
            return True
        except self._client.exceptions.CrawlerRunningException:
            self._stop(name)
            return False
        return True

    def _stop(self, name: str) -> None:
        exceptions = self._client.exceptions
        ended = (exceptions.CrawlerNotRunningException, exceptions.CrawlerStoppingException)
        try:
            self._retrier.run(lambda: self._client.stop_crawler(Name=name))
        except (*ended, exceptions.EntityNotFoundException):
            return
