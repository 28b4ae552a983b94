"""Who reads what: every right taken away alone fails the query."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.athena.ask import ask, refused, start
from tests.sandbox.glue.lake import (
    BUCKET,
    CENTRAL,
    DATABASE,
    LOCAL,
    MARKETING,
    REGION,
    RESULTS,
    SALES,
    Lake,
    allow,
    columns_of,
    reader_policy,
    role_arn,
    table_of,
    target,
    without,
)

ALL = "SELECT * FROM orders ORDER BY id"


def test_an_analyst_reads_what_was_granted_on_link_and_target(lake: Lake) -> None:
    lake.analyst("orders", "flights")
    answer = ask(lake, ALL)
    assert answer.columns == [("id", "bigint"), ("customer", "varchar"), ("amount", "double")]
    assert answer.rows == [
        ["id", "customer", "amount"],
        ["1", "ann", "10.5"],
        ["2", "bob", "20.0"],
        ["3", "cy", None],
    ]
    assert ask(lake, "SELECT carrier, sum(month) FROM flights GROUP BY 1 ORDER BY 1").rows[1:] == [
        ["AA", "3"],
        ["UA", "3"],
    ]
    joined = "SELECT count(*) FROM sales.orders o JOIN sales.flights f ON o.id * 10 = f.id"
    assert ask(lake, joined).rows[1:] == [["2"]]


# --- IAM --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action", ["glue:GetTable", "glue:GetDatabase", "glue:GetPartitions", "lakeformation:GetDataAccess"]
)
def test_each_action_is_needed(lake: Lake, action: str) -> None:
    lake.analyst("flights")
    lake.analyst(statements=without(reader_policy(), action))
    reason = refused(lake, "SELECT * FROM flights")
    assert f"assumed-role/analyst/sandbox is not authorized to perform: {action}" in reason


@pytest.mark.parametrize("owner", [CENTRAL, MARKETING])
def test_glue_is_asked_on_both_accounts_arns(lake: Lake, owner: str) -> None:
    lake.analyst("orders")
    statements = reader_policy()
    statements[1]["Resource"] = [arn for arn in statements[1]["Resource"] if owner not in arn]
    lake.analyst(statements=statements)
    assert f"arn:aws:glue:{REGION}:{owner}:catalog" in refused(lake, ALL)


def test_without_the_right_to_start(lake: Lake) -> None:
    lake.analyst("orders", statements=without(reader_policy(), "athena:*"))
    with pytest.raises(ClientError, match="not authorized to perform: athena:StartQueryExecution"):
        start(lake.client("athena", MARKETING, "analyst"), ALL)


def test_without_the_right_to_look_for_the_result_bucket(lake: Lake) -> None:
    lake.analyst("orders", statements=without(reader_policy(), "s3:GetBucketLocation"))
    with pytest.raises(ClientError, match=f"Unable to verify/create output bucket {RESULTS}"):
        start(lake.client("athena", MARKETING, "analyst"), ALL)


def test_without_the_right_to_write_the_result(lake: Lake) -> None:
    lake.analyst("orders", statements=without(reader_policy(), "s3:PutObject"))
    assert "Access denied when writing output to url: s3://marketing-results/out/" in refused(lake, ALL)


def test_without_the_right_to_read_the_result(lake: Lake) -> None:
    lake.analyst("orders", statements=without(reader_policy(), "s3:GetObject"))
    with pytest.raises(ClientError, match="s3:GetObject"):
        ask(lake, ALL)


# --- Lake Formation ---------------------------------------------------------------------------------------------------


def test_without_any_grant_not_even_the_database_exists(lake: Lake) -> None:
    lake.analyst("orders")
    lake.analyst(name="intern")
    assert refused(lake, ALL, "intern") == "SCHEMA_NOT_FOUND: line 1:15: Schema 'sales' does not exist"


@pytest.mark.parametrize(
    ("resource", "permissions"),
    [
        ({"Table": {"DatabaseName": LOCAL, "Name": "orders"}}, ["DESCRIBE"]),
        (table_of("orders"), ["SELECT", "DESCRIBE"]),
    ],
    ids=["the-link", "the-target"],
)
def test_both_grants_are_needed(lake: Lake, resource: dict[str, Any], permissions: list[str]) -> None:
    arn = lake.analyst("orders")
    lake.revoke(MARKETING, arn, resource, permissions)
    assert refused(lake, ALL) == "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.orders' does not exist"


def test_describe_alone_reads_nothing(lake: Lake) -> None:
    arn = lake.analyst("orders")
    lake.revoke(MARKETING, arn, table_of("orders"), ["SELECT"])
    assert "SELECT * not allowed from relation that has no columns" in refused(lake, ALL)
    assert "COLUMN_NOT_FOUND: line 1:8: Column 'id' cannot be resolved" in refused(lake, "SELECT id FROM orders")
    assert "Required Select on orders" in refused(lake, "SELECT count(*) FROM orders")


def test_only_the_granted_columns_exist(lake: Lake) -> None:
    arn = lake.analyst("orders")
    lake.revoke(MARKETING, arn, table_of("orders"), ["SELECT", "DESCRIBE"])
    lake.grant(MARKETING, arn, columns_of("orders", "id", "amount"), ["SELECT"])
    assert ask(lake, ALL).rows[0] == ["id", "amount"]
    assert ask(lake, "SELECT count(*) FROM orders").rows[1:] == [["3"]]
    refusal = "cannot be resolved or requester is not authorized to access requested resources"
    for sql, place in {
        "SELECT customer FROM orders": "1:8",
        "SELECT id FROM orders WHERE customer = 'ann'": "1:29",
        "SELECT o.customer FROM (SELECT * FROM orders) o": "1:8",
        "WITH c AS (SELECT upper(customer) AS u FROM orders) SELECT u FROM c": "1:25",
        "SELECT id FROM orders\nORDER BY customer": "2:10",
        "SELECT count(DISTINCT customer) FROM orders": "1:23",
        "SELECT a.id FROM orders a JOIN orders b ON a.customer = b.customer": "1:44",
    }.items():
        assert refused(lake, sql) == f"COLUMN_NOT_FOUND: line {place}: Column 'customer' {refusal}"


def test_a_dangling_link_fails_at_use(lake: Lake) -> None:
    lake.analyst("orders")
    lake.client("glue", CENTRAL, "admin").delete_table(**target("orders"))
    assert refused(lake, ALL).startswith("TABLE_NOT_FOUND")


def test_revoking_at_the_source_ends_it(lake: Lake) -> None:
    lake.analyst("orders")
    permissions = ["SELECT", "DESCRIBE"]
    lake.client("lakeformation", CENTRAL, "admin").revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING},
        Resource=table_of("orders"),
        Permissions=permissions,
        PermissionsWithGrantOption=permissions,
    )
    assert refused(lake, ALL).startswith("TABLE_NOT_FOUND")


def test_a_database_link_serves_queries(lake: Lake) -> None:
    arn = lake.analyst("orders")
    glue = lake.client("glue", MARKETING, "admin")
    target_database = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}
    glue.create_database(DatabaseInput={"Name": "linked", "TargetDatabase": target_database})
    assert refused(lake, "SELECT id FROM linked.orders").startswith("SCHEMA_NOT_FOUND")
    lake.grant(MARKETING, arn, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    assert ask(lake, "SELECT max(id) FROM linked.orders").rows[1:] == [["3"]]
    assert refused(lake, "SELECT id FROM linked.flights").startswith("TABLE_NOT_FOUND")


# --- the data ---------------------------------------------------------------------------------------------------------


def test_the_registered_role_must_reach_the_bucket(lake: Lake) -> None:
    lake.analyst("orders")
    lake.client("s3", SALES).delete_bucket_policy(Bucket=BUCKET)
    reason = refused(lake, ALL)
    assert "Access Denied" in reason
    assert "Status Code: 403" in reason


def test_the_registered_role_must_reach_the_key(lake: Lake) -> None:
    kms, s3 = lake.client("kms", SALES), lake.client("s3", SALES)
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SALES}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = kms.create_key(Policy=json.dumps({"Statement": [root]}))["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=BUCKET, Key="products/orders/orders.csv", Body=b"id,customer,amount\n9,x,1\n")
    lake.analyst("orders")
    assert "kms:Decrypt" in refused(lake, ALL)
    role = role_arn(CENTRAL, "lake-access")
    reader = {**root, "Principal": {"AWS": role}, "Action": "kms:Decrypt"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Statement": [root, reader]}))
    lake.role(
        CENTRAL,
        "lake-access",
        [allow(["s3:GetObject", "s3:ListBucket", "kms:Decrypt"])],
        service="lakeformation.amazonaws.com",
    )
    assert ask(lake, ALL).rows[1:] == [["9", "x", "1.0"]]


def test_a_location_that_is_not_registered_needs_the_callers_own_rights(lake: Lake) -> None:
    lake.analyst("orders")
    lake.client("lakeformation", CENTRAL, "admin").deregister_resource(ResourceArn=f"arn:aws:s3:::{BUCKET}/products")
    assert "is not authorized to perform: s3:ListBucket" in refused(lake, ALL)
    lake.analyst(statements=[*reader_policy(), allow(["s3:ListBucket", "s3:GetObject"])])
    assert "because no resource-based policy allows the s3:ListBucket action" in refused(lake, ALL)
    lake.allow_bucket(role_arn(MARKETING, "analyst"))
    assert len(ask(lake, ALL).rows) == 4


def test_the_data_needs_no_rights_of_the_caller(lake: Lake) -> None:
    lake.analyst("orders")
    lake.sandbox.clear_ledger()
    ask(lake, ALL)
    asked = {entry["resource"] for entry in lake.sandbox.ledger(role=role_arn(MARKETING, "analyst"), action="s3:")}
    assert all(BUCKET not in resource for resource in asked)
