"""What commands print, the same way in all of them: tables for people, JSON and YAML for programs.

Answers go to stdout, everything else to stderr. A command ends with OK, or with REFUSED when the answer is no, or with
UNANSWERED when there is none: a misspelt option, a file that cannot be read, a registry that is not there.

What others wrote does not move a terminal's cursor: control characters but newline and tab are shown as U+FFFD.
"""

import json
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer
import yaml
from rich.console import Console, ConsoleOptions, RenderableType
from rich.highlighter import JSONHighlighter
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_ENDLESS = 10_000
OK = 0
REFUSED = 1
UNANSWERED = 2
# C0 but newline and tab, DEL, C1.
_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
_REPLACED = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _CONTROLS}


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print the answer.")]


class _Console(Console):
    """A console that cleans texts before rich adds styles to them, those of tables before they are measured."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        columns = renderable.columns if isinstance(renderable, Table) else []
        for each in (renderable, *(cell for column in columns for cell in column.cells)):
            if isinstance(each, Text):
                each.plain = harmless(each.plain)
        return super().render(renderable, options)

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - rich's
        return super().render_str(harmless(text), **how)


def harmless(text: str) -> str:
    """Return a text, as long as it was, without what a terminal would act on."""
    return text.translate(_REPLACED)


def json_text(data: object, indent: int | None = None) -> str:
    """Return data as JSON, in which C1 and DEL are escaped, too."""
    return json.dumps(data, indent=indent, ensure_ascii=False).translate(_ESCAPED)


def answer(data: object, output: Format, *, table: Callable[[], RenderableType]) -> None:
    """Print an answer: `data` is plain JSON, `table` makes of it what people read."""
    console = _Console(soft_wrap=output is not Format.TABLE)
    if output is Format.JSON:
        console.print(JSONHighlighter()(json_text(data, indent=2)))
    elif output is Format.YAML:
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        console.print(text, end="", markup=False, highlight=False)
    else:
        shown = table()
        if not console.is_terminal:
            # Into a pipe or a file each row goes on a line of its own: there is no screen that it has to fit on.
            least, console.width = console.width, _ENDLESS
            console.width = max(least, console.measure(shown).maximum)
        console.print(shown)


def lines(texts: list[str]) -> None:
    """Print lines as they are, however long: editors read places out of them."""
    console = _Console(soft_wrap=True)
    for text in texts:
        console.print(text, markup=False, highlight=False)


def remark(text: str) -> None:
    """Tell people something besides the answer."""
    _Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)


def aside(shown: RenderableType) -> None:
    """Show people what they need to know before they answer."""
    _Console(stderr=True).print(shown)


def unanswered(text: str) -> NoReturn:
    """End the command without an answer."""
    remark(f"datamesh: {text}")
    raise typer.Exit(UNANSWERED)
