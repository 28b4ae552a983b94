"""LF-tags themselves: who defines, sees, changes and deletes them.

https://docs.aws.amazon.com/lake-formation/latest/dg/managing-tags.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import engine, store, windows
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, SALES, Lake, lf_tag, policy, role, root
from tests.sandbox.lakeformation.sharing_steps import READ, reads, refused
from tests.sandbox.lakeformation.tag_steps import (
    NAME,
    ORDERS,
    READER,
    SHOP,
    STEWARDESS,
    carried,
    define,
    listed,
    put,
    take,
    values,
)

CATALOG: dict[str, Any] = {"Catalog": {}}
ANALYST = role(MARKETING, "analyst")


def update(lake: Lake, caller: Caller, *, add: tuple[str, ...] = (), delete: tuple[str, ...] = ()) -> None:
    """UpdateLFTag of `lob`."""
    changes = {"TagValuesToAdd": list(add), "TagValuesToDelete": list(delete)}
    lake.call(caller, "UpdateLFTag", TagKey="lob", **{name: given for name, given in changes.items() if given})


@pytest.fixture
def mall(shop: Lake, admin: Caller) -> Lake:
    """Central has lob with sales and hr."""
    define(shop, admin, "lob", "sales", "hr")
    return shop


class TestCreating:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-creating-tags.html."""

    def test_an_administrator_creates_tags(self, mall: Lake, admin: Caller) -> None:
        found = mall.call(admin, "GetLFTag", TagKey="lob")
        assert found == {"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales", "hr"]}

    def test_keys_and_values_become_lower_case(self, shop: Lake, admin: Caller) -> None:
        define(shop, admin, "LoB", "Sales", "SALES", "HR")
        assert listed(shop, admin) == {"lob": ["sales", "hr"]}
        assert values(shop, admin, "LOB") == ["sales", "hr"]

    @pytest.mark.parametrize("key", ["lob", "LOB"])
    def test_a_key_is_there_once(self, mall: Lake, admin: Caller, key: str) -> None:
        with refused("InvalidInputException", "Tag key already exists"):
            define(mall, admin, key, "finance")
        assert values(mall, admin) == ["sales", "hr"]

    def test_others_need_the_permission(self, shop: Lake, admin: Caller) -> None:
        words = r"Insufficient Lake Formation permission\(s\): Required Create LF Tag on Catalog"
        with refused("AccessDeniedException", words):
            define(shop, STEWARDESS, "lob", "sales")
        shop.grant(admin, STEWARDESS.principal_arn, CATALOG, "CREATE_LF_TAG")
        define(shop, STEWARDESS, "lob", "sales")

    def test_the_creator_may_do_anything_with_it_and_grant_it(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, STEWARDESS.principal_arn, CATALOG, "CREATE_LF_TAG")
        define(shop, STEWARDESS, "lob", "sales")
        update(shop, STEWARDESS, add=("hr",))
        assert values(shop, STEWARDESS) == ["sales", "hr"]
        shop.grant(STEWARDESS, READER.principal_arn, lf_tag("hr"), "ASSOCIATE", "DESCRIBE")
        assert values(shop, READER) == ["hr"]
        shop.call(STEWARDESS, "DeleteLFTag", TagKey="lob")
        assert listed(shop, admin) == {}

    def test_what_a_creator_has_is_listed(self, mall: Lake, admin: Caller) -> None:
        ((principal, kind, permissions, options),) = mall.rows(admin, ResourceType="LF_TAG")
        assert (principal, kind) == (admin.principal_arn, "LFTag")
        every = ["ALTER", "ASSOCIATE", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"]
        assert permissions == options == every

    def test_names_have_fifty_characters(self, shop: Lake, admin: Caller) -> None:
        define(shop, admin, "k" * 50, "v" * 50)
        for key, value in (("k" * 51, "v"), ("k", "v" * 51)):
            with refused("InvalidInputException", "can't exceed 50 characters"):
                define(shop, admin, key, value)

    def test_no_value_is_a_wild_card(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "wild card"):
            define(shop, admin, "lob", "*")

    def test_a_thousand_tags(self, shop: Lake, admin: Caller) -> None:
        store.store.account(CENTRAL).lf_tags.update({f"key{number}": ["x"] for number in range(999)})
        define(shop, admin, "last", "x")
        with refused("ResourceNumberLimitExceededException", "exceeds 1000"):
            define(shop, admin, "more", "x")

    def test_not_in_another_account(self, shop: Lake, steward: Caller) -> None:
        with refused("AccessDeniedException", f"Access to catalog {CENTRAL} is denied"):
            shop.call(steward, "CreateLFTag", CatalogId=CENTRAL, TagKey="lob", TagValues=["sales"])


class TestSeeing:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-listing-tags.html."""

    def test_a_tag_that_is_not_there(self, mall: Lake, admin: Caller) -> None:
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            values(mall, admin, "channel")

    def test_only_with_a_permission_on_it(self, mall: Lake) -> None:
        assert listed(mall, READER) == {}
        with refused("AccessDeniedException", "Required Describe on lob"):
            values(mall, READER)

    @pytest.mark.parametrize("permission", ["DESCRIBE", "ASSOCIATE", "GRANT_WITH_LF_TAG_EXPRESSION"])
    def test_the_values_on_which_something_was_granted(self, mall: Lake, admin: Caller, permission: str) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("hr"), permission)
        assert listed(mall, READER) == {"lob": ["hr"]}
        assert values(mall, READER) == ["hr"]

    def test_all_values_and_those_to_come(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "DESCRIBE")
        update(mall, admin, add=("finance",))
        assert values(mall, READER) == ["sales", "hr", "finance"]

    def test_a_read_only_administrator_sees_and_changes_nothing(self, mall: Lake, admin: Caller) -> None:
        mall.settings(CENTRAL, admin, ReadOnlyAdmins=[{"DataLakePrincipalIdentifier": READER.principal_arn}])
        assert values(mall, READER) == ["sales", "hr"]
        with refused("AccessDeniedException", "Required Alter on lob"):
            update(mall, READER, add=("finance",))

    def test_another_accounts_tag_must_have_been_shared(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        with refused("AccessDeniedException", "Resource does not exist or requester is not authorized"):
            values(mall, steward, CatalogId=CENTRAL)
        mall.grant(admin, MARKETING, lf_tag("hr"), "DESCRIBE", options=("DESCRIBE",))
        assert values(mall, steward, CatalogId=CENTRAL) == ["hr"]
        with refused("AccessDeniedException", "Resource does not exist"):
            values(mall, ANALYST, CatalogId=CENTRAL)
        mall.grant(steward, ANALYST.principal_arn, lf_tag("hr"), "DESCRIBE")
        assert values(mall, ANALYST, CatalogId=CENTRAL) == ["hr"]
        mall.revoke(admin, MARKETING, lf_tag("hr"), "DESCRIBE", options=("DESCRIBE",))
        for caller in (steward, ANALYST):
            with refused("AccessDeniedException", "Resource does not exist"):
                values(mall, caller, CatalogId=CENTRAL)

    def test_shared_tags_are_listed_where_asked_for_and_on_a_page_of_their_own(
        self, mall: Lake, admin: Caller, steward: Caller
    ) -> None:
        define(mall, steward, "own", "x")
        mall.grant(admin, MARKETING, lf_tag("hr"), "DESCRIBE", options=("DESCRIBE",))
        assert listed(mall, steward) == {"own": ["x"]}
        assert listed(mall, steward, ResourceShareType="FOREIGN") == {"lob": ["hr"]}
        assert listed(mall, steward, CatalogId=CENTRAL) == {"lob": ["hr"]}
        first = mall.call(steward, "ListLFTags", ResourceShareType="ALL")
        assert [pair["CatalogId"] for pair in first["LFTags"]] == [MARKETING]
        second = mall.call(steward, "ListLFTags", ResourceShareType="ALL", NextToken=first["NextToken"])
        assert second == {"LFTags": [{"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["hr"]}]}

    def test_pages(self, mall: Lake, admin: Caller) -> None:
        define(mall, admin, "channel", "web")
        first = mall.call(admin, "ListLFTags", MaxResults=1)
        second = mall.call(admin, "ListLFTags", MaxResults=1, NextToken=first["NextToken"])
        assert [pair["TagKey"] for page in (first, second) for pair in page["LFTags"]] == ["channel", "lob"]
        assert "NextToken" not in second
        with refused("InvalidInputException", "Invalid NextToken"):
            mall.call(admin, "ListLFTags", NextToken="!")


class TestChanging:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_UpdateLFTag.html."""

    def test_values_come_and_go(self, mall: Lake, admin: Caller) -> None:
        update(mall, admin, add=("Finance",), delete=("HR",))
        assert values(mall, admin) == ["sales", "finance"]

    def test_a_value_that_something_carries_cannot_go(self, mall: Lake, admin: Caller) -> None:
        for resource in (SHOP, ORDERS, NAME):
            assert put(mall, admin, resource, lob="hr") == []
            with refused("InvalidInputException", r"Update not allowed.*\[hr\]"):
                update(mall, admin, delete=("hr",))
            assert take(mall, admin, resource, lob="hr") == []
        update(mall, admin, delete=("hr",))

    def test_all_or_nothing(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="hr")
        with refused("InvalidInputException", "Update not allowed"):
            update(mall, admin, add=("finance",), delete=("sales", "hr"))
        assert values(mall, admin) == ["sales", "hr"]

    def test_a_value_that_was_on_a_dropped_table_can_go(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, ORDERS, lob="hr")
        put(mall, admin, NAME, lob="hr")
        engine.table_deleted(CENTRAL, "shop", "orders")
        update(mall, admin, delete=("hr",))

    def test_a_value_that_is_only_granted_can_go(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, policy(lob="hr"), *READ)
        update(mall, admin, delete=("hr",))
        assert [kind for _, kind, *_ in mall.rows(admin, ResourceType="LF_TAG_POLICY")] == ["LFTagPolicy"]

    def test_what_cannot_be(self, mall: Lake, admin: Caller) -> None:
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            mall.call(admin, "UpdateLFTag", TagKey="channel", TagValuesToAdd=["web"])
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            update(mall, admin, delete=("finance",))
        with refused("InvalidInputException", r"already exist: \[sales\]"):
            update(mall, admin, add=("Sales", "finance"))
        with refused("InvalidInputException", r"already exist: \[hr\]"):
            update(mall, admin, add=("hr",), delete=("hr",))
        with refused("InvalidInputException", "at least one value"):
            update(mall, admin, delete=("sales", "hr"))
        with refused("InvalidInputException", "must not both be empty"):
            update(mall, admin)
        with refused("InvalidInputException", "can't exceed 50 characters"):
            update(mall, admin, add=("v" * 51,))
        assert values(mall, admin) == ["sales", "hr"]

    def test_a_thousand_values(self, mall: Lake, admin: Caller) -> None:
        store.store.account(CENTRAL).lf_tags["lob"] += [f"value{number}" for number in range(997)]
        update(mall, admin, add=("last",))
        with refused("InvalidInputException", "exceeds 1000"):
            update(mall, admin, add=("more",))

    def test_others_need_alter_on_the_tag(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "ASSOCIATE", "DESCRIBE", "DROP")
        with refused("AccessDeniedException", "Required Alter on lob"):
            update(mall, READER, add=("finance",))
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "ALTER")
        update(mall, READER, add=("finance",))

    def test_two_changes_at_once(self, mall: Lake, admin: Caller) -> None:
        with (
            windows.changing(CENTRAL, "lf-tag/lob"),
            refused("ConcurrentModificationException", "Please try again"),
        ):
            update(mall, admin, add=("finance",))


class TestDeleting:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-deleting-tags.html."""

    def test_a_tag_in_use_goes_with_all_that_it_was_on(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales")
        put(mall, admin, NAME, lob="hr")
        mall.grant(admin, READER.principal_arn, policy(lob=("sales", "hr")), *READ)
        assert reads(READER)
        mall.call(admin, "DeleteLFTag", TagKey="LOB")
        assert listed(mall, admin) == {}
        assert carried(mall, admin, ORDERS) == {}
        assert reads(READER) == []

    def test_made_again_it_is_another_tag(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales")
        mall.grant(admin, READER.principal_arn, policy(lob="sales"), *READ)
        mall.call(admin, "DeleteLFTag", TagKey="lob")
        define(mall, admin, "lob", "sales")
        assert carried(mall, admin, ORDERS) == {}
        put(mall, admin, SHOP, lob="sales")
        assert reads(READER) == []

    def test_a_tag_that_is_not_there(self, mall: Lake, admin: Caller) -> None:
        with refused("EntityNotFoundException", "Tag or tag value does not exist"):
            mall.call(admin, "DeleteLFTag", TagKey="channel")

    def test_others_need_drop_on_the_tag(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "ALTER")
        with refused("AccessDeniedException", "Required Drop on lob"):
            mall.call(READER, "DeleteLFTag", TagKey="lob")
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "DROP")
        mall.call(READER, "DeleteLFTag", TagKey="lob")


def test_the_root_user_is_nobody_here(mall: Lake) -> None:
    with refused("AccessDeniedException", "Required Create LF Tag on Catalog"):
        define(mall, root(CENTRAL), "channel", "web")


def test_accounts_have_tags_of_their_own(mall: Lake, steward: Caller) -> None:
    define(mall, steward, "lob", "other")
    assert listed(mall, steward) == {"lob": ["other"]}
    assert listed(mall, role(SALES, "nobody")) == {}


def test_snapshots_keep_tags(mall: Lake, admin: Caller) -> None:
    put(mall, admin, NAME, lob="hr")
    put(mall, admin, SHOP, lob="sales")
    before = listed(mall, admin), carried(mall, admin, ORDERS)
    state = json.loads(json.dumps(store.store.get_state()))
    store.store.reset()
    store.store.set_state(state)
    assert (listed(mall, admin), carried(mall, admin, ORDERS)) == before
