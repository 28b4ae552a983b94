"""LF-tags of a domain's tag-based database, which all tables in it inherit: what other ones would show."""

from collections.abc import Mapping
from datetime import datetime

from datamesh.logic.exposure import gains
from datamesh.logic.tagging import Plan, Tagging, World, column_names
from datamesh.models.errors import ExposesSensitive, RecordBusy


def check_inherited(
    world: World, tagging: Tagging, *, domain: str, database: str, wanted: Mapping[str, str], now: datetime
) -> None:
    """Check that other tags of a domain's tag-based database, which all tables in it inherit, show nothing
    sensitive to anybody who does not see it already.

    Raises ExposesSensitive, and RecordBusy while a product is being registered: what it declares of the tables that
    it places is recorded last.
    """
    grants, registry = world.registry.tag_grants(), world.registry
    if not grants:
        return
    there = {table.name: table for table in world.catalog.list_tables(database)}
    tags = {
        name: world.lf_tags.table_tags(database, name).model_copy(update={"column_names": column_names(table)})
        for name, table in there.items()
    }
    inherited = {name: each.model_copy(update={"database": dict(wanted)}) for name, each in tags.items()}
    for product in registry.products(domain):
        if product.is_worked_on(now):
            raise RecordBusy(f"{domain}.{product.name} is being registered")
        if product.in_progress or product.pending is not None:
            raise ExposesSensitive(
                f"The last registration of {product.name} has failed, and may have left tables of which nothing is "
                f"known: send it again first",
                "tags",
            )
        specs = {table.name: table.spec for table in registry.tables(domain, product.name)}
        names = specs.keys() & there.keys()
        plan = Plan(
            product=product,
            contents=tuple(content for content in (product.content, product.pending) if content is not None),
            specs=specs,
            recorded_specs=specs,
            tables={name: there.pop(name) for name in sorted(names)},
            before={name: tags[name] for name in names},
            after={name: inherited[name] for name in names},
        )
        tagging.check(plan, "tags")
    # What nobody has declared is left.
    before, after = ({name: each[name] for name in there} for each in (tags, inherited))
    for gain in gains(before, after, grants):
        raise ExposesSensitive(
            f"{gain.consumer} would see {database}.{gain.table} by a tag expression it was granted, and no product "
            f"has declared what is in it",
            "tags",
        )
