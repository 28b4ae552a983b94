"""Contracts in files: read, and what is wrong with them said so that editors find the place."""

import sys
from pathlib import Path
from typing import NamedTuple

from datamesh.cli.output import unanswered
from datamesh.logic.contracts import ContractReading, read_contract
from datamesh.models.api.products import ManifestProblem

STDIN = Path("-")


class ContractFile(NamedTuple):
    """A contract, where it comes from, and its text."""

    name: str
    text: str
    reading: ContractReading


def contract_file(path: Path, *, server: str | None, variables: dict[str, str]) -> ContractFile:
    """Read a contract from a file, or with `-` from stdin. Raises OSError, UnicodeDecodeError."""
    if path == STDIN:
        text = sys.stdin.buffer.read().decode("utf-8")
        name = "(stdin)"
    else:
        text = path.read_text(encoding="utf-8")
        name = str(path)
    return ContractFile(name, text, read_contract(text, server=server, variables=variables))


def one_contract(path: Path, *, server: str | None, variables: dict[str, str]) -> ContractFile:
    """Read a contract; ends the command when that is not possible."""
    try:
        return contract_file(path, server=server, variables=variables)
    except (OSError, UnicodeDecodeError) as error:
        unanswered(f"{path} cannot be read: {error}")


def variables_of(pairs: list[str] | None) -> dict[str, str]:
    """Read NAME=VALUE; ends the command when that is not possible.

    The environment is not looked at: a contract that somebody proposes could have a secret of the pipeline printed.
    """
    found: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            unanswered(f"{pair} is not NAME=VALUE")
        found[name] = value
    return found


def line_of(file: str, problem: ManifestProblem) -> str:
    """Return a problem as compilers write it: `file:line:column: severity: message [field]`."""
    return f"{file}:{problem.line or 1}:{problem.column or 1}: {problem.severity}: {problem.message} [{problem.field}]"
