"""Who may use a route: roles out of Cognito groups, compared as a whole.

A group is `<domain>.<role>` (owner, steward, member) or `mesh.<role>` (admin, operator, auditor); domain names have no
dots, so that no group reads two ways. Any other group says nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast, get_args

from pydantic import TypeAdapter, ValidationError

from datamesh.models.api.identity import DomainRole, DomainRoles, Me, MeshRole
from datamesh.models.api.routes import Access, Route
from datamesh.models.base import DomainName
from datamesh.models.errors import NotAllowed, NotSignedIn
from datamesh.models.people import Email

MESH = "mesh"
_DOMAIN_ROLES: tuple[str, ...] = get_args(DomainRole)
_MESH_ROLES: tuple[str, ...] = get_args(MeshRole)
_DOMAIN = TypeAdapter[str](DomainName)
_EMAIL = TypeAdapter[str](Email)


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


def signed_in(claims: Mapping[str, Any]) -> Caller:
    """Return the person whom the claims of a token name, its signature checked by API Gateway.

    Raises NotSignedIn for an access token (it has no address), and for an address that nobody has confirmed.
    Source: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
    """
    if claims.get("token_use") != "id":
        raise NotSignedIn("This needs the ID token of a person")
    if claims.get("email_verified") not in {True, "true"}:
        raise NotSignedIn("The address of the person is not confirmed")
    try:
        email = _EMAIL.validate_python(claims.get("email"))
    except ValidationError as error:
        raise NotSignedIn("The token names no address that the mesh knows people by") from error
    name = claims.get("name")
    return caller_of(email, name if isinstance(name, str) else None, groups_of(claims.get("cognito:groups")))


def groups_of(claim: object) -> tuple[str, ...]:
    """Return the groups of a claim.

    API Gateway writes a list as the text `[a b]`; others leave the list as it is, or write `[a, b]`. A comma inside a
    group's name never divides it.
    """
    if isinstance(claim, list | tuple):
        return tuple(group for group in claim if isinstance(group, str))
    if not isinstance(claim, str):
        return ()
    text = claim[1:-1] if claim.startswith("[") and claim.endswith("]") else claim
    names = text.split()
    if all(name.endswith(",") for name in names[:-1]):
        names = [*(name[:-1] for name in names[:-1]), *names[-1:]]
    return tuple(names)


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
