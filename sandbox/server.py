"""The sandbox as a server: MiniStack's application with the rooms fitted in, on one port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import importlib.util
import logging
import os
import resource
import signal

from sandbox import adapter, api_urls, cognito
from sandbox.api import Json

HOST = "127.0.0.1"
# Rooms in the order in which they fit themselves in; each has an `install()`.
ROOMS = (
    "states",
    "mends",
    "function_clock",
    "events",
    "scheduler",
    "mail",
    "sns",
    "cognito",
    "httpapi",
    "cloudfront",
    "queue_mappings",
    "ram",
    "lakeformation",
    "glue",
    "athena",
)


def install(port: int) -> Json:
    """Fit everything in for this port and return the ASGI application."""
    os.environ["GATEWAY_PORT"] = str(port)
    os.environ["MINISTACK_HOST"] = HOST
    os.environ["AWS_ENDPOINT_URL"] = f"http://{HOST}:{port}"
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # The workers of Lambda functions inherit this environment: they must find their own package only.
    os.environ.pop("PYTHONPATH", None)
    # Functions and API destinations call servers on this machine directly, whatever proxy leads out of it.
    for name in ("no_proxy", "NO_PROXY"):
        kept = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(dict.fromkeys([*kept, HOST, "localhost"]))
    adapter.install()
    for room in ROOMS:
        _fit_in(room)
    from sandbox import control  # noqa: PLC0415  after the rooms, which may add endpoints
    from sandbox.cloudfront import viewers  # noqa: PLC0415
    from sandbox.httpapi import endpoints  # noqa: PLC0415

    ministack = adapter.internal("app", "app")

    async def application(scope: Json, receive: Json, send: Json) -> None:
        if scope["type"] == "http" and viewers.meant_by(scope):
            await viewers.serve(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(api_urls.PREFIX):
            await endpoints.serve(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/_sandbox/"):
            await control.serve(scope, receive, send)
        else:
            await ministack(scope, receive, send)

    return application


def _fit_in(room: str) -> None:
    """`install()` of the room's package, or of its `service` module."""
    if importlib.util.find_spec(f"sandbox.{room}") is None:
        return
    package = hasattr(importlib.import_module(f"sandbox.{room}"), "__path__")
    for name in (f"sandbox.{room}", *([f"sandbox.{room}.service"] if package else [])):
        if importlib.util.find_spec(name) is None:
            continue
        install = getattr(importlib.import_module(name), "install", None)
        if install is not None:
            install()
            return
    logging.getLogger("sandbox").warning("The room %s does not fit itself in", room)


def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve as hypercorn_serve  # noqa: PLC0415  slow to import
    from hypercorn.config import Config  # noqa: PLC0415

    # `kill -USR1` shows what every thread is doing.
    faulthandler.register(signal.SIGUSR1)
    application = install(port)
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"].upper()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await hypercorn_serve(application, config, shutdown_trigger=stop.wait)

    try:
        asyncio.run(run())
    finally:
        adapter.stop_workers()
        cognito.forget_keys()
        logging.shutdown()
        # Executions and pollers run in threads that nothing joins: do not wait for them.
        os._exit(0)
