"""What a crawler finds in objects, and the definition that follows."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from sandbox.api import AwsError
from sandbox.glue import definitions
from sandbox.glue.inference import CsvClassifier, Found, discover, widest
from tests.sandbox.glue.lake import orders, parquet


def found(objects: dict[str, bytes], prefix: str = "t/") -> Found:
    """What discover finds; it must find something."""
    result = discover(sorted(objects), prefix, objects.__getitem__)
    assert result is not None
    return result


def test_parquet_in_hive_partitions() -> None:
    one, other = parquet(Id=[1], name=["a"]), parquet(Id=[2], extra=[1.5])
    result = found({"t/year=2024/c=d%20e/a": one, "t/year=2025/c=f/b": other, "t/year=2025/c=f/c": other})
    assert result.classification == "parquet"
    assert result.columns == {"id": "bigint", "name": "string", "extra": "double"}
    assert result.partition_keys == ["year", "c"]
    assert result.partitions == {("2024", "d e"): "year=2024/c=d%20e/", ("2025", "f"): "year=2025/c=f/"}
    assert (result.objects, result.records) == (3, 3)


def test_folders_without_names_are_numbered() -> None:
    assert found({"t/2024/a": parquet(a=[1])}).partition_keys == ["partition_0"]


def test_what_lies_otherwise_is_left_out() -> None:
    one = parquet(a=[1])
    result = found({"t/m=1/a": one, "t/m=2/a": one, "t/readme": parquet(other=["x"])})
    assert (result.partition_keys, list(result.columns)) == (["m"], ["a"])


def test_csv_with_a_header() -> None:
    result = found({"t/a.csv": b"Id;name;at;ok\n1;x;2020-01-01;true\n2;y;2020-01-02;false\n"})
    assert result.classification == "csv"
    assert result.columns == {"id": "bigint", "name": "string", "at": "date", "ok": "boolean"}
    assert (result.header, result.delimiter, result.records) == (True, ";", 2)


def test_csv_without_a_header() -> None:
    result = found({"t/a": b"1,2.5\n2,3\n"})
    assert (result.columns, result.header) == ({"col0": "bigint", "col1": "double"}, False)


def test_text_above_text_is_no_header_unless_a_classifier_says_so() -> None:
    objects = {"t/a.csv": b"carrier,name\nUA,United\nAA,American\n"}
    assert found(objects).columns == {"col0": "string", "col1": "string"}
    said = discover(list(objects), "t/", objects.__getitem__, CsvClassifier(header=True))
    assert said is not None
    assert (said.columns, said.header) == ({"carrier": "string", "name": "string"}, True)
    named = discover(list(objects), "t/", objects.__getitem__, CsvClassifier(header=False, names=("a", "b")))
    assert named is not None
    assert (named.columns, named.header) == ({"a": "string", "b": "string"}, False)


def test_types_of_several_files_are_widened() -> None:
    result = found({"t/a": b"k,v\n1,1\n2,2\n", "t/b": b"k,v\n3,1.5\n4,x\n", "t/c": b""})
    assert result.columns == {"k": "bigint", "v": "string"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("int", "bigint", "bigint"),
        ("bigint", "double", "double"),
        ("date", "timestamp", "string"),
        ("boolean", "int", "string"),
    ],
)
def test_the_type_that_holds_both(one: str, other: str, expected: str) -> None:
    assert widest(one, other) == widest(other, one) == expected


def test_json_lines_nested_and_compressed() -> None:
    lines = [{"Id": 1, "who": {"name": "a", "tags": ["x"]}}, {"Id": 2.5, "at": "2020-01-01T00:00:00Z"}]
    result = found({"t/a.json.gz": gzip.compress("\n".join(map(json.dumps, lines)).encode())})
    assert result.classification == "json"
    assert result.columns == {"id": "double", "who": "struct<name:string,tags:array<string>>", "at": "string"}
    assert result.compressed


def test_nothing_there() -> None:
    assert discover([], "t/", lambda _: b"") is None
    assert discover(["t/a"], "t/", lambda _: b"") is None


@pytest.mark.parametrize("content", [b"\x00\x01\x02\x03", b"just words", b"\xff\xfe\xff"])
def test_what_is_no_known_format(content: bytes) -> None:
    result = found({"t/a": content})
    assert (result.classification, result.columns) == ("UNKNOWN", {})


def test_a_refused_read_is_the_crawls_failure() -> None:
    def refuse(_: str) -> bytes:
        raise AwsError("AccessDenied", "no", 403)

    with pytest.raises(AwsError, match="no"):
        discover(["t/a"], "t/", refuse)


# --- definitions ------------------------------------------------------------------------------------------------------


def csv(**columns: str) -> Found:
    """A CSV with a header."""
    return Found("csv", columns, header=True, objects=1, size=100, records=10)


def table(**more: Any) -> dict[str, Any]:
    """The orders table with a parameter, a comment and a description of its owner."""
    return {**orders(), "Description": "ours", **more}


def test_a_table_made_by_a_crawler() -> None:
    new = definitions.definition(csv(a="bigint"), "t", "s3://b/t/", "c1")
    storage = new["StorageDescriptor"]
    assert storage["Columns"] == [{"Name": "a", "Type": "bigint"}]
    assert storage["SerdeInfo"]["Parameters"] == {"field.delim": ","}
    assert new["Parameters"]["skip.header.line.count"] == "1"
    assert new["Parameters"]["classification"] == storage["Parameters"]["classification"] == "csv"
    assert (new["Parameters"]["UPDATED_BY_CRAWLER"], new["Parameters"]["averageRecordSize"]) == ("c1", "10")


def test_by_default_what_a_crawler_does_not_set_is_removed() -> None:
    new = definitions.changed(table(), csv(id="int", customer="string", city="string"), "c1", merge=False)
    assert "Description" not in new
    assert "data_classification" not in new["Parameters"]
    assert new["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "int"},
        {"Name": "customer", "Type": "string"},
        {"Name": "city", "Type": "string"},
    ]
    assert new["StorageDescriptor"]["Location"] == orders()["StorageDescriptor"]["Location"]


def test_merging_adds_columns_and_leaves_the_rest() -> None:
    new = definitions.changed(table(), csv(id="int", customer="string", city="string"), "c1", merge=True)
    columns = new["StorageDescriptor"]["Columns"]
    assert columns == [*orders()["StorageDescriptor"]["Columns"], {"Name": "city", "Type": "string"}]
    assert new["Description"] == "ours"
    assert new["Parameters"]["data_classification"] == "internal"
    assert new["Parameters"]["recordCount"] == "10"
    assert definitions.differs(table(), new)
    again = definitions.changed({**new}, csv(id="int", customer="string", city="string"), "c2", merge=True)
    assert not definitions.differs(new, again)


@pytest.mark.parametrize("merge", [True, False])
def test_partition_keys_that_fit_keep_their_type(merge: bool) -> None:
    keys = [{"Name": "month", "Type": "int", "Parameters": {"pii_flag": "false"}}]
    result = Found("parquet", {"a": "int", "month": "int"}, ["month"], {("1",): "month=1/", ("2",): "month=2/"})
    new = definitions.changed(table(PartitionKeys=keys), result, "c1", merge=merge)
    assert new["PartitionKeys"] == (keys if merge else [{"Name": "month", "Type": "int"}])
    assert "month" not in [column["Name"] for column in new["StorageDescriptor"]["Columns"]]
    inputs = definitions.partition_inputs(result, new, [["1"]])
    assert [one["Values"] for one in inputs] == [["2"]]
    assert inputs[0]["StorageDescriptor"]["Location"] == "s3://sales-lake/products/orders/month=2/"


def test_a_table_partitioned_otherwise_gets_no_partitions() -> None:
    result = Found("parquet", {"a": "int"}, ["year"], {("1",): "year=1/"})
    old = table(PartitionKeys=[{"Name": "month", "Type": "int"}])
    new = definitions.changed(old, result, "c1", merge=True)
    assert definitions.partition_inputs(result, new, []) == []


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (None, False),
        ('{"Version": 1.0}', False),
        ('{"Version": 1.0, "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}}', True),
    ],
)
def test_what_the_configuration_says(configuration: str | None, expected: bool) -> None:
    assert definitions.merges(configuration) is expected
