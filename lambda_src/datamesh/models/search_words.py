"""Words: the one way in which texts are taken apart, of products as of queries, whatever index they are put into.

A word is a run of letters and digits, without case and accents: `Customer_ID` is two, `Müller` is `muller`. So both
indexes find the same, and neither is ever handed a character that means something to its query language.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from datamesh.models.search import MAX_MATCHED_COLUMNS

# Letters and digits of all scripts; `\w` has the underscore, too.
_WORD = re.compile(r"[^\W_]+")


def words(*texts: str | None) -> list[str]:
    """Return the words of some texts."""
    return [word for text in texts if text for word in _WORD.findall(_plain(text))]


def matched_columns(columns: Iterable[tuple[str, str]], asked: Sequence[str]) -> tuple[str, ...]:
    """Return those columns, each a table and a name, that have one of these words in the name, or one that begins like
    the last of them.
    """
    if not asked:
        return ()
    whole, beginning = set(asked), asked[-1]
    found: list[str] = []
    for table, name in columns:
        if any(word in whole or word.startswith(beginning) for word in words(name)):
            found.append(f"{table}.{name}")
            if len(found) == MAX_MATCHED_COLUMNS:
                break
    return tuple(found)


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in apart if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFKC", bare).casefold()
