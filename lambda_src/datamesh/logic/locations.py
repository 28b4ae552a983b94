"""Which locations a domain may use."""

from collections.abc import Iterable, Mapping

from datamesh.models.commands import TableSpec
from datamesh.models.config import DomainConfig
from datamesh.models.errors import LocationOutsideDomain, LocationOverlap


def check_location(location: str, config: DomainConfig, field: str) -> None:
    """Check that a location lies strictly below the domain's prefix.

    Raises LocationOutsideDomain for other buckets, other or merely similar prefixes (`products-x/` for `products/`),
    the prefix itself, which all tables share, and path segments that some clients resolve or drop.
    """
    if not location.startswith(config.location) or location == config.location:
        raise LocationOutsideDomain(f"{location} is not below {config.location}", field)
    check_segments(location.removeprefix("s3://"), field)


def check_segments(path: str, field: str) -> None:
    """Check that a path has no empty, `.` or `..` segments. Raises LocationOutsideDomain."""
    if any(segment in {"", ".", ".."} for segment in path.removesuffix("/").split("/")):
        raise LocationOutsideDomain(f"{path} has an empty, '.' or '..' segment", field)


def check_overlaps(tables: Iterable[TableSpec]) -> None:
    """Check that no table lies inside another: its objects would be read as the other's.

    Raises LocationOverlap.
    """
    # In order of text, what lies inside a location follows it directly or after others that do.
    previous: TableSpec | None = None
    for table in sorted(tables, key=lambda table: table.location):
        if previous is not None and table.location.startswith(previous.location):
            raise LocationOverlap(f"{table.name} lies inside {previous.name}: {table.location}")
        previous = table


def check_apart(location: str, others: Mapping[str, Iterable[str]], field: str) -> None:
    """Check that a location neither equals, contains nor lies inside one of another product ({product => locations}).

    The same objects in two would be as sensitive as the product that says less of them. Raises LocationOverlap.
    """
    for product, taken in others.items():
        for other in taken:
            if location.startswith(other) or other.startswith(location):
                raise LocationOverlap(f"{location} overlaps {other} of the product {product}", field)
