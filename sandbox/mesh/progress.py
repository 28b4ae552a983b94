"""Show steps as they run: a live line on a terminal, plain lines elsewhere; and keep them for build/demo.json."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape


@dataclass
class Step:
    """One step as build/demo.json has it. ``seconds`` is wall-clock time."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    detail: str = ""


@dataclass
class Progress:
    """Prints the steps and the events between them."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    steps: list[Step] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time one step. What it learns goes to ``step.detail``; an exception marks it failed and goes on up."""
        step = Step(name)
        self.steps.append(step)
        started = time.monotonic()
        live = self.console.is_terminal
        if not live:
            self.console.print(f"… {name}")
        status = self.console.status(f"[bold]{escape(name)}[/bold]") if live else None
        if status:
            status.start()
        try:
            yield step
            step.ok = True
        except BaseException as error:
            step.detail = str(error) or type(error).__name__
            raise
        finally:
            if status:
                status.stop()
            step.seconds = round(time.monotonic() - started, 1)
            mark = "[green]✔[/green]" if step.ok else "[red]✘[/red]"
            detail = f"  [dim]{escape(step.detail)}[/dim]" if step.ok and step.detail else ""
            self.console.print(f"{mark} {escape(name)}  [cyan]{step.seconds:.1f} s[/cyan]{detail}", soft_wrap=True)

    def event(self, detail_type: str, sender: str, receiver: str, at: str, note: str = "") -> None:
        """Show one event that crossed from account to account."""
        self.events.append({"detail_type": detail_type, "from": sender, "to": receiver, "at": at, "note": note})
        extra = f"  [dim]{escape(note)}[/dim]" if note else ""
        self.console.print(f"    {sender} [bold]→[/bold] {receiver}  {escape(detail_type)}{extra}", soft_wrap=True)

    def say(self, text: str = "") -> None:
        """Print a line as it is."""
        self.console.print(escape(text), soft_wrap=True)

    def steps_as_json(self) -> list[dict[str, Any]]:
        """The steps as build/demo.json has them."""
        return [asdict(step) for step in self.steps]
