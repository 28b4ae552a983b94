"""What a person wants to register, by a manifest or by the mesh's own form, and how it differs from what there is."""

from collections.abc import Iterator
from typing import NamedTuple

from datamesh.logic.contracts import ContractReading, read_contract
from datamesh.logic.contracts.changes import Registered, product_plan
from datamesh.logic.locations import check_location, check_overlaps
from datamesh.logic.ports import Registry
from datamesh.models.api.products import ManifestProblem, ProductPlan, ProductRegistration, SchemaChange
from datamesh.models.commands import ProductSpec
from datamesh.models.config import DomainConfig
from datamesh.models.errors import BreakingChange, CommandRejection, InvalidRequest, NotFound, StateConflict
from datamesh.models.tags import SensitiveTags

_NAMED = 3


class Wanted(NamedTuple):
    """What is to be registered, as far as it can be read, and what is wrong with it."""

    spec: ProductSpec | None
    problems: tuple[ManifestProblem, ...]


def read_registration(registration: ProductRegistration, domain: str, config: DomainConfig) -> Wanted:
    """Read what is to be registered for a domain. Raises InvalidRequest unless exactly one form of it is given."""
    if (registration.manifest is None) == (registration.product is None):
        raise InvalidRequest("Give exactly one of manifest and product", "manifest")
    if registration.manifest is None:
        reading = ContractReading(domain=None, spec=registration.product, problems=())
    else:
        reading = read_contract(registration.manifest)
    problems = (*reading.problems, *_problems(reading, domain, config, form=registration.manifest is None))
    errors = any(problem.severity == "error" for problem in problems)
    return Wanted(None if errors else reading.spec, problems)


def plan(
    registry: Registry, domain: str, registration: ProductRegistration, *, sensitive_tags: SensitiveTags
) -> ProductPlan:
    """Return what a registration would do. Raises NotFound without the domain, and InvalidRequest."""
    wanted = read_registration(registration, domain, domain_config(registry, domain))
    if wanted.spec is None:
        return ProductPlan(problems=wanted.problems)
    return product_plan(
        wanted.spec, registered(registry, domain, wanted.spec.name, sensitive_tags), problems=wanted.problems
    )


def checked(
    registry: Registry, domain: str, registration: ProductRegistration, *, sensitive_tags: SensitiveTags
) -> ProductSpec:
    """Return what is to be registered when nothing speaks against it.

    Raises NotFound without the domain, InvalidRequest naming the first error, StateConflict for what the mesh never
    does, BreakingChange for what nobody said is meant.
    """
    found = plan(registry, domain, registration, sensitive_tags=sensitive_tags)
    if found.product is None:
        raise _first_error(found)
    if refused := [change for change in found.changes if change.refused]:
        raise StateConflict(f"The registration would be refused: {_named(refused)}")
    breaking = [change for change in found.changes if change.breaking]
    if breaking and not registration.accept_breaking_changes:
        consumers = sorted({each.consumer for each in found.affected})
        hit = f"This hits {', '.join(consumers)}" if consumers else "Nobody reads the product yet"
        raise BreakingChange(f"{_named(breaking)}. {hit}. Say accept_breaking_changes if this is meant")
    return found.product


def domain_config(registry: Registry, domain: str) -> DomainConfig:
    """Return the configuration of a domain that is in force. Raises NotFound."""
    record = registry.domain(domain)
    if record is None or record.config is None or record.status == "DEREGISTERED":
        raise NotFound(f"The domain {domain} is not registered")
    return record.config


def registered(registry: Registry, domain: str, name: str, sensitive_tags: SensitiveTags) -> Registered | None:
    """Return a product as it is registered, with who reads it; None when it is not."""
    record = registry.product(domain, name)
    if record is None:
        return None
    return Registered.from_records(
        record,
        registry.tables(domain, name),
        grants=registry.grants(domain, name),
        tag_grants=registry.tag_grants(),
        sensitive_tags=sensitive_tags,
    )


def _problems(reading: ContractReading, domain: str, config: DomainConfig, *, form: bool) -> Iterator[ManifestProblem]:
    """Yield what is wrong with what was read for this very domain."""
    if reading.domain is not None and reading.domain != domain:
        yield reading.blame("domain", f"The contract is of the domain {reading.domain}, not of {domain}")
    if reading.spec is None:
        return
    try:
        check_overlaps(reading.spec.tables)
    except CommandRejection as error:
        yield _blamed(reading, "product.tables", error, form=form)
    for number, table in enumerate(reading.spec.tables):
        field = f"product.tables.{number}.location"
        try:
            check_location(table.location, config, field)
        except CommandRejection as error:
            yield _blamed(reading, field, error, form=form)


def _blamed(reading: ContractReading, field: str, error: CommandRejection, *, form: bool) -> ManifestProblem:
    if form:
        return ManifestProblem(severity="error", field=field, message=error.message)
    return reading.blame(field, error.message)


def _first_error(found: ProductPlan) -> InvalidRequest:
    errors = [problem for problem in found.problems if problem.severity == "error"]
    first = errors[0]
    line = f" (line {first.line})" if first.line is not None else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidRequest(f"{first.field}{line}: {first.message}{more}", first.field)


def _named(changes: list[SchemaChange]) -> str:
    named = []
    for change in changes[:_NAMED]:
        place = ".".join(part for part in (change.table, change.column) if part is not None)
        was = f" ({change.before} → {change.after})" if change.before is not None and change.after is not None else ""
        named.append(f"{place + ': ' if place else ''}{change.what} {change.kind}{was}")
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return f"{'; '.join(named)}{more}"
