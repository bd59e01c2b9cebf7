"""The benchmarks' arithmetic, and what they say of a ratio: not the times, which are no test's."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import report, servers
from benchmarks.findings import Findings, Table, as_number, timings
from benchmarks.limits import ROWS, Row, rows_of
from benchmarks.machine import PEERS
from benchmarks.measuring import Runs, Spread, run_in_turn
from benchmarks.timing import ALL_WORK, CALL, loop

# The command, under its file's name.
command = importlib.import_module("benchmarks.__main__")

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]

LIMITED = Row("fast", "log_call", "this", "that", 0.5)
UNLIMITED = Row("shown", "log_call", "all of this", "that", None)


def runs_of(**taken: list[float]) -> Runs:
    runs = Runs()
    for task, numbers in taken.items():
        for number in numbers:
            runs.add(task, {"s": number})
    return runs


# --- measuring


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(median=3, low=2, high=4)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    # In the second round all took ten times as long: the machine was busy.
    runs = runs_of(ours=[1, 20, 3], theirs=[2, 20, 4])

    assert runs.ratio("ours", "theirs", "s").median == 0.75


def test_an_added_ratio_is_of_what_comes_on_top_of_the_base() -> None:
    runs = runs_of(ours=[12, 22], theirs=[20, 30], base=[10, 20])

    assert runs.added_ratio("ours", "theirs", "base", "s") == Spread(0.2, 0.2, 0.2)


def test_what_cannot_be_paired_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="longer"):
        runs_of(ours=[1], theirs=[1, 2]).ratio("ours", "theirs", "s")


def test_tasks_run_in_turn_in_both_orders_and_a_round_is_the_median_of_its_slices() -> None:
    order: list[str] = []

    def task(name: str, numbers: Iterator[float]) -> dict[str, float]:
        order.append(name)
        return {"s": next(numbers)}

    first, second = iter([1.0, 9.0, 2.0, 3.0, 3.0, 8.0]), iter([4.0] * 6)
    runs = run_in_turn(
        {"a": lambda: task("a", first), "b": lambda: task("b", second)},
        rounds=2,
        slices=3,
        warm_up=False,
    )

    assert runs.of("a", "s") == [2.0, 3.0]
    assert runs.of("b", "s") == [4.0, 4.0]
    assert all(set(order[at : at + 2]) == {"a", "b"} for at in range(0, 12, 2))
    assert {*zip(order[::2], order[1::2], strict=True)} == {("a", "b"), ("b", "a")}


def test_of_some_metrics_the_least_of_a_round_counts() -> None:
    numbers = iter([3.0, 2.0, 7.0])

    runs = run_in_turn(
        {"a": lambda: {"call": (n := next(numbers)), "work": n}},
        rounds=1,
        slices=3,
        least=["call"],
        warm_up=False,
    )

    assert (runs.of("a", "call"), runs.of("a", "work")) == ([2.0], [3.0])


def test_a_loop_has_what_is_put_off_in_all_work_only() -> None:
    done: list[str] = []

    taken = loop("done.append('call')", {"done": done}, 10, lambda: busy_for(0.05))()

    assert done == ["call"] * 10
    assert taken[CALL] < 0.005
    assert taken[ALL_WORK] >= 0.005  # of each of ten calls


def busy_for(cpu_seconds: float) -> None:
    until = time.process_time() + cpu_seconds
    while time.process_time() < until:
        pass


def test_a_round_to_warm_up_is_not_counted() -> None:
    numbers = iter([100.0, 1.0, 2.0])

    assert run_in_turn({"a": lambda: {"s": next(numbers)}}, rounds=2).of("a", "s") == [1.0, 2.0]


# --- telling


@pytest.mark.parametrize(
    ("ratio", "verdict", "status"), [(0.49, "ok", 0), (0.5, "ok", 0), (0.51, "MISSED", 1)]
)
def test_a_ratio_above_its_limit_is_missed(ratio: float, verdict: str, status: int) -> None:
    findings = Findings({"fast": Spread.of([ratio]), "shown": Spread.of([99.0])})

    (limited, unlimited) = report.row_lines([LIMITED, UNLIMITED], findings)

    assert limited == (
        "this",
        "that",
        f"{ratio:#.3g} ({ratio:#.3g} to {ratio:#.3g})",
        "0.5",
        verdict,
    )
    assert unlimited[-2:] == ("", "")
    assert report.status_of([LIMITED, UNLIMITED], findings) == status


def test_what_was_not_measured_is_missed_and_the_reason_told() -> None:
    findings = Findings(problems={"fast": "there is no such thing"})

    assert report.status_of([LIMITED], findings) == 1
    assert report.rows_as_text([LIMITED], findings).splitlines()[1:] == [
        "this  that     not measured       0.5      MISSED",
        "not measured: this: there is no such thing",
        "1 missed",
    ]


def test_numbers_have_three_digits_that_count() -> None:
    assert [as_number(n) for n in (0.012345, 0.5, 1.0, 12.345, 123.4, 12345)] == [
        *("0.0123", "0.500", "1.00", "12.3", "123", "12,345")
    ]


def test_a_table_has_each_task_with_its_ratio_to_the_base() -> None:
    runs = runs_of(theirs=[2e-3, 2e-3], ours=[1e-3, 1e-3])

    table = timings(runs, title="t", base="theirs", metrics=[("s", "ms")])

    assert table.headings == ["what", "s, ms", "against theirs"]
    assert table.lines == [
        ["theirs", "2.00 (2.00 to 2.00)", ""],
        ["ours", "1.00 (1.00 to 1.00)", "0.500 (0.500 to 0.500)"],
    ]


def test_the_page_keeps_what_stands_above_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text((ROOT / "docs" / "benchmarks.md").read_text("utf-8"), "utf-8")
    findings = Findings({"fast": Spread.of([9.0])}, tables=[Table("T", ["a"], [["1"]], "Note.")])

    for _ in range(2):
        report.write_page(page, [LIMITED], findings, [("Python", "3")])

    above, _, below = page.read_text("utf-8").partition("<!-- What follows")
    assert above.startswith("# Benchmarks\n")
    assert "## What is not\n" in above
    assert below.count("| this | that | 9.00 (9.00 to 9.00) | 0.5 | MISSED |\n") == 1
    assert below.endswith(
        "## T\n\n| a |\n| --- |\n| 1 |\n\nNote.\n\n"
        "## Measured on\n\n| what | is |\n| --- | --- |\n| Python | 3 |\n"
    )


# --- the command


@pytest.fixture
def without_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "running", contextlib.nullcontext)


def use_subject(monkeypatch: pytest.MonkeyPatch, name: str, findings: Findings | None) -> None:
    """Have a subject that has found this; with None it fails."""

    def measure(server: object, *, quick: bool) -> Findings:
        if findings is None:
            raise RuntimeError("no luck")
        return findings

    module = types.ModuleType(f"benchmarks.{name}")
    module.measure = measure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("without_server")
@pytest.mark.parametrize(("ratio", "status"), [(3.0, 0), (3.1, 1)])
def test_the_exit_status_says_whether_all_rows_hold(
    monkeypatch: pytest.MonkeyPatch, ratio: float, status: int
) -> None:
    use_subject(monkeypatch, "server_work", Findings({"apply": Spread.of([ratio])}))

    assert command.main(["--quick", "--only", "server_work"]) == status


@pytest.mark.usefixtures("without_server")
def test_a_subject_that_fails_misses_its_rows_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_subject(monkeypatch, "server_work", None)
    use_subject(monkeypatch, "start_up", Findings({"import": Spread.of([1.0])}))

    status = command.main(["--quick", "--only", "server_work", "--only", "start_up"])

    assert status == 1
    told = capsys.readouterr().out
    assert re.search(r"apply of 2,000 .* not measured +3 +MISSED\n", told)
    assert re.search(r"import ecl_logging.handlers.* 1.5 +ok\n", told)
    assert told.endswith("RuntimeError: no luck\n1 missed\n")


# --- what is measured


def test_every_limit_is_there() -> None:
    assert {row.key: row.limit for row in ROWS if row.limit is not None} == {
        "log call, groups": 1.06,
        "log call, rules": 1.06,
        "log call, default": 1.06,
        "added time": 1 / 5,
        "measure": 2,
        "dedup": 3,
        "count_only": 0.15,
        "by hand, prometheus": 1 / 2,
        "by hand, event_count_logger": 1 / 5,
        "stats, number": 1.0,
        "stats, sample": 1.0,
        "stats, first samples": 1.0,
        "stats, mark": 1.0,
        "sync": 1 / 40,
        "sync, buckets only": 1 / 80,
        "rotation": 1 / 5,
        "reading": 1 / 40,
        "apply": 3.0,
        "import": 1.5,
        "eight threads": 1.5,
    }
    assert len({row.key for row in ROWS}) == len(ROWS)


def test_the_quick_run_measures_all_limits_but_those_that_take_long() -> None:
    subjects = {row.subject for row in ROWS}

    left_out = {row.key for row in ROWS} - {row.key for row in rows_of(subjects, quick=True)}

    assert left_out == {"eight threads"}
    assert set(rows_of(subjects, quick=False)) == set(ROWS)


@pytest.mark.parametrize("subject", sorted({row.subject for row in ROWS}))
def test_a_row_names_the_module_that_measures_it(subject: str) -> None:
    assert (ROOT / "benchmarks" / f"{subject}.py").exists()


def test_every_peer_is_pinned_to_a_release() -> None:
    extra = re.search(r"^bench =\n((?:    .*\n)+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)

    assert extra is not None
    pinned = dict(line.strip().split("==") for line in extra[1].splitlines())
    assert set(PEERS) <= set(pinned)
