"""What axe-core, of the portal's own packages, finds serious or critical in a page.

Source: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md
"""

from __future__ import annotations

from functools import cache

from playwright.sync_api import Page

from sandbox.mesh.layout import BUILD

_SCRIPT = BUILD.parent / "portal" / "node_modules" / "axe-core" / "axe.min.js"


@cache
def _script() -> str:
    return _SCRIPT.read_text()


def problems_of(page: Page) -> list[str]:
    """Return one line per serious or critical violation: rule, what it says, where."""
    # Evaluated by the debugger, which the page's content security policy does not concern.
    page.evaluate(_script())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: {node['target']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
