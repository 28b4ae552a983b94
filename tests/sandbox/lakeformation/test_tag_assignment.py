"""What carries which LF-tags: who puts them on, what is inherited, who sees it.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import engine, store, windows
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    MARKETING,
    REGION,
    Lake,
    all_tables,
    columns,
    data_location,
    database,
    lf_tag,
    policy,
    role,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import COLUMNS, READ, reads, refused
from tests.sandbox.lakeformation.tag_steps import (
    EVERY_PERMISSION,
    NAME,
    ORDERS,
    READER,
    SHOP,
    STEWARDESS,
    carried,
    define,
    put,
    take,
)

MAKER, ANALYST = role(CENTRAL, "maker"), role(MARKETING, "analyst")
UNKNOWN = "EntityNotFoundException: Tag or tag value does not exist."
NOT_YOURS = "Resource does not exist or requester is not authorized"
WHOLE = columns()


@pytest.fixture
def mall(shop: Lake, admin: Caller) -> Lake:
    """Central has lob with sales and hr, and level with open and secret."""
    define(shop, admin, "lob", "sales", "hr")
    define(shop, admin, "level", "open", "secret")
    return shop


class TestInheriting:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/tag-based-access-control.html."""

    def test_from_database_to_table_to_column_and_the_nearer_wins(self, mall: Lake, admin: Caller) -> None:
        assert put(mall, admin, SHOP, lob="sales", level="open") == []
        assert put(mall, admin, ORDERS, level="secret") == []
        assert put(mall, admin, NAME, lob="hr") == []
        assert carried(mall, admin, WHOLE) == {
            "LFTagOnDatabase": ["level=open", "lob=sales"],
            "LFTagsOnTable": ["level=secret", "lob=sales"],
            "day": ["level=secret", "lob=sales"],
            "id": ["level=secret", "lob=sales"],
            "name": ["level=secret", "lob=hr"],
            "secret": ["level=secret", "lob=sales"],
        }

    def test_only_what_is_assigned_where_asked_for(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales")
        put(mall, admin, ORDERS, level="secret")
        put(mall, admin, NAME, lob="hr")
        assigned = {"ShowAssignedLFTags": True}
        assert carried(mall, admin, SHOP, **assigned) == {"LFTagOnDatabase": ["lob=sales"]}
        assert carried(mall, admin, ORDERS, **assigned) == {"LFTagsOnTable": ["level=secret"], "name": ["lob=hr"]}
        assert carried(mall, admin, columns("name", "id"), **assigned) == {"name": ["lob=hr"]}

    def test_what_is_taken_off_gives_way_to_what_is_inherited(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales")
        put(mall, admin, ORDERS, lob="hr")
        assert take(mall, admin, ORDERS, lob="hr") == []
        assert carried(mall, admin, ORDERS)["LFTagsOnTable"] == ["lob=sales"]

    def test_nothing_is_not_even_an_empty_list(self, mall: Lake, admin: Caller) -> None:
        """As recorded on AWS by moto's tests, tests/test_lakeformation/test_resource_tags_integration.py."""
        for resource in (SHOP, ORDERS, NAME, WHOLE):
            assert mall.call(admin, "GetResourceLFTags", Resource=resource) == {}


class TestPuttingOn:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_AddLFTagsToResource.html."""

    def test_a_second_value_takes_the_place_of_the_first(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, ORDERS, lob="sales")
        put(mall, admin, ORDERS, lob="HR")
        assert carried(mall, admin, ORDERS)["LFTagsOnTable"] == ["lob=hr"]

    def test_several_columns_at_once(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, columns("ID", "day"), lob="hr")
        assert carried(mall, admin, ORDERS, ShowAssignedLFTags=True) == {"day": ["lob=hr"], "id": ["lob=hr"]}

    def test_what_fails_is_listed_and_the_rest_is_done(self, mall: Lake, admin: Caller) -> None:
        pairs = [{"TagKey": key, "TagValues": [value]} for key, value in (("lob", "sales"), ("channel", "web"))]
        answer = mall.call(admin, "AddLFTagsToResource", Resource=SHOP, LFTags=pairs)
        assert answer["Failures"] == [
            {
                "LFTag": {"CatalogId": CENTRAL, "TagKey": "channel", "TagValues": ["web"]},
                "Error": {
                    "ErrorCode": "EntityNotFoundException",
                    "ErrorMessage": "Tag or tag value does not exist.",
                },
            }
        ]
        assert carried(mall, admin, SHOP) == {"LFTagOnDatabase": ["lob=sales"]}

    def test_an_unknown_value(self, mall: Lake, admin: Caller) -> None:
        assert put(mall, admin, SHOP, lob="finance") == [UNKNOWN]

    @pytest.mark.parametrize(
        ("resource", "words"),
        [
            (database("nowhere"), "Database nowhere not found"),
            (table("nowhere"), "Table nowhere not found"),
            (columns("id", name="nowhere"), "Table nowhere not found"),
        ],
    )
    def test_a_resource_that_is_not_there(
        self, mall: Lake, admin: Caller, resource: dict[str, Any], words: str
    ) -> None:
        for call in (put, take):
            with refused("EntityNotFoundException", words):
                call(mall, admin, resource, lob="sales")
        with refused("EntityNotFoundException", words):
            carried(mall, admin, resource)

    def test_a_column_that_is_not_there(self, mall: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", r"Columns not found in table orders: \[price\]"):
            put(mall, admin, columns("id", "price"), lob="sales")
        assert carried(mall, admin, WHOLE) == {}

    @pytest.mark.parametrize("resource", [{"Catalog": {}}, data_location(), all_tables(), lf_tag("sales"), policy()])
    def test_what_carries_no_tags(self, mall: Lake, admin: Caller, resource: dict[str, Any]) -> None:
        for call in (put, take, carried):
            with refused("InvalidInputException", "a database, a table or columns of a table only"):
                call(mall, admin, resource)

    @pytest.mark.parametrize("resource", [columns(), columns(excluded=("id",))])
    def test_no_wildcards(self, mall: Lake, admin: Caller, resource: dict[str, Any]) -> None:
        """https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html."""
        with refused("InvalidInputException", "Wildcards are not supported"):
            put(mall, admin, resource, lob="sales")

    @pytest.mark.parametrize("given", [["sales", "hr"], ["*"], []])
    def test_one_value_per_key(self, mall: Lake, admin: Caller, given: list[str]) -> None:
        with refused("InvalidInputException", "input tag value list has size not equal to 1"):
            mall.call(admin, "AddLFTagsToResource", Resource=SHOP, LFTags=[{"TagKey": "lob", "TagValues": given}])

    def test_a_key_once_per_call(self, mall: Lake, admin: Caller) -> None:
        pairs = [{"TagKey": key, "TagValues": ["sales"]} for key in ("lob", "LOB")]
        with refused("InvalidInputException", "Provided list of tags contains duplicate tag key"):
            mall.call(admin, "AddLFTagsToResource", Resource=SHOP, LFTags=pairs)

    def test_fifty_tags_on_a_resource(self, mall: Lake, admin: Caller) -> None:
        store.store.account(CENTRAL).lf_tags.update({f"key{number}": ["x"] for number in range(49)})
        assert put(mall, admin, ORDERS, lob="sales", **{f"key{number}": "x" for number in range(49)}) == []
        (failure,) = put(mall, admin, ORDERS, level="open")
        assert failure.startswith("InvalidInputException: The number of LF-Tags of a resource exceeds 50")
        assert put(mall, admin, ORDERS, lob="hr") == []
        assert put(mall, admin, SHOP, level="open") == []
        assert len(carried(mall, admin, ORDERS)["LFTagsOnTable"]) == 51

    def test_two_changes_at_once(self, mall: Lake, admin: Caller) -> None:
        with (
            windows.changing(CENTRAL, f"arn:aws:glue:{REGION}:{CENTRAL}:table/shop/orders/lf-tags"),
            refused("ConcurrentModificationException", "Please try again"),
        ):
            put(mall, admin, NAME, lob="sales")


class TestTakingOff:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RemoveLFTagsFromResource.html."""

    def test_only_what_is_assigned_there(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales")
        assert take(mall, admin, ORDERS, lob="sales") == [UNKNOWN]
        assert take(mall, admin, SHOP, lob="hr") == [UNKNOWN]
        assert take(mall, admin, SHOP, lob="sales", level="open") == [UNKNOWN]
        assert carried(mall, admin, SHOP) == {}

    def test_from_all_columns_or_from_none(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, NAME, lob="sales")
        assert take(mall, admin, columns("name", "id"), lob="sales") == [UNKNOWN]
        assert carried(mall, admin, NAME) == {"name": ["lob=sales"]}


class TestWhoPutsOn:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html#manage-tags-reqs."""

    def test_it_takes_associate_on_the_tag(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, MAKER.principal_arn, lf_tag("hr"), "DESCRIBE")
        mall.grant(admin, MAKER.principal_arn, lf_tag("sales"), "ASSOCIATE")
        words = "AccessDeniedException: Insufficient Lake Formation permission(s): Required Associate on lob"
        assert put(mall, MAKER, SHOP, lob="hr") == [words]
        assert put(mall, MAKER, SHOP, lob="sales") == []
        mall.revoke(admin, MAKER.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert take(mall, MAKER, SHOP, lob="sales") == [words]

    @pytest.mark.parametrize("resource", [SHOP, ORDERS, NAME])
    def test_whoever_made_the_resource(self, mall: Lake, admin: Caller, resource: dict[str, Any]) -> None:
        mall.grant(admin, MAKER.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert put(mall, MAKER, resource, lob="sales") == []
        assert take(mall, MAKER, resource, lob="sales") == []

    @pytest.mark.parametrize(
        ("resource", "granted_on", "needed"),
        [
            (SHOP, SHOP, ("ALTER", "CREATE_TABLE", "DESCRIBE", "DROP")),
            (ORDERS, ORDERS, EVERY_PERMISSION),
            (NAME, ORDERS, EVERY_PERMISSION),
        ],
    )
    def test_whoever_may_grant_all_of_it(
        self,
        mall: Lake,
        admin: Caller,
        resource: dict[str, Any],
        granted_on: dict[str, Any],
        needed: tuple[str, ...],
    ) -> None:
        arn = STEWARDESS.principal_arn
        mall.grant(admin, arn, lf_tag("sales"), "ASSOCIATE")
        mall.grant(admin, arn, granted_on, *needed, options=needed[1:])
        with refused("AccessDeniedException", NOT_YOURS):
            put(mall, STEWARDESS, resource, lob="sales")
        mall.grant(admin, arn, granted_on, needed[0], options=needed[:1])
        assert put(mall, STEWARDESS, resource, lob="sales") == []
        mall.revoke(admin, arn, granted_on, needed[0], options=needed[:1])
        with refused("AccessDeniedException", NOT_YOURS):
            take(mall, STEWARDESS, resource, lob="sales")

    def test_super_with_the_grant_option(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, STEWARDESS.principal_arn, lf_tag("sales"), "ASSOCIATE")
        mall.grant(admin, STEWARDESS.principal_arn, ORDERS, "ALL", options=("ALL",))
        assert put(mall, STEWARDESS, NAME, lob="sales") == []

    def test_the_iam_policies_must_let_the_database_be_seen(self, mall: Lake, admin: Caller) -> None:
        mall.world.denied.add((admin.principal_arn, "glue:GetDatabase"))
        with refused("AccessDeniedException", "Insufficient Glue permissions to access database shop"):
            put(mall, admin, ORDERS, lob="sales")

    def test_a_link_has_tags_of_its_own(self, mall: Lake, admin: Caller) -> None:
        target = {"CatalogId": MARKETING, "DatabaseName": "elsewhere"}
        mall.create_database(MAKER, "link", TargetDatabase=target)
        mall.grant(admin, MAKER.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert put(mall, MAKER, database("link"), lob="sales") == []
        assert carried(mall, admin, database("link")) == {"LFTagOnDatabase": ["lob=sales"]}


class TestAcrossAccounts:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-granting-tags.html."""

    def test_the_owners_tag_on_the_owners_table(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, ORDERS, *EVERY_PERMISSION, options=EVERY_PERMISSION)
        assert put(mall, steward, ORDERS, lob="sales") == [UNKNOWN]
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", options=("ASSOCIATE",))
        (failure,) = put(mall, steward, ORDERS, lob="sales")
        assert failure.endswith("Required Associate on lob")
        mall.grant(steward, steward.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert put(mall, steward, NAME, lob="sales") == []
        assert carried(mall, steward, ORDERS) == {"name": ["lob=sales"]}
        assert put(mall, steward, NAME, lob="hr") == [UNKNOWN]

    def test_a_principal_that_got_everything_passed_on(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, ORDERS, *EVERY_PERMISSION, options=EVERY_PERMISSION)
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", options=("ASSOCIATE",))
        mall.grant(steward, ANALYST.principal_arn, lf_tag("sales"), "ASSOCIATE")
        mall.grant(steward, ANALYST.principal_arn, ORDERS, *EVERY_PERMISSION)
        with refused("AccessDeniedException", NOT_YOURS):
            put(mall, ANALYST, ORDERS, lob="sales")
        mall.grant(steward, ANALYST.principal_arn, ORDERS, *EVERY_PERMISSION, options=EVERY_PERMISSION)
        assert put(mall, ANALYST, ORDERS, lob="sales") == []

    def test_a_database_without_drop(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        needed = ("ALTER", "CREATE_TABLE", "DESCRIBE")
        mall.grant(admin, MARKETING, SHOP, *needed, options=needed)
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", options=("ASSOCIATE",))
        mall.grant(steward, steward.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert put(mall, steward, SHOP, lob="sales") == []

    def test_not_what_was_only_shared_to_be_read(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, ORDERS, *READ, options=READ)
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", options=("ASSOCIATE",))
        mall.grant(steward, steward.principal_arn, lf_tag("sales"), "ASSOCIATE")
        with refused("AccessDeniedException", NOT_YOURS):
            put(mall, steward, ORDERS, lob="sales")

    def test_no_tag_of_another_account_on_an_own_resource(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", options=("ASSOCIATE",))
        mall.create_database(steward, "own")
        (failure,) = put(mall, steward, database("own", owner=MARKETING), lob="sales")
        assert failure.startswith(f"InvalidInputException: An LF-Tag of account {CENTRAL} cannot be assigned")

    def test_nor_an_own_tag_on_what_another_account_shared(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        define(mall, steward, "lob", "sales")
        mall.grant(admin, MARKETING, ORDERS, *EVERY_PERMISSION, options=EVERY_PERMISSION)
        pairs = [{"TagKey": "lob", "TagValues": ["sales"]}]
        (failure,) = mall.call(steward, "AddLFTagsToResource", Resource=ORDERS, LFTags=pairs)["Failures"]
        assert failure["Error"]["ErrorCode"] == "InvalidInputException"

    def test_nothing_is_seen_of_what_was_not_shared(self, mall: Lake, steward: Caller) -> None:
        for resource in (SHOP, ORDERS, table("nowhere")):
            with refused("AccessDeniedException", NOT_YOURS):
                carried(mall, steward, resource)
            with refused("AccessDeniedException", NOT_YOURS):
                put(mall, steward, resource, lob="sales")


class TestWhoSees:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-view-resource-tags.html."""

    def test_the_resource_must_be_visible(self, mall: Lake) -> None:
        for resource in (SHOP, ORDERS, NAME):
            with refused("AccessDeniedException", NOT_YOURS):
                carried(mall, READER, resource)

    def test_and_the_tag(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, lob="sales", level="open")
        mall.grant(admin, READER.principal_arn, ORDERS, "DESCRIBE")
        assert carried(mall, READER, ORDERS) == {}
        mall.grant(admin, READER.principal_arn, lf_tag("sales"), "DESCRIBE")
        assert carried(mall, READER, SHOP) == {"LFTagOnDatabase": ["lob=sales"]}
        mall.grant(admin, READER.principal_arn, lf_tag("hr"), "DESCRIBE")
        put(mall, admin, ORDERS, lob="hr")
        assert carried(mall, READER, ORDERS)["LFTagsOnTable"] == ["lob=hr"]

    def test_only_columns_that_are_readable(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, columns("id", "secret"), lob="sales")
        mall.grant(admin, READER.principal_arn, columns("id"), "SELECT")
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "DESCRIBE")
        assert carried(mall, READER, ORDERS) == {"id": ["lob=sales"]}


class TestWhatIsGone:
    """Tags go with the table or column that they are on."""

    def test_a_dropped_table(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, ORDERS, lob="sales")
        put(mall, admin, NAME, lob="hr")
        put(mall, admin, SHOP, level="open")
        engine.table_deleted(CENTRAL, "shop", "orders")
        mall.create_table(MAKER, "shop", "orders")
        assert carried(mall, admin, ORDERS, ShowAssignedLFTags=True) == {}
        assert carried(mall, admin, SHOP) == {"LFTagOnDatabase": ["level=open"]}

    def test_a_dropped_database(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, ORDERS, lob="sales")
        put(mall, admin, SHOP, level="open")
        engine.database_deleted(CENTRAL, "shop")
        assert store.store.account(CENTRAL).tags == {}

    def test_a_dropped_column(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, level="open")
        put(mall, admin, columns("name", "day"), lob="hr")
        put(mall, admin, ORDERS, lob="sales")
        engine.table_updated(CENTRAL, "Shop", "Orders", ["id", "secret", "DAY"])
        assert carried(mall, admin, ORDERS, ShowAssignedLFTags=True) == {
            "LFTagsOnTable": ["lob=sales"],
            "day": ["lob=hr"],
        }


def test_what_is_put_on_opens_and_what_is_taken_off_closes(mall: Lake, admin: Caller) -> None:
    mall.grant(admin, READER.principal_arn, policy(lob="sales", level="open"), *READ)
    put(mall, admin, SHOP, lob="sales")
    assert reads(READER) == []
    put(mall, admin, ORDERS, level="open")
    assert reads(READER) == list(COLUMNS)
    put(mall, admin, columns("secret"), level="secret")
    assert reads(READER) == ["id", "name", "day"]
    take(mall, admin, SHOP, lob="sales")
    assert reads(READER) == []
