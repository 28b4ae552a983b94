"""The DynamoDB table of crawl runs: what a run waits for, and the task token that wakes its workflow.

Every write is conditional or adds to a set, so repeating any of them changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.crawls import CrawlPlan, CrawlRun

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]


def _run_from_item(item: Item) -> CrawlRun:
    return CrawlRun(
        run_id=item["run_id"]["S"],
        execution_arn=item["execution_arn"]["S"],
        event_id=item["event_id"]["S"],
        status=item["run_status"]["S"],
        crawlers={table: name["S"] for table, name in item["crawlers"]["M"].items()},
        ended=frozenset(item.get("ended", {}).get("SS", ())),
        waiting=frozenset(item.get("waiting", {}).get("SS", ())),
        task_token=item.get("task_token", {}).get("S"),
    )


class CrawlRuns:
    """Gateway to the runs of this domain.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
    """

    def __init__(self, table: str, client: "DynamoDBClient | None" = None, retrier: Retrier | None = None) -> None:
        self._table = table
        self._client = client or clients.dynamodb()
        self._retrier = retrier or Retrier()

    def begin(
        self, plan: CrawlPlan, *, execution_arn: str, expires_at: datetime, instead_of: str | None = None
    ) -> CrawlRun | None:
        """Record a run as this execution's, and return None; or return the run that stands in the way.

        A run may be begun when there is none, when it is this execution's own, when it failed, or when it belongs to
        the execution `instead_of`, which the caller knows to have ended.
        """
        item: Item = {
            "run_id": {"S": plan.run_id},
            "execution_arn": {"S": execution_arn},
            "event_id": {"S": str(plan.event_id)},
            "run_status": {"S": "RUNNING"},
            "crawlers": {"M": {target.table: {"S": target.crawler} for target in plan.targets}},
            "expires_at": {"N": str(int(expires_at.timestamp()))},
        }
        try:
            self._retrier.run(
                lambda: self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(run_id) OR run_status = :failed"
                    " OR (run_status = :running AND execution_arn IN (:mine, :ended))",
                    ExpressionAttributeValues={
                        ":failed": {"S": "FAILED"},
                        ":running": {"S": "RUNNING"},
                        ":mine": {"S": execution_arn},
                        ":ended": {"S": instead_of or execution_arn},
                    },
                )
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            in_the_way = self.get(plan.run_id)
            if in_the_way is None:  # its time to live ended in between
                return self.begin(plan, execution_arn=execution_arn, expires_at=expires_at)
            return in_the_way
        return None

    def get(self, run_id: str) -> CrawlRun | None:
        """Return a run as it is now; None when there is none."""
        answer = self._retrier.run(
            lambda: self._client.get_item(TableName=self._table, Key={"run_id": {"S": run_id}}, ConsistentRead=True)
        )
        item = answer.get("Item")
        return _run_from_item(item) if item else None

    def await_callback(self, run_id: str, *, execution_arn: str, task_token: str) -> CrawlRun | None:
        """Store the token that wakes the workflow; None when the run is not this execution's."""
        return self._update(
            run_id,
            "SET task_token = :token, run_status = :running",
            "execution_arn = :mine",
            {":token": {"S": task_token}, ":mine": {"S": execution_arn}, ":running": {"S": "RUNNING"}},
        )

    def crawl_ended(self, run_id: str, table: str) -> CrawlRun | None:
        """Record that the crawl of a table has ended; None when no run that is under way has such a table.

        The answer holds the state after this very write, so that of several crawls that end at once exactly one sees
        the run complete first.
        """
        return self._update(
            run_id,
            "ADD ended :tables DELETE waiting :tables",
            "run_status = :running AND attribute_exists(crawlers.#table)",
            {":tables": {"SS": [table]}, ":running": {"S": "RUNNING"}},
            {"#table": table},
        )

    def set_waiting(self, run_id: str, tables: Iterable[str]) -> CrawlRun | None:
        """Remember which tables' crawlers are still to be started; None when no such run is under way."""
        waiting = sorted(tables)
        under_way = {":running": {"S": "RUNNING"}}
        if not waiting:
            return self._update(run_id, "REMOVE waiting", "run_status = :running", under_way)
        return self._update(
            run_id,
            "SET waiting = :waiting",
            "run_status = :running",
            {":waiting": {"SS": waiting}, **under_way},
        )

    def close(self, run_id: str, *, execution_arn: str, failed: bool) -> None:
        """End a run and forget its token. One that failed may be begun again; another execution's is left alone."""
        self._update(
            run_id,
            "SET run_status = :status REMOVE task_token",
            "execution_arn = :mine",
            {":status": {"S": "FAILED" if failed else "DONE"}, ":mine": {"S": execution_arn}},
        )

    def _update(
        self, run_id: str, update: str, condition: str, values: dict[str, Any], names: dict[str, str] | None = None
    ) -> CrawlRun | None:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": {"run_id": {"S": run_id}},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        } | ({"ExpressionAttributeNames": names} if names else {})
        try:
            answer = self._retrier.run(lambda: self._client.update_item(**request))
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return _run_from_item(answer["Attributes"])
