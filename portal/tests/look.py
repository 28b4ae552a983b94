"""Take screenshots of every page of the made-up mesh (`npm run mock`), light, dark and narrow, and run axe on each.

    cd portal && npm run build && npx vite preview --mode mock --port 5180 &
    .venv/bin/python portal/tests/look.py http://localhost:5180 build/portal-look [name …]

`vite preview` sends the content security policy: what breaks it is reported, like everything that the console says.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

AXE = Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"
# name → person, address, and what is done before the picture is taken: `click:<text>`, `fill:<label>=<text>`, …
LOOKS: dict[str, tuple[str | None, str, tuple[str, ...]]] = json.loads(
    (Path(__file__).parent / "looks.json").read_text(encoding="utf-8")
)
VIEWS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "light": (1366, 900, "light"),
    "dark": (1366, 900, "dark"),
    "narrow": (390, 844, "light"),
}


def sign_in(page: Page, base: str, person: str) -> None:
    """Sign somebody in; the tokens stay in the tab's session storage."""
    page.goto(f"{base}/")
    page.get_by_label("Email address").fill(person)
    page.get_by_label("Password", exact=True).fill("Secret-password-1")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).filter(has_not_text="Sign in").wait_for()


def act(page: Page, step: str) -> None:
    """Do one step of a look."""
    verb, _, rest = step.partition(":")
    if verb == "click":
        page.get_by_text(rest, exact=True).first.click()
    elif verb == "button":
        page.get_by_role("button", name=re.compile(rest)).first.click()
    elif verb == "option":
        page.get_by_role("option", name=re.compile(rest)).first.click()
    elif verb == "tab":
        page.get_by_role("tab", name=rest).click()
    elif verb == "check":
        page.get_by_label(rest).first.check(force=True)
    elif verb == "press":
        page.keyboard.press(rest)
    elif verb == "fill":
        label, _, text = rest.partition("=")
        page.get_by_label(label).and_(page.locator("input, textarea")).first.fill(text.replace("\\n", "\n"))
    elif verb == "wait":
        page.get_by_text(rest).first.wait_for()
    elif verb == "fail":
        page.route(
            f"**{rest}**",
            lambda route: route.fulfill(status=503, json={"title": "Busy", "detail": "Try later", "code": "Busy"}),
        )
    elif verb == "stall":
        page.route(f"**{rest}**", lambda _route: None)
    elif verb == "sleep":
        page.wait_for_timeout(int(rest))
    else:
        raise ValueError(f"unknown step {step}")


def open_page(page: Page, address: str, steps: tuple[str, ...]) -> None:
    """Open a page and do the steps; those that break the API come before it."""
    before = [step for step in steps if step.partition(":")[0] in {"fail", "stall"}]
    for step in before:
        act(page, step)
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(900)
    for step in steps:
        if step not in before:
            act(page, step)


# What the browser says of every answer that is no success: the looks make such answers on purpose.
EXPECTED = "Failed to load resource"


def look(browser: Browser, base: str, out: Path, name: str, view: str) -> list[str]:
    """Take one picture and return what is wrong on the page."""
    person, address, steps = LOOKS[name]
    width, height, scheme = VIEWS[view]
    problems: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(12_000)

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(EXPECTED):
            problems.append(f"console: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
    try:
        if person is not None:
            sign_in(page, base, person)
        open_page(page, f"{base}{address}", steps)
    except Error as error:
        problems.append(f"not to be had: {error.message.splitlines()[0]}")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(700)
    page.screenshot(path=out / f"{name}-{view}.png", full_page=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 1:
        problems.append(f"the page is {overflow} px wider than the screen")
    # Evaluated by the debugger, which the page's policy does not bind.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    for violation in found["violations"]:
        if violation["impact"] in {"serious", "critical"}:
            nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
            problems.append(f"axe {violation['impact']}: {violation['id']}: {nodes}")
    context.close()
    return problems


def main() -> int:
    """Look at all pages, or at those that are named."""
    base, out, *names = sys.argv[1:]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    bad = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
        for name in names or LOOKS:
            for view in VIEWS:
                problems = look(browser, base, folder, name, view)
                bad += len(problems)
                lines = [f"{name:28} {view:7} {'ok' if not problems else ''}", *(f"    {line}" for line in problems)]
                sys.stdout.write("\n".join(lines) + "\n")
                sys.stdout.flush()
        browser.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
