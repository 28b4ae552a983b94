"""Tag expressions saved under a name.

https://docs.aws.amazon.com/lake-formation/latest/dg/managing-tag-expressions.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import store
from sandbox.lakeformation.store import SavedExpression
from tests.sandbox.lakeformation.fake_world import CENTRAL, Lake, lf_tag, policy
from tests.sandbox.lakeformation.sharing_steps import COLUMNS, READ, reads, refused
from tests.sandbox.lakeformation.tag_steps import ORDERS, READER, SHOP, STEWARDESS, define, put

CATALOG: dict[str, Any] = {"Catalog": {}}
SALES = [{"TagKey": "lob", "TagValues": ["sales"]}]
HR = [{"TagKey": "lob", "TagValues": ["hr"]}]
SAVED: dict[str, Any] = {"LFTagExpression": {"Name": "ours"}}


@pytest.fixture
def mall(shop: Lake, admin: Caller) -> Lake:
    """Central has lob with sales and hr, and shop carries lob=sales."""
    define(shop, admin, "lob", "sales", "hr")
    put(shop, admin, SHOP, lob="sales")
    return shop


def save(lake: Lake, caller: Caller, name: str = "ours", expression: Any = None, **params: Any) -> None:
    """CreateLFTagExpression: lob=sales unless told otherwise."""
    lake.call(caller, "CreateLFTagExpression", Name=name, Expression=expression or SALES, **params)


def shown(lake: Lake, caller: Caller, name: str = "ours") -> dict[str, Any]:
    """GetLFTagExpression."""
    return lake.call(caller, "GetLFTagExpression", Name=name)


def names(lake: Lake, caller: Caller, **params: Any) -> list[str]:
    """ListLFTagExpressions, one page."""
    return [found["Name"] for found in lake.call(caller, "ListLFTagExpressions", **params)["LFTagExpressions"]]


class TestSaving:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_CreateLFTagExpression.html."""

    def test_an_expression_is_kept_in_lower_case(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin, "Ours", [{"TagKey": "LOB", "TagValues": ["Sales", "HR"]}], Description="what we share")
        assert shown(mall, admin, "OURS") == {
            "Name": "ours",
            "Description": "what we share",
            "CatalogId": CENTRAL,
            "Expression": [{"TagKey": "lob", "TagValues": ["hr", "sales"]}],
        }

    def test_a_name_is_there_once(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        with refused("InvalidInputException", "LF-Tag expression ours already exists"):
            save(mall, admin, "OURS")

    @pytest.mark.parametrize(
        "expression", [[{"TagKey": "lob", "TagValues": ["finance"]}], [{"TagKey": "channel", "TagValues": ["web"]}]]
    )
    def test_its_tags_must_be_there(self, mall: Lake, admin: Caller, expression: Any) -> None:
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            save(mall, admin, expression=expression)

    def test_expressions_that_are_none(self, mall: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "Expression must not be empty"):
            mall.call(admin, "CreateLFTagExpression", Name="ours", Expression=[])
        with refused("InvalidInputException", "only once in an expression"):
            save(mall, admin, expression=[*SALES, *HR])

    def test_a_thousand_expressions(self, mall: Lake, admin: Caller) -> None:
        known = store.store.account(CENTRAL).tag_expressions
        known.update({f"e{number}": SavedExpression(f"e{number}", ()) for number in range(999)})
        save(mall, admin)
        with refused("ResourceNumberLimitExceededException", "exceeds 1000"):
            save(mall, admin, "more")

    def test_others_need_two_permissions(self, mall: Lake, admin: Caller) -> None:
        arn = STEWARDESS.principal_arn
        with refused("AccessDeniedException", "Required Create LF Tag Expression on Catalog"):
            save(mall, STEWARDESS)
        mall.grant(admin, arn, CATALOG, "CREATE_LF_TAG_EXPRESSION")
        mall.grant(admin, arn, lf_tag("sales"), "ASSOCIATE")
        with refused("AccessDeniedException", "Required Grant With LF Tag Expression on lob"):
            save(mall, STEWARDESS)
        mall.grant(admin, arn, lf_tag("sales"), "GRANT_WITH_LF_TAG_EXPRESSION")
        save(mall, STEWARDESS)
        with refused("AccessDeniedException", "Required Grant With LF Tag Expression on lob"):
            save(mall, STEWARDESS, "more", [{"TagKey": "lob", "TagValues": ["sales", "hr"]}])

    def test_not_in_another_account(self, mall: Lake, steward: Caller) -> None:
        with refused("AccessDeniedException", f"Access to catalog {CENTRAL} is denied"):
            save(mall, steward, CatalogId=CENTRAL)


class TestSeeing:
    """Any permission on an expression lets it be seen."""

    def test_only_with_a_permission_on_it(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        save(mall, admin, "theirs", HR)
        assert names(mall, admin) == ["ours", "theirs"]
        assert names(mall, READER) == []
        with refused("AccessDeniedException", "Required Describe on ours"):
            shown(mall, READER)
        mall.grant(admin, READER.principal_arn, SAVED, "DESCRIBE")
        assert names(mall, READER) == ["ours"]
        assert shown(mall, READER)["Expression"] == SALES

    def test_one_that_is_not_there(self, mall: Lake, admin: Caller) -> None:
        for operation, params in (
            ("GetLFTagExpression", {}),
            ("DeleteLFTagExpression", {}),
            ("UpdateLFTagExpression", {"Expression": SALES}),
        ):
            with refused("EntityNotFoundException", "LF-Tag expression ours not found"):
                mall.call(admin, operation, Name="ours", **params)

    def test_pages(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin, "a")
        save(mall, admin, "b")
        first = mall.call(admin, "ListLFTagExpressions", MaxResults=1)
        assert [found["Name"] for found in first["LFTagExpressions"]] == ["a"]
        assert names(mall, admin, MaxResults=1, NextToken=first["NextToken"]) == ["b"]


class TestChanging:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTagExpression.html."""

    def test_what_was_granted_by_the_name_changes_at_once(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        mall.grant(admin, READER.principal_arn, policy(name="ours"), *READ)
        assert reads(READER) == list(COLUMNS)
        mall.call(admin, "UpdateLFTagExpression", Name="Ours", Expression=HR)
        assert reads(READER) == []
        put(mall, admin, ORDERS, lob="hr")
        assert reads(READER) == list(COLUMNS)

    def test_a_description_stays_unless_another_is_given(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin, Description="before")
        mall.call(admin, "UpdateLFTagExpression", Name="ours", Expression=HR)
        assert shown(mall, admin)["Description"] == "before"
        mall.call(admin, "UpdateLFTagExpression", Name="ours", Expression=HR, Description="")
        assert shown(mall, admin)["Description"] == ""

    def test_others_need_alter_and_the_tags(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        arn = STEWARDESS.principal_arn
        mall.grant(admin, arn, SAVED, "DESCRIBE", "DROP")
        mall.grant(admin, arn, lf_tag("sales"), "GRANT_WITH_LF_TAG_EXPRESSION")
        with refused("AccessDeniedException", "Required Alter on ours"):
            mall.call(STEWARDESS, "UpdateLFTagExpression", Name="ours", Expression=SALES)
        mall.grant(admin, arn, SAVED, "ALTER")
        mall.call(STEWARDESS, "UpdateLFTagExpression", Name="ours", Expression=SALES)
        with refused("AccessDeniedException", "Required Grant With LF Tag Expression on lob"):
            mall.call(STEWARDESS, "UpdateLFTagExpression", Name="ours", Expression=HR)

    def test_its_tags_must_be_there(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            mall.call(
                admin, "UpdateLFTagExpression", Name="ours", Expression=[{"TagKey": "lob", "TagValues": ["finance"]}]
            )
        assert shown(mall, admin)["Expression"] == SALES


class TestDeleting:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_DeleteLFTagExpression.html."""

    def test_its_grants_go_along(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        mall.grant(admin, READER.principal_arn, policy(name="ours"), *READ)
        mall.grant(admin, READER.principal_arn, SAVED, "DESCRIBE")
        mall.call(admin, "DeleteLFTagExpression", Name="ours")
        assert reads(READER) == []
        save(mall, admin)
        assert reads(READER) == [], "an expression of the same name is another one"
        assert mall.rows(admin, Principal={"DataLakePrincipalIdentifier": READER.principal_arn}) == []

    def test_others_need_drop(self, mall: Lake, admin: Caller) -> None:
        save(mall, admin)
        mall.grant(admin, READER.principal_arn, SAVED, "ALTER")
        with refused("AccessDeniedException", "Required Drop on ours"):
            mall.call(READER, "DeleteLFTagExpression", Name="ours")
        mall.grant(admin, READER.principal_arn, SAVED, "DROP")
        mall.call(READER, "DeleteLFTagExpression", Name="ours")
        assert names(mall, admin) == []

    def test_the_creator_may_do_anything_with_it(self, mall: Lake, admin: Caller) -> None:
        arn = STEWARDESS.principal_arn
        mall.grant(admin, arn, CATALOG, "CREATE_LF_TAG_EXPRESSION")
        mall.grant(admin, arn, lf_tag("sales"), "GRANT_WITH_LF_TAG_EXPRESSION")
        save(mall, STEWARDESS)
        mall.grant(STEWARDESS, READER.principal_arn, SAVED, "DESCRIBE")
        mall.grant(STEWARDESS, READER.principal_arn, policy(name="ours"), *READ)
        assert reads(READER) == list(COLUMNS)
        mall.call(STEWARDESS, "DeleteLFTagExpression", Name="ours")


def test_snapshots_keep_expressions(mall: Lake, admin: Caller) -> None:
    save(mall, admin, Description="what we share")
    mall.grant(admin, READER.principal_arn, policy(name="ours"), *READ)
    before = shown(mall, admin)
    state = json.loads(json.dumps(store.store.get_state()))
    store.store.reset()
    store.store.set_state(state)
    assert shown(mall, admin) == before
    assert reads(READER) == list(COLUMNS)
