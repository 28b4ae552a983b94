"""Filters that the owner grants to another account, or to single roles of it, as Athena, Glue and RAM show them.

https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html ("Direct cross-account share").
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.athena.ask import ask, refused
from tests.sandbox.glue.lake import (
    CENTRAL,
    DATABASE,
    LOCAL,
    MARKETING,
    Lake,
    allow,
    reader_policy,
    role_arn,
    table_of,
)

ALL = "SELECT * FROM orders ORDER BY id"
ANALYST, OTHER = role_arn(MARKETING, "analyst"), role_arn(MARKETING, "other")
# https://docs.aws.amazon.com/lake-formation/latest/dg/row-filtering-prereqs.html
PLANNING = allow(
    [f"lakeformation:{name}" for name in ("StartQueryPlanning", "GetQueryState", "GetWorkUnits", "GetWorkUnitResults")]
)
PLACE = {"TableCatalogId": CENTRAL, "DatabaseName": DATABASE, "TableName": "orders"}
ORDERS = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": "orders"}
FILTER: dict[str, Any] = {"DataCellsFilter": {**PLACE, "Name": "f"}}


@pytest.fixture
def mall(lake: Lake) -> Lake:
    """Central shares nothing of orders any more; analyst and other see the links in marketing, and nothing behind."""
    lake.sandbox.settings(ram_visibility_delay=0.0)
    revoke(lake, CENTRAL, MARKETING, table_of("orders"), ["SELECT", "DESCRIBE"], grantable=True)
    for name in ("analyst", "other"):
        arn = lake.role(MARKETING, name, [*reader_policy(), PLANNING, allow(["lakeformation:ListPermissions"])])
        lake.grant(MARKETING, arn, {"Database": {"Name": LOCAL}}, ["DESCRIBE"])
        lake.grant(MARKETING, arn, {"Table": {"DatabaseName": LOCAL, "Name": "orders"}}, ["DESCRIBE"])
    return lake


def admin(lake: Lake, account: str = CENTRAL) -> Any:
    """Lake Formation as an account's administrator."""
    return lake.client("lakeformation", account, "admin")


def revoke(
    lake: Lake,
    account: str,
    principal: str,
    resource: dict[str, Any],
    permissions: list[str],
    *,
    grantable: bool = False,
) -> None:
    """The account's administrator revokes; with the grant option, which stays behind otherwise."""
    admin(lake, account).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": principal},
        Resource=resource,
        Permissions=permissions,
        PermissionsWithGrantOption=permissions if grantable else [],
    )


def data(*columns: str, rows: str | None = None) -> dict[str, Any]:
    """The filter f of orders."""
    row_filter: dict[str, Any] = {"FilterExpression": rows} if rows else {"AllRowsWildcard": {}}
    return {**PLACE, "Name": "f", "ColumnNames": list(columns), "RowFilter": row_filter}


def make(lake: Lake, *columns: str, rows: str | None = None) -> None:
    """Central makes the filter f."""
    admin(lake).create_data_cells_filter(TableData=data(*columns, rows=rows))


def change(lake: Lake, *columns: str, rows: str | None = None, version: str | None = None) -> None:
    """Central changes the filter f."""
    wanted = data(*columns, rows=rows) | ({"VersionId": version} if version else {})
    admin(lake).update_data_cells_filter(TableData=wanted)


def to_the_account(lake: Lake) -> None:
    """Central grants f to marketing, whose administrator passes it on to the analyst."""
    lake.grant(CENTRAL, MARKETING, FILTER, ["SELECT"], grantable=True)
    lake.grant(MARKETING, ANALYST, FILTER, ["SELECT"])


def to_the_role(lake: Lake) -> None:
    """Central grants f to the analyst."""
    lake.grant(CENTRAL, ANALYST, FILTER, ["SELECT"])


BOTH_WAYS = pytest.mark.parametrize("give", [to_the_account, to_the_role])


def rows(lake: Lake, sql: str = ALL, role: str = "analyst") -> list[list[str | None]]:
    """Names of columns, then rows."""
    answer = ask(lake, sql, role)
    assert answer.execution["Status"]["State"] == "SUCCEEDED", answer.reason
    return answer.rows


def listed(lake: Lake, account: str, role: str = "admin", **asked: Any) -> list[tuple[str, str, int]]:
    """Whom ListPermissions names on which kind of resource, with the number of RAM shares."""
    found = lake.client("lakeformation", account, role).list_permissions(**asked)["PrincipalResourcePermissions"]
    return [
        (
            row["Principal"]["DataLakePrincipalIdentifier"].rsplit("/", 1)[-1],
            next(iter(row["Resource"])),
            len(row.get("AdditionalDetails", {}).get("ResourceShare", [])),
        )
        for row in found
    ]


def not_seen(lake: Lake, role: str) -> bool:
    """Whether a role of marketing is told that there is no such table."""
    try:
        lake.client("glue", MARKETING, role).get_table(CatalogId=CENTRAL, DatabaseName=DATABASE, Name="orders")
    except ClientError as error:
        return error.response["Error"]["Code"] == "EntityNotFoundException"
    return False


def columns(lake: Lake, role: str) -> list[str]:
    """The columns that Glue shows to a role of marketing."""
    glue = lake.client("glue", MARKETING, role)
    table = glue.get_table(CatalogId=CENTRAL, DatabaseName=DATABASE, Name="orders")["Table"]
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


@BOTH_WAYS
def test_only_who_was_granted_reads_and_only_the_listed_columns(mall: Lake, give: Any) -> None:
    make(mall, "id", "amount")
    give(mall)
    assert rows(mall) == [["id", "amount"], ["1", "10.5"], ["2", "20.0"], ["3", None]]
    assert "COLUMN_NOT_FOUND: line 1:8: Column 'customer' cannot be resolved" in refused(
        mall, "SELECT customer FROM orders"
    )
    assert columns(mall, "analyst") == ["id", "amount"]
    assert not_seen(mall, "other")
    assert "TABLE_NOT_FOUND" in refused(mall, ALL, "other")


@BOTH_WAYS
def test_rows_are_filtered(mall: Lake, give: Any) -> None:
    make(mall, "id", rows="customer = 'bob'")
    give(mall)
    assert rows(mall) == [["id"], ["2"]]


def test_the_recipients_administrator_sees_what_was_shared_with_the_account_and_no_more(mall: Lake) -> None:
    make(mall, "id")
    mall.grant(CENTRAL, MARKETING, FILTER, ["SELECT"], grantable=True)
    assert columns(mall, "admin") == ["id"]
    assert not_seen(mall, "analyst")
    assert listed(mall, MARKETING, Resource=FILTER) == [(MARKETING, "DataCellsFilter", 1)]


def test_what_was_shared_with_a_role_only_that_role_sees(mall: Lake) -> None:
    """Its administrator makes the link without seeing what is behind it."""
    make(mall, "id")
    to_the_role(mall)
    assert not_seen(mall, "admin")
    assert "DataCellsFilter" not in {kind for _, kind, _ in listed(mall, MARKETING)}
    assert listed(mall, MARKETING, "analyst", Resource=FILTER) == [("analyst", "DataCellsFilter", 1)]
    mall.client("glue", MARKETING, "admin").create_table(
        DatabaseName=LOCAL, TableInput={"Name": "again", "TargetTable": ORDERS}
    )
    mall.grant(MARKETING, ANALYST, {"Table": {"DatabaseName": LOCAL, "Name": "again"}}, ["DESCRIBE"])
    assert rows(mall, "SELECT max(id) FROM again")[1:] == [["3"]]


def test_the_owner_lists_filters_with_their_table_and_each_with_its_share(mall: Lake) -> None:
    make(mall, "id")
    to_the_account(mall)
    to_the_role(mall)
    granted = [("admin", "DataCellsFilter", 0), (MARKETING, "DataCellsFilter", 1), ("analyst", "DataCellsFilter", 1)]
    assert listed(mall, CENTRAL, Resource=FILTER) == granted
    by_table = listed(mall, CENTRAL, Resource=table_of("orders"), IncludeRelated="TRUE")
    assert [row for row in by_table if row[1] == "DataCellsFilter"] == granted
    assert not [row for row in listed(mall, CENTRAL, Resource=table_of("orders")) if row[1] == "DataCellsFilter"]
    assert listed(mall, CENTRAL, Resource=FILTER, Principal={"DataLakePrincipalIdentifier": MARKETING}) == granted[1:2]
    by_role = {"DataLakePrincipalIdentifier": ANALYST}
    assert listed(mall, CENTRAL, Resource=FILTER, Principal=by_role) == [], "roles of others are filtered out"
    shares = {
        share
        for row in admin(mall).list_permissions(Resource=FILTER)["PrincipalResourcePermissions"]
        for share in row.get("AdditionalDetails", {}).get("ResourceShare", [])
    }
    assert len(shares) == 2, "one share for the account, one for the role"


@pytest.mark.parametrize(("give", "receiver"), [(to_the_account, None), (to_the_role, ANALYST)])
def test_outside_of_an_organization_the_account_is_invited(mall: Lake, give: Any, receiver: str | None) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html: "RAM sends an invitation to
    the grantee account", for principals of it too; its administrator accepts. What comes into a share that was
    accepted needs no more answer."""
    revoke(mall, CENTRAL, MARKETING, table_of("flights"), ["SELECT", "DESCRIBE"], grantable=True)
    mall.sandbox.settings(ram_sharing_with_organization=False)
    make(mall, "id")
    grantable = give is to_the_account
    mall.grant(CENTRAL, MARKETING if grantable else ANALYST, FILTER, ["SELECT"], grantable=grantable)
    assert "TABLE_NOT_FOUND" in refused(mall, ALL)
    shares = [
        row["AdditionalDetails"]["ResourceShare"]
        for row in admin(mall).list_permissions(Resource=FILTER)["PrincipalResourcePermissions"]
        if "AdditionalDetails" in row
    ]
    ram = mall.client("ram", MARKETING, "admin")
    (invitation,) = ram.get_resource_share_invitations(resourceShareArns=shares[0])["resourceShareInvitations"]
    assert (invitation["receiverAccountId"], invitation.get("receiverArn")) == (MARKETING, receiver)
    ram.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    if grantable:
        mall.grant(MARKETING, ANALYST, FILTER, ["SELECT"])
    assert rows(mall, "SELECT * FROM orders WHERE id = 1")[1:] == [["1"]]


@BOTH_WAYS
def test_a_change_of_the_filter_is_effective_at_once(mall: Lake, give: Any) -> None:
    make(mall, "id", "customer")
    give(mall)
    version = admin(mall).get_data_cells_filter(**PLACE, Name="f")["DataCellsFilter"]["VersionId"]
    change(mall, "id", version=version)
    assert columns(mall, "analyst") == ["id"]
    assert "COLUMN_NOT_FOUND" in refused(mall, "SELECT customer FROM orders")
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        change(mall, "id", "customer", version=version)
    change(mall, "customer", rows="id = 3")
    assert rows(mall, "SELECT * FROM orders") == [["customer"], ["cy"]]


@BOTH_WAYS
def test_what_is_revoked_is_gone(mall: Lake, give: Any) -> None:
    make(mall, "id")
    give(mall)
    assert len(rows(mall)) == 4
    account = give is to_the_account
    revoke(mall, CENTRAL, MARKETING if account else ANALYST, FILTER, ["SELECT"], grantable=account)
    assert "TABLE_NOT_FOUND" in refused(mall, ALL)
    assert not_seen(mall, "analyst")
    left = mall.client("ram", MARKETING, "admin").list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"]
    assert [found["arn"].split(":", 5)[-1] for found in left] == [f"table/{DATABASE}/flights"]


def test_what_was_passed_on_lies_there_when_the_account_has_lost_it(mall: Lake) -> None:
    """Recipients revoke first: afterwards the table is out of their sight, but for what they list of their own."""
    make(mall, "id")
    to_the_account(mall)
    revoke(mall, CENTRAL, MARKETING, FILTER, ["SELECT"], grantable=True)
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        revoke(mall, MARKETING, ANALYST, FILTER, ["SELECT"])
    principal = {"DataLakePrincipalIdentifier": ANALYST}
    left = listed(mall, MARKETING, Principal=principal, ResourceType="TABLE")
    assert ("analyst", "DataCellsFilter", 0) in left


def test_who_received_directly_passes_nothing_on(mall: Lake) -> None:
    make(mall, "id")
    mall.grant(CENTRAL, ANALYST, FILTER, ["SELECT"], grantable=True)
    mall.role(
        MARKETING, "analyst", [*reader_policy(), PLANNING, allow(["lakeformation:GrantPermissions", "iam:GetRole"])]
    )
    with pytest.raises(ClientError, match="AccessDeniedException"):
        mall.client("lakeformation", MARKETING, "analyst").grant_permissions(
            Principal={"DataLakePrincipalIdentifier": OTHER}, Resource=FILTER, Permissions=["SELECT"]
        )
    assert not_seen(mall, "other")


def test_what_the_account_did_not_receive_nobody_passes_on(mall: Lake) -> None:
    make(mall, "id")
    to_the_role(mall)
    mall.role(MARKETING, "other", [*reader_policy(), allow(["lakeformation:GrantPermissions"])])
    for code, role in (("EntityNotFoundException", "admin"), ("AccessDeniedException", "other")):
        with pytest.raises(ClientError, match=code):
            mall.client("lakeformation", MARKETING, role).grant_permissions(
                Principal={"DataLakePrincipalIdentifier": OTHER}, Resource=FILTER, Permissions=["SELECT"]
            )
    mall.grant(CENTRAL, MARKETING, FILTER, ["SELECT"])
    with pytest.raises(ClientError, match="AccessDeniedException"):
        mall.grant(MARKETING, OTHER, FILTER, ["SELECT"])


def test_a_role_has_what_it_got_directly_beside_what_its_account_passed_on(mall: Lake) -> None:
    """AWS: its permissions "will be a union of direct grants and the account level grants"."""
    make(mall, "id")
    to_the_account(mall)
    admin(mall).create_data_cells_filter(TableData={**data("id", "amount", rows="id = 1"), "Name": "more"})
    mall.grant(CENTRAL, ANALYST, {"DataCellsFilter": {**PLACE, "Name": "more"}}, ["SELECT"])
    assert rows(mall)[1:] == [["1", "10.5"], ["2", None], ["3", None]]
    revoke(mall, CENTRAL, MARKETING, FILTER, ["SELECT"], grantable=True)
    assert rows(mall)[1:] == [["1", "10.5"]]


def test_tag_policies_to_a_role_through_a_database_link(mall: Lake) -> None:
    tag = {"TagKey": "lob", "TagValues": ["sales"]}
    admin(mall).create_lf_tag(**tag)
    admin(mall).add_lf_tags_to_resource(Resource={"Database": {"Name": DATABASE}}, LFTags=[tag])
    mall.client("glue", MARKETING, "admin").create_database(
        DatabaseInput={"Name": "linked", "TargetDatabase": {"CatalogId": CENTRAL, "DatabaseName": DATABASE}}
    )
    for arn in (ANALYST, OTHER):
        mall.grant(MARKETING, arn, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    mall.sandbox.settings(ram_sharing_with_organization=False)
    for kind, permissions in (("DATABASE", ["DESCRIBE"]), ("TABLE", ["SELECT", "DESCRIBE"])):
        policy = {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": kind, "Expression": [tag]}}
        mall.grant(CENTRAL, ANALYST, policy, permissions)
    query = "SELECT count(*) FROM linked.orders"
    assert "TABLE_NOT_FOUND" in refused(mall, query)
    ram = mall.client("ram", MARKETING, "admin")
    invitations = ram.get_resource_share_invitations()["resourceShareInvitations"]
    assert [found.get("receiverArn") for found in invitations if found["status"] == "PENDING"] == [ANALYST, ANALYST]
    for found in invitations:
        ram.accept_resource_share_invitation(resourceShareInvitationArn=found["resourceShareInvitationArn"])
    assert rows(mall, query)[1:] == [["3"]]
    assert "TABLE_NOT_FOUND" in refused(mall, query, "other")
    policies = listed(mall, CENTRAL, ResourceType="LF_TAG_POLICY")
    assert policies == [("analyst", "LFTagPolicy", 1), ("analyst", "LFTagPolicy", 1)]
