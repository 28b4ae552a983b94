"""The search index as a SQLite database: full text by FTS5, ranked by BM25.

Two tables: `products` has what a result shows (nothing, of a product that is gone: only the sequence of its removal),
and `texts` the words of each, under the same rowid. Words are taken apart before (`models.search_words`); FTS5 only
splits at the spaces in between.
Source: https://www.sqlite.org/fts5.html
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Final

from datamesh.aws.search_bits import Shelf
from datamesh.models.errors import SearchUnavailable
from datamesh.models.search import (
    FacetName,
    SearchChange,
    SearchColumn,
    SearchDocument,
    SearchHit,
    SearchQuery,
    SearchResult,
)
from datamesh.models.search_words import matched_columns, words

# Increased whenever tables, words or weights change: an index of another version has to be built anew.
VERSION: Final = 1
# BM25 flattens out (a word that is worth a hundred counts about twice as much as one that is worth one), so that
# weights have to lie far apart for the order of the fields to hold, whatever the length of the texts.
WEIGHTS: Final = {
    "name": 100.0,
    "tables": 20.0,
    "columns": 10.0,
    "domain": 5.0,
    "tags": 3.0,
    "description": 1.0,
    "details": 0.5,
}
# What is called exactly as it was asked for comes first.
NAMESAKE: Final = 10.0
_SCHEMA = f"""
PRAGMA user_version = {VERSION};
CREATE TABLE products (
  position INTEGER PRIMARY KEY,
  domain TEXT NOT NULL,
  name TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  sensitive INTEGER,
  facets TEXT,
  hit TEXT,
  columns TEXT,
  UNIQUE (domain, name)
);
CREATE VIRTUAL TABLE texts USING fts5 ({", ".join(WEIGHTS)}, tokenize = 'ascii', prefix = '1 2 3');
"""
_RANKED = f"SELECT rowid, -bm25(texts, {', '.join(map(str, WEIGHTS.values()))}) FROM texts WHERE texts MATCH ?"  # noqa: S608 - constants
_OF_HIT = set(SearchHit.model_fields)


def create(path: Path, documents: Iterable[SearchDocument] = ()) -> None:
    """Make an index file that holds just these products."""
    with _writing(path) as database:
        database.executescript(_SCHEMA)
        for document in documents:
            _put(database, document)
        database.execute("INSERT INTO texts (texts) VALUES ('optimize')")


def change(path: Path, changes: Iterable[SearchChange]) -> bool:
    """Change an index file, and tell whether there was anything to change. Raises SearchUnavailable."""
    with _writing(path) as database:
        _check_version(database)
        before = database.total_changes
        for each in changes:
            if isinstance(each, SearchDocument):
                _put(database, each)
            elif _is_news(database, each):
                _forget(database, each)
        return database.total_changes != before


def match_expression(asked: Sequence[str]) -> str:
    """Return words as an FTS5 query: all must be there, of the last one its beginning.

    Words are letters and digits only; in quotes none of them is an operator.
    """
    return " ".join(f'"{word}"' for word in asked) + "*"


class SearchDatabase:
    """An index file, opened to be asked. What is counted and hidden by is held in memory."""

    def __init__(self, path: Path) -> None:
        """Raises SearchUnavailable when the file is none, or one of another version."""
        self._database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            _check_version(self._database)
            rows = self._database.execute(
                "SELECT position, domain, name, sensitive, facets FROM products WHERE hit IS NOT NULL"
                " ORDER BY name, domain"
            ).fetchall()
        except sqlite3.DatabaseError as error:
            raise _broken(error) from error
        self._in_order = [row[0] for row in rows]
        self._places = {position: place for place, position in enumerate(self._in_order)}
        self._called: dict[str, list[int]] = {}
        for position, _, name, *_ in rows:
            self._called.setdefault(name, []).append(position)
        self._shelf = Shelf(
            (position, bool(sensitive), json.loads(facets)) for position, _, _, sensitive, facets in rows
        )

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def search(self, query: SearchQuery) -> SearchResult:
        """Answer a query. Raises SearchUnavailable."""
        asked = words(query.text)
        try:
            scores = self._scores(asked)
            visible = self._shelf.visible(query)
            if asked:
                visible &= self._shelf.bits_of(scores)
            found = visible & self._shelf.narrowed(query)
            total = found.bit_count()
            page = self._first(self._shelf.test(found, scores if asked else self._in_order), scores, query)
            hits = tuple(self._hit(position, scores.get(position, 0.0), asked) for position in page)
        except sqlite3.DatabaseError as error:
            raise _broken(error) from error
        return SearchResult(
            total=total,
            hits=hits,
            facets=self._shelf.facets(query, visible),
            next_cursor=query.cursor_after(total),
        )

    def _scores(self, asked: Sequence[str]) -> dict[int, float]:
        if not asked:
            return {}
        scores: dict[int, float] = dict(self._database.execute(_RANKED, [match_expression(asked)]))
        for position in self._called.get("_".join(asked), ()):
            if position in scores:
                scores[position] += NAMESAKE
        return scores

    def _first(self, found: Iterator[int], scores: Mapping[int, float], query: SearchQuery) -> list[int]:
        """Return a page of positions, by score and then by name."""
        last = query.offset + query.limit
        if not scores:
            return list(islice(found, query.offset, last))
        best = nsmallest(last, found, key=lambda position: (-scores[position], self._places[position]))
        return best[query.offset :]

    def _hit(self, position: int, score: float, asked: Sequence[str]) -> SearchHit:
        hit, columns = self._database.execute(
            "SELECT hit, columns FROM products WHERE position = ?", [position]
        ).fetchone()
        of_product = ((table, name) for table, names in json.loads(columns).items() for name in names)
        return SearchHit.model_validate(
            {**json.loads(hit), "score": score, "matched_columns": matched_columns(of_product, asked)}
        )


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that is nobody else's yet: nothing to lock, nothing to recover. Raises SearchUnavailable."""
    database = sqlite3.connect(path)
    try:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;")
        yield database
        database.commit()
    except sqlite3.DatabaseError as error:
        raise _broken(error) from error
    finally:
        database.close()


def _put(database: sqlite3.Connection, document: SearchDocument) -> None:
    if not _is_news(database, document):
        return
    position = _forget(database, document)
    facets: dict[FacetName, tuple[str, ...]] = document.facets
    shown = document.to_json()
    database.execute(
        "UPDATE products SET sensitive = ?, facets = ?, hit = ?, columns = ? WHERE position = ?",
        [
            document.sensitive,
            _compact(facets),
            _compact({name: value for name, value in shown.items() if name in _OF_HIT}),
            _compact(_by_table(document.columns)),
            position,
        ],
    )
    texts = [" ".join(text) for text in texts_of(document).values()]
    places = ", ".join("?" for _ in texts)
    database.execute(f"INSERT INTO texts (rowid, {', '.join(WEIGHTS)}) VALUES (?, {places})", [position, *texts])  # noqa: S608 - constants


def _by_table(columns: Iterable[SearchColumn]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(column.table, []).append(column.name)
    return found


def texts_of(document: SearchDocument) -> dict[str, list[str]]:
    """Return a product's words by field, in the order of WEIGHTS."""
    found = {
        "name": words(document.name),
        "tables": words(*document.tables),
        "columns": words(*(column.name for column in document.columns)),
        "domain": words(document.domain),
        "tags": words(*document.tags),
        "description": words(document.description),
        "details": words(*document.table_descriptions, *(column.comment for column in document.columns)),
    }
    return {field: found[field] for field in WEIGHTS}


def _is_news(database: sqlite3.Connection, each: SearchChange) -> bool:
    known = database.execute("SELECT sequence FROM products WHERE domain = ? AND name = ?", [each.domain, each.name])
    found = known.fetchone()
    return found is None or found[0] < each.sequence


def _forget(database: sqlite3.Connection, each: SearchChange) -> int:
    """Leave nothing of a product but when that was, and return its position."""
    (position,) = database.execute(
        "INSERT INTO products (domain, name, sequence) VALUES (?, ?, ?) ON CONFLICT (domain, name) DO UPDATE SET"
        " sequence = excluded.sequence, sensitive = NULL, facets = NULL, hit = NULL, columns = NULL RETURNING position",
        [each.domain, each.name, each.sequence],
    ).fetchone()
    database.execute("DELETE FROM texts WHERE rowid = ?", [position])
    return int(position)


def _check_version(database: sqlite3.Connection) -> None:
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise _broken(error) from error
    if version != VERSION:
        raise SearchUnavailable(f"The search index has version {version}, not {VERSION}: it has to be rebuilt")


def _broken(error: sqlite3.DatabaseError) -> SearchUnavailable:
    return SearchUnavailable(f"The search index cannot be read, it has to be rebuilt: {error}")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
