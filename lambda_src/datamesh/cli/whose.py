"""In whose name a person asks: the domain that is given, or that of the profile, or the only one the person is in."""

from datamesh.cli.client import ApiClient
from datamesh.cli.config import Profile
from datamesh.cli.output import unanswered
from datamesh.models.api.identity import Me, MeshRole


def domain_of(client: ApiClient, profile: Profile, given: str | None) -> str:
    """Return the domain that is meant; ends the command when it could be several. Raises as the client does."""
    if named := given or profile.domain:
        return named
    mine = [each.domain for each in client.ask("get_me", Me).domains]
    if len(mine) != 1:
        unanswered(f"give --domain: you belong to {', '.join(mine) or 'none'}")
    return mine[0]


def domain_or_all(
    client: ApiClient, profile: Profile, given: str | None, *, everything: bool, overseers: frozenset[MeshRole]
) -> str | None:
    """Return the domain that is meant, or None for the whole mesh.

    The whole mesh is meant when that is said, or when somebody with one of these roles belongs to no domain.
    """
    if everything:
        if given is not None:
            unanswered("give either --domain or --all")
        return None
    if named := given or profile.domain:
        return named
    me = client.ask("get_me", Me)
    if not me.domains and overseers & set(me.mesh_roles):
        return None
    if len(me.domains) != 1:
        wide = ", or --all" if overseers & set(me.mesh_roles) else ""
        unanswered(f"give --domain{wide}: you belong to {', '.join(each.domain for each in me.domains) or 'none'}")
    return me.domains[0].domain
