"""Where it is looked up what a registration would change: central's registry, another contract, later the API."""

from typing import Protocol

from datamesh.aws.registry import Registry
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
        placed = [self._placed(reading, problem) for problem in found.problems]
        return found.model_copy(update={"problems": (*reading.problems, *placed)})

    @staticmethod
    def _placed(reading: ContractReading, problem: ManifestProblem) -> ManifestProblem:
        """Return a problem of the product at the place in the contract that it comes from."""
        return reading.blame(problem.field, problem.message).model_copy(update={"severity": problem.severity})
