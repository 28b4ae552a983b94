"""share_data_product by tag expression: what is granted, what never is, what is refused, and who else is at work."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from datamesh.logic.admission import LEASE as RECORD_LEASE
from datamesh.logic.tag_matches import MAX_LISTED_TABLES
from datamesh.logic.tag_requests import MAX_TAG_POLICIES, expression_bytes
from datamesh.logic.tag_work import LEASE, tag_work
from datamesh.models.catalog import CatalogColumn, CatalogTable
from datamesh.models.errors import (
    AwsTemporarilyUnavailable,
    CatalogInconsistent,
    GrantNotVisible,
    LeaseLost,
    RecordBusy,
    WriteConflict,
)
from datamesh.models.permissions import Grant, TagPolicyResource, TagResource
from datamesh.models.registry import Save, TagGrantRecord
from datamesh.models.tags import conditions
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    FINANCE,
    MARKETING,
    NOW,
    SALES,
    product_spec,
    register_domain,
    register_product,
    request_access,
    table_spec,
)
from tests.support.central_fakes import share_of

TBAC = "datamesh_sales_tbac"
REQUEST = uuid.UUID(int=7)
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
COLUMNS = [
    {"name": "origin", "type": "string"},
    {"name": "tailnum", "type": "string", "pii": True, "tags": {"confidentiality": "sensitive"}},
]
FLIGHTS = table_spec(
    "flights", columns=COLUMNS, tags={"classification": "internal", "confidentiality": "non-sensitive"}
)
AIRPORTS = table_spec("airports", tags={"classification": "public"})


@pytest.fixture
def central() -> FakeCentral:
    """Two tables of sales, shared both ways; of flights one column is personal data, and tagged so."""
    product = product_spec(FLIGHTS, AIRPORTS, access_mode="both")
    return central_with("sales", "marketing", "finance", product=product)


def share_by_tag(central: FakeCentral, table: str, tags: Mapping[str, str]) -> None:
    """Put a table that sales shares by name into its tag-based database as well, and tag it: not as it was declared."""
    central.catalog.tables[TBAC, table] = central.catalog.tables["datamesh_sales_nrac", table]
    central.lf_tags.set_table_tags(TBAC, table, tags)


def ask(expression: Mapping[str, list[str]] | None = None, request_id: uuid.UUID = REQUEST, **more: Any) -> Any:
    """Return a request of marketing for a tag expression: by default for what flights carries."""
    wanted = expression or {"lob": ["sales"], "confidentiality": ["non-sensitive"]}
    return request_access(request_id, **({"product": None, "expression": wanted} | more))


def policies(central: FakeCentral, account: str = MARKETING) -> dict[str, set[str]]:
    """Return the tag policies that an account holds besides its own domain's, as `<resource type> <expression>`."""
    return {
        f"{resource.resource_type} {dict(resource.expression)}": set(permissions)
        for (who, resource), (permissions, _) in central.lake_formation.granted.items()
        if who == account and isinstance(resource, TagPolicyResource) and resource.expression != own_expression(account)
    }


def own_expression(account: str) -> Any:
    """Return the expression by which a domain's account holds its own tables."""
    return conditions({"lob": ({SALES: "sales", MARKETING: "marketing", FINANCE: "finance"}[account],)})


def rejection(central: FakeCentral, envelope: dict[str, Any]) -> dict[str, Any]:
    """Deliver a request that must be refused, and return what the sender is told; nothing is granted or recorded."""
    before = central.state()["grants"]
    walk = central.deliver(envelope)
    assert (walk.status, walk.path[-1]) == ("SUCCEEDED", "Command Rejected")
    assert central.state()["grants"] == before
    assert not central.said("DataProductAccessGranted")
    assert not [grant for grant in central.registry.tag_grants() if grant.request_id == REQUEST]
    entry = central.published[-1]
    assert entry["Detail"]["metadata"]["target_account"] == envelope["account"]
    told: dict[str, Any] = entry["Detail"]["data"]
    return told


def waits(central: FakeCentral, envelope: dict[str, Any]) -> str:
    """Deliver a request that people have to decide on, and return why; nothing is granted or recorded as granted."""
    before = central.state()["grants"]
    walk = central.deliver(envelope)
    assert walk.path[-1] == "Ask for Approval"
    assert central.state()["grants"] == before
    assert not [grant for grant in central.registry.tag_grants() if grant.request_id == REQUEST]
    record = central.registry.request(uuid.UUID(envelope["detail"]["data"]["request_id"]))
    assert record is not None
    assert record.ruling is not None
    assert (record.status, record.ruling.sensitive) == ("PENDING", True)
    return "; ".join(record.ruling.reasons)


def change_table(central: FakeCentral, name: str, **changes: Any) -> None:
    """Change a table in the tag-based database."""
    central.catalog.tables[TBAC, name] = central.catalog.tables[TBAC, name].model_copy(update=changes)


# --- granted ---------------------------------------------------------------------------------------------------------


def test_an_expression_is_granted_to_the_account_and_said(central: FakeCentral) -> None:
    command = ask()
    assert central.deliver(command).path[-1] == "Access Granted"

    expression = {"confidentiality": ("non-sensitive",), "lob": ("sales",)}
    assert policies(central) == {
        f"DATABASE {expression}": {"DESCRIBE"},
        f"TABLE {expression}": {"SELECT", "DESCRIBE"},
    }
    [grant] = central.registry.tag_grants()
    assert (grant.consumer, grant.account_id, grant.expression) == ("marketing", MARKETING, expression)
    assert (grant.principals, grant.resource_shares) == ((ANALYST,), (share_of(MARKETING),))
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.product, record.tables, record.expression) == ("GRANTED", None, (), expression)
    assert central.registry.tag_work() is None

    entries = central.published[-3:]
    assert [entry["DetailType"] for entry in entries] == [
        "DataProductAccessRequested",
        "DataProductAccessApproved",
        "DataProductAccessGranted",
    ]
    told = [entry["Detail"]["data"] for entry in entries]
    assert {entry["Detail"]["metadata"]["target_account"] for entry in entries} == {MARKETING}
    assert all(each["expression"] == {key: list(values) for key, values in expression.items()} for each in told)
    assert all(each["product"] is None for each in told)
    assert (told[1]["decided_by"], told[1]["reason"][:18]) == ("policy:not-sensitive", "Rule not-sensitive")
    granted = told[2]
    assert granted["matches"] == [{"domain": "sales", "database": TBAC, "tables": ["flights"]}]
    assert (granted["database"], granted["tables"], granted["principals"]) == (None, [], [ANALYST])
    assert (granted["catalog_account"], granted["resource_shares"]) == (CENTRAL, [share_of(MARKETING)])
    assert granted["permissions"] == ["SELECT", "DESCRIBE"]


def test_the_account_can_pass_on_this_expression_and_no_other(central: FakeCentral) -> None:
    central.deliver(ask())
    held = {
        resource: (permissions, grantable)
        for (who, resource), (permissions, grantable) in central.lake_formation.granted.items()
        if who == MARKETING
    }
    assert all(permissions == grantable for permissions, grantable in held.values())
    tags = [resource for resource in held if isinstance(resource, TagResource)]
    assert [(tag.key, tag.values) for tag in tags] == [("lob", ("marketing",))], "DESCRIBE on tags passes on any other"


def test_what_is_matched_is_told_by_database(central: FakeCentral) -> None:
    tables = [table_spec(f"t{number:02}", tags={"classification": "public"}) for number in range(30)]
    central.deliver(register_product(product_spec(*tables, access_mode="both"), minute=1))
    central.deliver(ask({"classification": ["public"]}))
    [granted] = central.said("DataProductAccessGranted")
    [match] = granted["matches"]
    assert match["tables"] == ["airports", *(f"t{number:02}" for number in range(MAX_LISTED_TABLES - 1))]


def test_columns_that_do_not_match_do_not_count(central: FakeCentral) -> None:
    central.lf_tags.set_column_tags(TBAC, "flights", {})
    assert "sales.air_travel: flights.tailnum is declared as personal data" in waits(central, ask())


def test_what_people_approve_is_granted_to_the_principals_and_noted(central: FakeCentral) -> None:
    central.lf_tags.set_column_tags(TBAC, "flights", {})
    waits(central, ask())
    [walk] = central.vote(REQUEST)
    assert walk.path[-1] == "Access Granted"
    [grant] = central.registry.tag_grants()
    assert (grant.grant_to, grant.approved) == ("principals", (f"{TBAC}.flights.tailnum",))
    held = {
        who: (permissions, grantable)
        for (who, resource), (permissions, grantable) in central.lake_formation.granted.items()
        if isinstance(resource, TagPolicyResource) and resource.expression == conditions(grant.expression)
    }
    assert set(held) == {ANALYST}
    assert not any(grantable for _, grantable in held.values())
    assert central.said("DataProductAccessGranted")[-1]["grant_to"] == "principals"


def test_more_than_one_key_and_value_must_fit(central: FakeCentral) -> None:
    central.deliver(ask({"classification": ["public", "confidential"], "lob": ["sales", "finance"]}))
    assert central.said("DataProductAccessGranted")[0]["matches"][0]["tables"] == ["airports"]


@pytest.mark.parametrize("repeated", ["same event", "same request", "written in another way"])
def test_a_repeated_request_changes_nothing_and_says_nothing(central: FakeCentral, repeated: str) -> None:
    first = ask({"classification": ["public"], "lob": ["sales", "finance"]})
    central.deliver(first)
    before, said = central.state(), len(central.published)
    again = {
        "same event": first,
        "same request": ask({"classification": ["public"], "lob": ["sales", "finance"]}, minute=1),
        "written in another way": ask({"lob": ["finance", "sales", "sales"], "classification": ["public"]}, minute=1),
    }[repeated]
    assert central.deliver(again).path[-1] == "Already Done"
    assert (central.state(), len(central.published)) == (before, said)


def test_a_second_request_for_other_principals_shares_the_grant(central: FakeCentral) -> None:
    central.deliver(ask())
    calls = central.lake_formation.calls
    central.deliver(ask(request_id=uuid.UUID(int=8), principals=[f"arn:aws:iam::{MARKETING}:user/second"]))
    assert central.lake_formation.calls == calls
    assert len(central.registry.tag_grants()) == 2


def test_a_request_id_is_for_one_expression(central: FakeCentral) -> None:
    central.deliver(ask())
    central.published.clear()
    assert central.deliver(ask({"classification": ["public"]})).path[-1] == "Command Rejected"
    assert central.said("CommandRejected")[0]["code"] == "RequestIdReused"


def test_a_consumer_in_centrals_account_needs_no_grant_to_its_account() -> None:
    central = FakeCentral(account_id=MARKETING)
    for domain in ("sales", "marketing"):
        central.deliver(register_domain(domain))
    central.deliver(register_product())
    share_by_tag(central, "flights", {"confidentiality": "non-sensitive"})
    assert central.deliver(ask()).path[-1] == "Access Granted"
    assert policies(central) == {}
    assert len(central.registry.tag_grants()) == 1


# --- never granted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        ({"classification": None}, "not classified"),
        ({"classification": "restricted"}, "restricted"),
        ({"pii": None}, "does not say"),
        ({"pii": True}, "personal data"),
    ],
)
def test_what_the_producer_declared_counts(product: dict[str, Any], reason: str) -> None:
    central = central_with("sales", "marketing", product=product_spec(**product))
    share_by_tag(central, "flights", {"confidentiality": "non-sensitive"})
    assert reason in waits(central, ask())


@pytest.mark.parametrize("place", ["database", "table", "column", "field inside a column", "partition key"])
def test_a_flag_in_the_catalog_counts(central: FakeCentral, place: str) -> None:
    flagged = {"pii_flag": "true"}
    match place:
        case "database":
            found = central.catalog.databases[TBAC]
            central.catalog.databases[TBAC] = found.model_copy(update={"parameters": found.parameters | flagged})
        case "table":
            change_table(
                central, "airports", parameters={**central.catalog.tables[TBAC, "airports"].parameters, **flagged}
            )
        case "column":
            change_table(central, "airports", columns=(CatalogColumn(name="owner", parameters=flagged),))
        case "field inside a column":
            nested = CatalogColumn(name="owner", parameters={"name.pii_flag": "true"})
            change_table(central, "airports", columns=(nested,))
        case _:
            change_table(central, "airports", partition_keys=(CatalogColumn(name="owner", parameters=flagged),))
    waits(central, ask({"classification": ["public"]}))


@pytest.mark.parametrize("carrier", ["database", "table", "column"])
def test_a_sensitive_tag_counts_wherever_it_comes_from(central: FakeCentral, carrier: str) -> None:
    change_table(central, "airports", columns=(CatalogColumn(name="code"),))
    match carrier:
        case "database":
            central.lf_tags.set_database_tags(TBAC, {"lob": "sales", "confidentiality": "sensitive"})
        case "table":
            central.lf_tags.set_table_tags(
                TBAC, "airports", {"classification": "public", "confidentiality": "sensitive"}
            )
        case _:
            central.lf_tags.set_column_tags(TBAC, "airports", {"code": {"confidentiality": "sensitive"}})
    assert "carries the LF-tag confidentiality=sensitive" in waits(central, ask({"classification": ["public"]}))


@pytest.mark.parametrize("named", [{"lob": ["sales"]}, {"confidentiality": ["sensitive"]}])
def test_people_decide_on_an_expression_wide_enough_to_show_something_sensitive(
    central: FakeCentral, named: dict[str, list[str]]
) -> None:
    waits(central, ask(named))


def test_a_table_that_is_not_the_meshs_is_refused_unread(central: FakeCentral) -> None:
    foreign = CatalogTable(name="salaries", parameters={"data_classification": "public", "pii_flag": "false"})
    central.catalog.tables["hr", "salaries"] = foreign
    central.lf_tags.set_table_tags("hr", "salaries", {"classification": "public"})
    told = rejection(central, ask({"classification": ["public"]}))
    assert "hr.salaries belongs to no domain" in told["message"]


@pytest.mark.parametrize("name", ["datamesh_sales_other", "datamesh_nobody_tbac"])
def test_a_database_that_only_looks_like_a_domains_is_none(central: FakeCentral, name: str) -> None:
    central.catalog.databases[name] = central.catalog.databases[TBAC].model_copy(update={"name": name})
    central.catalog.tables[name, "airports"] = central.catalog.tables[TBAC, "airports"]
    central.lf_tags.set_table_tags(name, "airports", {"classification": "public"})
    assert f"{name}.airports belongs to no domain" in rejection(central, ask({"classification": ["public"]}))["message"]


def test_a_table_that_no_product_declared_is_refused(central: FakeCentral) -> None:
    central.catalog.tables[TBAC, "handmade"] = central.catalog.tables[TBAC, "airports"]
    central.lf_tags.set_table_tags(TBAC, "handmade", {"classification": "public"})
    told = rejection(central, ask({"classification": ["public"]}))
    assert f"{TBAC}.handmade belongs to no product" in told["message"]


def test_a_table_of_a_product_that_never_came_into_force_is_not_granted() -> None:
    central = central_with("sales", "marketing")
    central.fail_once("record", RuntimeError("broken"))
    central.deliver(register_product(product_spec(pii=None)))
    share_by_tag(central, "flights", {"confidentiality": "non-sensitive"})
    assert "its last registration has failed" in rejection(central, ask())["message"]


@pytest.mark.parametrize("step", ["admit", "grant"])
def test_what_an_attempt_granted_is_revoked_when_people_have_to_decide_after_all(
    central: FakeCentral, step: str
) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    assert policies(central)
    central.lf_tags.set_column_tags(TBAC, "flights", {})
    if step == "admit":
        central.now += RECORD_LEASE
        result = central.step("share_data_product", "admit", command, "again")
    else:
        result = central.step("share_data_product", "grant", command)
    assert result["outcome"] == "pending"
    assert policies(central) == {}
    assert central.registry.tag_grants() == []
    own = TagPolicyResource(catalog_id=CENTRAL, resource_type="TABLE", expression=own_expression(MARKETING))
    assert (MARKETING, own) in central.lake_formation.granted, "what the domain holds of its own stays"


def test_what_becomes_sensitive_after_the_decision_is_asked_about_before_it_is_granted(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    central.lf_tags.set_column_tags(TBAC, "flights", {})
    assert central.step("share_data_product", "grant", command)["outcome"] == "pending"
    assert policies(central) == {}
    assert central.registry.tag_grants() == []


def test_what_another_request_was_granted_stays_when_one_has_to_wait(central: FakeCentral) -> None:
    central.deliver(ask(request_id=uuid.UUID(int=8)))
    command = ask()
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    held = policies(central)
    central.lf_tags.set_column_tags(TBAC, "flights", {})
    assert central.step("share_data_product", "grant", command)["outcome"] == "pending"
    assert policies(central) == held
    assert [grant.request_id for grant in central.registry.tag_grants()] == [uuid.UUID(int=8)]


def test_a_refusal_whose_answer_was_lost_is_said_again(central: FakeCentral) -> None:
    command = ask({"lob": ["finance"]})
    first = central.step("share_data_product", "admit", command)
    before = central.state()
    assert central.step("share_data_product", "admit", command, "again") == first
    assert central.state() == before


def test_a_refused_request_may_be_made_again_when_the_reason_is_gone(central: FakeCentral) -> None:
    tagged = central.lf_tags.table_tags(TBAC, "flights").table
    central.lf_tags.set_table_tags(TBAC, "flights", {})
    assert rejection(central, ask())["code"] == "NothingMatches"
    central.lf_tags.set_table_tags(TBAC, "flights", tagged)
    assert central.deliver(ask(minute=1)).path[-1] == "Access Granted"


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "code", "field"),
    [
        ({"channel": ["web"]}, "UnknownTag", "expression.channel"),
        ({"lob": ["sales"], "confidentiality": ["none"]}, "UnknownTag", "expression.confidentiality"),
        ({"lob": ["sales", "nobody"]}, "UnknownTag", "expression.lob"),
        ({"lob": ["finance"]}, "NothingMatches", "expression"),
        ({"lob": ["marketing"]}, "OwnProduct", "expression.lob"),
        ({"Lob": ["sales"]}, "InvalidCommand", "expression.Lob.[key]"),
        ({"lob": ["Sales"]}, "InvalidCommand", "expression.lob.0"),
        ({"lob": []}, "InvalidCommand", "expression.lob"),
        ({}, "InvalidCommand", "expression"),
    ],
)
def test_an_expression_that_cannot_be_is_refused(
    central: FakeCentral, expression: dict[str, list[str]], code: str, field: str
) -> None:
    envelope = ask()
    envelope["detail"]["data"]["expression"] = expression
    told = rejection(central, envelope)
    assert (told["code"], told["field"], told["request_id"]) == (code, field, str(REQUEST))


@pytest.mark.parametrize(
    "changes",
    [
        {"product": {"domain": "sales", "name": "air_travel"}},
        {"product": None, "expression": None},
        {"tables": ["flights"]},
    ],
)
def test_a_request_is_for_a_product_or_for_an_expression(central: FakeCentral, changes: dict[str, Any]) -> None:
    envelope = ask()
    envelope["detail"]["data"] |= changes
    assert rejection(central, envelope)["code"] == "InvalidCommand"


def test_principals_must_be_the_consumers(central: FakeCentral) -> None:
    told = rejection(central, ask(principals=[f"arn:aws:iam::{FINANCE}:role/x"]))
    assert (told["code"], told["field"]) == ("PrincipalNotInDomain", "principals.0")


def test_a_domain_that_only_finds_its_own_tables_finds_nothing(central: FakeCentral) -> None:
    principals = [f"arn:aws:iam::{SALES}:role/analyst"]
    told = rejection(central, ask({"classification": ["public"]}, account=SALES, domain="sales", principals=principals))
    assert (told["code"], told["field"]) == ("NothingMatches", "expression")


def test_an_expression_may_have_900_bytes(central: FakeCentral) -> None:
    central.lf_tags.known["city"] = {f"{number:050}" for number in range(30)}
    values = sorted(central.lf_tags.known["city"])
    least = next(count for count in range(1, 30) if expression_bytes({"city": values[:count]}) > 900)
    told = rejection(central, ask({"city": values[:least]}))
    assert (told["code"], told["field"]) == ("ExpressionTooLarge", "expression")
    assert rejection(central, ask({"city": values[: least - 1]}, uuid.UUID(int=8)))["code"] == "NothingMatches"


def hold(central: FakeCentral, count: int, resource_type: Any) -> None:
    """Let somebody grant marketing's account this many tag policies of a type."""
    for number in range(count):
        policy = TagPolicyResource(
            catalog_id=CENTRAL, resource_type=resource_type, expression=conditions({"classification": (f"v{number}",)})
        )
        central.lake_formation.grant([Grant(principal=MARKETING, resource=policy, permissions=("DESCRIBE",))])


@pytest.mark.parametrize("resource_type", ["DATABASE", "TABLE"])
def test_an_account_has_50_tag_policies_of_a_type(central: FakeCentral, resource_type: str) -> None:
    # Its own domain's is one of them.
    hold(central, MAX_TAG_POLICIES - 1, resource_type)
    told = rejection(central, ask())
    assert (told["code"], told["field"]) == ("TooManyTagPolicies", "expression")
    assert MARKETING in told["message"]


def test_the_fiftieth_policy_is_granted_and_is_there_for_further_requests(central: FakeCentral) -> None:
    hold(central, MAX_TAG_POLICIES - 2, "TABLE")
    assert central.deliver(ask()).path[-1] == "Access Granted"
    assert central.deliver(ask(request_id=uuid.UUID(int=8))).path[-1] == "Access Granted"


def standing(number: int, principal: str, account: str = MARKETING) -> TagGrantRecord:
    """Return a grant of another request."""
    return TagGrantRecord(
        request_id=uuid.UUID(int=1000 + number),
        consumer="marketing",
        account_id=account,
        expression={"classification": (f"v{number}",)},
        principals=(principal,),
        granted_at=NOW,
    )


def test_policies_that_the_registry_says_should_be_there_count_for_the_account(central: FakeCentral) -> None:
    central.registry.write([Save(standing(number, "somebody")) for number in range(MAX_TAG_POLICIES)])
    assert MARKETING in rejection(central, ask())["message"]


def test_a_principal_of_centrals_own_account_has_50_tag_policies_too() -> None:
    central = FakeCentral(account_id=MARKETING)
    for domain in ("sales", "marketing"):
        central.deliver(register_domain(domain))
    central.deliver(register_product())
    share_by_tag(central, "flights", {"confidentiality": "non-sensitive"})
    central.registry.write([Save(standing(number, ANALYST)) for number in range(MAX_TAG_POLICIES)])
    told = rejection(central, ask())
    assert (told["code"], ANALYST in told["message"]) == ("TooManyTagPolicies", True)
    another = ask(request_id=uuid.UUID(int=8), principals=[f"arn:aws:iam::{MARKETING}:role/another"])
    assert central.deliver(another).path[-1] == "Access Granted"


# --- by name, of what is shared by LF-tag ----------------------------------------------------------------------------


def test_a_product_shared_by_tag_only_is_not_shared_by_name() -> None:
    central = central_with("sales", "marketing", product=product_spec(FLIGHTS, access_mode="tbac"))
    told = rejection(central, request_access(REQUEST))
    assert (told["code"], told["field"]) == ("NotSharedByName", "product")
    assert central.deliver(ask(request_id=uuid.UUID(int=8))).path[-1] == "Access Granted"


def change_product(central: FakeCentral, **changes: Any) -> None:
    """Change the product's record."""
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    central.registry.items[record.key] = record.model_copy(update=changes)


@pytest.mark.parametrize("carrier", ["product", "table", "column"])
def test_a_sensitive_tag_counts_for_a_request_by_name_too(central: FakeCentral, carrier: str) -> None:
    tags = {"confidentiality": "sensitive"}
    [table] = [table for table in central.registry.tables("sales", "air_travel") if table.name == "airports"]
    found = central.catalog.tables["datamesh_sales_nrac", "airports"]
    with_column = found.model_copy(update={"columns": (CatalogColumn(name="code"),)})
    central.catalog.tables["datamesh_sales_nrac", "airports"] = with_column
    match carrier:
        case "product":
            record = central.registry.product("sales", "air_travel")
            assert record is not None
            assert record.content is not None
            change_product(central, content=record.content.model_copy(update={"tags": tags}))
        case "table":
            spec = table.spec.model_copy(update={"tags": tags})
            central.registry.items[table.key] = table.model_copy(update={"spec": spec})
        case _:
            declared = table_spec("airports", columns=[{"name": "code", "type": "string", "tags": tags}])
            spec = type(table.spec).model_validate(declared)
            central.registry.items[table.key] = table.model_copy(update={"spec": spec})
    assert "the LF-tag confidentiality=sensitive" in waits(central, request_access(REQUEST, tables=["airports"]))


# --- what comes later -------------------------------------------------------------------------------------------------


def test_a_table_to_come_needs_no_new_grant(central: FakeCentral) -> None:
    central.deliver(ask())
    held = policies(central)
    planes = table_spec("planes", tags={"confidentiality": "non-sensitive"})
    assert central.deliver(register_product(product_spec(planes, access_mode="both"), minute=1)).status == "SUCCEEDED"
    assert policies(central) == held
    assert [change["table"] for change in central.said("DataProductTagsChanged")[-1]["changes"]] == ["planes"]


@pytest.mark.parametrize("last", ["grant", "record", "confirm"])
def test_no_sensitive_table_slips_in_under_a_grant_that_is_only_being_made(central: FakeCentral, last: str) -> None:
    command = ask()
    for step in ("admit", "grant", "record", "confirm"):
        central.step("share_data_product", step, command)
        if step == last:
            break
    crew = table_spec(
        "crew",
        columns=[{"name": "name", "type": "string", "pii": True}],
        tags={"confidentiality": "non-sensitive"},
    )
    central.deliver(register_product(product_spec(crew, access_mode="both"), minute=1))
    assert central.said("CommandRejected")[-1]["code"] == "ExposesSensitive"
    assert (TBAC, "crew") not in central.catalog.tables


# --- who else is at work ---------------------------------------------------------------------------------------------


def test_nobody_grants_while_tags_are_changed(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    with tag_work(central.registry, "another/tables", central.now), pytest.raises(RecordBusy):
        central.step("share_data_product", "grant", command)
    assert policies(central) == {}
    assert central.step("share_data_product", "grant", command)["outcome"] == "granted"


def test_who_died_while_changing_tags_is_replaced_after_its_lease(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    work = tag_work(central.registry, "another/tables", central.now)
    work.__enter__()
    central.now += LEASE
    assert central.step("share_data_product", "grant", command)["outcome"] == "granted"


def test_requests_by_name_do_not_wait_for_tags(central: FakeCentral) -> None:
    with tag_work(central.registry, "another/tables", central.now):
        assert central.deliver(request_access(tables=["airports"])).path[-1] == "Access Granted"


def test_the_registry_knows_of_a_grant_before_lake_formation_does(
    central: FakeCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)

    def die(grants: Iterator[Grant]) -> None:
        assert [grant.request_id for grant in central.registry.tag_grants()] == [REQUEST]
        assert central.registry.tag_work() is not None
        raise RuntimeError("died")

    monkeypatch.setattr(central.lake_formation, "grant", die)
    with pytest.raises(RuntimeError):
        central.step("share_data_product", "grant", command)
    monkeypatch.undo()
    assert central.registry.tag_grants(), "who changes tags now must reckon with it"
    assert central.registry.tag_work() is None
    assert central.step("share_data_product", "grant", command)["outcome"] == "granted"


def test_an_execution_that_was_replaced_does_not_record_a_grant(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    held = central.registry.request(REQUEST)
    assert held is not None

    def take_over(changes: Any) -> None:
        central.registry.before_write = None
        if any(isinstance(getattr(change, "record", None), TagGrantRecord) for change in changes):
            central.registry.items[held.key] = held.model_copy(update={"version": 99, "execution_id": "another"})
        else:
            central.registry.before_write = take_over

    central.registry.before_write = take_over
    with pytest.raises(LeaseLost):
        central.step("share_data_product", "grant", command)
    assert central.registry.tag_grants() == []
    assert policies(central) == {}


STEPS = ["admit", "grant", "record", "confirm"]


@pytest.mark.parametrize("step", [*STEPS, "publish"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_step_is_recorded_and_the_command_sent_again_heals(central: FakeCentral, step: str, when: Any) -> None:
    if (step, when) == ("publish", "after"):
        when = "before"  # a service integration has no afterwards
    command = ask()
    central.fail_once(step, RuntimeError("broken"), when)
    assert central.deliver(command).error == "RuntimeError"
    assert central.deliver(command).status == "SUCCEEDED"
    record = central.registry.request(REQUEST)
    assert record is not None
    assert (record.status, record.error) == ("GRANTED", None)
    assert len(central.registry.tag_grants()) == 1
    assert len(policies(central)) == 2
    said = [entry for entry in central.published if entry["DetailType"] == "DataProductAccessGranted"]
    assert len({entry["Detail"]["metadata"]["event_id"] for entry in said}) == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_is_asked_for_again(central: FakeCentral, step: str) -> None:
    central.fail_once(step, AwsTemporarilyUnavailable("lost"), "after")
    assert central.deliver(ask()).status == "SUCCEEDED"
    assert len(central.said("DataProductAccessGranted")) == 1


def test_a_grant_that_is_not_listed_yet_is_waited_for(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)
    central.step("share_data_product", "grant", command)
    central.lake_formation.listing_lags = 6
    with pytest.raises(GrantNotVisible):
        central.step("share_data_product", "grant", command)
    central.lake_formation.listing_lags = 0
    assert central.step("share_data_product", "grant", command)["outcome"] == "granted"
    assert len(central.registry.tag_grants()) == 1


def test_a_registry_that_keeps_changing_makes_the_step_wait(central: FakeCentral) -> None:
    command = ask()
    central.step("share_data_product", "admit", command)

    def conflict(changes: Any) -> None:
        raise WriteConflict("The conditional request failed")

    central.registry.before_write = conflict
    with pytest.raises(RecordBusy):
        central.step("share_data_product", "grant", command)
    central.registry.before_write = None
    assert central.step("share_data_product", "grant", command)["outcome"] == "granted"


# --- while the product that is matched is being registered ---


def hidden_from_the_catalog() -> dict[str, Any]:
    """Return a declaration of a column that only a crawler will bring, and that is personal data."""
    return table_spec("airports", tags={"confidentiality": "non-sensitive"}, columns=[{"name": "owner", "pii": True}])


def test_a_request_waits_for_a_registration_of_what_it_matches(central: FakeCentral) -> None:
    command = register_product(product_spec(hidden_from_the_catalog(), access_mode="both"), minute=1)
    for step in ("admit", "tables"):
        central.step("register_data_product", step, command)
    with pytest.raises(RecordBusy, match="being registered"):
        central.step("share_data_product", "admit", ask())


def test_what_a_failed_registration_may_have_placed_is_not_granted(central: FakeCentral) -> None:
    command = register_product(product_spec(hidden_from_the_catalog(), access_mode="both"), minute=1)
    for step in ("admit", "tables", "fail"):
        central.step("register_data_product", step, command)
    central.deliver(ask())
    told = central.published[-1]["Detail"]["data"]
    assert told["code"] == "SensitiveProduct"
    assert "sales.air_travel: its last registration has failed" in told["message"]
    assert policies(central) == {}


def test_a_registration_that_died_is_not_waited_for_forever(central: FakeCentral) -> None:
    command = register_product(product_spec(FLIGHTS, access_mode="both", description="Newer"), minute=1)
    central.step("register_data_product", "admit", command)
    assert central.deliver(ask(minute=2)).error == "RecordBusy"
    central.now += RECORD_LEASE
    assert "must be sent again" in rejection(central, ask(minute=2))["message"]


def test_a_table_that_a_failed_registration_left_behind_is_not_granted(central: FakeCentral) -> None:
    owners = table_spec("owners", columns=[{"name": "name", "pii": True}], tags={"confidentiality": "non-sensitive"})
    central.fail_once("grant", CatalogInconsistent("gone"))
    first = register_product(product_spec(FLIGHTS, owners, access_mode="both"), minute=1)
    assert central.deliver(first).status == "FAILED"
    # A newer one is refused, and nothing is pending any more.
    central.catalog.create_table(TBAC, CatalogTable(name="airlines"))
    second = register_product(product_spec(FLIGHTS, table_spec("airlines"), access_mode="both"), minute=2)
    assert central.deliver(second).path[-1] == "Command Rejected"
    assert "nothing is declared of datamesh_sales_tbac.owners" in rejection(central, ask(minute=3))["message"]
