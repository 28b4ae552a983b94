"""LF-tags: keys and values, what a table carries, and expressions over them.

Keys and values are lower case everywhere: Lake Formation stores them so, and what looks different would be the same.
Source: https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html
"""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from datamesh.models.base import Model

TAG_PATTERN = r"^[a-z0-9_][a-z0-9_.:/+@-]{0,49}$"
# A resource takes 50 LF-tags; one is the domain's.
MAX_TAGS = 49
# https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_LFTagPair.html
MAX_EXPRESSION_VALUES = 50


def _lower(text: object) -> object:
    if isinstance(text, str) and text != text.lower():
        raise ValueError("must be in lower case: Lake Formation stores LF-tags so")
    return text


# In this order the pattern is part of the JSON Schema; the validator runs first all the same.
_Name = Annotated[str, StringConstraints(pattern=TAG_PATTERN), BeforeValidator(_lower)]
TagKey = _Name
TagValue = _Name


def _in_order(tags: dict[str, str]) -> dict[str, str]:
    return dict(sorted(tags.items()))


def _in_one_form(expression: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """One form for all ways to write an expression, so that equal ones are equal."""
    return {key: tuple(sorted(set(values))) for key, values in sorted(expression.items())}


Tags = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS), AfterValidator(_in_order)]
TagValues = Annotated[tuple[TagValue, ...], Field(min_length=1, max_length=MAX_EXPRESSION_VALUES)]
TagExpression = Annotated[dict[TagKey, TagValues], Field(min_length=1, max_length=50), AfterValidator(_in_one_form)]
# Keys with the values that make sensitive what carries them.
SensitiveTags = dict[TagKey, tuple[TagValue, ...]]
Conditions = tuple[tuple[str, tuple[str, ...]], ...]


def conditions(expression: Mapping[str, tuple[str, ...]]) -> Conditions:
    """Return an expression as a value that can be compared and hashed."""
    return tuple(_in_one_form(dict(expression)).items())


class TableTags(Model):
    """A table's columns, and the LF-tags that were assigned to its database, to itself and to single columns.

    `column_names` are all columns, partition keys included, in the catalog's order; `columns` has those only that carry
    tags of their own.
    """

    database: dict[str, str] = Field(default_factory=dict)
    table: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, dict[str, str]] = Field(default_factory=dict)
    column_names: tuple[str, ...] = ()


class FoundTable(NamedTuple):
    """A table that a search by LF-tags found."""

    database: str
    name: str
    tags: TableTags
