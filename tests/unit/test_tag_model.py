"""The model that the sandbox's LF-tags are held against says what AWS's documentation says.

Pages are those of https://docs.aws.amazon.com/lake-formation/latest/dg/.
"""

import pytest

from tests.support.tag_model import Policy, RefusedError, TagModel

OWNER, OTHER = "111122223333", "444455556666"
USER = f"{OWNER}/user1"
THEIRS = f"{OTHER}/analyst"
SHOP = ("shop",)
ORDERS = ("shop", "orders")
COLUMNS = ("id", "price", "customer")
READ = ("SELECT", "DESCRIBE")


@pytest.fixture
def model() -> TagModel:
    """Module, division and region as the documentation has them, and a table of three columns."""
    model = TagModel(OWNER)
    model.create_tag("module", "Sales", "Orders", "Customers")
    model.create_tag("division", "Consumer", "Commercial")
    model.create_tag("region", "West", "South")
    model.create("shop")
    model.create("shop", "orders")
    for column in COLUMNS:
        model.create("shop", "orders", column)
    return model


def tables(**expression: str) -> Policy:
    """A policy for tables, written as the documentation does: module="orders,customers"."""
    return Policy.of("TABLE", {key: values.split(",") for key, values in expression.items()})


def databases(**expression: str) -> Policy:
    """A policy for databases."""
    return Policy.of("DATABASE", dict(tables(**expression).expression))


@pytest.mark.parametrize(
    ("module", "division", "matches"),
    [
        ("sales", "consumer", True),
        ("sales", "commercial", True),
        ("orders", "consumer", False),
        ("sales", None, False),
        (None, "commercial", False),
    ],
)
def test_keys_are_joined_by_and_values_by_or(
    model: TagModel, module: str | None, division: str | None, matches: bool
) -> None:
    """lf-tag-considerations: `module=sales AND division=(consumer OR commercial)`."""
    model.grant(USER, tables(module="sales", division="consumer,commercial"), "SELECT")
    for key, value in {"module": module, "division": division}.items():
        if value is not None:
            model.assign(ORDERS, key, value)
    assert model.selects(USER, ORDERS) == (list(COLUMNS) if matches else [])


@pytest.mark.parametrize(("key", "value"), [("module", "sales"), ("division", "commercial")])
def test_or_across_keys_takes_two_grants(model: TagModel, key: str, value: str) -> None:
    """lf-tag-considerations: "Make two grants, one for module=sales and one for division=commercial"."""
    model.grant(USER, tables(module="sales"), "SELECT")
    model.grant(USER, tables(division="commercial"), "SELECT")
    model.assign(ORDERS, key, value)
    assert model.selects(USER, ORDERS) == list(COLUMNS)


@pytest.mark.parametrize(("value", "reads"), [("orders", True), ("customers", True), ("sales", False)])
def test_any_value_of_a_granted_key_is_enough(model: TagModel, value: str, reads: bool) -> None:
    """lf-tag-considerations: key=`module` and values=`orders,customers`."""
    model.grant(USER, tables(module="orders,customers"), "SELECT")
    model.assign(ORDERS, "module", value)
    assert bool(model.selects(USER, ORDERS)) is reads


def test_a_column_has_its_own_tag_and_what_the_database_gives_the_table() -> None:
    """TBAC-view-resource-tags: `module` comes from the database; `credit_limit` has `level=vp`."""
    model = TagModel(OWNER)
    model.create_tag("module", "customers")
    model.create_tag("level", "vp")
    model.create("retail")
    model.assign(("retail",), "module", "customers")
    model.create("retail", "customers")
    model.create("retail", "customers", "credit_limit")
    model.assign(("retail", "customers", "credit_limit"), "level", "vp")
    assert model.tags_at(("retail", "customers")) == {"module": "customers"}
    assert model.tags_at(("retail", "customers", "credit_limit")) == {"module": "customers", "level": "vp"}


def test_a_value_below_overrides_and_taking_it_away_shows_the_inherited_again(model: TagModel) -> None:
    """TBAC-assigning-tags: "override the inherited value by assigning a new value to the LF-Tag key"."""
    price = (*ORDERS, "price")
    model.assign(SHOP, "module", "sales")
    model.assign(price, "module", "orders")
    assert (model.tags_at(ORDERS), model.tags_at(price)) == ({"module": "sales"}, {"module": "orders"})
    model.assign(ORDERS, "module", "customers")
    assert model.tags_at(price) == {"module": "orders"}
    model.remove(price, "module")
    assert model.tags_at(price) == {"module": "customers"}
    with pytest.raises(RefusedError):
        model.remove(price, "module")


def test_a_resource_has_one_value_of_a_key_in_lower_case(model: TagModel) -> None:
    """TBAC-notes: "Only one value"; "converted to all lower case when they are stored"."""
    model.assign(ORDERS, "Module", "SALES")
    model.assign(ORDERS, "module", "Orders")
    assert model.tags_at(ORDERS) == {"module": "orders"}
    assert tables(MODULE="Orders") == tables(module="orders")


def test_tags_are_defined_before_they_are_assigned_or_granted(model: TagModel) -> None:
    """lf-tag-considerations."""
    for key, value in (("module", "unknown"), ("unknown", "sales")):
        with pytest.raises(RefusedError):
            model.assign(ORDERS, key, value)
        with pytest.raises(RefusedError):
            model.grant(USER, tables(**{key: value}), "SELECT")


@pytest.mark.parametrize("permission", ["ALTER", "DROP", "INSERT", "DELETE"])
def test_of_some_columns_only_describe_is_granted(model: TagModel, permission: str) -> None:
    """TBAC-notes: "then none of those permissions is granted. Instead, only Describe is granted"."""
    model.grant(USER, tables(module="sales"), permission)
    model.assign(ORDERS, "module", "sales")
    assert model.rights(USER) == {(permission, ORDERS)}
    model.assign((*ORDERS, "price"), "module", "orders")
    assert model.rights(USER) == {("DESCRIBE", ORDERS)}


def test_of_super_on_some_columns_only_select_and_describe_are_granted(model: TagModel) -> None:
    """TBAC-notes."""
    model.grant(USER, tables(module="sales"), "ALL")
    model.assign((*ORDERS, "price"), "module", "sales")
    assert model.rights(USER) == {("SELECT", (*ORDERS, "price")), ("DESCRIBE", ORDERS)}
    for column in COLUMNS:
        model.assign((*ORDERS, column), "module", "sales")
    assert model.may(USER, "DROP", ORDERS)


def test_a_policy_for_databases_says_nothing_of_tables(model: TagModel) -> None:
    """lf-permissions-reference: "LF-Tag policy - Database" and "LF-Tag policy - Table" are two resources."""
    model.assign(SHOP, "module", "sales")
    model.grant(USER, databases(module="sales"), "DESCRIBE")
    assert model.sees(USER, SHOP)
    assert not model.sees(USER, ORDERS)
    model.grant(USER, tables(module="sales"), *READ)
    assert model.selects(USER, ORDERS) == list(COLUMNS)


def test_a_database_is_seen_for_a_table_in_it(model: TagModel) -> None:
    """metadata-permissions."""
    model.assign(ORDERS, "module", "sales")
    model.grant(USER, tables(module="sales"), "DESCRIBE")
    assert model.sees(USER, SHOP)
    assert not model.may(USER, "DESCRIBE", SHOP)


def test_both_methods_add_up(model: TagModel) -> None:
    """access-control-metadata: "the union of the permissions granted by both the methods"."""
    model.assign((*ORDERS, "price"), "module", "sales")
    model.grant(USER, tables(module="sales"), "SELECT")
    model.grant(USER, (*ORDERS, "id"), "SELECT")
    assert model.selects(USER, ORDERS) == ["id", "price"]
    model.revoke(USER, tables(module="sales"), "SELECT")
    assert model.selects(USER, ORDERS) == ["id"]


def test_a_deleted_tag_and_what_was_granted_on_it_are_gone(model: TagModel) -> None:
    """TBAC-deleting-tags: no check is performed."""
    model.assign(SHOP, "module", "sales")
    model.grant(USER, tables(module="sales"), "SELECT")
    model.delete_tag("module")
    assert model.tags_at(ORDERS) == {}
    assert model.rights(USER) == set()


def test_a_value_in_use_cannot_be_deleted(model: TagModel) -> None:
    """APIReference UpdateLFTag: "Untag the attribute before deleting the LF-tag key's value"."""
    model.assign(ORDERS, "module", "sales")
    with pytest.raises(RefusedError):
        model.delete_value("module", "Sales")
    model.remove(ORDERS, "module")
    model.delete_value("module", "Sales")
    with pytest.raises(RefusedError):
        model.assign(ORDERS, "module", "sales")


def test_what_is_dropped_and_made_again_begins_without_tags(model: TagModel) -> None:
    """lf-tag-considerations: "You can only add LF-Tags to existing resources"."""
    model.assign(ORDERS, "module", "sales")
    model.delete(*ORDERS)
    model.create(*ORDERS)
    assert model.tags_at(ORDERS) == {}
    assert model.inside(ORDERS) == []


def test_search_finds_tables_and_columns(model: TagModel) -> None:
    """APIReference SearchTablesByLFTags: LFTagsOnTable and LFTagsOnColumns."""
    model.assign((*ORDERS, "price"), "module", "sales")
    assert model.found_by({"module": ["Sales", "Orders"]}) == {(*ORDERS, "price")}
    model.assign(SHOP, "module", "orders")
    assert model.found_by({"module": ["orders"]}) == {ORDERS, (*ORDERS, "id"), (*ORDERS, "customer")}


def test_the_other_account_reads_after_two_grants_and_until_the_first_is_revoked(model: TagModel) -> None:
    """cross-account-TBAC: the owner's to the account, its administrator's to a principal."""
    policy = tables(module="sales")
    model.assign(SHOP, "module", "sales")
    model.grant(OTHER, policy, *READ, options=READ)
    assert model.selects(THEIRS, ORDERS) == []
    model.grant(THEIRS, policy, *READ, by=OTHER)
    assert model.selects(THEIRS, ORDERS) == list(COLUMNS)
    model.revoke(OTHER, policy, *READ)
    assert model.rights(THEIRS) == set()


@pytest.mark.parametrize(
    "other", [tables(module="customers", region="west"), tables(module="customers"), databases(module="customers")]
)
def test_only_the_full_expression_is_passed_on(model: TagModel, other: Policy) -> None:
    """lf-tag-considerations: GRANT (SELECT ON TABLES) ON TAGS module=customers, region=west,south WITH GRANT OPTION."""
    full = tables(module="customers", region="west,south")
    model.grant(OTHER, full, "SELECT", options=["SELECT"])
    assert model.may_pass_on(OTHER, full, "SELECT")
    assert not model.may_pass_on(OTHER, full, "DESCRIBE")
    with pytest.raises(RefusedError):
        model.grant(THEIRS, other, "SELECT", by=OTHER)


def test_what_matches_is_passed_on_by_name(model: TagModel) -> None:
    """lf-tag-considerations: "Named resource method", as far as it reaches."""
    model.grant(OTHER, tables(module="sales"), "SELECT", options=["SELECT"])
    model.assign((*ORDERS, "price"), "module", "sales")
    model.grant(THEIRS, (*ORDERS, "price"), "SELECT", by=OTHER)
    assert model.selects(THEIRS, ORDERS) == ["price"]
    with pytest.raises(RefusedError):
        model.grant(THEIRS, ORDERS, "SELECT", by=OTHER)
    model.assign((*ORDERS, "price"), "module", "orders")
    assert model.selects(THEIRS, ORDERS) == []


def test_with_describe_on_all_values_another_policy_is_passed_on(model: TagModel) -> None:
    """cascade-cross-account-permission-procedures: not the same one without its grant option, but another one."""
    shared, wider = tables(module="sales"), tables(module="sales,orders")
    model.assign(ORDERS, "module", "sales")
    model.grant(OTHER, shared, "SELECT")
    assert not model.may_pass_on(OTHER, shared, "SELECT")
    assert not model.may_pass_on(OTHER, wider, "SELECT")
    model.describe_values(OTHER, "module", "sales", "orders")
    assert not model.may_pass_on(OTHER, shared, "SELECT")
    model.grant(THEIRS, wider, "SELECT", by=OTHER)
    assert model.selects(THEIRS, ORDERS) == list(COLUMNS)
    model.assign(ORDERS, "module", "orders")
    assert model.selects(THEIRS, ORDERS) == []
