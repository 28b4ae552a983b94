from __future__ import annotations

from pathlib import Path

import pytest

from tools.terraform_docs import BEGIN, END, documented, short_type

VARIABLES = """\
variable "layers" {
  description = <<-EOT
    The layers, {NAME => settings}:
    * `days`: how long.
  EOT
  type = map(object({
    days = optional(number, 30)
  }))
  default = {}
}
"""


@pytest.mark.parametrize(
    ("expression", "short"),
    [
        ("string", "string"),
        ("${list(string)}", "list(string)"),
        ('${object({"a": "string"})}', "object"),
        ('${map(object({"a": "${optional(list(object({"b": "string"})))}"}))}', "map(object)"),
    ],
)
def test_types_of_objects_are_short(expression: str, short: str) -> None:
    assert short_type(expression) == short


def test_tables_replace_what_is_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(VARIABLES)
    (tmp_path / "README.md").write_text(f"# lake\n\nA lake.\n\n{BEGIN}\nstale\n{END}\n\nThe end.\n")

    text = documented(tmp_path)

    assert text.startswith("# lake\n\nA lake.\n")
    assert text.endswith(f"{END}\n\nThe end.\n")
    assert "stale" not in text
    assert (
        "| [layers](variables.tf#L1) | The layers, {NAME =&gt; settings}:<br>• `days`: how long. "
        "| `map(object)` | `{}` |" in text
    )


def test_a_readme_without_markers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# lake\n")

    with pytest.raises(ValueError, match="BEGIN TABLES"):
        documented(tmp_path)
