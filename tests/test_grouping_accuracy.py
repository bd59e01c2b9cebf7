"""The script that scores fingerprints, on a small log of our own and on those that LOGHUB names."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from benchmarks.grouping_accuracy import accuracy, main

pytestmark = pytest.mark.once

LINES = [
    ("oven 3 reached 220 degrees in 740 s", "oven <*> reached <*> degrees in <*> s"),
    ("oven 12 reached 180 degrees in 61.5 s", "oven <*> reached <*> degrees in <*> s"),
    ("oven 3 is cold", "oven <*> is cold"),
    ("dough 'rye' rests at 10.1.2.3:8080", "dough <*> rests at <*>"),
    ("dough 'wheat' rests at 10.1.2.4:8081", "dough <*> rests at <*>"),
    ("order 8c1e5f0a-3b8d-4f53-9d0e-6f0a2b1c4d5e: 3 loaves", "order <*>: <*> loaves"),
    ("order 11111111-2222-3333-4444-555555555555: 1 loaves", "order <*>: <*> loaves"),
    ("the baker sings", "the baker <*>"),
    ("the baker hums", "the baker <*>"),
    ("flour is out", "flour is out"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "bakery_structured.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["LineId", "Content", "EventTemplate"])
        writer.writerows([number, *line] for number, line in enumerate(LINES))
    return path


@pytest.mark.parametrize(
    ("groups", "share"),
    [
        ("aabbc", 1.0),
        ("xxyyz", 1.0),  # names mean nothing
        ("aabbb", 0.4),  # what is too wide counts for neither
        ("abccd", 0.6),  # what is too narrow, too
        ("aaaaa", 0.0),
        ("abcde", 0.2),
    ],
)
def test_a_line_is_right_where_its_group_is_exactly_that_of_its_template(groups, share):
    assert accuracy(list(groups), list("aabbc")) == pytest.approx(share)


def test_what_no_mask_knows_is_wrong_and_all_else_is_right(table, capsys):
    assert main([str(table)]) == 0

    assert capsys.readouterr().out == "0.8000  bakery_structured.csv\n0.8000  on average\n"


def test_another_fingerprint_and_a_limit_can_be_given(table, capsys):
    assert main([str(table), "--fingerprint", "message", "--at-least", "0.75"]) == 1
    assert main([str(table), "--fingerprint", "mask"]) == 2
    assert main([str(table.parent / "none.csv")]) == 2


LOGHUB = os.environ.get("LOGHUB", "")


@pytest.mark.skipif(not LOGHUB, reason="LOGHUB names no folder with logs of loghub")
def test_on_the_logs_of_loghub_masks_reach_three_quarters():
    tables = sorted(map(str, Path(LOGHUB).rglob("*_structured.csv")))

    assert main([*tables, "--at-least", "0.75"]) == 0
