"""`make up` and `make down`: the same mesh as the demo's, left running and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time

from rich.table import Table

from sandbox.client import Sandbox
from sandbox.mesh import people, profiles
from sandbox.mesh.bring_up import Mesh, Portal, bring_up, write_description
from sandbox.mesh.layout import BUILD, PORT, ROOT
from sandbox.mesh.progress import Progress

DESCRIPTION = BUILD / "sandbox.json"
DIRECTORY = BUILD / "sandbox"
PAGES = ROOT / "portal" / "dist" / "index.html"


def running() -> int | None:
    """Return the process id of the sandbox that `make up` started, or None when it does not run."""
    if not DESCRIPTION.is_file():
        return None
    process_id: int | None = json.loads(DESCRIPTION.read_text())["process_id"]
    if process_id is None:
        return None
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return None
    return process_id


def up() -> int:
    """Start the sandbox at its usual address, bring the mesh up and leave it running."""
    progress = Progress()
    if process_id := running():
        progress.say(f"The mesh is running already (process {process_id}); `make down` ends it.")
        return 0
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    log = DIRECTORY / "sandbox.log"
    sandbox = None
    try:
        with progress.step("Start the sandbox: three AWS accounts on this machine") as step:
            sandbox = Sandbox.start(port=int(os.environ.get("SANDBOX_PORT", str(PORT))), log=log)
            step.detail = sandbox.url
        mesh = Mesh(sandbox.url)
        bring_up(mesh, progress, products=True)
        description = write_description(mesh, sandbox.process_id)
        profiles.write(mesh)
    except Exception as error:  # noqa: BLE001 - whatever it was, say it and leave nothing running
        progress.say(f"\nThe mesh did not come up: {error}\nThe sandbox's log: {log.relative_to(BUILD.parent)}")
        if sandbox:
            sandbox.stop()
        return 1
    progress.say(
        f"\nThe mesh is up at {sandbox.url}; {description.relative_to(BUILD.parent)} says where everything is.\n"
        "An account id is the access key of that account's root user, with any secret."
    )
    if mesh.portal is not None:
        _show_portal(progress, mesh.portal)
    else:
        progress.say("\nTry it: .venv/bin/python examples/share_a_product.py, plain boto3 to start from.")
    progress.say("\n`make down` ends it.")
    return 0


def _show_portal(progress: Progress, portal: Portal) -> None:
    """Print where the portal is, who may sign in, and what to try."""
    progress.say(f"\nThe portal: {portal.url}\n")
    if not PAGES.is_file():
        progress.say("Its pages are not built (`make portal`, with Node.js): so far only its API answers.\n")
    table = Table(box=None, pad_edge=False)
    for name in ("Address", "Password"):
        table.add_column(name, no_wrap=True)
    table.add_column("Signs in as")
    for user in people.PORTAL_USERS:
        role = ", ".join(user.groups) + (" (has to choose a password)" if user.temporary else "")
        table.add_row(user.email, user.password, role)
    progress.console.print(table)
    file = profiles.FILE.relative_to(BUILD.parent)
    progress.say(
        f"""
Three things to try:

  1. Find data and ask for it. Sign in as analyst@marketing.example, search for "flights" and ask for departures,
     which is granted at once; then ask for fleet, which holds personal data: its owner has to decide.
  2. Decide. The owner's mail is at {portal.cognito_endpoint}/_sandbox/mail.html?to=owner@sales.example; its link
     leads to the request. Sign in as owner@sales.example and approve it.
  3. Look at what happened: as operator@mesh.example, every workflow with its steps and events. Or from a terminal,
     where every user has a profile:
     export DATAMESH_CONFIG_FILE={file} DATAMESH_PROFILE=operator
     .venv/bin/datamesh login && .venv/bin/datamesh workflow list

examples/ has the same without people: plain boto3 and commands on a domain's bus."""
    )


def down() -> int:
    """End what `up` started. Nothing to end is no error."""
    progress = Progress()
    process_id = running()
    if process_id is None:
        progress.say("No mesh is running.")
    else:
        os.kill(process_id, signal.SIGTERM)
        while running() == process_id:
            time.sleep(0.1)
        progress.say("The mesh is down.")
    DESCRIPTION.unlink(missing_ok=True)
    profiles.FILE.unlink(missing_ok=True)
    return 0
