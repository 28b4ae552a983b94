"""The sandbox's time inside Lambda functions, which are processes of their own.

AWS has one time: an expiry that fires because a test moved the sandbox's clock must look due to the function it wakes.
`shim` gives the source that a function's worker runs before anything else; it makes `time` and `datetime` of that
process, warm or cold, tell the machine's time plus the sandbox's offset of the moment.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from datetime import datetime, timedelta

from sandbox import adapter, clock
from sandbox.api import Json

_VARIABLE = "_SANDBOX_CLOCK"
_WINDOW = timedelta(minutes=15)

adapter.uses("core.sigv4", "_amz_datetime")


def install() -> None:
    """Put the shim into the workers' script, and let in what they sign with the moved time."""
    os.environ[_VARIABLE] = clock.share()
    adapter.patch("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT", _on_our_clock)
    adapter.patch("core.sigv4", "request_time_failure", _either_time)


def _on_our_clock(script: str) -> str:
    """The time a function has left is real: moving the clock during an invocation does not use it up."""
    for line in ("_deadline = time.time()", "(_deadline - time.time())"):
        if line not in script:
            raise AttributeError("ministack.core.lambda_runtime counts timeouts otherwise now: mend function_clock.py")
        script = script.replace(line, line.replace("time.time()", "time.monotonic()"))
    shim = inspect.getsource(_follow_the_sandbox)
    return f"from __future__ import annotations\n{shim}\n{_follow_the_sandbox.__name__}()\n{script}"


def _either_time(original: Callable[..., Json]) -> Callable[..., Json]:
    """Functions sign on the sandbox's clock, tests on the machine's: both are now, and so is what lies between."""

    def failure(signature: Json, *, now: datetime | None = None) -> Json:
        signed_at = adapter.internal("core.sigv4", "_amz_datetime")(signature.amz_date)
        refused = original(signature, now=now)
        if refused is None or signed_at is None:
            return refused
        ahead = timedelta(seconds=clock.offset())
        if clock.now() - ahead - _WINDOW <= signed_at <= clock.now() + timedelta(minutes=5):
            return None
        return refused

    return failure


def _follow_the_sandbox() -> None:
    """Runs in the worker, by its source: it may use nothing of this module.

    `datetime.datetime` is a C type that others hold references to, so its methods are replaced in place, which only
    its underlying dictionary allows.
    """
    import ctypes  # noqa: PLC0415
    import datetime  # noqa: PLC0415
    import gc  # noqa: PLC0415
    import mmap  # noqa: PLC0415
    import os  # noqa: PLC0415
    import struct  # noqa: PLC0415
    import time  # noqa: PLC0415

    name = os.environ.pop("_SANDBOX_CLOCK", None)
    if name is None or not os.path.exists(name):  # noqa: PTH110  pathlib is not loaded yet, and slow to load
        return
    with open(name, "rb") as file:  # noqa: PTH123
        shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real = {name: getattr(time, name) for name in ("time", "time_ns", "gmtime", "localtime", "strftime", "ctime")}

    def offset() -> float:
        found: float = struct.unpack("<d", shared[:8])[0]
        return found

    def moved() -> float:
        return float(real["time"]()) + offset()

    def now_as(function: Json) -> Json:
        return lambda seconds=None: function(moved() if seconds is None else seconds)

    time.time = moved
    time.time_ns = lambda: int(real["time_ns"]()) + int(offset() * 1e9)
    for each in ("gmtime", "localtime", "ctime"):
        setattr(time, each, now_as(real[each]))
    setattr(time, "strftime", lambda form, moment=None: real["strftime"](form, moment or time.localtime()))  # noqa: B010

    def replaced(kind: type, **methods: Json) -> None:
        (names,) = (held for held in gc.get_referents(kind.__dict__) if isinstance(held, dict))
        for method, function in methods.items():
            names[method] = classmethod(function)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))

    utc = datetime.timezone.utc  # noqa: UP017  functions may run on an older Python
    replaced(
        datetime.datetime,
        now=lambda cls, tz=None: cls.fromtimestamp(moved(), tz),
        utcnow=lambda cls: cls.fromtimestamp(moved(), utc).replace(tzinfo=None),
        today=lambda cls: cls.fromtimestamp(moved()),
    )
    replaced(datetime.date, today=lambda cls: cls.fromtimestamp(moved()))
