"""The building blocks of the core's tests serve here as well."""

from tests.sandbox.core.conftest import make_role

__all__ = ["make_role"]
