"""Who is signed in."""

from datamesh.handlers.portal._runtime import Routes, SignedIn
from datamesh.models.api.identity import Me
from datamesh.models.api.routes import BY_OPERATION

route = Routes("People")


@route(BY_OPERATION["get_me"])
def get_me(caller: SignedIn) -> Me:
    """Who is signed in, and with which roles."""
    return caller.as_me()
