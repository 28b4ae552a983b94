"""Who is signed in, and what the person may do."""

from typing import Literal

from pydantic import Field

from datamesh.models.base import DomainName, Model
from datamesh.models.people import Email

DomainRole = Literal["owner", "steward", "member"]
MeshRole = Literal["admin", "operator", "auditor"]


class DomainRoles(Model):
    """The roles that a person has in a domain."""

    domain: DomainName
    roles: tuple[DomainRole, ...]


class Me(Model):
    """The person who asks."""

    email: Email
    name: str | None = None
    domains: tuple[DomainRoles, ...] = ()
    mesh_roles: tuple[MeshRole, ...] = Field((), description="Roles in the mesh as a whole.")
