"""What Terraform asks of manage_lf_tags."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from datamesh.models.base import Model
from datamesh.models.data_lake_settings import Lifecycle
from datamesh.models.tags import TagKey, TagValue

# https://docs.aws.amazon.com/lake-formation/latest/dg/lf-limitations.html
MAX_VALUES = 1_000


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name a value twice")
    return tuple(sorted(values))


DeclaredValues = Annotated[tuple[TagValue, ...], Field(min_length=1, max_length=MAX_VALUES), AfterValidator(_sorted)]


class LfTagsRequest(Model):
    """The LF-tags that a mesh declares. The values of the key that names a domain come with the domains."""

    domain_tag_key: TagKey
    tags: dict[TagKey, DeclaredValues]
    tf: Lifecycle

    @model_validator(mode="after")
    def _domains_are_not_declared(self) -> Self:
        if self.domain_tag_key in self.tags:
            raise ValueError(f"{self.domain_tag_key} gets its values from the domains that register")
        return self

    @property
    def wanted(self) -> dict[str, tuple[str, ...]]:
        """The tags that must be there: none on delete."""
        return {} if self.tf.action == "delete" else dict(self.tags)
