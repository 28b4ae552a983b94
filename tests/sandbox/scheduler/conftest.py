"""The events' world serves here as well."""

from tests.sandbox.events.conftest import world

__all__ = ["world"]
