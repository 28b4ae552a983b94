"""What the mesh makes of a contract: names, descriptions, places, partition keys, tags, and how sensitive it is."""

from typing import Any

import pytest

from datamesh.logic.contracts import ContractReading, read_contract
from datamesh.models.commands import Column, PartitionKey, ProductSpec, TableSpec
from tests.support.contracts import EXAMPLES, LAKE, contract, custom, errors, obj, prop, read


def spec_of(document: dict[str, Any], **options: Any) -> ProductSpec:
    reading = read(document, **options)
    assert reading.spec is not None, reading.problems
    return reading.spec


def table_of(*properties: dict[str, Any], **changes: Any) -> TableSpec:
    return spec_of(contract(obj("flights", *properties, **changes))).tables[0]


def messages(reading: ContractReading, severity: str = "error") -> dict[str, str]:
    found: dict[str, str] = {}
    for problem in reading.problems:
        if problem.severity == severity:
            found[problem.field] = f"{found.get(problem.field, '')} {problem.message}"
    return found


def test_the_whole_of_a_contract() -> None:
    # GIVEN a contract that uses most of what the mesh uses
    # WHEN it is read
    reading = read_contract((EXAMPLES / "flights.odcs.yaml").read_text(encoding="utf-8"))
    # THEN the product is what the demo registers, with its columns declared
    assert reading.domain == "sales"
    spec = reading.spec
    assert spec is not None
    assert (spec.name, spec.classification, spec.pii, spec.access_mode) == ("departures", "internal", False, "nrac")
    assert spec.description.startswith("On-time performance of the flights that left New York City in 2013.\n\nUsage: ")
    assert "\n\nLimitations: 2013 only" in spec.description
    flights, airports, planes = spec.tables
    lake = "s3://datamesh-domain-transform-222222222222-eu-west-1/products/"
    assert [(table.name, table.location, table.format) for table in spec.tables] == [
        ("flights", f"{lake}flights/", "parquet"),
        ("airports", f"{lake}airports/", "csv"),
        ("planes", f"{lake}planes/", "csv"),
    ]
    assert flights.partition_keys == (PartitionKey(name="month", type="int", pii=False),)
    assert flights.columns[2] == Column(
        name="dep_delay",
        type="bigint",
        pii=False,
        comment="Minutes late at departure; less than 0 is early.",
        examples=("2", "4"),
    )
    assert airports.columns == ()
    assert [column.name for column in planes.columns] == ["tailnum", "manufacturer", "model", "seats"]
    # AND what the mesh does not use is said once
    (problem,) = reading.problems
    assert problem.severity == "warning"
    for name in ("slaProperties", "support", "team", "schema[].quality", "schema[].properties[].required"):
        assert name in problem.message


# --- names ---


@pytest.mark.parametrize("name", ["Flights", "1st", "flights of 2013", "f" * 64, "flights-2013", ""])
def test_names_are_the_meshs(name: str) -> None:
    assert list(messages(read(contract(name=name)))) == ["name"]
    assert messages(read(contract(obj(name, prop("a")))))["schema[0].name"]
    assert list(messages(read(contract(domain=name)))) == ["domain"]


def test_the_name_in_the_data_is_the_physical_one() -> None:
    flights = obj("Flights of 2013", prop("Tail number", physicalName="tailnum"), physicalName="flights")
    (table,) = spec_of(contract(flights)).tables
    assert (table.name, table.columns[0].name, table.location) == ("flights", "tailnum", f"{LAKE}flights/")


def test_the_name_of_the_product_wins_over_that_of_the_contract() -> None:
    assert spec_of(contract(name="The contract on flights", dataProduct="departures")).name == "departures"


def test_a_contract_without_a_domain_is_read_with_a_warning() -> None:
    reading = read(contract(domain=None))
    assert reading.valid
    assert reading.domain is None
    assert ["domain is missing" in problem.message for problem in reading.problems] == [True]


def test_what_is_there_twice_says_both_lines() -> None:
    reading = read_contract(
        "\n".join(
            [
                *("apiVersion: v3.1.0", "kind: DataContract", "id: a", "version: '1'", "domain: sales", "name: p"),
                *("servers: [{server: a, type: s3, location: 's3://a-bucket/p/', format: csv}]", "schema:"),
                *("- name: t", "  properties:", "  - name: a", "  - name: b", "  - name: a", "- name: t"),
            ]
        )
    )
    found = [(problem.line, problem.message) for problem in errors(reading)]
    assert found == [(13, "a is there twice: on line 11, too"), (14, "the table t is there twice: on line 9, too")]


# --- places ---


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("s3://a-bucket/products/", "s3://a-bucket/products/flights/"),
        ("s3://a-bucket/products", "s3://a-bucket/products/flights/"),
        ("s3://a-bucket/{model}/data/", "s3://a-bucket/flights/data/"),
        ("s3://a-bucket/{model}/*.parquet", "s3://a-bucket/flights/"),
        ("s3://a-bucket/*.parquet", "s3://a-bucket/flights/"),
        ("${LAKE:-s3://default/}", "s3://default/flights/"),
        ("${OTHER}x/", "s3://other/x/flights/"),
    ],
)
def test_tables_lie_below_the_server(location: str, expected: str) -> None:
    server = {"server": "lake", "type": "s3", "location": location, "format": "csv"}
    (table,) = spec_of(contract(servers=[server]), variables={"OTHER": "s3://other/"}).tables
    assert table.location == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("s3://another/place/", "s3://another/place/"),
        ("2013/flights", f"{LAKE}2013/flights/"),
        ("x/*.csv", f"{LAKE}x/"),
    ],
)
def test_an_object_can_say_where_it_lies(own: str, expected: str) -> None:
    assert table_of(prop("a"), customProperties=custom(location=own)).location == expected


@pytest.mark.parametrize(
    ("servers", "field", "message"),
    [
        ([], "schema[0]", "nothing says where it lies"),
        ([{"server": "a", "type": "s3", "format": "csv"}], "servers[0]", "location is missing"),
        ([{"server": "a", "type": "s3", "location": "https://a/", "format": "csv"}], "servers[0].location", "s3://"),
        ([{"server": "a", "type": "s3", "location": "s3://A/", "format": "csv"}], "servers[0].location", "no location"),
        ([{"server": "a", "type": "s3", "location": "s3://a-b/ü/", "format": "csv"}], "servers[0].location", "ü"),
        ([{"server": "a", "type": "s3", "location": "${X}", "format": "csv"}], "servers[0].location", "--set X="),
        ([{"server": "a", "type": "s3", "location": LAKE, "format": "delta"}], "servers[0].format", "not one of"),
        ([{"server": "a", "type": "s3", "location": LAKE}], "schema[0]", "its format"),
        (
            [{"server": "a", "type": "s3", "location": LAKE, "format": "csv", "delimiter": ";"}],
            "servers[0].delimiter",
            "commas",
        ),
        (
            [{"server": "a", "type": "s3", "location": LAKE, "format": "json", "delimiter": "array"}],
            "servers[0].delimiter",
            "one document per line",
        ),
        (
            [{"server": "a", "type": "s3", "location": LAKE, "format": "csv", "encoding": "UTF-16"}],
            "servers[0].encoding",
            "UTF-8",
        ),
    ],
)
def test_a_server_that_will_not_do(servers: list[dict[str, Any]], field: str, message: str) -> None:
    found = messages(read(contract(servers=servers)))
    assert message in found[field]


LAKES = [
    {"server": name, "type": "s3", "location": f"s3://a-{name}/", "format": "csv", "environment": name}
    for name in ("dev", "prod")
]


def test_the_server_for_production_counts_unless_another_is_asked_for() -> None:
    assert spec_of(contract(servers=LAKES)).tables[0].location == "s3://a-prod/flights/"
    assert spec_of(contract(servers=LAKES), server="dev").tables[0].location == "s3://a-dev/flights/"
    assert "there are dev, prod" in messages(read(contract(servers=LAKES), server="dve"))["servers"]
    assert "--server" in messages(read(contract(servers=[LAKES[0], {**LAKES[0], "server": "b"}])))["servers"]


def test_servers_of_other_kinds_do_not_matter() -> None:
    reading = read(contract(servers=[{"server": "b", "type": "kafka", "host": "x", "anything": 1}, LAKES[0]]))
    assert reading.valid
    assert "kafka" in messages(reading, "warning")["servers[0]"]


def test_no_table_lies_inside_another() -> None:
    inside = obj("delays", prop("a"), customProperties=custom(location="flights/delays/"))
    found = messages(read(contract(obj("flights", prop("a")), inside)))
    assert "lies inside flights (line" in found["schema[1]"]


# --- columns ---


def test_fields_of_structs_are_columns_with_dotted_names() -> None:
    address = prop(
        "address",
        "object",
        properties=[prop("email", classification="pii"), prop("geo", "object", properties=[prop("zip")])],
    )
    lines = prop("lines", "array", items={"logicalType": "object", "properties": [prop("sku", description="Which")]})
    reading = read(contract(obj("flights", address, lines), customProperties=custom(classification="internal")))
    assert reading.spec is not None
    columns = {column.name: column for column in reading.spec.tables[0].columns}
    assert {name: column.type for name, column in columns.items()} == {
        "address": "struct<email:string,geo:struct<zip:string>>",
        "address.email": "string",
        "address.geo": "struct<zip:string>",
        "address.geo.zip": "string",
        "lines": "array<struct<sku:string>>",
        "lines.sku": "string",
    }
    assert [name for name, column in columns.items() if column.pii] == ["address.email"]
    assert columns["lines.sku"].comment == "Which"


def test_partition_keys_are_in_their_positions() -> None:
    table = table_of(
        prop("month", "integer", partitioned=True, partitionKeyPosition=2),
        prop("day", "integer", partitioned=True, partitionKeyPosition=3),
        prop("carrier"),
        prop("year", "integer", partitioned=True, partitionKeyPosition=1),
        prop("hour", "integer", partitioned=True),
    )
    assert [key.name for key in table.partition_keys] == ["year", "month", "day", "hour"]
    assert [column.name for column in table.columns] == ["carrier"]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ([prop("a", None, partitioned=True)], "needs a logicalType"),
        ([prop("a", "array", items={"logicalType": "date"}, partitioned=True)], "cannot be of the type"),
        ([prop("a", "object", properties=[prop("b", partitioned=True)])], "cannot lie inside"),
        (
            [prop("a", partitioned=True, partitionKeyPosition=1), prop("b", partitioned=True, partitionKeyPosition=1)],
            "this position, too",
        ),
    ],
)
def test_a_partition_key_that_will_not_do(properties: list[dict[str, Any]], message: str) -> None:
    assert any(message in said for said in messages(read(contract(obj("flights", *properties)))).values())


def test_examples_and_comments_fit_the_catalog() -> None:
    reading = read(
        contract(
            obj(
                "flights",
                prop("a", "integer", examples=[1, 2.5, True, "text", {"a": 1}, 6]),
                prop("b", description="ü" * 200, examples=["x" * 200]),
            )
        )
    )
    assert reading.spec is not None
    a, b = reading.spec.tables[0].columns
    assert a.examples == ("1", "2.5", "true", "text", '{"a": 1}')
    assert b.comment is not None
    assert len(b.comment.encode()) <= 255
    assert [len(example) for example in b.examples] == [128]
    assert set(messages(reading, "warning")) == {
        "schema[0].properties[1].description",
        "schema[0].properties[1].examples[0]",
    }


def test_what_is_no_column_is_left_out() -> None:
    reading = read(contract(obj("flights", prop("a"), prop("total", "number", semanticType="measure"))))
    assert reading.spec is not None
    assert [column.name for column in reading.spec.tables[0].columns] == ["a"]
    assert "a measure" in messages(reading, "warning")["schema[0].properties[1]"]


@pytest.mark.parametrize("kind", ["view", "topic", "VIEW"])
def test_what_is_no_table_is_refused(kind: str) -> None:
    assert "schema[0].physicalType" in messages(read(contract(obj("flights", prop("a"), physicalType=kind))))


# --- tags and the mesh's own words ---


def test_tags_of_the_mesh_are_custom_properties() -> None:
    spec = spec_of(
        contract(
            obj(
                "flights",
                prop("a", customProperties=custom(tags={"confidentiality": "sensitive"})),
                customProperties=custom(tags={"confidentiality": "non-sensitive"}, format="json"),
            ),
            customProperties=[*custom(access_mode="both", tags={"zone": "eu"}), {"property": "ours", "value": 1}],
        )
    )
    (table,) = spec.tables
    assert (spec.access_mode, spec.tags, table.tags, table.columns[0].tags, table.format) == (
        "both",
        {"zone": "eu"},
        {"confidentiality": "non-sensitive"},
        {"confidentiality": "sensitive"},
        "json",
    )


@pytest.mark.parametrize(
    ("of_product", "of_table", "of_column", "field", "message"),
    [
        ({"tags": {"zone": "eu"}}, {}, {}, "customProperties[0].value", "access_mode"),
        ({}, {"tags": {"zone": "eu"}}, {}, "schema[0].customProperties[0].value", "access_mode"),
        ({}, {}, {"tags": {"zone": "eu"}}, "schema[0].properties[0]", "access_mode"),
        ({"acces_mode": "tbac"}, {}, {}, "customProperties[0].property", "did you mean access_mode?"),
        ({"location": "x"}, {}, {}, "customProperties[0].property", "here there are datamesh.access_mode"),
        ({"access_mode": "tabc"}, {}, {}, "customProperties[0].value", "did you mean tbac?"),
        ({"pii": "no"}, {}, {}, "customProperties[0].value", "true or false"),
        ({}, {"tags": ["a"]}, {}, "schema[0].customProperties[0].value", "datamesh.tags"),
        ({"access_mode": "tbac", "tags": {"Zone": "eu"}}, {}, {}, "customProperties[1].value", "lower case"),
        ({}, {}, {"classification": "secret"}, "schema[0].properties[0].customProperties[0].value", "not one of"),
    ],
)
def test_a_wrong_word_of_the_mesh(
    of_product: dict[str, Any], of_table: dict[str, Any], of_column: dict[str, Any], field: str, message: str
) -> None:
    column = prop("a", customProperties=custom(**of_column))
    document = contract(
        obj("flights", column, customProperties=custom(**of_table)), customProperties=custom(**of_product)
    )
    assert message in messages(read(document))[field]


# --- how sensitive it is ---


@pytest.mark.parametrize(
    ("words", "classification", "pii"),
    [
        (["public", "internal"], "internal", False),
        (["PUBLIC", " internal "], "internal", False),
        (["public", "pii"], "confidential", True),
        (["restricted", "pii"], "restricted", True),
        (["internal", "confidential"], "confidential", None),
        (["internal", "sensitive"], "confidential", None),
        (["internal", None], None, None),
        ([None, None], None, None),
    ],
)
def test_the_product_is_as_strict_as_its_strictest_column(
    words: list[str | None], classification: str | None, pii: bool | None
) -> None:
    columns = [prop(f"c{number}", classification=word) for number, word in enumerate(words)]
    reading = read(contract(obj("flights", *columns)))
    assert reading.spec is not None
    assert (reading.spec.classification, reading.spec.pii) == (classification, pii)
    # What counts as sensitive because nobody said anything is no surprise.
    said = " ".join(messages(reading, "warning").values())
    assert ("is not classified" in said) == (classification is None)
    assert ("holds personal data" in said) == (pii is None)


def test_what_is_said_explicitly_wins() -> None:
    spec = spec_of(
        contract(
            obj("flights", prop("a", classification="pii"), prop("b", classification=None)),
            customProperties=custom(classification="internal", pii=False),
        )
    )
    assert (spec.classification, spec.pii) == ("internal", False)
    assert [column.pii for column in spec.tables[0].columns] == [True, None]


def test_a_strict_column_of_an_open_product_is_held_back() -> None:
    reading = read(
        contract(
            obj("flights", prop("a", classification="restricted"), prop("b")),
            customProperties=custom(classification="internal", pii=False),
        )
    )
    assert reading.spec is not None
    assert [column.pii for column in reading.spec.tables[0].columns] == [True, False]
    assert "flagged like personal data" in messages(reading, "warning")["schema[0].properties[0].classification"]


@pytest.mark.parametrize(
    "document",
    [
        contract(tags=["PII"]),
        contract(obj("flights", prop("a", classification=None), tags=["pii"])),
        contract(obj("flights", prop("a", classification=None, tags=["pii"]))),
        contract(obj("flights", prop("a", customProperties=custom(pii=True)))),
        contract(obj("flights", prop("o", "object", properties=[prop("a", tags=["pii"])]))),
        contract(obj("flights", prop("m", "integer", partitioned=True, classification="personal data"))),
    ],
)
def test_personal_data_is_found_wherever_it_is_said(document: dict[str, Any]) -> None:
    assert spec_of(document).pii is True


def test_what_is_said_of_a_table_holds_of_its_columns_unless_they_say_otherwise() -> None:
    table = table_of(prop("a", classification=None), prop("b", classification="public"), tags=["pii"])
    assert [column.pii for column in table.columns] == [True, False]


def test_an_unknown_classification_is_an_error() -> None:
    found = messages(read(contract(obj("flights", prop("a", classification="confidental")))))
    assert "did you mean confidential?" in found["schema[0].properties[0].classification"]


# --- limits ---


def test_limits_of_the_mesh_are_said() -> None:
    many = contract(*(obj(f"t{number}") for number in range(101)))
    assert "at most 100" in messages(read(many))["schema"]
    assert "at least one table" in messages(read(contract(schema=[])))["schema"]
    assert "at least one table" in messages(read(contract(schema=None)))["(document)"]
    wide = contract(obj("wide", *(prop(f"c{number}") for number in range(2_001))))
    assert "at most 2000" in messages(read(wide))["schema[0].properties"]
    long = contract(description={"purpose": "x" * 2_049})
    assert "at most 2048" in messages(read(long))["description"]


def test_what_the_registry_says_of_a_field_is_said_at_its_place() -> None:
    reading = read(contract(obj("flights", prop("a")), obj("planes", prop("b"))))
    problem = reading.blame("product.tables.1.location", "is not yours")
    assert (problem.field, problem.message) == ("schema[1]", "is not yours")
    assert problem.line == reading.places["product.tables.1"].line
    assert reading.blame("product.tables.1.columns.0.tags.zone", "x").field == "schema[1].properties[0]"
    assert reading.blame(None, "x").field == "(document)"
