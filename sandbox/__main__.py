"""`python -m sandbox <command>`: `serve` here; `up`, `down` and `demo` come from modules with an `add_commands`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

from sandbox import server


def main() -> None:
    """Dispatch to the command."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The whole data mesh on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the emulated AWS until stopped")
    serve.add_argument("--port", type=int, default=4566)
    serve.set_defaults(run=lambda arguments: server.serve(arguments.port))
    if importlib.util.find_spec("sandbox.mesh") and importlib.util.find_spec("sandbox.mesh.commands"):
        add = getattr(importlib.import_module("sandbox.mesh.commands"), "add_commands", None)
        if add is not None:
            add(commands)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
