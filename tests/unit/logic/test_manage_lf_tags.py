"""manage_lf_tags: adds what is declared, removes what it added and nobody uses, and touches nothing of others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datamesh.logic.manage_lf_tags import TagManagement
from datamesh.logic.tag_work import tag_work
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.errors import RecordBusy, TagInUse
from datamesh.models.lf_tags import LfTagsRequest
from datamesh.models.permissions import Grant, TagPolicyResource, TagResource
from datamesh.models.tags import conditions
from tests.support.central import FakeCentral
from tests.support.central_commands import CENTRAL, MARKETING, NOW

OWN_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-manage-lf-tags-function"
DATABASE, TABLE = "datamesh_sales_tbac", "flights"
Tags = dict[str, list[str]]


@pytest.fixture
def central() -> FakeCentral:
    """Return a central without LF-tags, and with a table that could carry some."""
    central = FakeCentral()
    central.lf_tags.known = {}
    central.catalog.ensure_database(CatalogDatabase(name=DATABASE))
    central.catalog.create_table(DATABASE, CatalogTable(name=TABLE, columns=(CatalogColumn(name="origin"),)))
    return central


def manage(central: FakeCentral, tags: Tags, action: str = "update", **more: Any) -> dict[str, Any]:
    """Declare tags as Terraform does."""
    given = {"domain_tag_key": "lob", "tags": tags, "tf": {"action": action, "prev_input": None}} | more
    management = TagManagement(central.registry, central.lf_tags, central.lake_formation, own_role_arn=OWN_ROLE)
    return management.apply(LfTagsRequest.model_validate(given), "manage_lf_tags/request", NOW)


def refused(central: FakeCentral, tags: Tags) -> str:
    """Declare tags that are refused, see that nothing has changed, and return why."""
    before = central.state()
    with pytest.raises(TagInUse) as problem:
        manage(central, tags)
    assert central.state() == before
    return problem.value.message


def policy(expression: dict[str, tuple[str, ...]]) -> TagPolicyResource:
    return TagPolicyResource(catalog_id=CENTRAL, resource_type="TABLE", expression=conditions(expression))


def grant(resource: Any, principal: str = MARKETING) -> Grant:
    return Grant(principal=principal, resource=resource, permissions=("DESCRIBE",))


def test_what_is_declared_is_there_and_twice_is_once(central: FakeCentral) -> None:
    declared = {"channel": ["web", "shop"], "classification": ["public"]}
    answer = manage(central, declared, "create")
    assert answer == {"tags": {"channel": ["shop", "web"], "classification": ["public"]}}
    assert central.lf_tags.known == {"channel": {"web", "shop"}, "classification": {"public"}}
    before = central.state()
    assert manage(central, declared) == answer
    assert central.state() == before


def test_what_is_no_longer_declared_goes_and_the_key_with_it(central: FakeCentral) -> None:
    manage(central, {"channel": ["web", "shop"], "classification": ["public"]})
    manage(central, {"channel": ["web"]})
    assert central.lf_tags.known == {"channel": {"web"}}


def test_what_others_added_stays(central: FakeCentral) -> None:
    central.lf_tags.known = {"channel": {"web", "phone"}, "team": {"a"}}
    manage(central, {"channel": ["web", "shop"]})
    manage(central, {})
    assert central.lf_tags.known == {"channel": {"web", "phone"}, "team": {"a"}}


def test_the_values_of_the_domains_are_never_touched(central: FakeCentral) -> None:
    central.lf_tags.known = {"lob": {"sales"}}
    manage(central, {"department": ["sales"]}, domain_tag_key="lob")
    # The mesh takes for its domains a key that it declared before.
    manage(central, {}, domain_tag_key="department")
    manage(central, {}, "delete", domain_tag_key="department")
    assert central.lf_tags.known == {"lob": {"sales"}, "department": {"sales"}}


def test_a_value_that_a_database_carries_is_refused_by_name(central: FakeCentral) -> None:
    manage(central, {"channel": ["web", "shop"]})
    central.lf_tags.set_database_tags(DATABASE, {"channel": "web"})
    message = refused(central, {"channel": ["shop"], "new": ["value"]})
    assert "channel=web" in message
    assert DATABASE in message
    assert "channel=shop" not in message


def test_a_value_that_a_table_carries_is_refused_by_name(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"]})
    central.lf_tags.set_table_tags(DATABASE, TABLE, {"channel": "web"})
    assert f"channel=web by {DATABASE}.{TABLE}" in refused(central, {})


def test_a_value_that_only_a_column_carries_is_refused(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"]})
    central.lf_tags.set_column_tags(DATABASE, TABLE, {"origin": {"channel": "web"}})
    assert f"{DATABASE}.{TABLE}" in refused(central, {})


def test_a_value_that_an_expression_names_is_refused_though_nothing_carries_it(central: FakeCentral) -> None:
    manage(central, {"channel": ["web", "shop"]})
    central.lake_formation.grant([grant(policy({"channel": ("shop", "web"), "lob": ("sales",)}))])
    assert f"channel=web by a grant to {MARKETING}" in refused(central, {"channel": ["shop"]})


def test_a_value_that_is_shared_itself_is_refused(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"]})
    central.lake_formation.grant([grant(TagResource(catalog_id=CENTRAL, key="channel", values=("web",)))])
    assert f"channel=web by a grant to {MARKETING}" in refused(central, {})


def test_that_the_mesh_made_a_tag_is_no_use_of_it(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"]})
    own = TagResource(catalog_id=CENTRAL, key="channel", values=("web",))
    central.lake_formation.grant([grant(own, OWN_ROLE)])
    manage(central, {})
    assert central.lf_tags.known == {}


def test_of_many_users_some_are_named_and_the_rest_is_counted(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"]})
    for number in range(9):
        central.lake_formation.grant([grant(policy({"channel": ("web",)}), f"22222222222{number}")])
    assert "and 4 more" in refused(central, {})


def test_once_free_a_refused_value_goes_with_the_next_declaration(central: FakeCentral) -> None:
    manage(central, {"channel": ["web"], "team": ["a"]})
    central.lf_tags.set_table_tags(DATABASE, TABLE, {"channel": "web"})
    refused(central, {"team": ["a"]})
    central.lf_tags.set_table_tags(DATABASE, TABLE, {})
    # Terraform believes that the refused declaration was the last one.
    manage(central, {"team": ["a", "b"]})
    assert central.lf_tags.known == {"team": {"a", "b"}}


def test_destroy_removes_what_nobody_uses_and_leaves_the_rest(central: FakeCentral) -> None:
    declared = {"channel": ["web", "shop"], "team": ["a"]}
    manage(central, declared)
    central.lf_tags.known["channel"].add("phone")
    central.lf_tags.set_table_tags(DATABASE, TABLE, {"channel": "web"})
    assert manage(central, declared, "delete") == {"tags": {}}
    assert central.lf_tags.known == {"channel": {"web", "phone"}}


def test_while_a_workflow_works_on_tags_nothing_happens(central: FakeCentral) -> None:
    with tag_work(central.registry, "register_data_product/tables", NOW):
        before = central.state()
        with pytest.raises(RecordBusy):
            manage(central, {"channel": ["web"]})
        assert central.state() == before
    manage(central, {"channel": ["web"]})


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Channel": ["web"]}, "lower case"),
        ({"channel": ["Web"]}, "lower case"),
        ({"channel": ["über"]}, "pattern"),
        ({"channel": ["x" * 51]}, "pattern"),
        ({"channel": []}, "at least 1"),
        ({"channel": ["web", "web"]}, "twice"),
        ({"channel": [f"v{number}" for number in range(1001)]}, "at most 1000"),
        ({"lob": ["sales"]}, "domains that register"),
    ],
)
def test_tags_that_lake_formation_would_not_take_are_refused(tags: Tags, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LfTagsRequest.model_validate({"domain_tag_key": "lob", "tags": tags, "tf": {"action": "create"}})


ONTOLOGIES = st.dictionaries(
    st.sampled_from(["a", "b"]), st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, unique=True)
)


@given(others=ONTOLOGIES, declared=st.lists(ONTOLOGIES, min_size=1, max_size=4))
def test_the_last_declaration_and_what_others_added_remain(others: Tags, declared: list[Tags]) -> None:
    central = FakeCentral()
    central.lf_tags.known = {key: set(values) for key, values in others.items()}
    for tags in declared:
        manage(central, tags)
    expected = {key: set(values) for key, values in others.items()}
    for key, values in declared[-1].items():
        expected.setdefault(key, set()).update(values)
    assert central.lf_tags.known == expected
