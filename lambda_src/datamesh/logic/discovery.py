"""Who may find a product: the first discovery rule that speaks of it decides.

What no rule speaks of everybody may find. The members of the owning domain and who governs the mesh find it whatever a
rule says. Who has access that stands may look at the product as well: that is for the caller to see, no rule knows it.
"""

from collections.abc import Collection, Iterable
from typing import Protocol

from datamesh.models.policy import DiscoveryConditions, DiscoveryRule
from datamesh.models.search import tag_text


class Findable(Protocol):
    """What discovery rules look at. A SearchDocument and a SearchHit are so."""

    @property
    def domain(self) -> str:
        """The domain that owns the product."""

    @property
    def classification(self) -> str:
        """Its classification, or `unclassified`."""

    @property
    def sensitive(self) -> bool:
        """Whether anything of it is sensitive."""

    @property
    def tags(self) -> Collection[str]:
        """LF-tags that something of it carries, `key=value` each."""


def may_discover(
    product: Findable, rules: Iterable[DiscoveryRule], domains: Collection[str], *, sees_all: bool = False
) -> bool:
    """Tell whether a member of these domains may find a product."""
    if sees_all or product.domain in domains:
        return True
    for rule in rules:
        if speaks_of(rule.when, product):
            return rule.shows_to(domains)
    return True


def speaks_of(when: DiscoveryConditions, product: Findable) -> bool:
    """Tell whether all conditions of a rule hold. Of a list any value will do, of tags any that something carries."""
    return (
        when.sensitive in {None, product.sensitive}
        and (when.classifications is None or product.classification in when.classifications)
        and (when.producers is None or product.domain in when.producers)
        and all(
            any(tag_text(key, value) in product.tags for value in values) for key, values in (when.tags or {}).items()
        )
    )
