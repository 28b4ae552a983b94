"""People in a real browser against the applied mesh: Debian's Chromium, driven by Playwright.

``open_as`` signs a person in and gives the page; ``look`` keeps screenshots of it under build/screenshots (light, dark
and narrow) and lets axe judge it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sandbox.mesh.layout import BUILD
from tests.portal.axe import problems_of
from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import REGISTERED, Applied

SCREENSHOTS = BUILD / "screenshots"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Workflows take seconds here, and two meshes share this machine with other tests.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@dataclass
class Portal:
    """The portal of an applied mesh."""

    url: str
    story: Story


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium that the machine has: `make browser` installs Debian's where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("There is no Chromium: `make browser` installs it")
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    # Root has no user namespaces to sandbox pages in; the pages are ours.
    options = ["--no-sandbox"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=options) as chromium,
    ):
        yield chromium


@pytest.fixture
def portal(applied: Applied) -> Portal:
    """The portal of a mesh whose domains sales and marketing are registered, and no product."""
    applied.sandbox.restore(REGISTERED)
    url = applied.sandbox.portal_url(applied.mesh.outputs["central"]["portal_url"])
    return Portal(url.rstrip("/"), Story(applied.sandbox, applied.mesh))


@pytest.fixture
def new_page(browser: Browser, portal: Portal) -> Iterator[Callable[[], Page]]:
    """Make pages of people who share nothing. One that throws or breaks the content security policy fails the test."""
    broken: list[str] = []
    contexts = []

    def make() -> Page:
        context = browser.new_context(base_url=portal.url, viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                broken.append(f"{page.url}: {message.text}") if "Content Security" in message.text else None
            ),
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not broken, "\n".join(broken)


Look = Callable[[Page, str], None]


@pytest.fixture
def look() -> Look:
    """Keep what a page looks like, and fail on what axe finds serious in it."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        _shoot(page, f"{name}-light")
        found = problems_of(page)
        assert not found, f"{name}: " + "\n".join(found)
        page.get_by_role("button", name="Change to dark mode").click()
        _shoot(page, f"{name}-dark")
        found = problems_of(page)
        assert not found, f"{name}, dark: " + "\n".join(found)
        page.get_by_role("button", name="Change to light mode").click()
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        _shoot(page, f"{name}-narrow")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    return keep


def _shoot(page: Page, name: str) -> None:
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")
