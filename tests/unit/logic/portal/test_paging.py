"""Pages: complete, in order, and a cursor is good for its own query only."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from datamesh.logic.portal.paging import Paging
from datamesh.models.api.base import Cursor
from datamesh.models.errors import InvalidRequest

QUERY = ("list_products", "sales")
_CURSOR = TypeAdapter[str](Cursor)
_PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


@given(st.lists(st.text(_PRINTABLE, min_size=1, max_size=20), unique=True, max_size=30), st.integers(1, 7))
def test_all_pages_together_are_the_list(names: list[str], limit: int) -> None:
    items, seen, cursor, pages = sorted(names), list[str](), None, 0
    while True:
        page, cursor = Paging(QUERY, limit, cursor).page_of(items, key=str)
        seen += page
        pages += 1
        assert len(page) <= limit
        if cursor is None:
            break
        _CURSOR.validate_python(cursor)
    assert seen == items
    assert pages == max(1, -(-len(items) // limit))


def test_what_comes_and_goes_between_two_pages_moves_nothing() -> None:
    _, cursor = Paging(QUERY, 2).page_of(["b", "d", "f"], key=str)
    page, _ = Paging(QUERY, 2, cursor).page_of(["a", "b", "e", "f"], key=str)
    assert page == ("e", "f")


@pytest.mark.parametrize("query", [("list_products", "marketing"), ("list_products",), ("list_grants", "sales"), ()])
def test_a_cursor_of_another_query_is_refused(query: tuple[str, ...]) -> None:
    cursor = Paging(QUERY).cursor_at("b")
    with pytest.raises(InvalidRequest, match="another query") as refused:
        _ = Paging(query, cursor=cursor).position
    assert refused.value.field == "cursor"


def _written(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "not-a-cursor",
        _written([]),
        _written("text"),
        _written({"q": "x"}),
        _written({"q": "0" * 16, "p": 7}),
        _written({"q": "0" * 16, "p": None}),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" * 1_500).decode(),
        Paging(QUERY).cursor_at("b")[:-6],
    ],
)
def test_a_broken_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        _ = Paging(QUERY, cursor=cursor).position
    assert refused.value.field == "cursor"


@pytest.mark.parametrize("position", ["", "\x00", "a\nb", "\x7f", "é", "\ud800", "😀", "a" * 513])
def test_a_made_up_position_is_refused(position: str) -> None:
    cursor = Paging(QUERY).cursor_at(position)
    with pytest.raises(InvalidRequest, match="none that this API gave") as refused:
        _ = Paging(QUERY, cursor=cursor).position
    assert refused.value.field == "cursor"


def test_a_long_key_is_a_position() -> None:
    assert Paging(QUERY, cursor=Paging(QUERY).cursor_at("a" * 512)).position == "a" * 512


def test_queries_do_not_run_into_one_another() -> None:
    cursor = Paging(("a", "b,c")).cursor_at("x")
    with pytest.raises(InvalidRequest):
        _ = Paging(("a,b", "c"), cursor=cursor).position


def test_large_items_make_short_pages() -> None:
    sizes = {"a": 3_000_000, "b": 1_000_000, "c": 1, "d": 9_000_000, "e": 1}
    pages, cursor = [], None
    while True:
        page, cursor = Paging(QUERY, 50, cursor).page_of(sorted(sizes), key=str, size=sizes.__getitem__)
        pages.append(page)
        if cursor is None:
            break
    assert pages == [("a", "b"), ("c",), ("d",), ("e",)]
