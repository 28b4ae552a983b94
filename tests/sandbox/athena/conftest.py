"""Queries are asked in the small mesh of tests/sandbox/glue."""

from __future__ import annotations

from tests.sandbox.glue.conftest import built, lake

__all__ = ["built", "lake"]
