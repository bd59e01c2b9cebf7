"""Lines that wait for carbon: in what order, and what becomes of each."""

from __future__ import annotations

import pytest

from ecl_logging.exporters.graphite.line_queue import LineQueue, LineTotals

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
