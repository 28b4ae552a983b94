"""Measures the search index: `make bench-search`. Nothing asserts what it prints, machines differ.

A mesh is made up, the same one every time: products in 40 domains with 10 to 80 columns each, of so few words that
most products have most of them, which is the worst case. It is asked what people ask: nothing, a word, its beginning,
several words, with filters, each with and without discovery rules.
"""

from __future__ import annotations

import argparse
import gzip
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from datamesh.aws.search_database import SearchDatabase, change, create
from datamesh.models.policy import DiscoveryConditions, DiscoveryRule
from datamesh.models.search import SearchColumn, SearchDocument, SearchQuery

T = TypeVar("T")
_SUBJECTS = """
account activity address agreement alert allocation asset audit balance basket batch booking brand budget
bundle campaign capacity cart category channel claim click contact contract conversion coupon credit customer
delivery demand device discount dispute driver employee engagement event expense feature fee feedback flight
forecast fraud fulfilment gateway goods incident income inventory invoice item journey lead ledger loan
location loyalty margin market member merchant message meter network notification offer order outlet package
partner passenger payment payroll penalty plan policy portfolio price product profile promotion purchase
quality quota quote rating receipt refund region rental report request reservation return revenue review risk
route salary sale schedule segment sensor session shipment sku stock store subscription supplier survey tariff
tax team ticket token trade traffic transaction transfer trip usage user vehicle vendor visit voucher
warehouse warranty website
"""
_KINDS = """
archive daily detail events facts features history hourly master monthly raw snapshot summary weekly
"""
_PARTS = """
amount at by category code count country created currency date day description end flag id key kind name
number rate reason source start state status sum text time total type unit updated value version
"""
SUBJECTS, KINDS, PARTS = _SUBJECTS.split(), _KINDS.split(), _PARTS.split()
CLASSIFICATIONS = ("public", "internal", "internal", "internal", "confidential", "restricted", "unclassified")
DOMAINS = [f"domain{number:02}" for number in range(40)]


def documents(count: int) -> Iterator[SearchDocument]:
    """Yield a mesh of so many products."""
    dice = random.Random(5)  # noqa: S311 - the same mesh every time
    for number in range(count):
        subject, kind, domain = dice.choice(SUBJECTS), dice.choice(KINDS), dice.choice(DOMAINS)
        tables = tuple(f"{subject}_{each}" for each in dice.sample(KINDS, dice.randint(1, 4)))
        columns = tuple(
            SearchColumn(
                table=dice.choice(tables),
                name=f"{dice.choice(SUBJECTS)}_{dice.choice(PARTS)}",
                comment=" ".join(dice.choices(SUBJECTS + PARTS, k=6)) if dice.random() < 0.3 else None,
            )
            for _ in range(dice.randint(10, 80))
        )
        classification = dice.choice(CLASSIFICATIONS)
        yield SearchDocument(
            domain=domain,
            name=f"{subject}_{kind}_{number}",
            description=" ".join(dice.choices(SUBJECTS, k=25)).capitalize() + ".",
            classification=classification,
            pii=dice.random() < 0.2,
            sensitive=classification not in {"public", "internal"},
            access_mode=dice.choice(("nrac", "tbac", "both")),
            tags=tuple(
                sorted({f"lob={domain}", f"layer={dice.choice(('bronze', 'silver', 'gold'))}", f"topic={subject}"})
            ),
            formats=(dice.choice(("parquet", "csv", "json")),),
            owners=(f"{dice.choice(SUBJECTS)}@{domain}.example",),
            tables=tables,
            table_descriptions=tuple(" ".join(dice.choices(SUBJECTS, k=8)) for _ in tables),
            columns=columns,
            sequence=number,
        )


RULES = (
    DiscoveryRule(
        name="secret", when=DiscoveryConditions(classifications=("restricted",)), visible_to=("domain01", "domain02")
    ),
    DiscoveryRule(name="open", when=DiscoveryConditions(tags={"layer": ("gold",)}), visible_to="everyone"),
    DiscoveryRule(
        name="hidden",
        when=DiscoveryConditions(sensitive=True, producers=tuple(DOMAINS[:20])),
        visible_to="nobody",
    ),
)
QUERIES: dict[str, SearchQuery] = {
    "nothing": SearchQuery(),
    "nothing, page 200": SearchQuery(offset=4_000),
    "a word: customer": SearchQuery(text="customer"),
    "a beginning: cust": SearchQuery(text="cust"),
    "one letter: c": SearchQuery(text="c"),
    "two words: customer order": SearchQuery(text="customer order"),
    "a column: shipment_status": SearchQuery(text="shipment_status"),
    "three words: payment refund sta": SearchQuery(text="payment refund sta"),
    "not there: zebra": SearchQuery(text="zebra"),
    "a word, three filters": SearchQuery(
        text="customer", domain=("domain01", "domain07"), classification=("internal",), format=("parquet", "csv")
    ),
    "nothing, a filter of each": SearchQuery(
        domain=("domain01",), classification=("internal", "public"), tag=("layer=gold",), format=("csv", "parquet")
    ),
}


class Took(NamedTuple):
    """Milliseconds that something took: by the clock, and of a processor, which no other process makes longer."""

    wall: float
    cpu: float


def timed(act: Callable[[], T]) -> tuple[Took, T]:
    """Return how long something took, and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return Took((time.perf_counter() - wall) * 1_000, (time.process_time() - cpu) * 1_000), result


def main() -> None:
    """Build an index, open it, ask it, and print how long each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    console = Console()
    mesh = list(documents(options.products))
    columns = sum(len(document.columns) for document in mesh)
    console.print(f"{len(mesh):,} products, {columns:,} columns")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        built, _ = timed(lambda: create(path, mesh))
        packed, body = timed(lambda: gzip.compress(path.read_bytes(), compresslevel=1))
        console.print(f"built in {built.wall / 1_000:.1f} s, packed in {packed.wall / 1_000:.1f} s")
        console.print(f"{path.stat().st_size / 1e6:.1f} MB on disk, {len(body) / 1e6:.1f} MB in S3")
        later = mesh[0].model_copy(update={"sequence": 1_000_000})
        changed, _ = timed(lambda: change(path, [later]))
        unpacked, _ = timed(lambda: gzip.decompress(body))
        opened, database = timed(lambda: SearchDatabase(path))
        console.print(f"one product changed in {changed.wall:.0f} ms")
        console.print(f"unpacked in {unpacked.wall:.0f} ms and opened in {opened.wall:.0f} ms by the first to search")
        console.print(_asked(database, options.rounds))


def _asked(database: SearchDatabase, rounds: int) -> Table:
    table = Table(
        "asked for", "found", "p50 ms", "p95 ms", "p95 CPU ms", "found by rules", "p50 ms", "p95 ms", "p95 CPU ms"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, query in QUERIES.items():
        cells = [name]
        for asked in (query, query.model_copy(update={"domains": ("domain03",), "discovery": RULES})):
            spent, results = zip(*(timed(partial(database.search, asked)) for _ in range(rounds)), strict=True)
            walls = statistics.quantiles([each.wall for each in spent], n=20)
            cpus = statistics.quantiles([each.cpu for each in spent], n=20)
            cells += [f"{results[0].total:,}", f"{walls[9]:.1f}", f"{walls[18]:.1f}", f"{cpus[18]:.1f}"]
        table.add_row(*cells)
    return table


if __name__ == "__main__":
    main()
