"""What a contract says of how sensitive something is: classification and personal data.

Both come from the contract's own words: `classification` of properties, `tags: [pii]` anywhere, and what is said
explicitly in customProperties. What nobody says is not guessed: it stays null, which counts as sensitive.
"""

from dataclasses import dataclass
from typing import cast, get_args

from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.nodes import Node
from datamesh.logic.contracts.structure import did_you_mean
from datamesh.logic.sensitivity import OPEN_CLASSIFICATIONS
from datamesh.models.commands import Classification

# From the open to the strict.
LEVELS: tuple[Classification, ...] = get_args(Classification)
# Words of contracts for what the mesh says in two fields, and those that mean the same as one of the mesh's.
PERSONAL = frozenset({"pii", "personal", "personal data"})
SYNONYMS: dict[str, Classification] = {"open": "public", "private": "confidential", "sensitive": "confidential"}


@dataclass(frozen=True)
class Said:
    """What is said of one thing."""

    classification: Classification | None = None
    pii: bool | None = None


NOTHING = Said()


def said_of(context: Context, node: Node, custom: dict[str, Node], *, column: bool = False) -> Said:
    """Return what is said of a contract, an object or a property. The explicit word wins over the derived.

    A column that is called public or internal is said not to be personal data: there is a word for that.
    """
    classification, pii = _of_word(context, node)
    if any(_is_personal(tag.value) for tag in _tags(node)):
        pii = True
    explicit = cast("Classification | None", context.word(custom.get("classification"), LEVELS))
    flag = context.boolean(custom.get("pii"))
    if explicit is not None:
        classification = explicit
    if flag is not None:
        pii = flag
    elif pii is None and column and classification in OPEN_CLASSIFICATIONS:
        pii = False
    if pii and classification is None:
        classification = "confidential"
    return Said(classification, pii)


def other_tags(node: Node) -> bool:
    """Tell whether something has tags that say nothing to the mesh."""
    return any(not _is_personal(tag.value) for tag in _tags(node))


def _of_word(context: Context, node: Node) -> tuple[Classification | None, bool | None]:
    field = node.get("classification")
    text = context.text_of(field) if field is not None else None
    if field is None or text is None:
        return None, None
    word = text.strip().lower()
    if word in PERSONAL:
        return "confidential", True
    if word in LEVELS:
        return word, None
    if word in SYNONYMS:
        return SYNONYMS[word], None
    known = (*LEVELS, *sorted(PERSONAL), *SYNONYMS)
    context.problems.error(
        field, f"the mesh has no classification {text!r}{did_you_mean(word, known) or ', only ' + ', '.join(known)}"
    )
    return None, None


def _tags(node: Node) -> list[Node]:
    tags = node.get("tags")
    return tags.items if tags is not None else []


def _is_personal(tag: object) -> bool:
    return isinstance(tag, str) and tag.strip().lower() in PERSONAL
