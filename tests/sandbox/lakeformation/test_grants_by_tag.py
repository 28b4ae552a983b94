"""Grants on tags and on tag policies inside one account: what can be granted, by whom, and what follows.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-overview.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import effective, engine, resources, tag_policies
from sandbox.lakeformation.store import SavedExpression, store
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    Lake,
    columns,
    lf_tag,
    policy,
    role,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import COLUMNS, READ, refused
from tests.sandbox.lakeformation.tagging import RETURNS, has, ontology, reads, tag

READER, CLERK = role(CENTRAL, "reader"), role(CENTRAL, "clerk")
READER_ARN, CLERK_ARN = READER.principal_arn, CLERK.principal_arn
TABLES, DATABASES = policy("TABLE"), policy("DATABASE")


@pytest.fixture
def mall(shop: Lake) -> Lake:
    """Two tables in a database of lob=sales."""
    ontology(lob=("sales", "hr"), level=("open", "secret"))
    shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
    tag("shop", lob="sales")
    return shop


class TestReading:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-notes.html."""

    def test_whatever_carries_the_tags_is_read(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, TABLES, *READ)
        assert reads(READER) == reads(READER, RETURNS) == list(COLUMNS)

    def test_tomorrows_table_too(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, policy(level="open"), *READ)
        mall.create_table(role(CENTRAL, "maker"), "shop", "refunds")
        refunds = engine.TableRef(CENTRAL, "shop", "refunds")
        assert reads(READER, refunds) == []
        tag("shop", "refunds", level="open")
        assert reads(READER, refunds) == list(COLUMNS)
        tag("shop", "refunds", level="")
        assert reads(READER, refunds) == []
        assert not engine.can_see_table(READER, refunds)

    def test_keys_are_joined_by_and_and_values_by_or(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, policy(lob=("hr", "sales"), level="open"), *READ)
        assert reads(READER) == []
        tag("shop", "orders", level="open")
        assert reads(READER) == list(COLUMNS)
        tag("shop", "orders", lob="hr")
        assert reads(READER) == list(COLUMNS)
        assert reads(READER, RETURNS) == []

    def test_a_column_tagged_otherwise_stays_out(self, mall: Lake, admin: Caller) -> None:
        tag("shop", "orders", level="open")
        tag("shop", "orders", "secret", level="secret")
        mall.grant(admin, READER_ARN, policy(level="open"), *READ)
        assert reads(READER) == ["id", "name", "day"]
        assert not has(READER, "SELECT")
        assert engine.has(READER, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=["id", "name"])
        assert not engine.has(READER, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=["secret"])
        assert engine.has(READER, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=[])

    def test_one_matching_column_shows_its_table(self, mall: Lake, admin: Caller) -> None:
        tag("shop", "orders", "id", level="open")
        mall.grant(admin, READER_ARN, policy(level="open"), *READ)
        assert reads(READER) == ["id"]
        assert engine.can_see_table(READER, engine.TableRef(CENTRAL, "shop", "orders"))
        assert not engine.can_see_table(READER, RETURNS)

    def test_a_database_is_seen_for_the_sake_of_a_table_in_it(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, policy(level="open"), *READ)
        assert not engine.can_see_database(READER, CENTRAL, "shop")
        tag("shop", "orders", "id", level="open")
        assert engine.can_see_database(READER, CENTRAL, "shop")
        assert not engine.has(READER, "DESCRIBE", catalog=CENTRAL, database="shop")

    def test_a_policy_on_databases_says_nothing_of_their_tables(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, DATABASES, "DESCRIBE", "CREATE_TABLE")
        assert engine.has(READER, "CREATE_TABLE", catalog=CENTRAL, database="shop")
        assert not engine.has(READER, "DROP", catalog=CENTRAL, database="shop")
        assert not engine.can_see_table(READER, RETURNS)
        tag("shop", lob="hr")
        assert not engine.can_see_database(READER, CENTRAL, "shop")

    def test_super_is_everything_that_there_is(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, DATABASES, "ALL")
        mall.grant(admin, READER_ARN, TABLES, "ALL")
        assert engine.has(READER, "DROP", catalog=CENTRAL, database="shop")
        assert has(READER, "DROP")
        assert reads(READER) == list(COLUMNS)

    @pytest.mark.parametrize(("granted", "read"), [("ALTER", []), ("ALL", ["id", "name", "day"])])
    def test_of_a_part_of_the_columns_nothing_is_had_that_needs_all(
        self, mall: Lake, admin: Caller, granted: str, read: list[str]
    ) -> None:
        mall.grant(admin, READER_ARN, TABLES, granted)
        assert has(READER, "ALTER")
        tag("shop", "orders", "secret", lob="hr")
        assert not has(READER, "ALTER")
        assert has(READER, "DESCRIBE")
        assert reads(READER) == read

    def test_what_is_granted_by_name_adds_to_it(self, mall: Lake, admin: Caller) -> None:
        tag("shop", "orders", "secret", lob="hr")
        mall.grant(admin, READER_ARN, TABLES, *READ)
        mall.grant(admin, READER_ARN, columns("secret"), "SELECT")
        assert reads(READER) == list(COLUMNS)
        assert has(READER, "SELECT")

    def test_a_deleted_tag_takes_its_grants_along(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, TABLES, *READ)
        mall.grant(admin, READER_ARN, lf_tag("sales"), "DESCRIBE")
        mall.grant(admin, READER_ARN, policy(level="open"), *READ)
        del store.account(CENTRAL).lf_tags["lob"]
        assert reads(READER) == []
        tag_policies.tag_deleted(CENTRAL, "lob")
        ontology(lob=("sales",))
        assert reads(READER) == [], "a tag of the same name is another tag"
        assert [kind for _, kind, *_ in mall.rows(admin, ResourceType="LF_TAG_POLICY")] == ["LFTagPolicy"]


class TestWhoGrants:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-adding-tag-creator.html."""

    def test_whoever_may_grant_with_every_value_of_the_expression(self, mall: Lake, admin: Caller) -> None:
        with refused("AccessDeniedException", "not authorized to access requested permissions"):
            mall.grant(CLERK, READER_ARN, policy(lob=("hr", "sales")), "SELECT")
        mall.grant(admin, CLERK_ARN, lf_tag("sales"), "GRANT_WITH_LF_TAG_EXPRESSION")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, policy(lob=("hr", "sales")), "SELECT")
        mall.grant(admin, CLERK_ARN, lf_tag("hr"), "GRANT_WITH_LF_TAG_EXPRESSION")
        mall.grant(CLERK, READER_ARN, policy(lob=("hr", "sales")), "SELECT")
        assert reads(READER) == list(COLUMNS)

    def test_the_grant_option_is_for_the_very_same_policy(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, CLERK_ARN, TABLES, *READ, options=("SELECT",))
        mall.grant(CLERK, READER_ARN, TABLES, "SELECT")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, TABLES, "DESCRIBE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, policy(lob="sales", level="open"), "SELECT")

    def test_and_for_what_matches_by_name(self, mall: Lake, admin: Caller) -> None:
        tag("shop", "orders", "secret", lob="hr")
        mall.grant(admin, CLERK_ARN, TABLES, *READ, options=READ)
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, table(), "SELECT")
        mall.grant(CLERK, READER_ARN, columns("id"), "SELECT")
        mall.grant(CLERK, READER_ARN, table("returns"), "SELECT")
        assert (reads(READER), reads(READER, RETURNS)) == (["id", "day"], list(COLUMNS))

    def test_tags_are_passed_on_with_the_grant_option(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, CLERK_ARN, lf_tag("sales"), "ASSOCIATE", "DESCRIBE", options=("DESCRIBE",))
        mall.grant(CLERK, READER_ARN, lf_tag("sales"), "DESCRIBE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, lf_tag("sales"), "ASSOCIATE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, lf_tag("sales", "hr"), "DESCRIBE")

    def test_a_saved_expression_needs_a_right_on_it(self, mall: Lake, admin: Caller) -> None:
        save("public", (("lob", ("sales",)),))
        saved = {"LFTagExpression": {"Name": "Public"}}
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(CLERK, READER_ARN, policy(name="public"), "SELECT")
        mall.grant(admin, CLERK_ARN, saved, "GRANT_WITH_LF_TAG_EXPRESSION")
        mall.grant(CLERK, READER_ARN, policy(name="public"), "SELECT")
        assert reads(READER) == list(COLUMNS)


class TestTags:
    """What is held on tags themselves: `effective.allows` is what tag operations ask."""

    def test_values_are_granted_one_by_one_or_all(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, lf_tag("Sales", key="LOB"), "ASSOCIATE")
        mall.grant(admin, READER_ARN, lf_tag("*", key="level"), "ALTER")
        assert may(READER, "ASSOCIATE", "lob", "sales")
        assert may(READER, "DESCRIBE", "lob", "sales"), "ASSOCIATE implies DESCRIBE"
        assert not may(READER, "ASSOCIATE", "lob", "hr")
        assert not may(READER, "ASSOCIATE", "lob", "sales", "hr")
        assert may(READER, "ALTER", "level", "open", "secret")
        assert not may(CLERK, "DESCRIBE", "lob", "sales")

    def test_administrators_need_no_grant(self, mall: Lake, admin: Caller) -> None:
        for permission in ("ALTER", "ASSOCIATE", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"):
            assert may(admin, permission, "lob", "sales")

    def test_values_granted_together_are_revoked_apart(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, lf_tag("sales", "hr"), "ASSOCIATE", "DESCRIBE")
        mall.revoke(admin, READER_ARN, lf_tag("hr"), "ASSOCIATE", "DESCRIBE")
        assert may(READER, "ASSOCIATE", "lob", "sales")
        assert not may(READER, "DESCRIBE", "lob", "hr")
        with refused("InvalidInputException", "Grantee has no permissions"):
            mall.revoke(admin, READER_ARN, lf_tag("sales", "hr"), "DESCRIBE")
        assert may(READER, "DESCRIBE", "lob", "sales"), "all of it or nothing"


class TestRefusals:
    """What is no grant by tag."""

    @pytest.mark.parametrize(
        "resource",
        [
            policy(lob="finance"),
            policy(nowhere="x"),
            policy("DATABASE", lob=("sales", "finance")),
            policy(name="nowhere"),
            lf_tag("finance"),
            lf_tag("sales", key="nowhere"),
            {"LFTagExpression": {"Name": "nowhere"}},
        ],
    )
    def test_tags_must_be_defined_first(self, mall: Lake, admin: Caller, resource: dict[str, Any]) -> None:
        with refused("EntityNotFoundException", ""):
            mall.grant(admin, READER_ARN, resource, "DESCRIBE")

    def test_an_inline_expression_has_900_bytes(self, mall: Lake, admin: Caller) -> None:
        long = tuple(f"{number:0>40}" for number in range(20))
        ontology(code=long)
        with refused("InvalidInputException", "longer than 900 bytes"):
            mall.grant(admin, READER_ARN, policy(code=long), "SELECT")
        save("long", (("code", long),))
        mall.grant(admin, READER_ARN, policy(name="long"), "SELECT")

    def test_fifty_policies_per_principal_and_type(self, mall: Lake, admin: Caller) -> None:
        values = tuple(f"v{number}" for number in range(51))
        ontology(code=values)
        for value in values[:50]:
            mall.grant(admin, READER_ARN, policy(code=value), "DESCRIBE")
        with refused("InvalidInputException", "already has 50 LF-Tag policies of type TABLE"):
            mall.grant(admin, READER_ARN, policy(code=values[50]), "DESCRIBE")
        mall.grant(admin, READER_ARN, policy(code=values[0]), "SELECT")
        mall.grant(admin, READER_ARN, policy("DATABASE", code=values[50]), "DESCRIBE")
        mall.grant(admin, CLERK_ARN, policy(code=values[50]), "DESCRIBE")
        mall.revoke(admin, READER_ARN, policy(code=values[7]), "DESCRIBE")
        mall.grant(admin, READER_ARN, policy(code=values[50]), "DESCRIBE")

    def test_iam_allowed_principals_have_no_tags(self, mall: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "Permissions modification is invalid"):
            mall.grant(admin, "IAM_ALLOWED_PRINCIPALS", TABLES, "SELECT")


class TestList:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-granting-revoking-tags-cli.html."""

    def test_rows_as_the_api_writes_them(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, policy(LOB=("SALES", "hr"), level="open"), *READ, options=("DESCRIBE",))
        row = mall.call(admin, "ListPermissions", ResourceType="LF_TAG_POLICY_TABLE")["PrincipalResourcePermissions"]
        assert [(each["Resource"], each["Permissions"], each["PermissionsWithGrantOption"]) for each in row] == [
            (
                {
                    "LFTagPolicy": {
                        "CatalogId": CENTRAL,
                        "ResourceType": "TABLE",
                        "Expression": [
                            {"TagKey": "level", "TagValues": ["open"]},
                            {"TagKey": "lob", "TagValues": ["hr", "sales"]},
                        ],
                    }
                },
                ["DESCRIBE", "SELECT"],
                ["DESCRIBE"],
            )
        ]

    def test_values_of_a_key_on_one_row(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, lf_tag("sales"), "DESCRIBE")
        mall.grant(admin, READER_ARN, lf_tag("hr"), "DESCRIBE")
        mall.grant(admin, READER_ARN, lf_tag("*", key="level"), "DESCRIBE")
        found = mall.call(admin, "ListPermissions", ResourceType="LF_TAG")["PrincipalResourcePermissions"]
        tags = [row["Resource"]["LFTag"] for row in found]
        assert [(each["TagKey"], each["TagValues"]) for each in tags] == [("lob", ["hr", "sales"]), ("level", ["*"])]
        assert len(mall.rows(admin, Resource=lf_tag("sales"))) == 1
        assert mall.rows(admin, Resource=lf_tag("nothing")) == []

    def test_each_type_of_resource_and_each_resource(self, mall: Lake, admin: Caller) -> None:
        save("public", (("lob", ("sales",)),))
        mall.grant(admin, READER_ARN, TABLES, "SELECT")
        mall.grant(admin, READER_ARN, DATABASES, "DESCRIBE")
        mall.grant(admin, READER_ARN, policy(name="public"), "SELECT")
        mall.grant(admin, READER_ARN, {"LFTagExpression": {"Name": "public"}}, "DESCRIBE")
        assert len(mall.rows(admin, ResourceType="LF_TAG_POLICY")) == 3
        assert len(mall.rows(admin, ResourceType="LF_TAG_POLICY_DATABASE")) == 1
        assert len(mall.rows(admin, ResourceType="LF_TAG_POLICY_TABLE")) == 2
        assert len(mall.rows(admin, ResourceType="LF_NAMED_TAG_EXPRESSION")) == 1
        assert len(mall.rows(admin, Resource=TABLES)) == 1
        assert len(mall.rows(admin, Resource=policy(name="public"))) == 1
        assert mall.rows(CLERK, ResourceType="LF_TAG_POLICY") == []
        assert len(mall.rows(READER, ResourceType="LF_TAG_POLICY")) == 3

    def test_revoked_policies_are_gone(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER_ARN, TABLES, *READ)
        mall.revoke(admin, READER_ARN, TABLES, *READ)
        assert mall.rows(admin, ResourceType="LF_TAG_POLICY") == []
        assert reads(READER) == []
        with refused("InvalidInputException", "Grantee has no permissions"):
            mall.revoke(admin, READER_ARN, TABLES, *READ)


def test_a_saved_expression_means_what_it_says_now(mall: Lake, admin: Caller) -> None:
    save("public", (("lob", ("hr",)),))
    mall.grant(admin, READER_ARN, policy(name="public"), *READ)
    assert reads(READER) == []
    save("public", (("lob", ("sales",)),))
    assert reads(READER) == list(COLUMNS)
    del store.account(CENTRAL).tag_expressions["public"]
    assert reads(READER) == []


def test_tags_and_their_grants_come_back_from_a_snapshot(mall: Lake, admin: Caller) -> None:
    save("public", (("lob", ("sales",)),))
    tag("shop", "orders", "secret", lob="hr")
    mall.grant(admin, READER_ARN, policy(name="public"), *READ)
    mall.grant(admin, CLERK_ARN, policy(lob=("hr", "sales")), *READ)
    before = mall.call(admin, "ListPermissions")
    state = json.loads(json.dumps(store.get_state()))
    store.reset()
    store.set_state(state)
    assert mall.call(admin, "ListPermissions") == before
    assert (reads(READER), reads(CLERK)) == (["id", "name", "day"], list(COLUMNS))
    assert json.loads(json.dumps(store.get_state())) == state


def save(name: str, expression: resources.Expression) -> None:
    """Keep an expression under a name."""
    store.account(CENTRAL).tag_expressions[name] = SavedExpression(name, expression)


def may(caller: Caller, permission: str, key: str, *values: str) -> bool:
    """What tag operations ask."""
    return effective.allows(caller, permission, resources.lf_tag(CENTRAL, key, *values))
