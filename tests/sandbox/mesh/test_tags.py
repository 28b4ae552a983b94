"""Sharing by LF-tag in the real mesh: who reads what follows from tags alone, today's tables and tomorrow's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.mesh import data, people
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, SALES, Account
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import Applied

TBAC = "datamesh_sales_tbac"
AIRCRAFT = f"SELECT count(*) AS n FROM {TBAC}.aircraft"
WEATHER = f"SELECT count(*) AS n FROM {TBAC}.weather"
TAILNUM = f"SELECT tailnum FROM {TBAC}.aircraft LIMIT 1"
REFUSED = r"SCHEMA_NOT_FOUND|TABLE_NOT_FOUND|COLUMN_NOT_FOUND"


@pytest.fixture(scope="module")
def tagged_snapshot(applied: Applied) -> str:
    """Take the snapshot after operations was registered by tag and marketing was granted its expression, once."""
    applied.sandbox.restore("registered")
    story = Story(applied.sandbox, applied.mesh)
    story.register_product(story.tagged())
    story.request_access(**BY_TAG)
    story.settle()
    applied.sandbox.snapshot("tagged")
    return "tagged"


@pytest.fixture
def tagged(applied: Applied, tagged_snapshot: str) -> Story:
    """The mesh in which the analyst of marketing reads what carries sales' open tags."""
    applied.sandbox.restore(tagged_snapshot)
    return Story(applied.sandbox, applied.mesh)


BY_TAG: dict[str, Any] = {"product": None, "tables": None, "expression": data.EXPRESSION}


def rejected(story: Story, account: Account, command: str, payload: dict[str, Any]) -> dict[str, Any]:
    """What CommandRejected says about the command."""
    return story.listener.wait("CommandRejected", story.put(account, command, payload)).data


# --- what a tag grant shows -----------------------------------------------------------------------------------------


def test_the_same_analyst_reads_one_product_by_name_and_another_by_tag(tagged: Story) -> None:
    tagged.register_product()
    tagged.request_access()
    assert tagged.query().rows == [["1458"]]
    assert tagged.query(AIRCRAFT).rows == [["3322"]]


def test_a_column_tagged_otherwise_is_hidden_and_refused(tagged: Story) -> None:
    shown = tagged.query(f"SELECT * FROM {TBAC}.aircraft LIMIT 1").columns
    assert "manufacturer" in shown
    assert "tailnum" not in shown
    with pytest.raises(QueryRefusedError, match="COLUMN_NOT_FOUND"):
        tagged.query(TAILNUM)


@pytest.mark.parametrize(
    ("role", "account"),
    [(people.INTERN, MARKETING), (people.ANALYST, FINANCE)],
    ids=["intern-beside-the-analyst", "analyst-of-another-account"],
)
def test_nobody_else_reads_by_tag(tagged: Story, role: str, account: Account) -> None:
    with pytest.raises(QueryRefusedError, match=REFUSED):
        tagged.query(AIRCRAFT, role=role, account=account)


def test_a_new_table_with_the_tag_is_readable_without_any_new_grant(tagged: Story) -> None:
    before = tagged.permissions(MARKETING)
    given = {row for row in tagged.permissions(CENTRAL) if row[0] == MARKETING.id}
    tagged.register_product(tagged.tagged(weather_tags=data.OPEN))
    assert tagged.query(WEATHER).rows == [["26115"]]
    tagged.settle()
    assert tagged.permissions(MARKETING) == before
    assert {row for row in tagged.permissions(CENTRAL) if row[0] == MARKETING.id} == given


def test_without_its_tag_a_table_is_closed_and_the_consumer_is_told(tagged: Story) -> None:
    tagged.register_product(tagged.tagged(weather_tags=data.OPEN))
    tagged.settle()
    assert tagged.query(WEATHER).rows == [["26115"]]
    correlation_id = tagged.put(
        SALES, "RegisterDataProduct", {"domain": "sales", "product": tagged.tagged(weather_tags={})}
    )
    told = tagged.listener.wait("DataProductTagsChanged", correlation_id, receiver=MARKETING.name)
    (change,) = told.data["changes"]
    assert (change["consumer"], change["table"], change["effect"]) == ("marketing", "weather", "lost")
    assert change["principals"] == [MARKETING.role_arn(people.ANALYST)]
    with pytest.raises(QueryRefusedError, match=REFUSED):
        tagged.query(WEATHER)
    assert tagged.query(AIRCRAFT).rows == [["3322"]]


def test_a_column_that_gets_another_tag_is_closed(tagged: Story) -> None:
    product = tagged.tagged()
    product["tables"][0]["columns"].append({"name": "model", "tags": data.HIDDEN})
    correlation_id = tagged.put(SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    told = tagged.listener.wait("DataProductTagsChanged", correlation_id, receiver=MARKETING.name)
    (change,) = told.data["changes"]
    assert (change["effect"], change["lost"]) == ("narrowed", ["model"])
    with pytest.raises(QueryRefusedError, match="COLUMN_NOT_FOUND"):
        tagged.query(f"SELECT model FROM {TBAC}.aircraft LIMIT 1")


def test_a_column_declared_for_the_crawler_carries_its_tag_once_it_was_found(story: Story) -> None:
    # GIVEN a table whose columns are all left to the crawler, one of them with a tag of its own
    product = story.tagged(weather_tags=data.OPEN)
    product["tables"][1]["columns"] = [{"name": "visib", "tags": data.HIDDEN}]
    # WHEN it has been crawled, and then asked for
    story.register_product(product)
    story.settle()
    story.request_access(**BY_TAG)
    # THEN the column carries the tag, in Lake Formation and in the registry, and is closed
    found = story.client("lakeformation", CENTRAL).get_resource_lf_tags(
        Resource={"Table": {"DatabaseName": TBAC, "Name": "weather"}}, ShowAssignedLFTags=True
    )
    (column,) = found["LFTagsOnColumns"]
    assert column["Name"] == "visib"
    assert [(tag["TagKey"], tag["TagValues"]) for tag in column["LFTags"]] == [("confidentiality", ["sensitive"])]
    items = story.client("dynamodb", CENTRAL).scan(TableName="datamesh-registry")["Items"]
    (weather,) = [item for item in items if item["sk"]["S"] == "TABLE#weather" and "tagged" in item]
    assert weather["tagged"]["M"]["columns"]["M"]["visib"]["M"] == {"confidentiality": {"S": "sensitive"}}
    with pytest.raises(QueryRefusedError, match="COLUMN_NOT_FOUND"):
        story.query(f"SELECT visib FROM {TBAC}.weather LIMIT 1")
    assert story.query(WEATHER).rows == [["26115"]]


def test_beside_a_standing_grant_a_hidden_column_must_be_declared_with_its_type(tagged: Story) -> None:
    """Left to the crawler, it would be readable until it has its tag."""
    product = tagged.tagged(weather_tags=data.OPEN)
    product["tables"][1]["columns"] = [{"name": "visib", "tags": data.HIDDEN}]
    answer = rejected(tagged, SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    assert answer["code"] == "ExposesSensitive"
    assert "weather.visib" in answer["message"]
    assert "declare its type" in answer["message"]


def test_a_product_of_both_modes_is_read_both_ways(story: Story) -> None:
    product = story.tagged() | {"access_mode": "both"}
    # By name everything in a table is asked for: nothing in it may be sensitive.
    product["tables"][0]["columns"] = []
    story.register_product(product)
    story.settle()
    story.request_access(**BY_TAG)
    assert story.query(AIRCRAFT).rows == [["3322"]]
    with pytest.raises(QueryRefusedError, match=REFUSED):
        story.query("SELECT count(*) FROM datamesh_sales.aircraft")
    story.request_access(product={"domain": "sales", "name": data.TAGGED_PRODUCT}, tables=["aircraft"])
    assert story.query("SELECT count(*) FROM datamesh_sales.aircraft").rows == [["3322"]]


def test_the_registry_records_who_gained(tagged: Story) -> None:
    tagged.register_product(tagged.tagged(weather_tags=data.OPEN))
    tagged.settle()
    items = tagged.client("dynamodb", CENTRAL).scan(TableName="datamesh-registry")["Items"]
    changes = [item for item in items if item["sk"]["S"].startswith("TAGCHANGE#")]
    gained = [
        (change["M"]["consumer"]["S"], change["M"]["table"]["S"], change["M"]["effect"]["S"])
        for item in changes
        for change in item["changes"]["L"]
    ]
    # The table first, then the columns that the crawler found.
    assert ("marketing", "weather", "gained") in gained
    assert ("marketing", "weather", "widened") in gained


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "code", "field"),
    [
        ({"lob": ["nobody"]}, "UnknownTag", "expression.lob"),
        ({"colour": ["blue"]}, "UnknownTag", "expression.colour"),
        ({"lob": ["sales"], "classification": ["public"]}, "NothingMatches", "expression"),
        ({"lob": ["marketing"]}, "OwnProduct", "expression.lob"),
        ({"lob": ["Sales"]}, "InvalidCommand", "expression.lob.0"),
    ],
    ids=[
        "unknown-value",
        "unknown-key",
        "nothing",
        "its-own",
        "upper-case",
    ],
)
def test_a_request_by_tag_that_is_refused(
    tagged: Story, expression: dict[str, list[str]], code: str, field: str
) -> None:
    before = tagged.permissions(CENTRAL)
    request = tagged.access_request(**BY_TAG) | {"expression": expression}
    answer = rejected(tagged, MARKETING, "RequestDataProductAccess", request)
    assert answer["code"] == code
    assert answer["field"] == field
    assert tagged.permissions(CENTRAL) == before


@pytest.mark.parametrize(
    "expression",
    [{"lob": ["sales"]}, {"lob": ["sales"], "confidentiality": ["sensitive"]}],
    ids=["matches-a-sensitive-column", "asks-for-it"],
)
def test_a_request_by_tag_for_something_sensitive_waits(tagged: Story, expression: dict[str, list[str]]) -> None:
    before = tagged.permissions(CENTRAL)
    request = tagged.access_request(**BY_TAG) | {"expression": expression}
    correlation_id = tagged.put(MARKETING, "RequestDataProductAccess", request)
    asked = tagged.listener.wait("DataProductAccessRequested", correlation_id, receiver=MARKETING.name).data
    assert (asked["status"], asked["sensitive"]) == ("PENDING", True)
    tagged.settle()
    # Nothing of it is granted, and the registry tells no lie: there is no standing grant of it.
    assert tagged.permissions(CENTRAL) == before
    assert request["request_id"] not in {str(grant.request_id) for grant in tagged.registry.tag_grants()}
    with pytest.raises(QueryRefusedError, match="COLUMN_NOT_FOUND"):
        tagged.query(TAILNUM)


def test_a_registration_that_would_expose_something_sensitive_is_refused(tagged: Story) -> None:
    product = tagged.tagged(weather_tags=data.OPEN)
    # The weather becomes personal data: marketing's standing grant would show it unasked.
    product["tables"][1]["columns"] = [{"name": "origin", "type": "string", "pii": True}]
    answer = rejected(tagged, SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    assert answer["code"] == "ExposesSensitive"
    assert "marketing" in answer["message"]
    with pytest.raises(QueryRefusedError, match=REFUSED):
        tagged.query(WEATHER)


def test_an_unknown_tag_in_a_manifest_is_refused_before_anything_is_made(story: Story) -> None:
    product = story.tagged()
    product["tables"][0]["columns"][0]["tags"] = {"confidentiality": "secret"}
    answer = rejected(story, SALES, "RegisterDataProduct", {"domain": "sales", "product": product})
    assert (answer["code"], answer["field"]) == ("UnknownTag", "product.tables.0.columns.0.tags.confidentiality")
    assert story.client("glue", CENTRAL).get_tables(DatabaseName=TBAC)["TableList"] == []


def test_a_product_shared_by_tag_only_cannot_be_asked_for_by_name(tagged: Story) -> None:
    request = tagged.access_request(product={"domain": "sales", "name": data.TAGGED_PRODUCT}, tables=["aircraft"])
    assert rejected(tagged, MARKETING, "RequestDataProductAccess", request)["code"] == "NotSharedByName"


def test_revoked_at_the_source_nothing_is_readable(tagged: Story) -> None:
    expression = [{"TagKey": key, "TagValues": values} for key, values in data.EXPRESSION.items()]
    tagged.client("lakeformation", CENTRAL).revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING.id},
        Resource={"LFTagPolicy": {"ResourceType": "TABLE", "Expression": expression}},
        Permissions=["SELECT", "DESCRIBE"],
        PermissionsWithGrantOption=["SELECT", "DESCRIBE"],
    )
    with pytest.raises(QueryRefusedError, match=REFUSED):
        tagged.query(AIRCRAFT)


def test_without_the_tag_on_the_database_its_domain_is_closed(tagged: Story) -> None:
    removed = tagged.client("lakeformation", CENTRAL).remove_lf_tags_from_resource(
        Resource={"Database": {"Name": TBAC}}, LFTags=[{"TagKey": "lob", "TagValues": ["sales"]}]
    )
    assert removed["Failures"] == []
    with pytest.raises(QueryRefusedError, match=REFUSED):
        tagged.query(AIRCRAFT)


def test_a_refused_request_tells_no_lie(tagged: Story) -> None:
    """The request that was refused has no standing grant in the registry."""
    request = tagged.access_request(**BY_TAG) | {"expression": {"lob": ["sales"], "classification": ["public"]}}
    rejected(tagged, MARKETING, "RequestDataProductAccess", request)
    items = tagged.client("dynamodb", CENTRAL).scan(TableName="datamesh-registry")["Items"]
    grants = [item for item in items if item["pk"]["S"] == "TAGGRANTS"]
    assert request["request_id"] not in json.dumps(grants)
    assert len(grants) == 1


# --- which tags there are ------------------------------------------------------------------------------------------

ONTOLOGY = {
    "classification": ["public", "internal", "confidential", "restricted"],
    "confidentiality": ["non-sensitive", "sensitive"],
}


def declare(story: Story, tags: dict[str, list[str]]) -> dict[str, Any]:
    """Ask for the mesh's LF-tags as Terraform does when `lf_tags` has changed; returns the function's answer."""
    request = {"domain_tag_key": "lob", "tags": tags, "tf": {"action": "update", "prev_input": {}}}
    answer = story.client("lambda", CENTRAL).invoke(
        FunctionName="datamesh-central-manage-lf-tags", Payload=json.dumps(request).encode()
    )
    result: dict[str, Any] = json.loads(answer["Payload"].read())
    return result


def ontology(story: Story) -> dict[str, list[str]]:
    """The LF-tags that there are in central."""
    tags = story.client("lakeformation", CENTRAL).list_lf_tags()["LFTags"]
    return {tag["TagKey"]: sorted(tag["TagValues"]) for tag in tags}


def test_values_are_added_and_removed_and_those_of_domains_stay(story: Story) -> None:
    before = ontology(story)
    assert before["lob"] == ["marketing", "sales"]
    declare(story, ONTOLOGY | {"channel": ["web", "shop"]})
    assert ontology(story) == before | {"channel": ["shop", "web"]}
    declare(story, ONTOLOGY)
    assert ontology(story) == before


@pytest.mark.parametrize(
    ("tags", "used"),
    [
        (ONTOLOGY | {"confidentiality": ["sensitive"]}, "confidentiality=non-sensitive"),
        ({"classification": ONTOLOGY["classification"]}, "confidentiality=sensitive"),
    ],
    ids=["a-value", "a-key"],
)
def test_what_is_in_use_cannot_be_dropped(tagged: Story, tags: dict[str, list[str]], used: str) -> None:
    before = ontology(tagged)
    answer = declare(tagged, tags)
    assert answer["errorType"] == "TagInUse"
    assert used in answer["errorMessage"]
    assert f"{TBAC}.aircraft" in answer["errorMessage"]
    assert ontology(tagged) == before
    assert tagged.query(AIRCRAFT).rows == [["3322"]]


# --- many domains ---------------------------------------------------------------------------------------------------


def end_state(story: Story) -> dict[str, Any]:
    """All that the mesh made: permissions of every account, LF-tags and what carries them, tables, links."""
    lake_formation, glue = story.client("lakeformation", CENTRAL), story.client("glue", CENTRAL)
    tags = {tag["TagKey"]: sorted(tag["TagValues"]) for tag in lake_formation.list_lf_tags()["LFTags"]}
    carried = {}
    for account in (SALES, MARKETING, FINANCE):
        database = f"datamesh_{account.domain}_tbac"
        for table in glue.get_tables(DatabaseName=database)["TableList"]:
            found = lake_formation.get_resource_lf_tags(
                Resource={"Table": {"DatabaseName": database, "Name": table["Name"]}}, ShowAssignedLFTags=False
            )
            carried[database, table["Name"]] = json.dumps(
                {name: value for name, value in found.items() if name != "ResponseMetadata"}, sort_keys=True
            )
    databases = {
        account.name: sorted(
            database["Name"] for database in story.client("glue", account).get_databases()["DatabaseList"]
        )
        for account in (CENTRAL, SALES, MARKETING, FINANCE)
    }
    permissions = {account.name: story.permissions(account) for account in (CENTRAL, SALES, MARKETING, FINANCE)}
    return {"tags": tags, "carried": carried, "databases": databases, "permissions": permissions}


def register_everything(story: Story, account: Account, *, typed: bool = False) -> None:
    """Register a domain and a product of it that is shared both ways, its columns `typed` or left to the crawler."""
    secret = story.mesh.outputs[account.name]["config_secret_arn"]
    correlation_id = story.put(
        account,
        "RegisterDataDomain",
        {"domain": account.domain, "config_secret_arn": secret, "tags": {"classification": "public"}},
    )
    story.listener.wait("DataDomainRegistered", correlation_id, receiver=account.name)
    lake = story.mesh.lake(account)
    story.client("s3", account).put_object(
        Bucket=lake["bucket"], Key=f"{lake['prefix']}things/data.csv", Body=b"id,label,secret\n1,one,x\n2,two,y\n"
    )
    product = {
        "name": "things",
        "description": "things",
        "classification": "public",
        "pii": False,
        "access_mode": "both",
        "tags": data.OPEN,
        "tables": [
            {
                "name": "things",
                "location": f"{story.mesh.location(account)}things/",
                "format": "csv",
                "columns": [
                    *([{"name": "id", "type": "bigint"}, {"name": "label", "type": "string"}] if typed else []),
                    {"name": "secret", "tags": data.HIDDEN} | ({"type": "string"} if typed else {}),
                ],
            }
        ],
    }
    correlation_id = story.put(account, "RegisterDataProduct", {"domain": account.domain, "product": product})
    story.listener.wait("DataProductRegistered", correlation_id, receiver=account.name)
    story.settle()


def test_three_domains_of_both_modes_in_any_order_and_twice_end_the_same(applied: Applied) -> None:
    states = []
    for order in ((SALES, MARKETING, FINANCE), (FINANCE, SALES, MARKETING)):
        applied.sandbox.restore("registered")
        story = Story(applied.sandbox, applied.mesh)
        for account in order:
            register_everything(story, account)
        once = end_state(story)
        for account in reversed(order):
            register_everything(story, account)
        states += [once, end_state(story)]
    assert states[0]["tags"]["lob"] == ["finance", "marketing", "sales"]
    assert len(states[0]["carried"]) == 3
    for state in states[1:]:
        assert state == states[0]


def test_one_expression_over_three_domains(applied: Applied) -> None:
    # GIVEN three domains whose things carry the same tags
    applied.sandbox.restore("registered")
    story = Story(applied.sandbox, applied.mesh)
    for account in (SALES, FINANCE):
        register_everything(story, account)
    # WHEN marketing asks for the tags, whoever's they are, and then a third domain brings something that carries them
    story.request_access(**BY_TAG | {"expression": {"confidentiality": ["non-sensitive"]}})
    for account in (SALES, FINANCE):
        rows = story.query(f"SELECT label FROM datamesh_{account.domain}_tbac.things ORDER BY id").rows
        assert rows == [["one"], ["two"]]
    register_everything(story, MARKETING, typed=True)
    # THEN that is readable too, and what is hidden is hidden everywhere
    assert story.query("SELECT label FROM datamesh_marketing_tbac.things ORDER BY id").rows == [["one"], ["two"]]
    for account in (SALES, MARKETING, FINANCE):
        with pytest.raises(QueryRefusedError, match="COLUMN_NOT_FOUND"):
            story.query(f"SELECT secret FROM datamesh_{account.domain}_tbac.things")


def test_a_domain_that_narrows_its_tags_closes_what_they_opened(applied: Applied) -> None:
    """Tags of a domain are inherited by all its tables: without them, what they matched is closed."""
    applied.sandbox.restore("registered")
    story = Story(applied.sandbox, applied.mesh)
    register_everything(story, SALES)
    story.request_access(**BY_TAG | {"expression": {"classification": ["public"], **data.EXPRESSION}})
    sql = "SELECT count(*) FROM datamesh_sales_tbac.things"
    assert story.query(sql).rows == [["2"]]
    secret = story.mesh.outputs[SALES.name]["config_secret_arn"]
    correlation_id = story.put(SALES, "RegisterDataDomain", {"domain": "sales", "config_secret_arn": secret})
    told = story.listener.wait("DataProductTagsChanged", correlation_id, receiver=MARKETING.name)
    assert [change["effect"] for change in told.data["changes"]] == ["lost"]
    with pytest.raises(QueryRefusedError, match=REFUSED):
        story.query(sql)


def test_a_reserved_tag_of_a_domain_is_refused(story: Story) -> None:
    secret = story.mesh.outputs[SALES.name]["config_secret_arn"]
    payload = {"domain": "sales", "config_secret_arn": secret, "tags": {"lob": "marketing"}}
    answer = rejected(story, SALES, "RegisterDataDomain", payload)
    assert (answer["code"], answer["field"]) == ("ReservedTagKey", "tags.lob")
