"""docs/guarantee.md is the list: every row has its tests, and every test of a fault its row."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "guarantee.md").read_text("utf-8")

Found = dict[str, set[str]]  # row -> names of tests


def of_row(name: str) -> str:
    return f"{name[0]}{int(name[1:]):02}"


def listed() -> tuple[Found, Found]:
    """The tests and the controls that the page names for each row."""
    tests: Found = {}
    controls: Found = {}
    for line in PAGE.splitlines():
        if match := re.match(r"\| ([A-F]\d+) \|", line):
            *_, of_tests, of_controls, _ = line.split("|")
            assert match[1] not in tests, f"{match[1]} has two lines"
            tests[match[1]] = set(re.findall(r"`(\w+)`", of_tests))
            controls[match[1]] = set(re.findall(r"`(\w+)`", of_controls))
    return tests, controls


def marked() -> tuple[Found, Found]:
    """The tests and the controls that are marked with each row."""
    tests: Found = defaultdict(set)
    controls: Found = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        assigned = {
            ast.unparse(node.targets[0]): node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for rows, is_control in marks_of(node, assigned):
                    for row in rows:
                        (controls if is_control else tests)[row].add(node.name)
    return tests, controls


def marks_of(
    test: ast.FunctionDef, assigned: dict[str, ast.expr]
) -> Iterator[tuple[list[str], bool]]:
    """Its own marks, those of its parameters, and those of the whole file."""
    names = {one.id for one in walked(test.decorator_list) if isinstance(one, ast.Name)}
    parameters = [assigned[name] for name in names | {"pytestmark"} if name in assigned]
    for node in walked([*test.decorator_list, *parameters]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield read(node)


def walked(expressions: list[ast.expr]) -> Iterator[ast.AST]:
    for expression in expressions:
        yield from ast.walk(expression)


def read(mark: ast.Call) -> tuple[list[str], bool]:
    """The rows of a mark, and whether it is that of a control."""
    return [str(ast.literal_eval(row)) for row in mark.args], bool(mark.keywords)


def test_every_row_names_its_tests_and_every_test_has_its_row():
    tests, _ = listed()

    assert tests == marked()[0]
    assert all(tests.values())


def test_every_control_is_named():
    _, controls = listed()

    assert {row: names for row, names in controls.items() if names} == marked()[1]


def test_every_class_of_faults_has_a_control():
    _, controls = listed()

    assert {row[0] for row, names in controls.items() if names} == set("ABCDEF")


def test_the_rows_are_in_order():
    rows = re.findall(r"^\| ([A-F]\d+) \|", PAGE, re.MULTILINE)

    assert rows == sorted(rows, key=of_row)
