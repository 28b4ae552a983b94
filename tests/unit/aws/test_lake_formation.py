"""Lake Formation: batches whose failures are read, pages walked to the end, repetition that succeeds."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from datamesh.aws.lake_formation import LakeFormation, resource_from_aws, resource_to_aws
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, ConflictError, GrantFailed
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    ColumnsResource,
    DatabaseResource,
    FilterResource,
    Grant,
    LocationResource,
    Resource,
    TableResource,
    TagPolicyResource,
    TagResource,
)
from datamesh.models.tags import conditions

CENTRAL, SALES = "111111111111", "222222222222"
ROLE = "arn:aws:iam::111111111111:role/lake"
EXCEPTIONS = boto3.client("lakeformation", region_name="eu-west-1").exceptions


def table(name: str = "flights") -> TableResource:
    return TableResource(catalog_id=CENTRAL, database="datamesh_sales_nrac", name=name)


def grant(name: str = "flights", *permissions: str) -> Grant:
    wanted = permissions or ("SELECT", "DESCRIBE")
    return Grant(principal=SALES, resource=table(name), permissions=wanted, grantable=wanted)


class FakeClient:
    """Answers as the API does, from what it was told to answer; remembers what it was asked."""

    exceptions = EXCEPTIONS

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[dict[str, Any]]]] = []
        self.failures: list[dict[str, tuple[str, str]]] = []
        self.pages: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.locations: dict[str, str] = {}

    def batch_grant_permissions(self, **request: Any) -> dict[str, Any]:
        return self._batch("grant", request)

    def batch_revoke_permissions(self, **request: Any) -> dict[str, Any]:
        return self._batch("revoke", request)

    def list_permissions(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.pages[len(self.asked) - 1]

    def register_resource(self, **request: Any) -> None:
        if request["ResourceArn"] in self.locations:
            raise EXCEPTIONS.AlreadyExistsException({"Error": {"Code": "AlreadyExistsException"}}, "RegisterResource")
        self.locations[request["ResourceArn"]] = request["RoleArn"]

    def deregister_resource(self, **request: Any) -> None:
        if self.locations.pop(request["ResourceArn"], None) is None:
            raise ClientError({"Error": {"Code": "EntityNotFoundException"}}, "DeregisterResource")

    def describe_resource(self, **request: Any) -> dict[str, Any]:
        if request["ResourceArn"] not in self.locations:
            raise EXCEPTIONS.EntityNotFoundException({"Error": {"Code": "EntityNotFoundException"}}, "DescribeResource")
        return {"ResourceInfo": {"RoleArn": self.locations[request["ResourceArn"]]}}

    def _batch(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        assert request["CatalogId"] == CENTRAL
        entries = request["Entries"]
        assert len(entries) <= 20
        assert len({entry["Id"] for entry in entries}) == len(entries)
        self.batches.append((kind, entries))
        failing = self.failures.pop(0) if self.failures else {}
        by_name = {entry["Resource"]["Table"]["Name"]: entry for entry in entries}
        return {
            "Failures": [
                {"RequestEntry": by_name[name], "Error": {"ErrorCode": code, "ErrorMessage": message}}
                for name, (code, message) in failing.items()
            ]
        }


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def gateway(client: FakeClient) -> LakeFormation:
    retrier = Retrier(sleep=lambda _seconds: None, uniform=lambda _low, high: high)
    return LakeFormation(CENTRAL, client, retrier)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "resource",
    [
        DatabaseResource(catalog_id=CENTRAL, name="d"),
        table(),
        table("*"),
        LocationResource(catalog_id=CENTRAL, arn="arn:aws:s3:::bucket/products"),
        TagResource(catalog_id=CENTRAL, key="channel", values=("shop", "web")),
        TagPolicyResource(
            catalog_id=CENTRAL,
            resource_type="TABLE",
            expression=conditions({"lob": ("sales",), "channel": ("web", "shop")}),
        ),
        TagPolicyResource(catalog_id=CENTRAL, resource_type="DATABASE", expression=(), saved_as="public_sales"),
        FilterResource(catalog_id=CENTRAL, database="d", table="t", name="f"),
        ColumnsResource(catalog_id=CENTRAL, database="d", table="t", names=("a", "b")),
        ColumnsResource(catalog_id=CENTRAL, database="d", table="t", excluded=("a", "b")),
    ],
    ids=lambda resource: resource.kind,
)
def test_a_resource_is_written_and_read(resource: Resource) -> None:
    assert resource_from_aws(resource_to_aws(resource), "another") == resource


def test_a_resource_without_catalog_is_the_own_accounts() -> None:
    assert resource_from_aws({"Database": {"Name": "d"}}, CENTRAL) == DatabaseResource(catalog_id=CENTRAL, name="d")


def test_tag_expressions_are_the_same_in_any_order() -> None:
    listed = {
        "LFTagPolicy": {
            "ResourceType": "TABLE",
            "Expression": [
                {"TagKey": "lob", "TagValues": ["sales"]},
                {"TagKey": "channel", "TagValues": ["web", "shop"]},
            ],
        }
    }
    assert resource_from_aws(listed, CENTRAL) == TagPolicyResource(
        catalog_id=CENTRAL,
        resource_type="TABLE",
        expression=(("channel", ("shop", "web")), ("lob", ("sales",))),
    )


def test_some_columns_are_not_their_table() -> None:
    columns = {"DatabaseName": "d", "Name": "t", "ColumnNames": ["a"]}
    some = ColumnsResource(catalog_id=CENTRAL, database="d", table="t", names=("a",))
    assert resource_from_aws({"TableWithColumns": columns}, CENTRAL) == some
    excluded = {"DatabaseName": "d", "Name": "t", "ColumnWildcard": {"ExcludedColumnNames": ["a"]}}
    others = ColumnsResource(catalog_id=CENTRAL, database="d", table="t", excluded=("a",))
    assert resource_from_aws({"TableWithColumns": excluded}, CENTRAL) == others


def test_all_tables_have_one_name_however_they_are_listed() -> None:
    tables = TableResource(catalog_id=CENTRAL, database="d", name="*")
    wildcard = {"DatabaseName": "d", "Name": "ALL_TABLES", "TableWildcard": {}}
    assert resource_from_aws({"Table": wildcard}, CENTRAL) == tables
    selected = {"DatabaseName": "d", "Name": "ALL_TABLES", "ColumnWildcard": {}}
    assert resource_from_aws({"TableWithColumns": selected}, CENTRAL) == tables


def test_resources_of_other_kinds_are_left_out() -> None:
    assert resource_from_aws({"Catalog": {}}, CENTRAL) is None


def test_grants_go_in_batches_of_twenty(gateway: LakeFormation, client: FakeClient) -> None:
    gateway.grant([grant(f"t{number}") for number in range(45)])
    assert [len(entries) for _, entries in client.batches] == [20, 20, 5]
    assert client.batches[0][1][0] == {
        "Id": "0",
        "Principal": {"DataLakePrincipalIdentifier": SALES},
        "Resource": {"Table": {"CatalogId": CENTRAL, "DatabaseName": "datamesh_sales_nrac", "Name": "t0"}},
        "Permissions": ["DESCRIBE", "SELECT"],
        "PermissionsWithGrantOption": ["DESCRIBE", "SELECT"],
    }


def test_nothing_to_grant_is_no_call(gateway: LakeFormation, client: FakeClient) -> None:
    gateway.grant([])
    assert client.batches == []


def test_only_entries_that_failed_transiently_are_sent_again(gateway: LakeFormation, client: FakeClient) -> None:
    busy = ("ConcurrentModificationException", "")
    client.failures = [{"t1": busy, "t2": busy}, {"t2": busy}]
    gateway.grant([grant("t1"), grant("t2"), grant("t3")])
    sent = [[entry["Resource"]["Table"]["Name"] for entry in entries] for _, entries in client.batches]
    assert sent == [["t1", "t2", "t3"], ["t1", "t2"], ["t2"]]


def test_every_refused_entry_is_named(gateway: LakeFormation, client: FakeClient) -> None:
    denied = ("AccessDeniedException", "Insufficient Lake Formation permission(s)")
    client.failures = [{"t1": denied, "t2": ("ConcurrentModificationException", "")}, {"t2": denied}]
    with pytest.raises(GrantFailed) as problem:
        gateway.grant([grant("t1"), grant("t2"), grant("t3")])
    assert "t1" in problem.value.message
    assert "t2" in problem.value.message
    assert "t3" not in problem.value.message


def test_an_entry_that_stays_busy_is_transient(gateway: LakeFormation, client: FakeClient) -> None:
    client.failures = [{"t1": ("ConcurrentModificationException", "")}] * 100
    with pytest.raises(AwsTemporarilyUnavailable):
        gateway.grant([grant("t1")])


def test_revoking_what_is_gone_succeeds(gateway: LakeFormation, client: FakeClient) -> None:
    client.failures = [{"t1": ("InvalidInputException", "No permissions revoked. Grantee has no permissions")}]
    gateway.revoke([grant("t1")])
    assert [kind for kind, _ in client.batches] == ["revoke"]


def row(resource: dict[str, Any], *permissions: str, principal: str = SALES, share: str | None = None) -> Any:
    return {
        "Principal": {"DataLakePrincipalIdentifier": principal},
        "Resource": resource,
        "Permissions": list(permissions),
        "PermissionsWithGrantOption": list(permissions),
    } | ({"AdditionalDetails": {"ResourceShare": [share]}} if share else {})


def test_pages_are_walked_to_the_end_even_when_one_is_empty(gateway: LakeFormation, client: FakeClient) -> None:
    shape = {"CatalogId": CENTRAL, "DatabaseName": "datamesh_sales_nrac", "Name": "flights"}
    client.pages = [
        {"PrincipalResourcePermissions": [row({"Table": shape}, "DESCRIBE", "ALTER", share="b")], "NextToken": "1"},
        {"PrincipalResourcePermissions": [], "NextToken": "2"},
        {
            "PrincipalResourcePermissions": [
                row({"TableWithColumns": shape | {"ColumnWildcard": {}}}, "SELECT", share="a")
            ]
        },
    ]
    [listed] = gateway.list_permissions(principal=SALES, resource_type="TABLE")
    assert listed.permissions == ("ALTER", "DESCRIBE", "SELECT")
    assert listed.grantable == ("ALTER", "DESCRIBE", "SELECT")
    assert listed.shares == ("a", "b")
    assert listed.covers(grant())
    assert not listed.covers(grant("flights", "INSERT"))
    assert [asked.get("NextToken") for asked in client.asked] == [None, "1", "2"]
    assert client.asked[0]["Principal"] == {"DataLakePrincipalIdentifier": SALES}
    assert client.asked[0]["ResourceType"] == "TABLE"


def test_filters_are_listed_with_their_table(gateway: LakeFormation, client: FakeClient) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html: by no principal then."""
    shape = {"TableCatalogId": CENTRAL, "DatabaseName": "datamesh_sales_nrac", "TableName": "flights", "Name": "f"}
    rows = [row({"DataCellsFilter": shape}, "SELECT", principal=who, share=who) for who in (SALES, ROLE)]
    client.pages = [{"PrincipalResourcePermissions": rows}]
    [listed] = gateway.list_permissions(resource=table(), principal=SALES, related=True)
    wanted = FilterResource(catalog_id=CENTRAL, database="datamesh_sales_nrac", table="flights", name="f")
    assert (listed.principal, listed.resource, listed.shares) == (SALES, wanted, (SALES,))
    assert (client.asked[0]["IncludeRelated"], "Principal" in client.asked[0]) == ("TRUE", False)


@pytest.mark.parametrize(
    ("principal", "resource", "asked_by_principal"),
    [
        (f"arn:aws:iam::{SALES}:role/analyst", table(), False),
        (ROLE, table(), True),
        (SALES, table(), True),
        (SALES, FilterResource(catalog_id=CENTRAL, database="d", table="t", name="f"), False),
    ],
    ids=["other-role", "own-role", "account", "filter"],
)
def test_who_cannot_be_asked_for_is_picked_from_all(
    gateway: LakeFormation, client: FakeClient, principal: str, resource: Resource, asked_by_principal: bool
) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/issues/48360."""
    shape = resource_to_aws(resource)
    client.pages = [
        {"PrincipalResourcePermissions": [row(shape, "SELECT", principal=who) for who in (principal, "another")]}
    ]
    assert [found.principal for found in gateway.list_permissions(resource=resource, principal=principal)] == [
        principal
    ]
    assert ("Principal" in client.asked[0]) == asked_by_principal


def test_rows_that_say_nothing_to_the_mesh_are_left_out(gateway: LakeFormation, client: FakeClient) -> None:
    client.pages = [{"PrincipalResourcePermissions": [row({"Catalog": {}}, "CREATE_DATABASE"), {"Resource": {}}]}]
    assert gateway.list_permissions(resource=table()) == []
    assert client.asked[0]["Resource"]["Table"]["Name"] == "flights"


def test_defaults_are_revoked_exactly_as_they_are_listed(gateway: LakeFormation, client: FakeClient) -> None:
    shape = {"Table": {"CatalogId": CENTRAL, "DatabaseName": "datamesh_sales_nrac", "Name": "flights"}}
    rows = [row(shape, "ALL", principal=IAM_ALLOWED_PRINCIPALS), row(shape, "SELECT")]
    client.pages = [{"PrincipalResourcePermissions": rows}, {"PrincipalResourcePermissions": []}]
    assert gateway.remove_iam_allowed_principals(table())
    [(kind, entries)] = client.batches
    assert (kind, entries[0]["Permissions"]) == ("revoke", ["ALL"])
    assert not gateway.remove_iam_allowed_principals(table())
    assert len(client.batches) == 1


def test_a_location_is_registered_once_with_one_role(gateway: LakeFormation) -> None:
    arn = "arn:aws:s3:::bucket/products"
    assert gateway.location_role(arn) is None
    gateway.register_location(arn, ROLE)
    gateway.register_location(arn, ROLE)
    assert gateway.location_role(arn) == ROLE
    with pytest.raises(ConflictError):
        gateway.register_location(arn, "arn:aws:iam::111111111111:role/another")
    gateway.deregister_location(arn)
    gateway.deregister_location(arn)
    assert gateway.location_role(arn) is None
