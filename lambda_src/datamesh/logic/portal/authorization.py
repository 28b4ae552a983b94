"""Who may use a route: roles out of Cognito groups, compared as a whole.

A group is `<domain>.<role>` (owner, steward, member) or `mesh.<role>` (admin, operator, auditor); domain names have no
dots, so that no group reads two ways. Any other group says nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast, get_args

from pydantic import TypeAdapter, ValidationError

from datamesh.models.api.identity import DomainRole, DomainRoles, Me, MeshRole
from datamesh.models.api.routes import Access, Route
from datamesh.models.base import DomainName
from datamesh.models.errors import NotAllowed

MESH = "mesh"
_DOMAIN_ROLES: tuple[str, ...] = get_args(DomainRole)
_MESH_ROLES: tuple[str, ...] = get_args(MeshRole)
_DOMAIN = TypeAdapter[str](DomainName)


class Caller(NamedTuple):
    """A person who is signed in."""

    email: str
    name: str | None
    domains: dict[str, frozenset[DomainRole]]
    mesh: frozenset[MeshRole]

    def may(self, access: Access, *domains: str | None) -> bool:
        """Tell whether one of the person's roles, in one of these domains or in the mesh, will do."""
        if access.signed_in or self.mesh & access.mesh:
            return True
        return any(domain is not None and self.domains.get(domain, frozenset()) & access.domain for domain in domains)

    def check(self, route: Route, *domains: str | None) -> None:
        """Check that the person may use a route for one of these domains. Raises NotAllowed."""
        if not self.may(route.access, *domains):
            raise NotAllowed(_needs(route.access, domains))

    @property
    def member_of(self) -> tuple[str, ...]:
        """The domains in which the person has any role, by name."""
        return tuple(sorted(self.domains))

    def as_me(self) -> Me:
        """Return what the person is told about itself."""
        roles = tuple(
            DomainRoles(domain=domain, roles=tuple(role for role in get_args(DomainRole) if role in held))
            for domain, held in sorted(self.domains.items())
        )
        mesh = tuple(role for role in get_args(MeshRole) if role in self.mesh)
        return Me(email=self.email, name=self.name, domains=roles, mesh_roles=mesh)


def caller_of(email: str, name: str | None, groups: Iterable[str]) -> Caller:
    """Return the person with the roles that its groups say."""
    domains: dict[str, set[DomainRole]] = {}
    mesh: set[MeshRole] = set()
    for group in groups:
        place, dot, role = group.partition(".")
        if not dot:
            continue
        if place == MESH and role in _MESH_ROLES:
            mesh.add(cast("MeshRole", role))
        elif role in _DOMAIN_ROLES and _is_domain(place):
            domains.setdefault(place, set()).add(cast("DomainRole", role))
    return Caller(email.lower(), name, {domain: frozenset(roles) for domain, roles in domains.items()}, frozenset(mesh))


def _is_domain(name: str) -> bool:
    try:
        _DOMAIN.validate_python(name)
    except ValidationError:
        return False
    return True


def _needs(access: Access, domains: tuple[str | None, ...]) -> str:
    wanted = [
        f"{domain}.{role}"
        for domain in domains
        if domain is not None
        for role in get_args(DomainRole)
        if role in access.domain
    ]
    wanted += [f"mesh.{role}" for role in get_args(MeshRole) if role in access.mesh]
    return f"This needs one of the groups {', '.join(wanted)}" if wanted else "This is not yours to do"
