"""What was shared by LF-tag, through a link to its database: Glue, Athena and what a change of tags does.

tests/sandbox/athena/test_tagged_columns.py holds random tags against the model.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.athena.ask import ask, refused
from tests.sandbox.glue.conftest import restored
from tests.sandbox.glue.lake import (
    CENTRAL,
    DATABASE,
    LOCATION,
    MARKETING,
    Lake,
    orders,
    reader_policy,
    role_arn,
    table_of,
)

_BUILT = "athena-tagged"
ANALYST = role_arn(MARKETING, "analyst")
SALES_TAG = [{"TagKey": "lob", "TagValues": ["sales"]}]
HR_TAG = [{"TagKey": "lob", "TagValues": ["hr"]}]
READ = ["SELECT", "DESCRIBE"]
SHARED = {"DATABASE": ["DESCRIBE"], "TABLE": READ}


def policy(resource_type: str) -> dict[str, Any]:
    """All of central's databases, or tables, of lob=sales."""
    return {"LFTagPolicy": {"CatalogId": CENTRAL, "ResourceType": resource_type, "Expression": SALES_TAG}}


@pytest.fixture(scope="module")
def built_by_tag(built: Lake) -> Lake:
    """Central's database carries lob=sales; marketing has it by tag only, links it, and its analyst has the same."""
    lake = restored(built)
    admin = lake.client("lakeformation", CENTRAL, "admin")
    admin.create_lf_tag(TagKey="lob", TagValues=["sales", "hr"])
    tag(lake, {"Database": {"Name": DATABASE}}, SALES_TAG)
    for table in ("orders", "flights"):
        admin.revoke_permissions(
            Principal={"DataLakePrincipalIdentifier": MARKETING},
            Resource=table_of(table),
            Permissions=READ,
            PermissionsWithGrantOption=READ,
        )
    link = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}
    lake.client("glue", MARKETING, "admin").create_database(DatabaseInput={"Name": "linked", "TargetDatabase": link})
    lake.role(MARKETING, "analyst", reader_policy())
    lake.sandbox.settings(ram_visibility_delay=0.0)
    lake.grant(MARKETING, ANALYST, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    for kind, permissions in SHARED.items():
        lake.grant(CENTRAL, MARKETING, policy(kind), permissions, grantable=True)
        lake.grant(MARKETING, ANALYST, policy(kind), permissions)
    lake.sandbox.snapshot(_BUILT)
    return lake


@pytest.fixture
def lake(built_by_tag: Lake) -> Lake:
    """The same, restored."""
    return restored(built_by_tag, _BUILT)


def tag(lake: Lake, resource: dict[str, Any], tags: list[dict[str, Any]]) -> None:
    """Central's administrator puts tags on something."""
    admin = lake.client("lakeformation", CENTRAL, "admin")
    assert admin.add_lf_tags_to_resource(Resource=resource, LFTags=tags)["Failures"] == []


def column(name: str) -> dict[str, Any]:
    """A column of central's orders."""
    return {"TableWithColumns": {"DatabaseName": DATABASE, "Name": "orders", "ColumnNames": [name]}}


def listed(lake: Lake) -> list[str]:
    """The tables that the analyst sees through the link."""
    found = lake.client("glue", MARKETING, "analyst").get_tables(DatabaseName="linked")["TableList"]
    return [table["Name"] for table in found]


def test_the_analyst_reads_what_carries_the_tag(lake: Lake) -> None:
    assert listed(lake) == ["flights", "orders"]
    assert ask(lake, "SELECT * FROM linked.orders").rows[0] == ["id", "customer", "amount"]
    assert ask(lake, "SELECT count(*) FROM linked.orders").rows[1:] == [["3"]]
    assert ask(lake, "SELECT sum(id) FROM linked.flights WHERE month = 2").rows[1:] == [["41"]]
    assert [row[0] for row in ask(lake, "SHOW TABLES IN linked").rows] == ["flights", "orders"]


def test_a_new_table_is_readable_without_a_new_grant(lake: Lake) -> None:
    table = {**orders(), "Name": "again"}
    lake.client("glue", CENTRAL, "admin").create_table(DatabaseName=DATABASE, TableInput=table)
    assert ask(lake, "SELECT max(id) FROM linked.again").rows[1:] == [["3"]]
    tag(lake, {"Table": {"DatabaseName": DATABASE, "Name": "again"}}, HR_TAG)
    assert refused(lake, "SELECT max(id) FROM linked.again").startswith("TABLE_NOT_FOUND")


def test_a_column_tagged_otherwise_is_hidden_and_refused(lake: Lake) -> None:
    tag(lake, column("customer"), HR_TAG)
    assert ask(lake, "SELECT * FROM linked.orders").rows[0] == ["id", "amount"]
    assert refused(lake, "SELECT customer FROM linked.orders").startswith("COLUMN_NOT_FOUND")
    glue = lake.client("glue", MARKETING, "analyst")
    table = glue.get_table(DatabaseName="linked", Name="orders")["Table"]
    assert [each["Name"] for each in table["StorageDescriptor"]["Columns"]] == ["id", "amount"]
    assert table["StorageDescriptor"]["Location"] == f"{LOCATION}orders/"


def test_taking_the_tag_off_takes_the_access_away(lake: Lake) -> None:
    admin = lake.client("lakeformation", CENTRAL, "admin")
    admin.remove_lf_tags_from_resource(Resource={"Database": {"Name": DATABASE}}, LFTags=SALES_TAG)
    assert refused(lake, "SELECT id FROM linked.orders").startswith("TABLE_NOT_FOUND")
    glue = lake.client("glue", MARKETING, "analyst")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_tables(DatabaseName="linked")


def test_revoking_at_the_source_takes_the_access_away(lake: Lake) -> None:
    lake.client("lakeformation", CENTRAL, "admin").revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING},
        Resource=policy("TABLE"),
        Permissions=READ,
        PermissionsWithGrantOption=READ,
    )
    assert listed(lake) == []
    assert refused(lake, "SELECT id FROM linked.orders").startswith("TABLE_NOT_FOUND")


def test_the_link_itself_must_be_granted_too(lake: Lake) -> None:
    lake.revoke(MARKETING, ANALYST, {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    assert refused(lake, "SELECT id FROM linked.orders").startswith("SCHEMA_NOT_FOUND")


def test_altering_by_tag_takes_all_columns(lake: Lake) -> None:
    lake.grant(CENTRAL, MARKETING, policy("TABLE"), ["ALTER"], grantable=True)
    lake.grant(MARKETING, ANALYST, policy("TABLE"), ["ALTER"])
    statements = [*reader_policy(), {"Effect": "Allow", "Action": "glue:UpdateTable", "Resource": "*"}]
    lake.role(MARKETING, "analyst", statements)
    glue = lake.client("glue", MARKETING, "analyst")
    glue.update_table(DatabaseName="linked", TableInput={**orders(), "Description": "by tag"})
    tag(lake, column("customer"), HR_TAG)
    with pytest.raises(glue.exceptions.AccessDeniedException, match="Required Alter on orders"):
        glue.update_table(DatabaseName="linked", TableInput=orders())
