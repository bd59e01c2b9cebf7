"""Gauges that do not answer: who waits for them, and what the others see."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging.exporters.stats_collector import StatsCollector
from ecl_logging.stats import asking
from tests.stats.showing import json_of
from tests.waiting import wait_until


class Hanging:
    """A gauge that answers when it may."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_end = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        assert self.may_end.wait(60)
        return self.calls


class Bounded(Hanging):
    ends_by_itself = True


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Hanging], None]]:
    """Have a thread wait for a gauge for longer than one may."""
    began: list[tuple[Hanging, threading.Thread]] = []

    def begin(gauge: Hanging) -> None:
        calls = gauge.calls
        began.append((gauge, threading.Thread(target=json_of, args=({"gauge": gauge},))))
        began[-1][1].start()
        wait_until(lambda: gauge.calls > calls)

    monkeypatch.setattr(asking, "_PATIENCE", 0.0)
    yield begin
    for gauge, thread in began:
        gauge.may_end.set()
        thread.join(30)
    assert not asking._calls


def test_a_gauge_that_hangs_is_not_called_by_others(hang: Callable[[Hanging], None]) -> None:
    gauge = Hanging()
    tree: dict[str, Any] = {"gauge": gauge, "other": lambda: 5, "n": 1}
    hang(gauge)

    assert json_of(tree) == {"gauge": "<no answer for 0 s>", "other": 5, "n": 1}
    numbers, _ = StatsCollector(lambda: tree).collect()
    assert [sample.labels["path"] for sample in numbers.samples] == ["/other", "/n"]
    assert gauge.calls == 1

    gauge.may_end.set()
    wait_until(lambda: not asking._calls)
    assert json_of(tree) == {"gauge": 2, "other": 5, "n": 1}


def test_where_two_hang_no_other_is_called(hang: Callable[[Hanging], None]) -> None:
    hang(Hanging())
    hang(Hanging())

    assert json_of({"a": lambda: 5, "n": 1}) == {"a": "<not asked: others do not answer>", "n": 1}


def test_what_ends_by_itself_is_called_and_waited_for(hang: Callable[[Hanging], None]) -> None:
    gauges = [Bounded() for _ in range(3)]
    for gauge in gauges:
        hang(gauge)

    assert json_of({"a": lambda: 5}) == {"a": 5}
    gauges[0].may_end.set()
    assert json_of({"a": gauges[0]}) == {"a": 2}


def test_a_gauge_that_looks_at_the_tree_itself_is_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "_PATIENCE", 0.0)
    tree: dict[str, Any] = {"inner": {"a": lambda: 5}}
    tree["outer"] = lambda: json_of(tree["inner"])

    assert json_of(tree)["outer"] == {"a": 5}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nobody_waits_in_a_forked_child(hang: Callable[[Hanging], None]) -> None:
    hang(Hanging())
    child = os.fork()
    if child == 0:
        os._exit(len(asking._calls))

    assert os.waitpid(child, 0)[1] == 0
    assert len(asking._calls) == 1
