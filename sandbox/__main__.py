"""`python -m sandbox <command>`: serve the emulated AWS, or bring the mesh up in it."""

from __future__ import annotations

import argparse
import sys


def serve(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    from sandbox import server  # noqa: PLC0415 - takes seconds to import, and only this command needs it

    server.serve(arguments.port)
    return 0


def up(_: argparse.Namespace) -> int:
    """Leave the mesh running."""
    from sandbox.mesh import lifecycle  # noqa: PLC0415

    return lifecycle.up()


def down(_: argparse.Namespace) -> int:
    """End what `up` started."""
    from sandbox.mesh import lifecycle  # noqa: PLC0415

    return lifecycle.down()


def demo(_: argparse.Namespace) -> int:
    """Tell the whole story and stop."""
    from sandbox.mesh import demo as story  # noqa: PLC0415

    return story.main()


def main() -> int:
    """Dispatch to the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The whole data mesh on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="serve the emulated AWS until stopped")
    server.add_argument("--port", type=int, default=4566, help="on 127.0.0.1 (default: 4566)")
    server.set_defaults(run=serve)
    for run, text in ((up, "apply the mesh and leave it running"), (down, "end it"), (demo, "run it end to end")):
        commands.add_parser(run.__name__, help=text).set_defaults(run=run)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
