"""Generate the tables of inputs and outputs in the READMEs of the Terraform modules.

    python tools/terraform_docs.py [--check]

They stand between two markers; what is around them is written by hand. `--check` writes nothing and fails when a
README is missing or its tables are not what the module's files say.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.terraform_files import blocks  # noqa: E402 - ROOT must be importable first

BEGIN = "<!-- BEGIN TABLES: written by tools/terraform_docs.py -->"
END = "<!-- END TABLES -->"


def modules() -> list[Path]:
    """Return the folders of all modules."""
    return sorted({file.parent for file in (ROOT / "modules").glob("*/*.tf")})


def tables(module: Path) -> str:
    """Return the tables of a module in Markdown."""
    inputs = [
        (
            f"[{name}]({file.name}#L{_line(file, name)})",
            _cell(body["description"]),
            f"`{short_type(body['type'])}`",
            f"`{json.dumps(body['default'], ensure_ascii=False)}`" if "default" in body else "required",
        )
        for file, name, body in blocks(module, "variable")
    ]
    outputs = [(f"`{name}`", _cell(body["description"])) for _, name, body in blocks(module, "output")]
    parts = []
    if inputs:
        parts.append("## Inputs\n\n" + _table(("name", "description", "type", "default"), inputs))
    if outputs:
        parts.append("## Outputs\n\n" + _table(("name", "description"), outputs))
    return "\n".join(parts)


def _line(file: Path, variable: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return lines.index(f'variable "{variable}" {{') + 1


def _cell(text: str) -> str:
    """Return a description as the content of a table's cell: lists become lines, and <words> stay visible."""
    text = text.strip().replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\n\* ", "<br>• ", text).replace("\n", " ")


def short_type(expression: str) -> str:
    """Return a type without the attributes of its objects: the description says what they are."""
    text = expression.removeprefix("${").removesuffix("}") if expression.startswith("${") else expression
    return re.sub(r"object\(.*\}\)", "object", text, flags=re.DOTALL)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def documented(module: Path) -> str:
    """Return the module's README with fresh tables. Raises ValueError when it has no place for them."""
    text = (module / "README.md").read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"put the lines {BEGIN!r} and {END!r} once into the README")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(module)}\n{END}{rest.split(END)[1]}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Generate the tables in the READMEs of the Terraform modules.")
    parser.add_argument("--check", action="store_true", help="only tell which READMEs are not up to date")
    check = parser.parse_args().check
    complaints = []
    for module in modules():
        readme = module / "README.md"
        name = readme.relative_to(ROOT)
        if not readme.is_file():
            complaints.append(f"{name}: is missing")
            continue
        try:
            fresh = documented(module)
        except ValueError as error:
            complaints.append(f"{name}: {error}")
            continue
        if fresh != readme.read_text(encoding="utf-8"):
            if check:
                complaints.append(f"{name}: its tables are not up to date, run `make docs`")
            else:
                readme.write_text(fresh, encoding="utf-8")
                print(f"wrote {name}")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
