"""The Data Catalog: what exists is accepted only when it is what was wanted."""

from typing import Any

import boto3
import pytest

from datamesh.aws.glue_catalog import GlueCatalog, table_from_aws, table_to_aws
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable, DatabaseTarget, LinkTarget
from datamesh.models.errors import ConflictError

DATABASE = CatalogDatabase(
    name="datamesh_sales_nrac",
    description="Data products of sales",
    location="s3://bucket/products/",
    parameters={"data_owner": "222222222222", "access_mode": "nrac"},
)
FLIGHTS = CatalogTable(
    name="flights",
    description="Departures",
    location="s3://bucket/products/flights/",
    table_type="EXTERNAL_TABLE",
    parameters={"data_owner": "222222222222"},
    columns=(CatalogColumn(name="carrier", comment="Two letters", parameters={"pii_flag": "false"}),),
    partition_keys=(CatalogColumn(name="month"),),
    other_storage={"InputFormat": "i", "SerdeInfo": {"SerializationLibrary": "s", "Parameters": {}}},
)


class FakeGlue:
    """Glue's databases and tables, with its errors; answers carry what GetTable adds, as on AWS."""

    exceptions = boto3.client("glue", region_name="eu-west-1").exceptions

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Any]] = {}
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}

    def create_database(self, **request: Any) -> None:
        if request["DatabaseInput"]["Name"] in self.databases:
            raise self._already_exists()
        self.databases[request["DatabaseInput"]["Name"]] = request["DatabaseInput"]

    def get_database(self, **request: Any) -> dict[str, Any]:
        if request["Name"] not in self.databases:
            raise self._not_found()
        return {"Database": self.databases[request["Name"]]}

    def create_table(self, **request: Any) -> None:
        key = request["DatabaseName"], request["TableInput"]["Name"]
        if key in self.tables:
            raise self._already_exists()
        self.tables[key] = request["TableInput"]

    def update_table(self, **request: Any) -> None:
        assert "CreateTime" not in request["TableInput"], "TableInput takes nothing that only GetTable has"
        self.tables[request["DatabaseName"], request["TableInput"]["Name"]] = request["TableInput"]

    def get_table(self, **request: Any) -> dict[str, Any]:
        key = request["DatabaseName"], request["Name"]
        if key not in self.tables:
            raise self._not_found()
        return {"Table": self.tables[key] | {"CreateTime": 0, "VersionId": "1", "CatalogId": "1"}}

    def get_tables(self, **request: Any) -> dict[str, Any]:
        if request["DatabaseName"] not in self.databases:
            raise self._not_found()
        names = sorted(name for database, name in self.tables if database == request["DatabaseName"])
        start = int(request.get("NextToken", 0))
        page = {"TableList": [self.tables[request["DatabaseName"], name] for name in names[start : start + 50]]}
        return page | ({"NextToken": str(start + 50)} if start + 50 < len(names) else {})

    def delete_table(self, **request: Any) -> None:
        if self.tables.pop((request["DatabaseName"], request["Name"]), None) is None:
            raise self._not_found()

    def _not_found(self) -> Exception:
        return self.exceptions.EntityNotFoundException({"Error": {"Code": "EntityNotFoundException"}}, "Get")

    def _already_exists(self) -> Exception:
        return self.exceptions.AlreadyExistsException({"Error": {"Code": "AlreadyExistsException"}}, "Create")


@pytest.fixture
def client() -> Any:
    return FakeGlue()


@pytest.fixture
def catalog(client: Any) -> GlueCatalog:
    catalog = GlueCatalog(client)
    catalog.ensure_database(DATABASE)
    return catalog


def test_a_database_is_created_once(catalog: GlueCatalog) -> None:
    assert catalog.get_database(DATABASE.name) == DATABASE
    assert catalog.ensure_database(DATABASE) == "unchanged"
    assert catalog.get_database("nothing") is None


def test_a_database_has_no_default_permissions(client: Any, catalog: GlueCatalog) -> None:
    assert client.get_database(Name=DATABASE.name)["Database"].get("CreateTableDefaultPermissions", []) == []


@pytest.mark.parametrize(
    "changes", [{"location": "s3://bucket/elsewhere/"}, {"parameters": {"data_owner": "333333333333"}}]
)
def test_another_database_of_this_name_is_a_conflict(catalog: GlueCatalog, changes: dict[str, Any]) -> None:
    with pytest.raises(ConflictError):
        catalog.ensure_database(DATABASE.model_copy(update=changes))


def test_parameters_of_others_and_a_slash_do_not_matter(catalog: GlueCatalog) -> None:
    less = {"location": "s3://bucket/products", "parameters": {"access_mode": "NRAC"}}
    assert catalog.ensure_database(DATABASE.model_copy(update=less)) == "unchanged"


def test_a_database_that_exists_unseen_is_a_conflict(catalog: GlueCatalog) -> None:
    catalog.get_database = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="not visible"):
        catalog.ensure_database(DATABASE)


def test_a_database_needs_neither_description_nor_location(client: Any) -> None:
    assert GlueCatalog(client).ensure_database(CatalogDatabase(name="local")) == "created"
    assert GlueCatalog(client).ensure_database(CatalogDatabase(name="local")) == "unchanged"


TARGET = DatabaseTarget(catalog_id="111111111111", name="datamesh_sales_tbac")


def test_a_link_to_a_database_is_created_once_and_has_nothing_of_its_own(client: Any) -> None:
    catalog = GlueCatalog(client)
    assert catalog.ensure_database_link("datamesh_sales_tbac", TARGET) == "created"
    found = catalog.get_database("datamesh_sales_tbac")
    assert found == CatalogDatabase(name="datamesh_sales_tbac", target=TARGET)
    assert catalog.ensure_database_link("datamesh_sales_tbac", TARGET) == "unchanged"


@pytest.mark.parametrize(
    "target",
    [TARGET.model_copy(update={"name": "another"}), TARGET.model_copy(update={"catalog_id": "999999999999"})],
)
def test_a_link_to_another_database_is_a_conflict(client: Any, target: DatabaseTarget) -> None:
    catalog = GlueCatalog(client)
    catalog.ensure_database_link("datamesh_sales_tbac", TARGET)
    with pytest.raises(ConflictError, match="points to"):
        catalog.ensure_database_link("datamesh_sales_tbac", target)
    assert catalog.ensure_database_link("datamesh_sales_tbac", TARGET) == "unchanged"


def test_a_database_by_the_name_of_a_link_is_a_conflict_and_the_reverse(catalog: GlueCatalog) -> None:
    with pytest.raises(ConflictError, match="points to None"):
        catalog.ensure_database_link(DATABASE.name, TARGET)
    catalog.ensure_database_link("datamesh_sales", TARGET)
    with pytest.raises(ConflictError, match="is a link"):
        catalog.ensure_database(CatalogDatabase(name="datamesh_sales"))


def test_something_unseen_by_the_name_of_a_link_is_a_conflict(catalog: GlueCatalog) -> None:
    catalog.get_database = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="not visible"):
        catalog.ensure_database_link(DATABASE.name, TARGET)


def test_a_table_is_read_as_it_was_written(catalog: GlueCatalog) -> None:
    assert catalog.get_table(DATABASE.name, "flights") is None
    assert catalog.create_table(DATABASE.name, FLIGHTS)
    assert not catalog.create_table(DATABASE.name, FLIGHTS)
    found = catalog.get_table(DATABASE.name, "flights")
    assert found is not None
    assert found.model_copy(update={"other_storage": FLIGHTS.other_storage}) == FLIGHTS


def test_what_the_mesh_does_not_manage_survives_an_update(client: Any, catalog: GlueCatalog) -> None:
    client.create_table(
        DatabaseName=DATABASE.name,
        TableInput={
            "Name": "flights",
            "Retention": 7,
            "Parameters": {"recordCount": "3"},
            "StorageDescriptor": {
                "Columns": [{"Name": "carrier", "Type": "string"}],
                "Location": "s3://bucket/products/flights/",
                "Compressed": True,
            },
        },
    )
    found = catalog.get_table(DATABASE.name, "flights")
    assert found is not None
    catalog.update_table(DATABASE.name, found.model_copy(update={"description": "new"}))
    table = client.get_table(DatabaseName=DATABASE.name, Name="flights")["Table"]
    assert (table["Description"], table["Retention"], table["Parameters"]) == ("new", 7, {"recordCount": "3"})
    assert table["StorageDescriptor"]["Compressed"]


def test_all_pages_of_tables_are_read(client: Any, catalog: GlueCatalog) -> None:
    for number in range(120):
        catalog.create_table(DATABASE.name, FLIGHTS.model_copy(update={"name": f"t{number:03}"}))
    assert len(catalog.list_tables(DATABASE.name)) == 120
    assert catalog.list_tables("nothing") == []


class Pages:
    """Glue with one table on each page."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions
        self.asked: list[dict[str, Any]] = []

    def get_tables(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        number = len(self.asked)
        return {"TableList": [{"Name": f"t{number}"}]} | ({"NextToken": str(number)} if number < 3 else {})


def test_tables_of_another_catalog_are_walked_to_the_last_page(client: Any) -> None:
    pages = Pages(client)
    assert len(GlueCatalog(pages).list_tables("d", "111111111111")) == 3  # type: ignore[arg-type]
    assert [asked.get("NextToken") for asked in pages.asked] == [None, "1", "2"]
    assert {asked["CatalogId"] for asked in pages.asked} == {"111111111111"}


def test_a_link_is_created_once_and_points_where_it_should(catalog: GlueCatalog) -> None:
    target = LinkTarget(catalog_id="111111111111", database="datamesh_sales_nrac", name="flights")
    assert catalog.ensure_link(DATABASE.name, "linked", target) == "created"
    assert catalog.ensure_link(DATABASE.name, "linked", target) == "unchanged"
    with pytest.raises(ConflictError):
        catalog.ensure_link(DATABASE.name, "linked", target.model_copy(update={"name": "airports"}))


def test_a_table_is_not_turned_into_a_link(catalog: GlueCatalog) -> None:
    catalog.create_table(DATABASE.name, FLIGHTS)
    target = LinkTarget(catalog_id="111111111111", database="datamesh_sales_nrac", name="flights")
    with pytest.raises(ConflictError):
        catalog.ensure_link(DATABASE.name, "flights", target)


def test_a_link_is_nothing_but_a_name_and_a_target() -> None:
    target = LinkTarget(catalog_id="1", database="d", name="t")
    assert table_to_aws(CatalogTable(name="l", target=target)) == {
        "Name": "l",
        "TargetTable": {"CatalogId": "1", "DatabaseName": "d", "Name": "t"},
    }
    assert table_from_aws({"Name": "l", "TargetTable": {"CatalogId": "1", "DatabaseName": "d", "Name": "t"}}).target


def test_a_table_is_deleted_once(catalog: GlueCatalog) -> None:
    catalog.create_table(DATABASE.name, FLIGHTS)
    assert catalog.delete_table(DATABASE.name, "flights")
    assert not catalog.delete_table(DATABASE.name, "flights")
