"""The life of a query, its results in pages and files, formats, and metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.athena.ask import ask, finished, refused, start
from tests.sandbox.glue.lake import (
    BUCKET,
    LOCAL,
    MARKETING,
    PARQUET_SERDE,
    RESULTS,
    Lake,
    allow,
    parquet,
    reader_policy,
    until,
)


@pytest.fixture
def analyst(lake: Lake) -> Lake:
    """The mesh with an analyst who reads both tables."""
    lake.analyst("orders", "flights")
    return lake


def test_a_query_from_start_to_result(analyst: Lake) -> None:
    answer = ask(analyst, "SELECT id FROM orders ORDER BY id")
    query_id = answer.execution["QueryExecutionId"]
    assert answer.execution["StatementType"] == "DML"
    assert answer.execution["ResultConfiguration"]["OutputLocation"] == f"s3://{RESULTS}/out/{query_id}.csv"
    assert answer.execution["Statistics"]["DataScannedInBytes"] > 0
    assert answer.execution["Status"]["CompletionDateTime"] >= answer.execution["Status"]["SubmissionDateTime"]
    body = analyst.client("s3", MARKETING).get_object(Bucket=RESULTS, Key=f"out/{query_id}.csv")["Body"].read()
    assert body == b'"id"\n"1"\n"2"\n"3"\n'
    athena = analyst.client("athena", MARKETING, "analyst")
    assert athena.list_query_executions(WorkGroup="primary")["QueryExecutionIds"] == [query_id]
    found = athena.batch_get_query_execution(QueryExecutionIds=[query_id, "nothing"])
    assert (len(found["QueryExecutions"]), len(found["UnprocessedQueryExecutionIds"])) == (1, 1)


def test_results_come_in_pages_with_one_header(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    query_id = start(athena, "SELECT x FROM UNNEST(sequence(1, 5)) AS t(x)")
    assert finished(athena, query_id)["Status"]["State"] == "SUCCEEDED"
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": 4}
    )
    values = [[row["Data"][0]["VarCharValue"] for row in page["ResultSet"]["Rows"]] for page in pages]
    assert values == [["x", "1", "2", "3"], ["4", "5"]]


def test_a_query_that_failed_has_no_results(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    query_id = start(athena, "SELECT 1 / 0 FROM nothing")
    status = finished(athena, query_id)["Status"]
    assert status["AthenaError"]["ErrorMessage"] == status["StateChangeReason"]
    with pytest.raises(athena.exceptions.InvalidRequestException, match="Final query state: FAILED"):
        athena.get_query_results(QueryExecutionId=query_id)
    with pytest.raises(athena.exceptions.InvalidRequestException, match="was not found"):
        athena.get_query_execution(QueryExecutionId="nothing")


def test_a_query_is_stopped(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    analyst.sandbox.settings(latency={"athena:query": 3600})
    query_id = start(athena, "SELECT 1")
    with pytest.raises(athena.exceptions.InvalidRequestException, match="has not yet finished"):
        athena.get_query_results(QueryExecutionId=query_id)
    athena.stop_query_execution(QueryExecutionId=query_id)
    assert finished(athena, query_id)["Status"]["State"] == "CANCELLED"
    athena.stop_query_execution(QueryExecutionId=query_id)


def test_a_long_query_is_interrupted(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    query_id = start(athena, "SELECT count(*) FROM UNNEST(sequence(1, 100000)) a(x), UNNEST(sequence(1, 1000000)) b(y)")
    until(
        lambda: athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"] == "RUNNING"
    )
    athena.stop_query_execution(QueryExecutionId=query_id)
    assert finished(athena, query_id)["Status"]["State"] == "CANCELLED"


def test_the_same_token_is_the_same_query(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    token = "t" * 32
    first = start(athena, "SELECT 1", ClientRequestToken=token)
    assert start(athena, "SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(athena.exceptions.InvalidRequestException, match="Idempotent parameters"):
        start(athena, "SELECT 2", ClientRequestToken=token)


def test_workgroups_say_where_results_go(analyst: Lake) -> None:
    root = analyst.client("athena", MARKETING)
    ours = {"ResultConfiguration": {"OutputLocation": f"s3://{RESULTS}/ours/"}, "EnforceWorkGroupConfiguration": True}
    root.create_work_group(Name="team", Configuration=ours)
    query_id = start(root, "SELECT 1", WorkGroup="team")
    assert finished(root, query_id)["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{RESULTS}/ours/")
    with pytest.raises(ClientError, match=r"athena:GetQueryExecution on resource: .*workgroup/team"):
        analyst.client("athena", MARKETING, "analyst").get_query_execution(QueryExecutionId=query_id)
    for more, message in (
        ({"WorkGroup": "nothing"}, "WorkGroup nothing is not found"),
        ({"ResultConfiguration": {}}, "No output location provided"),
        ({"ResultConfiguration": {"OutputLocation": "s3://nowhere-at-all/"}}, "Unable to verify/create output bucket"),
        ({"ResultConfiguration": {"OutputLocation": "file:///tmp/"}}, "not a valid S3 path"),
        ({"QueryExecutionContext": {"Catalog": "hive"}}, "Catalog hive is not served"),
    ):
        with pytest.raises(root.exceptions.InvalidRequestException, match=message):
            start(root, "SELECT 1", **more)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM nothing", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.nothing' does not exist"),
        ("SELECT * FROM nowhere.t", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nowhere' does not exist"),
        ("SELECT nope FROM orders", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT id, sum(amount) FROM orders", "SYNTAX_ERROR"),
        ("SELECT no_such_function(id) FROM orders", "SYNTAX_ERROR"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT"),
        ("SELECT * FROM '/etc/passwd'", "TABLE_NOT_FOUND"),
    ],
)
def test_a_query_fails_with_athenas_words(analyst: Lake, sql: str, message: str) -> None:
    assert message in refused(analyst, sql)


# --- formats ----------------------------------------------------------------------------------------------------------


def own_table(lake: Lake, name: str, body: bytes, **storage: Any) -> None:
    """A table in the consumer's own account over its own bucket, which the analyst may read."""
    lake.client("s3", MARKETING).put_object(Bucket=RESULTS, Key=f"data/{name}/a", Body=body)
    parameters = storage.pop("Parameters", {})
    definition = {
        "Name": name,
        "Parameters": parameters,
        "StorageDescriptor": {"Location": f"s3://{RESULTS}/data/{name}", **storage},
    }
    lake.client("glue", MARKETING, "admin").create_table(DatabaseName=LOCAL, TableInput=definition)
    lake.role(MARKETING, "analyst", [*reader_policy(), allow(["s3:ListBucket"], [f"arn:aws:s3:::{RESULTS}"])])
    resource = {"Table": {"DatabaseName": LOCAL, "Name": name}}
    lake.grant(MARKETING, f"arn:aws:iam::{MARKETING}:role/analyst", resource, ["SELECT"])


def columns(**types: str) -> list[dict[str, str]]:
    """Glue's columns."""
    return [{"Name": name, "Type": kind} for name, kind in types.items()]


def test_json_lines(analyst: Lake) -> None:
    lines = [{"Id": 1, "who": {"name": "a"}, "tags": ["x", "y"]}, {"Id": 2}]
    own_table(
        analyst,
        "people",
        "\n".join(map(json.dumps, lines)).encode(),
        Columns=columns(id="int", who="struct<name:string>", tags="array<string>", missing="date"),
        SerdeInfo={"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    )
    answer = ask(analyst, "SELECT id, who.name, cardinality(tags), missing FROM people ORDER BY id")
    assert answer.rows[1:] == [["1", "a", "2", None], ["2", None, None, None]]


def test_quoted_csv_needs_the_serde_for_it(analyst: Lake) -> None:
    body, kinds = b'1,"a, b"\n2,"c"\n', columns(id="int", name="string")
    opened = {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ","},
    }
    own_table(analyst, "quoted", body, Columns=kinds, SerdeInfo=opened)
    assert ask(analyst, "SELECT name FROM quoted ORDER BY id").rows[1:] == [["a, b"], ["c"]]


def test_tabs_and_values_that_do_not_fit(analyst: Lake) -> None:
    own_table(
        analyst,
        "tabs",
        b"a\tb\n1\tx\nNA\t\\N\n",
        Columns=columns(n="int", t="string"),
        SerdeInfo={
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"field.delim": "\\t"},
        },
        Parameters={"skip.header.line.count": "1"},
    )
    assert ask(analyst, "SELECT n, t FROM tabs ORDER BY n").rows[1:] == [["1", "x"], [None, None]]


def test_parquet_whose_types_do_not_fit_the_table(analyst: Lake) -> None:
    serde = {"SerializationLibrary": PARQUET_SERDE}
    own_table(analyst, "bad", parquet(n=["text"]), Columns=columns(n="bigint"), SerdeInfo=serde)
    assert "HIVE_BAD_DATA: Field n's type VARCHAR" in refused(analyst, "SELECT n FROM bad")


def test_a_table_without_a_format(analyst: Lake) -> None:
    own_table(analyst, "formless", b"x", Columns=columns(n="bigint"))
    assert "HIVE_UNSUPPORTED_FORMAT" in refused(analyst, "SELECT n FROM formless")


def test_an_empty_table(analyst: Lake) -> None:
    analyst.client("s3", "222222222222").delete_object(Bucket=BUCKET, Key="products/orders/orders.csv")
    answer = ask(analyst, "SELECT *, 1 FROM orders")
    assert answer.rows == [["id", "customer", "amount", "_col3"]]


def test_only_partitions_of_the_catalog_are_read(analyst: Lake) -> None:
    s3 = analyst.client("s3", "222222222222")
    s3.put_object(Bucket=BUCKET, Key="products/flights/month=3/a", Body=parquet(id=[30], carrier=["DL"]))
    assert ask(analyst, "SELECT max(month) FROM flights").rows[1:] == [["2"]]
    s3.put_object(Bucket=BUCKET, Key="products/flights/month=2/_SUCCESS", Body=b"not data")
    assert ask(analyst, "SELECT count(*) FROM flights WHERE month = 2").rows[1:] == [["2"]]


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_show_and_describe(analyst: Lake) -> None:
    assert ask(analyst, "SHOW DATABASES").rows == [[LOCAL]]
    assert ask(analyst, "SHOW TABLES").rows == [["flights"], ["orders"]]
    assert ask(analyst, f"SHOW TABLES IN {LOCAL} 'ord*'").rows == [["orders"]]
    assert ask(analyst, "SHOW COLUMNS IN flights").rows == [["id"], ["carrier"], ["month"]]
    assert ask(analyst, "SHOW PARTITIONS flights").rows == [["month=1"], ["month=2"]]
    assert ask(analyst, "DESCRIBE orders").rows[1] == ["customer", "string", "who"]
    assert ask(analyst, "SHOW TABLES").execution["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    assert "not found" in refused(analyst, "SHOW TABLES IN nowhere")


def test_the_metadata_api_shows_what_the_caller_sees(analyst: Lake) -> None:
    analyst.role(MARKETING, "analyst", [*reader_policy(), allow(["athena:*"])])
    analyst.role(MARKETING, "intern", [*reader_policy(), allow(["athena:*"])])
    athena, intern = (analyst.client("athena", MARKETING, role) for role in ("analyst", "intern"))
    catalog = {"CatalogName": "AwsDataCatalog"}
    database = {**catalog, "DatabaseName": LOCAL}
    assert athena.get_database(**database)["Database"]["Name"] == LOCAL
    assert [found["Name"] for found in athena.list_databases(**catalog)["DatabaseList"]] == [LOCAL]
    tables = athena.list_table_metadata(**database)["TableMetadataList"]
    assert [found["Name"] for found in tables] == ["flights", "orders"]
    table = athena.get_table_metadata(**database, TableName="flights")["TableMetadata"]
    assert [column["Name"] for column in table["PartitionKeys"]] == ["month"]
    assert intern.list_databases(**catalog)["DatabaseList"] == []
    with pytest.raises(intern.exceptions.MetadataException, match="not found"):
        intern.get_table_metadata(**database, TableName="flights")


def test_nobody_reads_this_machines_files(analyst: Lake) -> None:
    athena = analyst.client("athena", MARKETING, "analyst")
    for sql in ("SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM duckdb_settings()"):
        with pytest.raises(athena.exceptions.InvalidRequestException, match="Table function"):
            start(athena, sql)
