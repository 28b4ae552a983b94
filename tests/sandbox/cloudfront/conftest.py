"""The building blocks of other rooms serve here as well."""

from tests.sandbox.core.conftest import make_role
from tests.sandbox.httpapi.conftest import make_api

__all__ = ["make_api", "make_role"]
