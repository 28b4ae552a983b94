"""The rules that all Terraform files keep (style: docs/testing.md says which suite may touch what)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.terraform_docs import documented, modules
from tools.terraform_files import blocks, parse, resources

ROOT = Path(__file__).resolve().parents[2]
MODULES = modules()
ROOTS = sorted({file.parent for file in (ROOT / "environments").glob("*/*.tf")})
CONFIGURATIONS = [*MODULES, *ROOTS]

# Data sources that are computed by the provider itself; any other would call AWS during the plan.
LOCAL_DATA_SOURCES = {"aws_iam_policy_document", "aws_partition", "aws_region"}


def name_of(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


configurations = pytest.mark.parametrize("folder", CONFIGURATIONS, ids=name_of)


def variables(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: body for _, name, body in blocks(folder, "variable")}


def outputs(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: body for _, name, body in blocks(folder, "output")}


@configurations
def test_required_variables_come_first_and_each_group_is_sorted(folder: Path) -> None:
    for file in folder.glob("variables*.tf"):
        declared = [(name, body) for block in parse(file).get("variable", []) for name, body in block.items()]
        wanted = sorted(declared, key=lambda each: ("default" in each[1], each[0]))
        assert [name for name, _ in declared] == [name for name, _ in wanted], file


@configurations
def test_variables_are_declared_in_their_files(folder: Path) -> None:
    strays = {file.name for file, _, _ in blocks(folder, "variable") if not file.name.startswith("variables")}
    assert not strays


@configurations
def test_variables_have_a_type_and_none_is_any(folder: Path) -> None:
    without = [name for name, body in variables(folder).items() if re.search(r"\bany\b", body.get("type", "any"))]
    assert not without


@configurations
def test_variables_say_whether_they_may_be_null(folder: Path) -> None:
    # A variable is nullable where null means something; then that is its default.
    wrong = [
        name
        for name, body in variables(folder).items()
        if body.get("nullable") is not False and not ("default" in body and body["default"] is None)
    ]
    assert not wrong


@configurations
@pytest.mark.parametrize("kind", ["variable", "output"])
def test_descriptions_are_sentences(folder: Path, kind: str) -> None:
    wrong = {
        name: body.get("description", "(none)")
        for _, name, body in blocks(folder, kind)
        if not re.match(r"[A-Z].*\.\Z", body.get("description", "").strip(), flags=re.DOTALL)
    }
    assert not wrong


@configurations
def test_descriptions_name_the_attributes_of_objects(folder: Path) -> None:
    silent = {}
    for name, body in variables(folder).items():
        attributes = set(re.findall(r'"([a-z_]+)":', body["type"]))
        silent[name] = {each for each in attributes if f"`{each}`" not in body["description"]}
    assert not {name: each for name, each in silent.items() if each}


@configurations
def test_outputs_are_sorted(folder: Path) -> None:
    assert list(outputs(folder)) == sorted(outputs(folder))


@configurations
def test_alarm_topics_are_optional_and_the_same_everywhere(folder: Path) -> None:
    declared = variables(folder).get("alarm_topic_arns")
    if declared:
        assert (declared["type"], declared["default"]) == ("${list(string)}", [])


def test_modules_want_the_same_versions() -> None:
    texts = {(module / "terraform.tf").read_text() for module in MODULES}
    assert len(texts) == 1, "the files terraform.tf of the modules differ"


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_modules_leave_providers_and_backends_to_their_callers(folder: Path) -> None:
    assert not list(blocks(folder, "provider"))
    assert not any("backend" in block for file in folder.glob("*.tf") for block in parse(file).get("terraform", []))


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_modules_ask_aws_nothing_while_they_plan(folder: Path) -> None:
    kinds = {address.split(".")[1] for _, address, _ in resources(folder) if address.startswith("data.")}
    assert kinds <= LOCAL_DATA_SOURCES


@configurations
def test_the_name_of_the_region_is_read_in_one_place(folder: Path) -> None:
    # Version 6 of the provider renames the attribute.
    reads = [
        file for file in folder.glob("*.tf") for _ in re.finditer(r"data\.aws_region\.\w+\.name", file.read_text())
    ]
    assert len(reads) <= 1


@configurations
def test_arns_have_the_partition_that_they_are_in(folder: Path) -> None:
    hard_coded = [
        f"{file.name}:{number}"
        for file in folder.glob("*.tf")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if re.search(r'"arn:aws[a-z-]*:', line)
    ]
    assert not hard_coded


@configurations
def test_wildcard_resources_have_a_reason_on_their_line(folder: Path) -> None:
    without = []
    for file in folder.glob("*.tf"):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            bare = re.search(r'\bresources\s*=\s*\[\s*"\*"\s*\]', line)
            # The statement objects of the block lambda-function carry the reason as an attribute.
            reason = re.search(r"#\s*\S", line) or any("reason " in near for near in lines[number - 4 : number + 5])
            if bare and not reason:
                without.append(f"{file.name}:{number + 1}")
    assert not without


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_readmes_have_fresh_tables(folder: Path) -> None:
    assert (folder / "README.md").is_file()
    assert documented(folder) == (folder / "README.md").read_text(), "run: python tools/terraform_docs.py"


def examples() -> list[tuple[Path, str]]:
    """Return the HCL blocks of the READMEs that call a module."""
    return [
        (module, text)
        for module in MODULES
        if (module / "README.md").is_file()
        for text in re.findall(r"```hcl\n(.*?)```", (module / "README.md").read_text(), flags=re.DOTALL)
    ]


@pytest.mark.parametrize(("module", "text"), examples(), ids=lambda each: each.name if isinstance(each, Path) else "")
def test_examples_in_readmes_are_formatted_and_give_what_the_module_takes(
    module: Path, text: str, tmp_path: Path
) -> None:
    file = tmp_path / "example.tf"
    file.write_text(text if text.startswith("module") else f'module "excerpt" {{\n{text}}}\n')

    formatted = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(file)], capture_output=True, text=True, check=False
    )
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr

    for block in parse(file)["module"]:
        for name, arguments in block.items():
            declared = variables((module / arguments["source"]).resolve() if "source" in arguments else module)
            given = set(arguments) - {"source", "count", "for_each", "depends_on", "providers"}
            assert given <= set(declared)
            if name != "excerpt":
                assert {each for each, body in declared.items() if "default" not in body} <= given
