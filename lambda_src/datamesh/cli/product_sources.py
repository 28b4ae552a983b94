"""Where it is looked up what a registration would change: the API, central's registry, another contract."""

from typing import Protocol

from datamesh.aws.registry import Registry
from datamesh.cli.client import ApiClient
from datamesh.logic.contracts import ContractReading
from datamesh.logic.contracts.changes import Registered, product_plan
from datamesh.logic.portal.registrations import plan
from datamesh.models.api.products import ManifestProblem, ProductPlan, ProductRegistration
from datamesh.models.commands import ProductSpec
from datamesh.models.tags import SensitiveTags


class ProductSource(Protocol):
    """Somebody who knows what is registered."""

    def plan(self, domain: str, spec: ProductSpec, reading: ContractReading) -> ProductPlan:
        """Return what a registration of a product, read from a contract, would do. Changes nothing."""


class ContractSource:
    """Another contract: what it describes counts as registered. It knows no consumers."""

    def __init__(self, spec: ProductSpec) -> None:
        self._spec = spec

    def plan(self, domain: str, spec: ProductSpec, reading: ContractReading) -> ProductPlan:  # noqa: ARG002
        """Return how the contracts differ."""
        return product_plan(spec, Registered.from_spec(self._spec), problems=reading.problems)


class RegistrySource:
    """Central's registry, with credentials that may read it."""

    def __init__(self, registry: Registry, sensitive_tags: SensitiveTags) -> None:
        self._registry = registry
        self._sensitive_tags = sensitive_tags

    def plan(self, domain: str, spec: ProductSpec, reading: ContractReading) -> ProductPlan:
        """Return what a registration would do now. Raises NotFound when the domain is not registered."""
        found = plan(self._registry, domain, ProductRegistration(product=spec), sensitive_tags=self._sensitive_tags)
        return _with_places(found, reading)


class ApiSource:
    """The API, asked as a person who may register the product."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def plan(self, domain: str, spec: ProductSpec, reading: ContractReading) -> ProductPlan:
        """Return what a registration would do now. Raises ApiRefused, ApiUnreachable."""
        # The product, not the text: servers and variables are chosen here.
        body = ProductRegistration(product=spec)
        return _with_places(self._client.ask("plan_product", ProductPlan, body=body, domain=domain), reading)


def _with_places(plan: ProductPlan, reading: ContractReading) -> ProductPlan:
    """Return a plan whose problems stand at their places in the contract, after the contract's own."""

    def placed(problem: ManifestProblem) -> ManifestProblem:
        return reading.blame(problem.field, problem.message).model_copy(update={"severity": problem.severity})

    return plan.model_copy(update={"problems": (*reading.problems, *map(placed, plan.problems))})
