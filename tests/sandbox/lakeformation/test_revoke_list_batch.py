"""Revoking, listing and batches; two changes at once; snapshots; what the sandbox has not."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import boto3
import pytest

from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine, grants, service, store, windows
from tests.sandbox.lakeformation.fake_world import (
    BUCKET,
    CENTRAL,
    LAKE_ROLE,
    LOCATION,
    MARKETING,
    Lake,
    all_tables,
    columns,
    data_location,
    database,
    role,
    table,
)

ANALYST = role(CENTRAL, "analyst")
ANALYST_ARN = ANALYST.principal_arn
ORDERS = engine.TableRef(CENTRAL, "shop", "orders")


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def of(principal: str) -> dict[str, Any]:
    """A filter of ListPermissions."""
    return {"Principal": {"DataLakePrincipalIdentifier": principal}}


class TestRevoke:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RevokePermissions.html."""

    def test_what_was_never_granted(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "Grantee has no permissions and no grantable permissions on resource"):
            shop.revoke(admin, ANALYST_ARN, table(), "SELECT")

    def test_all_or_nothing(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        with refused("InvalidInputException", r"No permissions revoked. Grantee does not have:\[ALTER, DROP\]"):
            shop.revoke(admin, ANALYST_ARN, table(), "SELECT", "DROP", "ALTER")
        assert shop.rows(admin, **of(ANALYST_ARN)) == [(ANALYST_ARN, "TableWithColumns", ["SELECT"], [])]

    def test_super_coexists_with_the_others(self, shop: Lake, admin: Caller) -> None:
        """#perm-super: when Super is revoked, what was granted beside it remains."""
        shop.grant(admin, ANALYST_ARN, table(), "ALL", "INSERT")
        assert engine.has(ANALYST, "DROP", catalog=CENTRAL, database="shop", table="orders")
        shop.revoke(admin, ANALYST_ARN, table(), "ALL")
        assert not engine.has(ANALYST, "DROP", catalog=CENTRAL, database="shop", table="orders")
        assert engine.has(ANALYST, "INSERT", catalog=CENTRAL, database="shop", table="orders")

    def test_the_grant_option_is_revoked_by_name(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT", options=("SELECT",))
        shop.revoke(admin, ANALYST_ARN, table(), "SELECT")
        assert engine.readable_columns(ANALYST, ORDERS, ["id"]) == []
        assert shop.rows(admin, **of(ANALYST_ARN)) == [(ANALYST_ARN, "TableWithColumns", [], ["SELECT"])]
        shop.call(
            admin,
            "RevokePermissions",
            **of(ANALYST_ARN),
            Resource=table(),
            Permissions=[],
            PermissionsWithGrantOption=["SELECT"],
        )
        assert shop.rows(admin, **of(ANALYST_ARN)) == []

    def test_select_on_the_table_is_select_on_all_columns(self, shop: Lake, admin: Caller) -> None:
        everything = {"TableWithColumns": {"DatabaseName": "shop", "Name": "orders", "ColumnWildcard": {}}}
        shop.grant(admin, ANALYST_ARN, everything, "SELECT")
        shop.revoke(admin, ANALYST_ARN, table(), "SELECT")
        shop.grant(admin, ANALYST_ARN, all_tables(), "SELECT")
        everything["TableWithColumns"]["Name"] = "ALL_TABLES"
        shop.revoke(admin, ANALYST_ARN, everything, "SELECT")
        assert shop.rows(admin, **of(ANALYST_ARN)) == []

    def test_a_list_of_columns_is_revoked_as_it_was_granted(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, columns("name", "id"), "SELECT")
        with refused("InvalidInputException", "Grantee has no permissions"):
            shop.revoke(admin, ANALYST_ARN, columns("id"), "SELECT")
        shop.revoke(admin, ANALYST_ARN, columns("id", "name"), "SELECT")

    def test_who_may(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        other = role(CENTRAL, "other")
        with refused("AccessDeniedException", "not authorized"):
            shop.revoke(other, ANALYST_ARN, table(), "SELECT")
        shop.revoke(role(CENTRAL, "maker"), ANALYST_ARN, table(), "SELECT")

    def test_a_principal_that_is_gone(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        shop.world.missing.add(ANALYST_ARN)
        shop.revoke(admin, ANALYST_ARN, table(), "SELECT")

    def test_a_table_that_is_gone(self, shop: Lake, admin: Caller) -> None:
        with refused("EntityNotFoundException", "not found"):
            shop.revoke(admin, ANALYST_ARN, table("nowhere"), "SELECT")


class TestList:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html."""

    def test_select_has_a_row_of_its_own(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT", "DESCRIBE", "ALTER", options=("SELECT",))
        answer = shop.call(admin, "ListPermissions", **of(ANALYST_ARN), Resource=table())
        rows = answer["PrincipalResourcePermissions"]
        place = {"CatalogId": CENTRAL, "DatabaseName": "shop", "Name": "orders"}
        assert [(row["Resource"], row["Permissions"], row["PermissionsWithGrantOption"]) for row in rows] == [
            ({"Table": place}, ["ALTER", "DESCRIBE"], []),
            ({"TableWithColumns": {**place, "ColumnWildcard": {}}}, ["SELECT"], ["SELECT"]),
        ]
        assert rows[0]["LastUpdatedBy"] == admin.arn

    def test_how_resources_are_shown(self, shop: Lake, admin: Caller) -> None:
        shop.call(admin, "RegisterResource", ResourceArn=LOCATION, RoleArn=LAKE_ROLE)
        shop.grant(admin, ANALYST_ARN, {"Catalog": {}}, "CREATE_DATABASE")
        shop.grant(admin, ANALYST_ARN, database(), "DESCRIBE")
        shop.grant(admin, ANALYST_ARN, all_tables(), "DESCRIBE")
        shop.grant(admin, ANALYST_ARN, columns("id"), "SELECT")
        shop.grant(admin, ANALYST_ARN, columns(excluded=("id",)), "SELECT")
        shop.grant(admin, ANALYST_ARN, data_location(), "DATA_LOCATION_ACCESS")
        answer = shop.call(admin, "ListPermissions", **of(ANALYST_ARN))
        place = {"CatalogId": CENTRAL, "DatabaseName": "shop"}
        assert [row["Resource"] for row in answer["PrincipalResourcePermissions"]] == [
            {"Catalog": {"Id": CENTRAL}},
            {"Database": {"CatalogId": CENTRAL, "Name": "shop"}},
            {"Table": {**place, "Name": "ALL_TABLES", "TableWildcard": {}}},
            {"TableWithColumns": {**place, "Name": "orders", "ColumnNames": ["id"]}},
            {"TableWithColumns": {**place, "Name": "orders", "ColumnWildcard": {"ExcludedColumnNames": ["id"]}}},
            {"DataLocation": {"CatalogId": CENTRAL, "ResourceArn": LOCATION}},
        ]

    def test_filters(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        shop.grant(admin, ANALYST_ARN, database(), "DESCRIBE")
        everybody = {principal for principal, *_ in shop.rows(admin)}
        assert everybody == {"IAM_ALLOWED_PRINCIPALS", role(CENTRAL, "maker").principal_arn, ANALYST_ARN}
        assert [kind for _, kind, *_ in shop.rows(admin, **of(ANALYST_ARN), ResourceType="DATABASE")] == ["Database"]
        assert {kind for _, kind, *_ in shop.rows(admin, ResourceType="TABLE")} == {"Table", "TableWithColumns"}
        assert {kind for _, kind, *_ in shop.rows(admin, Resource=database())} == {"Database"}
        kinds = [kind for _, kind, *_ in shop.rows(admin, **of(ANALYST_ARN), Resource=table())]
        assert kinds == ["TableWithColumns"], "a table as filter finds both"

    def test_filters_that_do_not_fit(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "TableWithColumns is not a valid resource filter"):
            shop.rows(admin, Resource=columns("id"))
        with refused("InvalidInputException", "IncludeRelated"):
            shop.rows(admin, **of(ANALYST_ARN), IncludeRelated="TRUE")
        with refused("InvalidInputException", "Invalid principal"):
            shop.rows(admin, **of(f"arn:aws:iam::{MARKETING}:role/analyst"))
        with refused("InvalidInputException", "not supported by this sandbox"):
            shop.rows(admin, ResourceType="CLUSTER")
        with refused("InvalidInputException", "NextToken"):
            shop.call(admin, "ListPermissions", NextToken="mine")
        with refused("AccessDeniedException", "Resource does not exist or requester is not authorized"):
            shop.rows(admin, Resource=table("nowhere"))

    def test_pages_may_be_empty_and_go_on(self, shop: Lake, admin: Caller) -> None:
        for number in range(5):
            shop.create_table(role(CENTRAL, "maker"), "shop", f"t{number}")
        shop.grant(admin, ANALYST_ARN, table("t4"), "SELECT")
        pages = []
        token: dict[str, Any] = {}
        while True:
            answer = shop.call(admin, "ListPermissions", **of(ANALYST_ARN), MaxResults=2, **token)
            pages.append(len(answer["PrincipalResourcePermissions"]))
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert pages[0] == 0, "an empty page with a token"
        assert sum(pages) == 1

    def test_others_see_what_they_hold(self, shop: Lake, admin: Caller) -> None:
        other = role(CENTRAL, "other")
        shop.grant(admin, ANALYST_ARN, table(), "SELECT", "ALTER")
        shop.grant(admin, other.principal_arn, table(), "ALTER")
        assert shop.rows(other, Resource=table()) == [
            (role(CENTRAL, "maker").principal_arn, "Table", ["ALTER", "DESCRIBE"], ["ALTER", "DESCRIBE"]),
            (ANALYST_ARN, "Table", ["ALTER"], []),
            (other.principal_arn, "Table", ["ALTER"], []),
        ]
        assert shop.rows(role(CENTRAL, "nobody")) == [("IAM_ALLOWED_PRINCIPALS", "Catalog", ["CREATE_DATABASE"], [])]

    def test_a_recipient_lists_what_arrived(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        with refused("AccessDeniedException", "Resource does not exist"):
            shop.rows(steward, Resource=table())
        shop.grant(admin, MARKETING, table(), "SELECT", options=("SELECT",))
        assert shop.rows(steward, Resource=table()) == [(MARKETING, "TableWithColumns", ["SELECT"], ["SELECT"])]

    def test_permissions_on_a_path(self, shop: Lake, admin: Caller) -> None:
        """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetEffectivePermissionsForPath.html."""
        shop.call(admin, "RegisterResource", ResourceArn=LOCATION, RoleArn=LAKE_ROLE)
        shop.create_database(admin, "located", LocationUri=f"s3://{BUCKET}/products/orders/")
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        shop.grant(admin, ANALYST_ARN, data_location(), "DATA_LOCATION_ACCESS")
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        found = shop.call(admin, "GetEffectivePermissionsForPath", ResourceArn=f"{LOCATION}/orders")["Permissions"]
        holders = [(row["Principal"]["DataLakePrincipalIdentifier"].split("/")[-1], *row["Resource"]) for row in found]
        assert holders == [
            ("maker", "Table"),
            ("maker", "TableWithColumns"),
            ("admin", "Database"),
            ("analyst", "TableWithColumns"),
            ("analyst", "DataLocation"),
        ]


def entry(number: int, resource: dict[str, Any], *permissions: str) -> dict[str, Any]:
    """A batch entry for the analyst."""
    return {"Id": str(number), **of(ANALYST_ARN), "Resource": resource, "Permissions": list(permissions)}


class TestBatch:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_BatchGrantPermissions.html."""

    def test_failures_come_with_success(self, shop: Lake, admin: Caller) -> None:
        good, bad = entry(1, table(), "SELECT"), entry(2, table("nowhere"), "SELECT")
        worse = {"Id": "3", "Resource": table(), "Permissions": ["SELECT"]}
        answer = shop.call(admin, "BatchGrantPermissions", Entries=[good, bad, worse])
        assert [(f["RequestEntry"], f["Error"]["ErrorCode"]) for f in answer["Failures"]] == [
            (bad, "EntityNotFoundException"),
            (worse, "InvalidInputException"),
        ]
        assert engine.readable_columns(ANALYST, ORDERS, ["id"]) == ["id"]
        answer = shop.call(admin, "BatchRevokePermissions", Entries=[good, bad])
        assert [f["RequestEntry"]["Id"] for f in answer["Failures"]] == ["2"]
        assert engine.readable_columns(ANALYST, ORDERS, ["id"]) == []

    def test_twenty_entries(self, shop: Lake, admin: Caller) -> None:
        entries = [entry(number, table(), "SELECT") for number in range(21)]
        assert shop.call(admin, "BatchGrantPermissions", Entries=entries[:20]) == {"Failures": []}
        for wrong in (entries, []):
            with refused("InvalidInputException", "between 1 and 20"):
                shop.call(admin, "BatchGrantPermissions", Entries=wrong)

    def test_unique_ids(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "unique"):
            shop.call(admin, "BatchGrantPermissions", Entries=[entry(1, table(), "SELECT")] * 2)


class TestConcurrency:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GrantPermissions.html (errors)."""

    def overlap(self, lake: Lake, admin: Caller, monkeypatch: pytest.MonkeyPatch, *second: Any) -> str | None:
        """Grant SELECT on orders to the analyst, and while that is being applied make a second grant: its error."""
        inside, go_on = threading.Event(), threading.Event()
        original = grants._give

        def slow(*args: Any) -> None:
            inside.set()
            go_on.wait(10)
            original(*args)

        monkeypatch.setattr(grants, "_give", slow)
        first = threading.Thread(target=lake.grant, args=(admin, ANALYST_ARN, table(), "SELECT"))
        first.start()
        assert inside.wait(10)
        monkeypatch.setattr(grants, "_give", original)
        outcome: list[str | None] = []

        def other() -> None:
            try:
                lake.grant(admin, *second)
                outcome.append(None)
            except AwsError as error:
                outcome.append(error.code)

        later = threading.Thread(target=other)
        later.start()
        # One that conflicts is refused at once; another opens its own window and waits for the first to finish.
        deadline = time.monotonic() + 10
        while not outcome and len(windows._changing) < 4 and time.monotonic() < deadline:
            later.join(0.01)
        go_on.set()
        first.join(10)
        later.join(10)
        return outcome[0]

    @pytest.mark.parametrize(
        ("second", "error"),
        [
            ((ANALYST_ARN, database(), "DESCRIBE"), "ConcurrentModificationException"),
            ((role(CENTRAL, "other").principal_arn, table(), "SELECT"), "ConcurrentModificationException"),
            ((role(CENTRAL, "other").principal_arn, columns("id"), "SELECT"), "ConcurrentModificationException"),
            ((role(CENTRAL, "other").principal_arn, database(), "DESCRIBE"), None),
        ],
    )
    def test_same_principal_or_same_resource(
        self, shop: Lake, admin: Caller, monkeypatch: pytest.MonkeyPatch, second: Any, error: str | None
    ) -> None:
        assert self.overlap(shop, admin, monkeypatch, *second) == error
        assert engine.readable_columns(ANALYST, ORDERS, ["id"]) == ["id"]

    def test_the_window_closes_after_an_error(self, shop: Lake, admin: Caller) -> None:
        for _ in range(2):
            with refused("EntityNotFoundException", "not found"):
                shop.grant(admin, ANALYST_ARN, table("nowhere"), "SELECT")

    def test_a_change_takes_a_moment(self, shop: Lake, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr(windows, "HOLD_SECONDS", 5.0)
        monkeypatch.setattr("sandbox.lakeformation.windows.time.sleep", slept.append)
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        assert len(slept) == 1


def test_a_snapshot_brings_everything_back(shop: Lake, admin: Caller, steward: Caller) -> None:
    shop.call(admin, "RegisterResource", ResourceArn=LOCATION, RoleArn=LAKE_ROLE)
    shop.grant(admin, MARKETING, columns("id"), "SELECT", options=("SELECT",))
    shop.grant(admin, ANALYST_ARN, all_tables(), "SELECT")
    before = shop.call(admin, "ListPermissions"), shop.call(admin, "ListResources")
    state = json.loads(json.dumps(store.store.get_state()))
    store.store.reset()
    assert shop.call(admin, "ListResources")["ResourceInfoList"] == []
    store.store.set_state(state)
    assert (shop.call(admin, "ListPermissions"), shop.call(admin, "ListResources")) == before
    assert json.loads(json.dumps(store.store.get_state())) == state


def test_every_other_operation_says_that_it_is_not_there(shop: Lake, admin: Caller) -> None:
    model = boto3.client("lakeformation", region_name="eu-west-1").meta.service_model
    others = set(model.operation_names) - set(service._OPERATIONS)
    assert {"CreateLakeFormationOptIn", "StartTransaction", "GetTemporaryGlueTableCredentials"} <= others
    for operation in others:
        with refused("InvalidInputException", f"{operation} is not supported by this sandbox"):
            shop.call(admin, operation)
