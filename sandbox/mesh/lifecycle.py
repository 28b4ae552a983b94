"""`make up` and `make down`: the same mesh as the demo's, left running and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time

from sandbox.client import Sandbox
from sandbox.mesh.bring_up import Mesh, bring_up, write_description
from sandbox.mesh.layout import BUILD, PORT
from sandbox.mesh.progress import Progress

DESCRIPTION = BUILD / "sandbox.json"
DIRECTORY = BUILD / "sandbox"


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
        bring_up(mesh, progress)
        description = write_description(mesh, sandbox.process_id)
    except Exception as error:  # noqa: BLE001 - whatever it was, say it and leave nothing running
        progress.say(f"\nThe mesh did not come up: {error}\nThe sandbox's log: {log.relative_to(BUILD.parent)}")
        if sandbox:
            sandbox.stop()
        return 1
    progress.say(
        f"""
The mesh is up at {sandbox.url}; {description.relative_to(BUILD.parent)} says where everything is.
An account id is the access key of that account's root user, with any secret. Three things to try:

  1. .venv/bin/python examples/share_a_product.py
     registers a product, is refused, asks for access and reads it: plain boto3, a hundred lines to start from.
     examples/share_by_tag.py does so by LF-tag.
  2. Put commands on a domain's bus yourself: docs/events.md has them all, examples/README.md the infrastructure.
  3. Change a module and run `make plan ENV=domain WORKSPACE=sales TARGET=sandbox`.

`make down` ends it."""
    )
    return 0


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
    return 0
