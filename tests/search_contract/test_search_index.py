"""What every search index does, whatever it is made of."""

from __future__ import annotations

import itertools

import pytest

from datamesh.logic.discovery import may_discover
from datamesh.models.policy import DiscoveryConditions, DiscoveryRule
from datamesh.models.search import (
    FacetName,
    RemovedProduct,
    SearchDocument,
    SearchIndex,
    SearchQuery,
    SearchResult,
    offset_of,
)
from tests.support.search_objects import product

MESH = (
    product(
        "orders",
        description="Every purchase since 2019",
        tables=("order_lines", "order_heads"),
        columns=("order_lines.order_id", "order_lines.customer_id", "order_heads.shipped_at"),
        tags=("layer=gold", "region=eu"),
        formats=("parquet",),
        owners=("ann@sales.example",),
    ),
    product(
        "refunds",
        description="Money that went back; see the orders",
        tables=("refunds",),
        columns=("refunds.refund_id",),
        classification="confidential",
        sensitive=True,
        tags=("layer=silver", "region=eu"),
        formats=("csv", "parquet"),
        owners=("ann@sales.example", "ben@sales.example"),
    ),
    product(
        "visits",
        domain="marketing",
        description="Who came to the web shop",
        tables=("page_views",),
        table_descriptions=("One row per page",),
        columns=("page_views.customer_id", "page_views.orders_seen"),
        tags=("layer=gold", "region=us"),
        formats=("json",),
        owners=("eva@marketing.example",),
    ),
    product("staff", domain="hr", description="People", classification="restricted", sensitive=True, pii=True),
)


def names(result: SearchResult) -> list[str]:
    """Return what was found, in its order."""
    return [f"{hit.domain}.{hit.name}" for hit in result.hits]


def values(result: SearchResult, name: FacetName) -> dict[str, int]:
    """Return a facet's values with their counts, in their order."""
    (facet,) = (facet for facet in result.facets if facet.name == name)
    return {value.value: value.count for value in facet.values}


def asked(index: SearchIndex, text: str = "", **fields: object) -> list[str]:
    """Return what is found by who may find all."""
    return names(index.search(SearchQuery.model_validate({"text": text, "sees_all": True, **fields})))


@pytest.fixture
def mesh(index: SearchIndex) -> SearchIndex:
    """Return an index with a small mesh."""
    index.replace_all(MESH)
    return index


# --- Before anything is in it ---


def test_an_index_that_was_never_written_finds_nothing(index: SearchIndex) -> None:
    result = index.search(SearchQuery(text="orders"))
    assert (result.total, result.hits, result.next_cursor) == (0, (), None)
    assert [(facet.name, facet.values) for facet in result.facets] == [
        ("domain", ()),
        ("classification", ()),
        ("tag", ()),
        ("format", ()),
        ("owner", ()),
    ]


def test_the_first_change_makes_the_index(index: SearchIndex) -> None:
    index.apply([product("orders")])
    assert asked(index) == ["sales.orders"]


def test_no_changes_change_nothing(index: SearchIndex) -> None:
    index.apply([])
    assert asked(index) == []


# --- Full text ---


def test_an_empty_text_finds_everything_by_name(mesh: SearchIndex) -> None:
    assert asked(mesh) == ["sales.orders", "sales.refunds", "hr.staff", "marketing.visits"]


@pytest.mark.parametrize("text", ["!!!", '"', " ", "*", "_"])
def test_a_text_without_a_word_is_an_empty_one(mesh: SearchIndex, text: str) -> None:
    assert len(asked(mesh, text)) == 4


def test_a_name_counts_more_than_a_column_and_a_column_more_than_a_description(mesh: SearchIndex) -> None:
    assert asked(mesh, "orders") == ["sales.orders", "marketing.visits", "sales.refunds"]


def test_what_is_called_just_so_comes_first(index: SearchIndex) -> None:
    index.replace_all([product("orders_orders_daily"), product("orders_archive"), product("orders")])
    assert asked(index, "orders")[0] == "sales.orders"
    assert asked(index, "orders archive")[0] == "sales.orders_archive"


def test_scores_go_down(mesh: SearchIndex) -> None:
    scores = [hit.score for hit in mesh.search(SearchQuery(text="orders", sees_all=True)).hits]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


def test_all_words_must_be_there_wherever_they_stand(mesh: SearchIndex) -> None:
    assert asked(mesh, "purchase customer") == ["sales.orders"]
    assert asked(mesh, "purchase page") == []


def test_the_last_word_may_have_just_begun(mesh: SearchIndex) -> None:
    assert asked(mesh, "purch") == ["sales.orders"]
    assert asked(mesh, "money wen") == ["sales.refunds"]
    assert asked(mesh, "mon went") == [], "only the last one"


def test_identifiers_are_taken_apart(mesh: SearchIndex) -> None:
    assert asked(mesh, "views") == ["marketing.visits"]
    assert sorted(asked(mesh, "customer_id")) == ["marketing.visits", "sales.orders"]
    assert asked(mesh, "id shipped") == ["sales.orders"]


@pytest.mark.parametrize("text", ["MARKETING", "region=us", "One row per page", "json visits web"])
def test_domains_tags_and_descriptions_of_tables_are_searched(mesh: SearchIndex, text: str) -> None:
    expected = [] if text.startswith("json") else ["marketing.visits"]
    assert asked(mesh, text) == expected, "formats are for narrowing"


def test_case_and_accents_do_not_count(index: SearchIndex) -> None:
    index.replace_all([product("menus", description="Crème brûlée für Müller, Ærø und Straße: 顧客データ ﬁne")])
    for text in ("creme BRULEE", "müller", "muller", "Mu\u0308ller", "STRASSE", "ærø", "顧客", "fine"):
        assert asked(index, text) == ["sales.menus"], text


@pytest.mark.parametrize(
    "text",
    ["orders*", "-orders", "\x00orders", "{orders}", "orders\\", '"orders', "(orders", "orders ^ ~ :"],
)
def test_no_character_of_a_text_is_an_operator(mesh: SearchIndex, text: str) -> None:
    assert asked(mesh, text) == ["sales.orders", "marketing.visits", "sales.refunds"]


@pytest.mark.parametrize("text", ['orders" OR "x', "orders NOT money", "name:orders", "NEAR(orders)", "orders AND"])
def test_no_word_of_a_text_is_an_operator(mesh: SearchIndex, text: str) -> None:
    assert asked(mesh, text) == [], "a word like any other, and not in the mesh"


def test_columns_that_match_are_named(mesh: SearchIndex) -> None:
    def matched(text: str) -> dict[str, tuple[str, ...]]:
        hits = mesh.search(SearchQuery(text=text, sees_all=True)).hits
        return {hit.name: hit.matched_columns for hit in hits}

    assert matched("customer") == {
        "orders": ("order_lines.customer_id",),
        "visits": ("page_views.customer_id",),
    }
    assert matched("orders") == {"orders": (), "visits": ("page_views.orders_seen",), "refunds": ()}
    assert matched("ship") == {"orders": ("order_heads.shipped_at",)}
    assert set(matched("").values()) == {()}


def test_no_more_than_ten_columns_are_named(index: SearchIndex) -> None:
    index.replace_all([product("wide", columns=[f"wide.metric_{number}" for number in range(30)])])
    (hit,) = index.search(SearchQuery(text="metric", sees_all=True)).hits
    assert hit.matched_columns == tuple(f"wide.metric_{number}" for number in range(10))


def test_a_hit_tells_what_the_product_is(mesh: SearchIndex) -> None:
    (hit,) = mesh.search(SearchQuery(text="refunds money", sees_all=True)).hits
    document = MESH[1]
    for field in ("domain", "name", "description", "classification", "pii", "sensitive", "access_mode"):
        assert getattr(hit, field) == getattr(document, field)
    assert (hit.tags, hit.formats, hit.owners, hit.tables) == (
        document.tags,
        document.formats,
        document.owners,
        document.tables,
    )


# --- Filters and facets ---


def test_of_a_filter_any_value_will_do_and_all_filters_must_hold(mesh: SearchIndex) -> None:
    assert asked(mesh, domain=["sales", "hr"]) == ["sales.orders", "sales.refunds", "hr.staff"]
    assert asked(mesh, domain=["sales", "hr"], tag=["layer=gold"]) == ["sales.orders"]
    assert asked(mesh, classification=["restricted", "confidential"]) == ["sales.refunds", "hr.staff"]
    assert asked(mesh, format=["csv", "json"]) == ["sales.refunds", "marketing.visits"]
    assert asked(mesh, owner=["ben@sales.example"]) == ["sales.refunds"]
    assert asked(mesh, "orders", owner=["ann@sales.example"]) == ["sales.orders", "sales.refunds"]
    assert asked(mesh, domain=["nobody"]) == []


def test_facets_count_what_is_found(mesh: SearchIndex) -> None:
    result = mesh.search(SearchQuery(sees_all=True))
    assert result.total == 4
    assert list(values(result, "domain").items()) == [("sales", 2), ("hr", 1), ("marketing", 1)]
    assert values(result, "classification") == {"internal": 2, "confidential": 1, "restricted": 1}
    assert list(values(result, "tag").items()) == [
        ("layer=gold", 2),
        ("region=eu", 2),
        ("layer=silver", 1),
        ("region=us", 1),
    ]
    assert values(result, "format") == {"parquet": 2, "csv": 1, "json": 1}
    assert values(result, "owner") == {"ann@sales.example": 2, "ben@sales.example": 1, "eva@marketing.example": 1}
    of_text = mesh.search(SearchQuery(text="customer", sees_all=True))
    assert values(of_text, "domain") == {"marketing": 1, "sales": 1}


def test_a_facet_is_counted_without_its_own_filter(mesh: SearchIndex) -> None:
    result = mesh.search(SearchQuery(sees_all=True, domain=("sales",), tag=("layer=gold",)))
    assert result.total == 1
    assert values(result, "domain") == {"marketing": 1, "sales": 1}, "of what is gold"
    assert values(result, "tag") == {"region=eu": 2, "layer=gold": 1, "layer=silver": 1}, "of what is of sales"
    assert values(result, "format") == {"parquet": 1}, "of what is both"


def test_a_facet_has_its_first_fifty_values(index: SearchIndex) -> None:
    index.replace_all([product(f"p{number:02}", tags=(f"team=t{number:02}", "all=yes")) for number in range(60)])
    found = list(values(index.search(SearchQuery(sees_all=True)), "tag").items())
    assert found == [("all=yes", 60), *((f"team=t{number:02}", 1) for number in range(49))]


# --- Discovery ---

RULES = (
    DiscoveryRule(
        name="staff-is-for-finance", when=DiscoveryConditions(producers=("hr",)), visible_to=("finance", "legal")
    ),
    DiscoveryRule(name="gold-is-open", when=DiscoveryConditions(tags={"layer": ("gold",)}), visible_to="everyone"),
    DiscoveryRule(name="sensitive-is-hidden", when=DiscoveryConditions(sensitive=True), visible_to="nobody"),
)


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        ((), ["sales.orders", "marketing.visits"]),
        (("finance",), ["sales.orders", "hr.staff", "marketing.visits"]),
        (("sales",), ["sales.orders", "sales.refunds", "marketing.visits"]),
        (("hr", "sales"), ["sales.orders", "sales.refunds", "hr.staff", "marketing.visits"]),
    ],
)
def test_hits_totals_and_facets_tell_of_nothing_that_is_hidden(
    mesh: SearchIndex, domains: tuple[str, ...], expected: list[str]
) -> None:
    result = mesh.search(SearchQuery(domains=domains, discovery=RULES))
    assert names(result) == expected
    assert result.total == len(expected)
    assert sum(values(result, "domain").values()) == len(expected)
    assert ("restricted" in values(result, "classification")) == ("hr.staff" in expected)
    assert ("ben@sales.example" in values(result, "owner")) == ("sales.refunds" in expected)


def test_nothing_is_hidden_from_who_governs(mesh: SearchIndex) -> None:
    assert len(names(mesh.search(SearchQuery(sees_all=True, discovery=RULES)))) == 4


def test_a_text_finds_nothing_that_is_hidden(mesh: SearchIndex) -> None:
    assert names(mesh.search(SearchQuery(text="money", discovery=RULES))) == []
    assert names(mesh.search(SearchQuery(text="money", discovery=RULES, domains=("sales",)))) == ["sales.refunds"]


def test_a_filter_finds_nothing_that_is_hidden(mesh: SearchIndex) -> None:
    result = mesh.search(SearchQuery(domain=("hr",), discovery=RULES))
    assert (result.total, names(result)) == (0, [])
    assert "hr" not in values(result, "domain")


def test_discovery_is_what_the_policy_says_of_each_product(mesh: SearchIndex) -> None:
    conditions = (
        DiscoveryConditions(),
        DiscoveryConditions(sensitive=False),
        DiscoveryConditions(sensitive=True, producers=("sales",)),
        DiscoveryConditions(classifications=("internal", "restricted")),
        DiscoveryConditions(classifications=()),
        DiscoveryConditions(tags={"layer": ("gold", "silver"), "region": ("eu",)}),
    )
    rules = [
        DiscoveryRule.model_validate({"name": f"r{number}", "when": when, "visible_to": visible})
        for number, (when, visible) in enumerate(itertools.product(conditions, ("everyone", "nobody", ("finance",))))
    ]
    for first, second in itertools.product(rules, repeat=2):
        for domains in ((), ("finance",), ("sales",)):
            expected = [each for each in MESH if may_discover(each, (first, second), domains)]
            found = mesh.search(SearchQuery(domains=domains, discovery=(first, second)))
            assert sorted(names(found)) == sorted(each.id for each in expected), (first, second, domains)
            assert found.total == len(expected)


# --- Pages ---


def test_pages_follow_each_other_without_gaps(index: SearchIndex) -> None:
    index.replace_all([product(f"orders_{number:03}") for number in range(45)])
    for text in ("", "orders"):
        found: list[str] = []
        query = SearchQuery(text=text, sees_all=True, limit=20)
        while True:
            result = index.search(query)
            assert result.total == 45
            found += names(result)
            if result.next_cursor is None:
                break
            query = query.model_copy(update={"offset": offset_of(result.next_cursor)})
        assert found == [f"sales.orders_{number:03}" for number in range(45)]


def test_behind_the_last_page_is_nothing(mesh: SearchIndex) -> None:
    result = mesh.search(SearchQuery(sees_all=True, offset=10_000, limit=100))
    assert (result.total, result.hits, result.next_cursor) == (4, (), None)


# --- Changes ---


def gone(name: str, sequence: int) -> RemovedProduct:
    """Return that a product is to be forgotten."""
    return RemovedProduct(domain="sales", name=name, sequence=sequence)


def test_a_product_is_replaced_by_its_newer_state(mesh: SearchIndex) -> None:
    mesh.apply([product("orders", description="Wholesale", sequence=2, tags=("layer=bronze",))])
    assert asked(mesh, "wholesale") == ["sales.orders"]
    assert asked(mesh, "purchase") == [], "nothing of the old one is left"
    result = mesh.search(SearchQuery(sees_all=True))
    assert result.total == 4
    assert values(result, "tag") == {
        "layer=bronze": 1,
        "layer=gold": 1,
        "layer=silver": 1,
        "region=eu": 1,
        "region=us": 1,
    }


def test_an_older_state_changes_nothing(index: SearchIndex) -> None:
    index.apply([product("orders", description="new", sequence=5)])
    index.apply([product("orders", description="old", sequence=4), gone("orders", 3)])
    assert asked(index, "new") == ["sales.orders"]
    assert asked(index, "old") == []


def test_what_was_removed_does_not_come_back_by_what_was_before(mesh: SearchIndex) -> None:
    mesh.apply([gone("orders", 7)])
    assert "sales.orders" not in asked(mesh)
    mesh.apply([product("orders", sequence=6)])
    assert "sales.orders" not in asked(mesh)
    mesh.apply([product("orders", sequence=8)])
    assert "sales.orders" in asked(mesh)


def test_what_was_never_there_may_be_removed(index: SearchIndex) -> None:
    index.apply([gone("orders", 3)])
    assert asked(index) == []
    index.apply([product("orders", sequence=2)])
    assert asked(index) == []


def test_a_batch_may_speak_of_a_product_twice(index: SearchIndex) -> None:
    index.apply([product("orders", sequence=1), gone("orders", 2), product("orders", sequence=3, description="third")])
    assert asked(index, "third") == ["sales.orders"]


def test_in_whatever_order_and_however_often_changes_come_the_newest_stays(index: SearchIndex) -> None:
    states: list[SearchDocument | RemovedProduct] = [
        product("orders", sequence=1, description="first"),
        gone("orders", 2),
        product("orders", sequence=3, description="third"),
    ]
    for number, order in enumerate(itertools.permutations(range(3))):
        changes = [states[place].model_copy(update={"name": f"orders_{number}"}) for place in order]
        for each in (*changes, changes[0]):
            index.apply([each])
    assert asked(index, "third") == [f"sales.orders_{number}" for number in range(6)]
    assert asked(index, "first") == []


def test_products_of_one_name_in_two_domains_are_two(index: SearchIndex) -> None:
    index.apply([product("orders"), product("orders", domain="marketing")])
    index.apply([gone("orders", 2)])
    assert asked(index) == ["marketing.orders"]


def test_a_rebuild_leaves_just_what_it_was_given(mesh: SearchIndex) -> None:
    mesh.replace_all([product("invoices"), product("orders", sequence=0, description="rebuilt")])
    assert asked(mesh) == ["sales.invoices", "sales.orders"]
    assert asked(mesh, "rebuilt") == ["sales.orders"], "whatever was known before"
    assert asked(mesh, "purchase") == []
    mesh.apply([product("refunds")])
    assert asked(mesh) == ["sales.invoices", "sales.orders", "sales.refunds"]


def test_a_rebuild_of_nothing_leaves_nothing(mesh: SearchIndex) -> None:
    mesh.replace_all([])
    assert asked(mesh) == []
