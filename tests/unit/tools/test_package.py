"""What is in the Lambda package, and what is not."""

import re
import tomllib

import pytest

from tools.package import LOCK, PACKAGE, own_code


def test_the_package_has_the_flows_and_not_the_command_line() -> None:
    names = own_code().keys()
    assert {"datamesh/__init__.py", "datamesh/py.typed", "datamesh/handlers/share_data_product.py"} <= names
    assert [name for name in names if name.startswith("datamesh/cli")] == []
    assert (PACKAGE / "datamesh" / "cli" / "app.py").exists()


@pytest.mark.parametrize("name", ["boto3", "pyarrow", "pycognito", "rich", "typer", "shellingham"])
def test_the_package_has_nothing_that_only_the_command_line_needs(name: str) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not any(needed.startswith(name) for needed in project["dependencies"])
    assert re.search(rf"^{name}==", LOCK.read_text(encoding="utf-8"), re.MULTILINE) is None
