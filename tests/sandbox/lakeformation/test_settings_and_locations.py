"""Data lake settings, registered locations, and what their role can reach."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import (
    BUCKET,
    CENTRAL,
    KEY,
    LAKE_ROLE,
    LOCATION,
    MARKETING,
    Lake,
    data_location,
    database,
    role,
    root,
)

EVERYTHING_BY_IAM = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]
URI = f"s3://{BUCKET}/products/orders/"


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def put(lake: Lake, **settings: Any) -> None:
    """PutDataLakeSettings by central's root."""
    lake.call(root(CENTRAL), "PutDataLakeSettings", DataLakeSettings=settings)


def got(lake: Lake) -> dict[str, Any]:
    """GetDataLakeSettings of central."""
    found: dict[str, Any] = lake.call(root(CENTRAL), "GetDataLakeSettings")["DataLakeSettings"]
    return found


class TestSettings:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_PutDataLakeSettings.html."""

    def test_a_fresh_account(self, lake: Lake) -> None:
        found = got(lake)
        assert found["DataLakeAdmins"] == []
        assert found["CreateDatabaseDefaultPermissions"] == EVERYTHING_BY_IAM
        assert found["CreateTableDefaultPermissions"] == EVERYTHING_BY_IAM
        assert found["Parameters"] == {"CROSS_ACCOUNT_VERSION": "1", "SET_CONTEXT": "TRUE"}

    def test_a_put_overwrites_everything(self, lake: Lake, admin: Caller) -> None:
        principal = {"DataLakePrincipalIdentifier": admin.principal_arn}
        put(lake, DataLakeAdmins=[principal], Parameters={"CROSS_ACCOUNT_VERSION": "4"})
        assert got(lake)["CreateTableDefaultPermissions"] == []
        assert got(lake)["Parameters"] == {"CROSS_ACCOUNT_VERSION": "4", "SET_CONTEXT": "TRUE"}
        put(lake, CreateTableDefaultPermissions=EVERYTHING_BY_IAM)
        assert got(lake)["DataLakeAdmins"] == []
        assert got(lake)["Parameters"]["CROSS_ACCOUNT_VERSION"] == "1"

    def test_what_was_got_is_a_copy(self, lake: Lake) -> None:
        got(lake)["DataLakeAdmins"].append({"DataLakePrincipalIdentifier": "arn:aws:iam::111111111111:role/evil"})
        assert got(lake)["DataLakeAdmins"] == []

    @pytest.mark.parametrize("version", ["0", "6", "latest"])
    def test_versions_that_do_not_exist(self, lake: Lake, version: str) -> None:
        with refused("InvalidInputException", "CROSS_ACCOUNT_VERSION"):
            put(lake, Parameters={"CROSS_ACCOUNT_VERSION": version})

    def test_version_5_is_one_way(self, lake: Lake) -> None:
        put(lake, Parameters={"CROSS_ACCOUNT_VERSION": "5"})
        for parameters in ({"CROSS_ACCOUNT_VERSION": "4"}, {}):
            with refused("InvalidInputException", "Downgrading"):
                put(lake, Parameters=parameters)
        assert got(lake)["Parameters"]["CROSS_ACCOUNT_VERSION"] == "5"

    def test_other_versions_go_both_ways(self, lake: Lake) -> None:
        for version in ("4", "2", "3"):
            put(lake, Parameters={"CROSS_ACCOUNT_VERSION": version})

    def test_thirty_administrators(self, lake: Lake) -> None:
        admins = [{"DataLakePrincipalIdentifier": f"arn:aws:iam::{CENTRAL}:role/admin{n}"} for n in range(31)]
        put(lake, DataLakeAdmins=admins[:30])
        with refused("InvalidInputException", "exceeds 30"):
            put(lake, DataLakeAdmins=admins)

    @pytest.mark.parametrize(
        "identifier", ["222222222222", f"arn:aws:iam::{MARKETING}:role/admin", "IAM_ALLOWED_PRINCIPALS"]
    )
    def test_administrators_are_users_and_roles_of_the_account(self, lake: Lake, identifier: str) -> None:
        with refused("InvalidInputException", "Invalid principal"):
            put(lake, DataLakeAdmins=[{"DataLakePrincipalIdentifier": identifier}])

    def test_administrators_exist(self, lake: Lake, admin: Caller) -> None:
        lake.world.missing.add(admin.principal_arn)
        with refused("InvalidInputException", "Invalid principal"):
            put(lake, DataLakeAdmins=[{"DataLakePrincipalIdentifier": admin.principal_arn}])

    def test_defaults_are_permissions_of_databases_and_tables(self, lake: Lake) -> None:
        wrong = [{**EVERYTHING_BY_IAM[0], "Permissions": ["SELECT"]}]
        with refused("InvalidInputException", "Permissions modification is invalid"):
            put(lake, CreateDatabaseDefaultPermissions=wrong)

    def test_three_defaults(self, lake: Lake) -> None:
        with refused("InvalidInputException", "exceeds 3"):
            put(lake, CreateTableDefaultPermissions=EVERYTHING_BY_IAM * 4)

    def test_settings_of_another_account(self, lake: Lake) -> None:
        with refused("AccessDeniedException", "Access to catalog 333333333333 is denied"):
            lake.call(root(CENTRAL), "GetDataLakeSettings", CatalogId=MARKETING)

    def test_who_am_i(self, lake: Lake, admin: Caller) -> None:
        assert lake.call(admin, "GetDataLakePrincipal") == {"Identity": admin.arn}


def register(lake: Lake, caller: Caller, **params: Any) -> None:
    """RegisterResource."""
    lake.call(caller, "RegisterResource", **{"ResourceArn": LOCATION, "RoleArn": LAKE_ROLE, **params})


class TestRegistration:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RegisterResource.html."""

    def test_registered_described_listed_and_gone(self, shop: Lake, admin: Caller) -> None:
        register(shop, admin, ResourceArn=f"{LOCATION}/")
        info = shop.call(admin, "DescribeResource", ResourceArn=LOCATION)["ResourceInfo"]
        assert (info["ResourceArn"], info["RoleArn"]) == (LOCATION, LAKE_ROLE)
        assert shop.call(admin, "ListResources")["ResourceInfoList"] == [info]
        shop.call(admin, "DeregisterResource", ResourceArn=LOCATION)
        for operation in ("DescribeResource", "DeregisterResource"):
            with refused("EntityNotFoundException", "not found"):
                shop.call(admin, operation, ResourceArn=LOCATION)

    def test_twice(self, shop: Lake, admin: Caller) -> None:
        register(shop, admin)
        with refused("AlreadyExistsException", "already registered"):
            register(shop, admin, RoleArn=f"arn:aws:iam::{CENTRAL}:role/other")

    def test_the_role_is_passed(self, shop: Lake, admin: Caller) -> None:
        shop.world.denied.add((admin.principal_arn, "iam:PassRole"))
        with refused("AccessDeniedException", "is not authorized to perform: iam:PassRole"):
            register(shop, admin)
        assert shop.world.asked[-1][3] == {"iam:PassedToService": "lakeformation.amazonaws.com"}

    def test_the_role_exists_in_the_account(self, shop: Lake, admin: Caller) -> None:
        with refused("AccessDeniedException", "Cross-account pass role is not allowed"):
            register(shop, admin, RoleArn=f"arn:aws:iam::{MARKETING}:role/lake-access")
        shop.world.missing.add(LAKE_ROLE)
        with refused("EntityNotFoundException", "not found"):
            register(shop, admin)

    @pytest.mark.parametrize("params", [{"RoleArn": None}, {"UseServiceLinkedRole": True}])
    def test_one_role(self, shop: Lake, admin: Caller, params: dict[str, Any]) -> None:
        with refused("InvalidInputException", "Exactly one of RoleArn and UseServiceLinkedRole"):
            register(shop, admin, **params)

    def test_the_service_linked_role_stays_in_its_account(self, shop: Lake, admin: Caller) -> None:
        linked = {"RoleArn": None, "UseServiceLinkedRole": True}
        with refused("InvalidInputException", "service-linked role cannot be used"):
            register(shop, admin, **linked)
        shop.world.owners["own"] = CENTRAL
        register(shop, admin, ResourceArn="arn:aws:s3:::own", **linked)

    def test_another_owner_than_expected(self, shop: Lake, admin: Caller) -> None:
        with refused("AccessDeniedException", "is not the expected account"):
            register(shop, admin, ExpectedResourceOwnerAccount=MARKETING)

    @pytest.mark.parametrize("mode", ["HybridAccessEnabled", "WithFederation", "WithPrivilegedAccess"])
    def test_modes_the_sandbox_has_not(self, shop: Lake, admin: Caller, mode: str) -> None:
        with refused("InvalidInputException", f"{mode} is not supported by this sandbox"):
            register(shop, admin, **{mode: True})

    def test_update_changes_the_role(self, shop: Lake, admin: Caller) -> None:
        register(shop, admin)
        other = f"arn:aws:iam::{CENTRAL}:role/other"
        shop.call(admin, "UpdateResource", ResourceArn=LOCATION, RoleArn=other)
        assert engine.registered_location(CENTRAL, URI) == (LOCATION, other, CENTRAL)
        shop.world.denied.add((admin.principal_arn, "iam:PassRole"))
        with refused("AccessDeniedException", "iam:PassRole"):
            shop.call(admin, "UpdateResource", ResourceArn=LOCATION, RoleArn=LAKE_ROLE)

    def test_filters_and_pages(self, shop: Lake, admin: Caller) -> None:
        for name in ("a", "b", "c"):
            register(shop, admin, ResourceArn=f"arn:aws:s3:::{name}")
        condition = {"Field": "RESOURCE_ARN", "ComparisonOperator": "IN"}
        wanted = [{**condition, "StringValueList": ["arn:aws:s3:::a", "arn:aws:s3:::c"]}]
        first = shop.call(admin, "ListResources", FilterConditionList=wanted, MaxResults=1)
        assert [info["ResourceArn"] for info in first["ResourceInfoList"]] == ["arn:aws:s3:::a"]
        token = {"NextToken": first["NextToken"]}
        second = shop.call(admin, "ListResources", FilterConditionList=wanted, MaxResults=1, **token)
        assert [info["ResourceArn"] for info in second["ResourceInfoList"]] == ["arn:aws:s3:::c"]
        assert "NextToken" not in second
        with refused("InvalidInputException", "not supported"):
            shop.call(admin, "ListResources", FilterConditionList=[{"Field": "LAST_MODIFIED"}])

    def test_the_longest_location_counts(self, shop: Lake, admin: Caller) -> None:
        inner = f"arn:aws:iam::{CENTRAL}:role/inner"
        register(shop, admin)
        register(shop, admin, ResourceArn=f"{LOCATION}/orders", RoleArn=inner)
        found = engine.registered_location(CENTRAL, URI)
        assert found is not None
        assert found.role_arn == inner
        assert engine.registered_location(CENTRAL, f"s3://{BUCKET}/productsold/") is None, "a prefix is a folder"
        assert engine.registered_location(MARKETING, URI) is None
        assert engine.registered_location(CENTRAL, "hdfs://x") is None


class TestDataLocationAccess:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html."""

    def test_not_asked_for_what_is_not_registered(self, shop: Lake) -> None:
        assert engine.can_use_location(role(CENTRAL, "maker"), URI, catalog=CENTRAL)

    def test_needed_for_what_is(self, shop: Lake, admin: Caller) -> None:
        maker = role(CENTRAL, "maker")
        register(shop, admin)
        assert not engine.can_use_location(maker, URI, catalog=CENTRAL)
        assert not engine.can_use_location(maker, URI, catalog=CENTRAL, database="shop"), "shop has no location"
        assert engine.can_use_location(admin, URI, catalog=CENTRAL), "administrators have it everywhere"
        shop.grant(admin, maker.principal_arn, data_location(f"{LOCATION}/returns"), "DATA_LOCATION_ACCESS")
        assert not engine.can_use_location(maker, URI, catalog=CENTRAL)
        shop.grant(admin, maker.principal_arn, data_location(), "DATA_LOCATION_ACCESS")
        assert engine.can_use_location(maker, URI, catalog=CENTRAL), "child locations too"

    def test_implicit_below_the_location_of_the_database(self, shop: Lake, admin: Caller) -> None:
        writer = role(CENTRAL, "writer")
        register(shop, admin)
        shop.create_database(admin, "located", LocationUri=f"s3://{BUCKET}/products/")
        assert not engine.can_use_location(writer, URI, catalog=CENTRAL, database="located")
        shop.grant(admin, writer.principal_arn, database("located"), "CREATE_TABLE")
        assert engine.can_use_location(writer, URI, catalog=CENTRAL, database="located")
        register(shop, admin, ResourceArn=f"arn:aws:s3:::{BUCKET}/raw")
        assert not engine.can_use_location(writer, f"s3://{BUCKET}/raw/x/", catalog=CENTRAL, database="located")


class TestReach:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html: each alone missing is a refusal."""

    @pytest.fixture
    def registered(self, shop: Lake, admin: Caller) -> Lake:
        register(shop, admin)
        shop.world.keys[BUCKET] = KEY
        return shop

    def test_everything_is_in_place(self, registered: Lake) -> None:
        engine.vend(CENTRAL, URI, ["s3:GetObject", "s3:ListBucket"])
        assert registered.world.reached == [
            (LAKE_ROLE, "s3:GetObject", f"{LOCATION}/orders/*"),
            (LAKE_ROLE, "s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
            (LAKE_ROLE, "kms:Decrypt", KEY),
        ]

    def test_writing_asks_for_a_data_key(self, registered: Lake) -> None:
        engine.vend(CENTRAL, f"{URI}x.parquet", ["s3:PutObject"])
        assert [action for _, action, _ in registered.world.reached] == ["s3:PutObject", "kms:GenerateDataKey"]
        assert registered.world.reached[0][2] == f"{LOCATION}/orders/x.parquet"

    def test_without_a_key_nobody_asks_for_it(self, registered: Lake) -> None:
        registered.world.keys.clear()
        engine.vend(CENTRAL, URI, ["s3:GetObject"])
        assert [action for _, action, _ in registered.world.reached] == ["s3:GetObject"]

    @pytest.mark.parametrize("action", ["s3:GetObject", "s3:ListBucket", "kms:Decrypt"])
    def test_one_right_is_missing(self, registered: Lake, action: str) -> None:
        registered.world.role_cannot.add(action)
        session = f"arn:aws:sts::{CENTRAL}:assumed-role/lake-access/"
        with refused("AccessDeniedException", f"User: {session}.* is not authorized to perform: {action}"):
            engine.vend(CENTRAL, URI, ["s3:GetObject", "s3:ListBucket"])

    def test_the_role_does_not_trust_lake_formation(self, registered: Lake) -> None:
        registered.world.untrusting.add(LAKE_ROLE)
        with refused("AccessDeniedException", f"Unable to assume role {LAKE_ROLE}"):
            engine.vend(CENTRAL, URI, ["s3:GetObject"])

    def test_the_location_is_not_registered(self, registered: Lake, admin: Caller) -> None:
        registered.call(admin, "DeregisterResource", ResourceArn=LOCATION)
        with refused("AccessDeniedException", "not registered"):
            engine.vend(CENTRAL, URI, ["s3:GetObject"])
