"""Values of measures among the pending counts: once, whatever comes in between."""

from __future__ import annotations

from collections import Counter

import pytest

from ecl_logging.measures import counted, sum_cells
from ecl_logging.observed import Values
from ecl_logging.stores.protocols import MAX_BATCH_IDS
from tests.interruptions import interrupted_at
from tests.pending_counts import (
    HOUR,
    MINUTE,
    T,
    add,
    assert_accounted,
    dropped_by,
    frozen,
    pending_of,
    total,
)
from tests.test_interruptions import until_it_goes_through

VALUES = [0.1, 0.2, 0.2, 0, -3.0, 1e9]
CELLS = counted("latency", VALUES) | sum_cells("latency", VALUES)


def observe(pending, values, created=T, measure="latency"):
    pending.arrivals.append((Values(measure, values), len(values), created))


def test_values_become_cells_of_their_stretch():
    pending = pending_of()
    observe(pending, VALUES)
    observe(pending, VALUES[:1], T + 60)
    add(pending, "req1", T + 60)

    first, second = frozen(pending)
    assert (first.start, first.counts, first.events) == (T, CELLS, len(VALUES))
    expected = counted("latency", [0.1]) | sum_cells("latency", [0.1]) | {"req1": 1}
    assert (second.start, second.counts, second.events) == (T + 60, expected, 2)
    assert_accounted(pending, len(VALUES) + 2)


def test_no_value_is_lost_or_doubled_where_a_signal_handler_raises_amid_draining():
    def attempt(moment: int) -> bool:
        pending = pending_of()
        add(pending, "req1")
        observe(pending, [*VALUES, float("nan")])
        add(pending, "req1")
        observe(pending, VALUES[:2])
        was_interrupted = interrupted_at(moment, pending.drain)
        again = counted("latency", VALUES[:2]), sum_cells("latency", VALUES[:2])
        expected = Counter(CELLS | {"req1": 2, "@invalid": 1})
        for cells in again:
            expected.update(cells)
        assert total(pending) == expected
        assert_accounted(pending, len(VALUES) + 5)
        assert dropped_by(pending) == {"invalid": 1}
        return was_interrupted

    until_it_goes_through(attempt, at_least=30)


def test_values_that_came_one_by_one_are_worked_out_together(monkeypatch):
    """Else a thread that logs, and has to drain some, is held up for a tenth of a second."""
    worked_out: Counter[str] = Counter()

    def noting(measure: str, values: list[float]) -> dict[str, int]:
        worked_out[measure] += 1
        return sum_cells(measure, values)

    monkeypatch.setattr("ecl_logging.observed.sum_cells", noting)
    pending = pending_of()
    for n in range(1000):
        observe(pending, (0.5,))
        observe(pending, (n,), T + 60 * (n == 999), measure="size")
        add(pending, f"e{n % 3}")

    first, later = frozen(pending)
    assert worked_out == {"latency": 1, "size": 2}
    sizes = list(range(999))
    expected = counted("latency", [0.5] * 1000) | sum_cells("latency", [0.5] * 1000)
    expected |= counted("size", sizes) | sum_cells("size", sizes)
    assert first.counts == expected | {"e0": 334, "e1": 333, "e2": 333}
    assert later.counts == counted("size", [999]) | sum_cells("size", [999])
    assert_accounted(pending, 3000)


def test_so_many_arrivals_are_drained_at_once_and_no_more():
    pending = pending_of()
    for _ in range(5000):
        observe(pending, (0.5,))
    pending.try_drain(100)

    assert 5000 - 100 >= len(pending.arrivals) >= 5000 - 1100
    assert total(pending) == counted("latency", [0.5] * 5000) | sum_cells("latency", [0.5] * 5000)
    assert_accounted(pending, 5000)


def test_where_there_is_no_room_values_are_dropped_with_their_sum(monkeypatch):
    monkeypatch.setattr("ecl_logging.batches.MAX_CELLS", 3)
    pending = pending_of(MINUTE)
    for values in ([1.0, 2.0, 4.0], [8.0, 1.0], [1.0]):
        observe(pending, values)
        pending.drain()

    expected = Counter(counted("latency", [1.0, 2.0, 4.0, 1.0]))
    expected.update(sum_cells("latency", [8.0]))
    assert total(pending) == expected
    assert dropped_by(pending) == {"memory": 2}
    assert_accounted(pending, 6)


def test_sums_of_many_measures_go_with_several_batches(monkeypatch):
    monkeypatch.setattr("ecl_logging.stretches.MAX_BATCH_IDS", 7)
    pending = pending_of()
    expected: Counter[str] = Counter()
    for measure in ("a", "b", "c", "d", "e", "f"):
        observe(pending, VALUES, measure=measure)
        expected.update(counted(measure, VALUES) | sum_cells(measure, VALUES))

    batches = [one.counts for one in frozen(pending)]
    assert max(map(len, batches)) <= 7
    assert sum(map(Counter, batches), Counter()) == +expected
    assert_accounted(pending, 6 * len(VALUES))


def test_sums_go_where_there_is_room_in_a_batch():
    pending = pending_of()
    for number in range(MAX_BATCH_IDS - 1):
        add(pending, f"id{number}")
    observe(pending, [1.0])

    batches = frozen(pending)
    assert [len(one.counts) for one in batches] == [MAX_BATCH_IDS, 1]
    assert batches[1].counts == sum_cells("latency", [1.0])
    assert batches[1].events == 0
    assert_accounted(pending, MAX_BATCH_IDS)


def test_stretches_that_merge_have_their_sums_added(monkeypatch):
    monkeypatch.setattr("ecl_logging.batches.MAX_CELLS", 4)
    pending = pending_of(MINUTE, HOUR)
    for minute in range(10):
        observe(pending, [2.0], T + 60 * minute)

    taken = total(pending)
    assert taken == Counter({"@+31:latency": 10, "@=0:latency": 20})


@pytest.mark.parametrize("raw", [[float("inf"), 1.0], [10**400, 1], [float("-inf"), float("inf")]])
def test_a_value_that_is_not_finite_is_left_out(raw):
    values = Values("latency", raw)
    values.work_out()
    values.work_out()

    assert values.invalid == len([one for one in raw if one != 1])
    assert sum(n for _, n in values.cells) == len(raw) - values.invalid
    assert values.reasons
