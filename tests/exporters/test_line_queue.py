"""Lines that wait for carbon: in what order, and what becomes of each."""

from __future__ import annotations

import pytest

from ecl_logging.exporters.graphite.line_queue import LineQueue, LineTotals
from tests.interruptions import handled_at, interrupted_at

pytestmark = pytest.mark.once


def test_what_is_put_back_keeps_its_order() -> None:
    queue = LineQueue(5)
    queue.put([b"1", b"2", b"3", b"4"])
    assert queue.take(3) == [b"1", b"2", b"3"]
    queue.put([b"5", b"6"])
    queue.put_back()

    assert queue.totals() == LineTotals(pushed=6, sent=0, pending=5, dropped=1)
    assert queue.take(9) == [b"2", b"3", b"4", b"5", b"6"]
    queue.done()
    assert queue.close() == 0
    queue.put([b"7"])
    assert queue.totals() == LineTotals(pushed=7, sent=5, pending=0, dropped=2)


def queue_that_is_full() -> LineQueue:
    queue = LineQueue(3)
    queue.put([b"1", b"2", b"3"])
    return queue


def test_each_line_is_counted_whenever_a_signal_handler_raises() -> None:
    for moment in range(1, 1000):
        queue = queue_that_is_full()
        was_interrupted = interrupted_at(moment, lambda: queue.put([b"4", b"5"]))  # noqa: B023
        queue.put([b"6"])
        known = queue.totals()
        assert known.pushed == known.sent + known.pending + known.dropped
        assert (known.pushed in {4, 6}, known.pending) == (True, 3)
        assert queue.take(9)[-1] == b"6"
        if not was_interrupted:
            break
    assert known.pushed == 6
    assert moment > 5


def test_each_line_is_counted_whenever_a_signal_handler_pushes() -> None:
    for moment in range(1, 1000):
        queue = queue_that_is_full()
        seen: list[LineTotals] = []

        def handler() -> None:
            queue.put([b"6"])  # noqa: B023
            seen.append(queue.totals())  # noqa: B023

        was_handled = handled_at(moment, lambda: (queue.put([b"4", b"5"]), queue.close()), handler)  # noqa: B023
        known = queue.totals()
        assert known == LineTotals(5 + was_handled, 0, 0, 5 + was_handled)
        assert all(one.pushed == one.sent + one.pending + one.dropped for one in seen)
        if not was_handled:
            break
    assert moment > 5
