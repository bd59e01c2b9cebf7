"""docs/bad-input.md is the list: every row has its cases, and every case its row."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
TABLE = (HERE.parents[1] / "docs" / "bad-input.md").read_text("utf-8")
LAST = 51


def rows() -> dict[int, str]:
    """What the last column says, by the row's number."""
    found: dict[int, str] = {}
    for line in TABLE.splitlines():
        # A bar within a cell is written with a backslash.
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].isdigit():
            assert len(cells) == 5, line
            assert int(cells[0]) not in found, line
            found[int(cells[0])] = cells[-1]
    return found


def cases() -> dict[int, set[str]]:
    """The files that have cases with a number, as `pytest.param(..., id="12-nan")`."""
    found = defaultdict(set)
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "id":
                assert isinstance(node.value, ast.Constant), ast.unparse(node.value)
                case = re.fullmatch(r"(\d+)-[a-z0-9-]+", str(node.value.value))
                assert case is not None, node.value.value
                found[int(case[1])].add(file.stem)
    return found


def test_every_row_names_the_files_that_have_its_cases_or_says_why_there_are_none():
    found = cases()
    listed = {
        number: set() if where.startswith("not yet: ") else set(where.split(", "))
        for number, where in rows().items()
    }

    assert listed == {number: found.get(number, set()) for number in range(1, LAST + 1)}


def test_every_case_has_a_row():
    assert cases().keys() <= rows().keys()


def test_the_rows_of_each_table_are_in_order():
    for table in TABLE.split("\n## ")[1:]:
        numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
        assert numbers == sorted(numbers)
