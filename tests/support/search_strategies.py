"""Products and discovery rules of any sort, so few values that rules often speak of products."""

from __future__ import annotations

from hypothesis import strategies as st

from datamesh.models.policy import DiscoveryConditions, DiscoveryRule
from datamesh.models.search import SearchDocument
from tests.support.search_objects import product

DOMAINS = ("sales", "hr", "ops")
CLASSIFICATIONS = ("public", "internal", "confidential", "restricted", "unclassified")
TAGS = {"layer": ("gold", "silver"), "region": ("eu", "us")}
SOME_DOMAINS = st.lists(st.sampled_from(DOMAINS), max_size=2, unique=True).map(tuple)


@st.composite
def documents(draw: st.DrawFn) -> SearchDocument:
    pairs = [f"{key}={value}" for key, values in TAGS.items() for value in values]
    return product(
        f"p{draw(st.integers(0, 30))}",
        domain=draw(st.sampled_from(DOMAINS)),
        classification=draw(st.sampled_from(CLASSIFICATIONS)),
        sensitive=draw(st.booleans()),
        tags=tuple(draw(st.lists(st.sampled_from(pairs), unique=True))),
        formats=tuple(draw(st.lists(st.sampled_from(["csv", "json"]), unique=True))),
        description=draw(st.sampled_from(["order", "refund", "order refund"])),
    )


CONDITIONS = st.builds(
    DiscoveryConditions,
    sensitive=st.none() | st.booleans(),
    classifications=st.none() | st.lists(st.sampled_from(CLASSIFICATIONS), max_size=3).map(tuple),
    producers=st.none() | SOME_DOMAINS,
    tags=st.none()
    | st.dictionaries(st.sampled_from(["layer", "region"]), st.sampled_from([("gold",), ("eu", "us"), ("none",)])),
)
RULE = st.builds(
    DiscoveryRule,
    name=st.just("rule"),
    when=CONDITIONS,
    visible_to=st.sampled_from(["everyone", "nobody", ("sales",), ("hr",), ("ops", "sales")]),
)
DISCOVERY = st.lists(RULE, max_size=5).map(tuple)
