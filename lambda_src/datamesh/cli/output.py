"""What commands print, the same way in all of them: tables for people, JSON and YAML for programs.

Answers go to stdout, everything else to stderr. A command ends with OK, or with REFUSED when the answer is no, or with
UNANSWERED when there is none: a misspelt option, a file that cannot be read, a registry that is not there.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, NoReturn

import typer
import yaml
from rich.console import Console, RenderableType

OK = 0
REFUSED = 1
UNANSWERED = 2


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the answer.")]


def answer(data: object, output: Format, *, table: Callable[[], RenderableType]) -> None:
    """Print an answer: `data` is plain JSON, `table` makes of it what people read."""
    console = Console(soft_wrap=output is not Format.TABLE)
    if output is Format.JSON:
        console.print_json(data=data)
    elif output is Format.YAML:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        console.print(text, end="", markup=False, highlight=False)
    else:
        console.print(table())


def lines(texts: list[str]) -> None:
    """Print lines as they are, however long: editors read places out of them."""
    console = Console(soft_wrap=True)
    for text in texts:
        console.print(text, markup=False, highlight=False)


def remark(text: str) -> None:
    """Tell people something besides the answer."""
    Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)


def aside(shown: RenderableType) -> None:
    """Show people what they need to know before they answer."""
    Console(stderr=True).print(shown)


def unanswered(text: str) -> NoReturn:
    """End the command without an answer."""
    remark(f"datamesh: {text}")
    raise typer.Exit(UNANSWERED)
