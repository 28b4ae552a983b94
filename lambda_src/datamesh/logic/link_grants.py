"""Who in the domain's account is granted what on what was linked.

A link needs two grants: DESCRIBE on the link itself, and the permission proper on its target in central's catalog.
Source: https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-about.html
"""

from collections.abc import Iterable, Iterator

from datamesh.logic.domain_ports import LinkPermissions
from datamesh.logic.link_plans import LinkConfig, LinkPlan
from datamesh.models.arns import parse_arn, s3_arn
from datamesh.models.errors import TooManyTagPolicies
from datamesh.models.facts import READ_PERMISSIONS
from datamesh.models.permissions import (
    DatabaseResource,
    FilterResource,
    Grant,
    LocationResource,
    Resource,
    TableResource,
    TagPolicyResource,
)
from datamesh.models.tags import conditions

# https://docs.aws.amazon.com/lake-formation/latest/dg/lf-tag-considerations.html
MAX_TAG_POLICIES = 50


def grants_of(plan: LinkPlan, config: LinkConfig) -> list[Grant]:
    """Return all grants that make the links usable, each once, the databases' first."""
    grants: list[Grant] = []

    def give(principals: Iterable[str], resources: Iterable[Resource], permissions: tuple[str, ...]) -> None:
        owned = list(resources)
        grants.extend(
            Grant(principal=principal, resource=resource, permissions=permissions)
            for principal in principals
            for resource in owned
        )

    links = _links(plan, config)
    databases, tables = _targets(plan, config)
    if plan.role == "consumer":
        give(plan.principals, links, ("DESCRIBE",))
        give(plan.principals, databases, ("DESCRIBE",))
        # A filter has nothing but SELECT: who holds it sees of the table what it shows.
        give(plan.principals, tables, ("SELECT",) if plan.mode == "nrac" else READ_PERMISSIONS)
        return grants
    crawler = (config.crawler_role_arn,)
    readers = tuple(arn for arn in dict.fromkeys(config.data_principals) if arn not in crawler)
    give((*readers, *crawler), links, ("DESCRIBE",))
    give((*readers, *crawler), databases, ("DESCRIBE",))
    give(readers, tables, READ_PERMISSIONS)
    # The crawler reads the data and writes the schema; the one that started it only compares schemas.
    give(crawler, tables, (*READ_PERMISSIONS, "ALTER"))
    give(crawler, _locations(plan, config), ("DATA_LOCATION_ACCESS",))
    if config.schema_reader_role_arn not in (*readers, *crawler):
        give((config.schema_reader_role_arn,), tables, ("DESCRIBE",))
    return grants


def check_tag_policies(grants: Iterable[Grant], permissions: LinkPermissions) -> None:
    """Check that nobody is granted more tag policies than Lake Formation takes. Raises TooManyTagPolicies.

    Central has counted those of the account and those that it was asked for, but not what the account's own
    administrators granted.
    """
    wanted: dict[tuple[str, str], set[TagPolicyResource]] = {}
    for grant in grants:
        if isinstance(grant.resource, TagPolicyResource):
            wanted.setdefault((grant.resource.resource_type, grant.principal), set()).add(grant.resource)
    held: dict[tuple[str, str], set[TagPolicyResource]] = {}
    for kind in sorted({kind for kind, _ in wanted}):
        for row in permissions.list_permissions(resource_type=f"LF_TAG_POLICY_{kind}"):
            if isinstance(row.resource, TagPolicyResource):
                held.setdefault((kind, row.principal), set()).add(row.resource)
    for (kind, principal), policies in sorted(wanted.items(), key=lambda item: item[0]):
        known = held.get((kind, principal), set())
        if policies - known and len(policies | known) > MAX_TAG_POLICIES:
            raise TooManyTagPolicies(
                f"{principal} has {len(known)} tag policies on each {kind.lower()}, of at most {MAX_TAG_POLICIES}"
            )


def _links(plan: LinkPlan, config: LinkConfig) -> list[Resource]:
    """Return what appears in the own catalog: databases that are links, or a database with a link for each table."""
    found: list[Resource] = []
    if plan.mode == "tbac" and config.beside_central:
        return found
    for database in plan.databases:
        found.append(DatabaseResource(catalog_id=config.account_id, name=database.local))
        if plan.mode == "nrac":
            found += [
                TableResource(catalog_id=config.account_id, database=database.local, name=name)
                for name in database.tables
            ]
    return found


def _targets(plan: LinkPlan, config: LinkConfig) -> tuple[list[Resource], list[Resource]]:
    """Return what is granted in central's catalog: on databases, and on tables.

    A consumer's account passes on exactly the filters, or exactly the tag expression, that it was granted. Sources:
    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filters-about.html,
    https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-TBAC.html
    """
    catalog = config.central_account_id
    if plan.mode == "nrac" and plan.role == "consumer":
        return [], [
            FilterResource(catalog_id=catalog, database=database.name, table=each.table, name=each.filter)
            for database in plan.databases
            for each in plan.filters
        ]
    if plan.mode == "nrac":
        return [], [
            TableResource(catalog_id=catalog, database=database.name, name=name)
            for database in plan.databases
            for name in database.tables
        ]
    if plan.expression is None:
        return [], []
    wanted = conditions(plan.expression)
    return (
        [TagPolicyResource(catalog_id=catalog, resource_type="DATABASE", expression=wanted)],
        [TagPolicyResource(catalog_id=catalog, resource_type="TABLE", expression=wanted)],
    )


def _locations(plan: LinkPlan, config: LinkConfig) -> Iterator[LocationResource]:
    """Yield the tables' locations, registered in central: to alter a table one must have access to where it points."""
    partition = parse_arn(config.crawler_role_arn).partition
    for location in dict.fromkeys(plan.locations):
        bucket, _, path = location.removeprefix("s3://").partition("/")
        yield LocationResource(catalog_id=config.central_account_id, arn=s3_arn(partition, bucket, path))
