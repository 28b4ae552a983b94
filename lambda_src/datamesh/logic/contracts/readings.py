"""What comes of reading a contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from datamesh.models.api.products import ManifestProblem
from datamesh.models.commands import ProductSpec


class Place(NamedTuple):
    """A place in a contract: path, line and column, both from 1."""

    path: str
    line: int
    column: int


@dataclass(frozen=True)
class ContractReading:
    """What a contract says. With an error among the problems there is no product."""

    domain: str | None
    spec: ProductSpec | None
    problems: tuple[ManifestProblem, ...]
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether it can be registered as far as the document itself tells."""
        return self.spec is not None

    def blame(self, path: str | None, message: str) -> ManifestProblem:
        """Return an error at the place that a field of the command (`product.tables.0.location`) was read from.

        Of a field that has no place of its own it is the nearest one above.
        """
        parts = (path or "").split(".")
        for count in range(len(parts), 0, -1):
            place = self.places.get(".".join(parts[:count]))
            if place is not None:
                return ManifestProblem(
                    severity="error", line=place.line, column=place.column, field=place.path, message=message
                )
        return ManifestProblem(severity="error", line=1, column=1, field="(document)", message=message)
