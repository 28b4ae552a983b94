"""YAML with places: what counts as what, what is refused, and that every problem has its line and column."""

import pytest

from datamesh.logic.contracts.nodes import MAX_DEPTH, MAX_NAME, MAX_PATH, MAX_PROBLEMS, Mark, Node, Problems, read_yaml
from datamesh.models.api.products import MAX_MANIFEST


def read(text: str) -> tuple[Node | None, list[tuple[int | None, int | None, str]]]:
    problems = Problems()
    node = read_yaml(text, problems)
    return node, [(each.line, each.column, each.message) for each in problems.sorted()]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("NO", "NO"),
        ("true", True),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("007", 7),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".nan", ".nan"),
        ("9" * 50, "9" * 50),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(written: str, value: object) -> None:
    node, problems = read(f"a: {written}\n")
    assert node is not None
    assert not problems
    found = node.mapping["a"].value
    assert (found, type(found)) == (value, type(value))


def test_values_and_keys_know_their_places() -> None:
    node, _ = read("schema:\n  - name: flights\n    properties: [a, b]\n")
    assert node is not None
    flights = node.mapping["schema"].items[0]
    assert (flights.path, flights.mark) == ("schema[0]", (2, 5))
    assert flights.keys["properties"] == (3, 5)
    assert (flights.mapping["properties"].items[1].path, flights.mapping["properties"].items[1].mark) == (
        "schema[0].properties[1]",
        (3, 21),
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "empty"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a: [1,\nb: 2", 2, 5, "expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", 2, 1, "single document"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "a is there twice: on line 1, too"),
        ("a: &x [1]\nb: *x\n", 2, 4, "aliases"),
        ("a: !!python/object/apply:os.system [ls]", 1, 4, "the tag"),
        ("a: !secret x", 1, 4, "the tag"),
        ("? [1, 2]\n: 3", 1, 3, "plain text"),
        ("a:\n\tb: 1", 2, 1, "cannot start any token"),
        ("a: x\x07", 1, 5, "not allowed"),
        ('a: "\\UFFFFFFFF"', 1, 1, "not YAML"),
        ("a: [" * MAX_DEPTH + "1" + "]" * MAX_DEPTH, 1, 81, "deep"),
        ("x" * (MAX_MANIFEST + 1), 1, 1, str(MAX_MANIFEST)),
    ],
)
def test_what_is_wrong_has_its_place(text: str, line: int, column: int, message: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0][:2] == (line, column)
    assert message in problems[0][2]


def test_a_few_lines_cannot_stand_for_gigabytes() -> None:
    layers = "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    _, problems = read(f"a: &a [lol]\n{layers}")
    assert {message for _, _, message in problems} == {"aliases (`*name`) are not taken: write it out"}


def paths(node: Node) -> list[str]:
    below = [*node.mapping.values(), *node.items]
    return [node.path, *(path for each in below for path in paths(each))]


def test_long_names_are_no_part_of_paths() -> None:
    node, problems = read(f"ok: 1\n? {'a' * (MAX_NAME + 1)}\n: [1, 2]\n? {'b' * MAX_NAME}\n: [1, 2]\n")
    assert problems == [(2, 3, f"the name of a field is {MAX_NAME + 1} characters long, of at most {MAX_NAME}")]
    assert node is not None
    assert list(node.mapping) == ["ok", "b" * MAX_NAME]


def test_many_names_that_are_long_together_make_no_long_paths() -> None:
    text = "".join(f"{' ' * depth}{'a' * MAX_NAME}:\n" for depth in range(MAX_DEPTH - 2)) + f"{' ' * MAX_DEPTH}[1, 2]\n"
    node, problems = read(text)
    assert [(line, column) for line, column, _ in problems] == [(4, 4)]
    assert str(MAX_PATH) in problems[0][2]
    assert node is not None
    assert max(map(len, paths(node))) <= MAX_PATH


def test_a_terminal_is_shown_nothing_that_it_would_act_on() -> None:
    _, problems = read('"a\\e[31m\\n": 1\n"a\\e[31m\\n": 2\n')
    (message,) = [message for _, _, message in problems]
    assert message.isprintable()


def test_of_very_many_problems_the_errors_are_kept() -> None:
    problems = Problems()
    for number in range(MAX_PROBLEMS * 2):
        problems.warning(Node("a", Mark(number + 1, 1), None), f"warning {number}")
    problems.error(Node("b", Mark(9_000, 1), None), "the error")
    found = problems.sorted()
    assert len(found) == MAX_PROBLEMS
    assert problems.failed
    assert [problem.message for problem in found if problem.severity == "error"] == ["the error"]
    assert f"{MAX_PROBLEMS + 2} more problems are not shown" in {problem.message for problem in found}
