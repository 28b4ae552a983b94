"""Requests are read, checked and answered as AWS's models say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import wire
from sandbox.api import AwsError


def decoded(service: str, path: str, body: dict[str, Any], target: str = "") -> tuple[str, dict[str, Any]]:
    headers = {"x-amz-target": target} if target else {}
    return wire.decode(service, method="POST", path=path, headers=headers, query={}, body=json.dumps(body).encode())


def test_a_json_request() -> None:
    name, params = decoded("glue", "/", {"DatabaseName": "d", "Name": "t"}, "AWSGlue.GetTable")
    assert (name, params) == ("GetTable", {"DatabaseName": "d", "Name": "t"})


def test_a_rest_json_request() -> None:
    name, params = decoded("lakeformation", "/DescribeResource", {"ResourceArn": "arn:aws:s3:::b/p", "Unknown": 1})
    assert (name, params) == ("DescribeResource", {"ResourceArn": "arn:aws:s3:::b/p"})


def test_the_query_string_decides_between_s3_operations() -> None:
    assert wire.operation_of("s3", "GET", "/bucket", {}, {"policy": [""]}) == "GetBucketPolicy"
    assert wire.operation_of("s3", "GET", "/bucket", {}, {"list-type": ["2"]}) == "ListObjectsV2"
    assert wire.operation_of("s3", "PUT", "/bucket/a/b", {}, {}) == "PutObject"


def test_what_is_required() -> None:
    with pytest.raises(AwsError) as caught:
        decoded("lakeformation", "/DescribeResource", {})
    assert caught.value.code == "ValidationException"
    assert caught.value.message == (
        "1 validation error detected: Value null at 'resourceArn' failed to satisfy constraint: Member must not be null"
    )


def test_what_a_value_may_be() -> None:
    with pytest.raises(AwsError) as caught:
        decoded("lakeformation", "/ListPermissions", {"MaxResults": 0, "ResourceType": "THING"})
    assert "2 validation errors detected" in caught.value.message
    assert "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater" in (
        caught.value.message
    )
    assert "Member must satisfy enum value set: [" in caught.value.message


def test_nested_values_are_named_by_their_path() -> None:
    entries = [{"Id": "1", "Permissions": ["SELECT"]}, {"Permissions": ["FLY"]}]
    with pytest.raises(AwsError) as caught:
        decoded("lakeformation", "/BatchGrantPermissions", {"Entries": entries})
    assert "at 'entries.2.member.id'" in caught.value.message
    assert "at 'entries.2.member.permissions.1.member'" in caught.value.message


def test_a_wrong_type_does_not_get_through() -> None:
    with pytest.raises(AwsError) as caught:
        decoded("glue", "/", {"DatabaseName": 1}, "AWSGlue.GetTables")
    assert caught.value.code == "SerializationException"


def test_an_unknown_operation() -> None:
    with pytest.raises(AwsError) as caught:
        decoded("glue", "/", {}, "AWSGlue.FlyAway")
    assert caught.value.code == "UnknownOperationException"


def test_an_answer_writes_times_and_leaves_out_nothing_known() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    result = {"ResourceInfo": {"ResourceArn": "a", "LastModified": moment, "Invented": 1}}
    status, headers, body = wire.encode("lakeformation", "DescribeResource", result)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"ResourceInfo": {"ResourceArn": "a", "LastModified": moment.timestamp()}}


@pytest.mark.parametrize("service", ["glue", "lakeformation", "sns", "s3", "iam", "monitoring"])
def test_an_error_is_read_back_in_every_protocol(service: str) -> None:
    operation = {"s3": "ListBuckets", "iam": "ListRoles", "sns": "ListTopics", "monitoring": "DescribeAlarms"}
    name = operation.get(service, "GetDatabases" if service == "glue" else "ListResources")
    status, headers, body = wire.error(service, AwsError("ThrottlingException", "Rate <exceeded>", 400))
    with pytest.raises(AwsError) as caught:
        wire.response(service, name, status, headers, body)
    assert (caught.value.code, caught.value.message) == ("ThrottlingException", "Rate <exceeded>")


def test_a_request_is_what_boto3_sends() -> None:
    method, path, headers, query, body = wire.request("s3", "GetObject", {"Bucket": "b", "Key": "a/b c"})
    assert (method, path, query, body) == ("GET", "/b/a/b c", {}, b"")
    assert headers["content-length"] == "0"
    _, _, headers, _, body = wire.request("sns", "Publish", {"TopicArn": "t", "Message": "m"})
    assert b"Action=Publish" in body
    assert headers["content-type"].startswith("application/x-www-form-urlencoded")
