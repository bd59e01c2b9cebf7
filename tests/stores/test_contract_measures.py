"""The contract, sixth part: cells of measures, whose values are events and whose sums are notes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from math import fsum

import pytest

from ecl_logging.distributions import distributions_in
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores.protocols import MAX_CELL, MIN_CELL, Reply, Store
from tests.stores.programs import FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program, cells

VALUES = [0.25, 3.0, 3.0, 0.0, -17.5]  # five, whose sum is negative


@pytest.fixture(autouse=True)
def defined(store: Store) -> None:
    store.define(dataclasses.replace(REQUESTS, measures=frozenset({"latency"})))


def measured(values: list[float] = VALUES, name: str = "latency") -> dict[str, int]:
    """What values add to a bucket."""
    return counted(name, values) | sum_cells(name, values)


def test_a_batch_of_values_is_there_as_it_was_sent(store):
    Program(store).send(measured() | {"req1": 2})

    assert any(n < 0 for n in measured().values())
    assert cells(store, FIVE_SECONDS) == cells(store) == measured() | {"req1": 2}


def test_values_of_two_programs_add_up_to_one_distribution(store):
    first, second = [0.25, 3.0, -8.5, 2.0**40], [0.25, 2.0**-10, 0.0, -(2.0**40)]
    Program(store, "a").send(measured(first))
    Program(store, "b").send(measured(second))

    sums = Counter(measured(first))
    sums.update(measured(second))
    assert {cell: n for cell, n in cells(store).items() if n} == {
        c: n for c, n in sums.items() if n
    }
    latency = distributions_in(cells(store), frozenset())["latency"]
    assert latency.count == 8
    assert latency.sum == fsum([*first, *second])


def test_each_value_is_an_event_and_a_digit_of_a_sum_is_none(store):
    program = Program(store)
    reply = program.send(measured() | {"req1": 2, "@invalid": 3})

    assert reply.total == program.total == len(VALUES) + 2
    assert store.apply(program.batch({"req1": 1}, number=9)).total == len(VALUES) + 2


def test_late_values_are_late_events_and_their_sum_is_not_that_of_others(store):
    reply = Program(store).send(measured() | {"req1": 2, "@invalid": 3}, start=0)

    assert (reply.late, reply.dropped) == (len(VALUES) + 2, 0)
    assert cells(store) == {"@late": len(VALUES) + 2, "@invalid": 3}


def test_late_values_that_one_interval_has_yet_count_there(store):
    Program(store).send(measured(), start=NOW - 300)

    assert cells(store, FIVE_SECONDS) == {"@late": len(VALUES)}
    assert cells(store, FIVE_MINUTES, age=1) == measured()


def test_values_ahead_of_the_clock_count_in_the_current_bucket(store):
    reply = Program(store).send(measured(), start=NOW + 4000)

    assert reply.ahead == len(VALUES)
    assert cells(store) == measured()


def test_a_digit_without_a_value_is_no_event_wherever_it_goes(store):
    digit = {"@=0:latency": -4}
    assert Program(store, "a").send(digit, start=0) == applied(store)
    assert Program(store, "b").send(digit, start=NOW + 4000) == applied(store)
    assert cells(store) == digit


def applied(store: Store) -> Reply:
    return Reply("applied", version=store.definition("requests").version, number=1)


def test_cells_of_measures_take_no_room_of_ids(store):
    store.define(dataclasses.replace(REQUESTS, max_events=2), replace=True)
    program = Program(store)
    program.send(measured() | {"x1": 1})

    reply = program.send(measured([1e9, 2e9, 4e9]) | {"x2": 2, "x3": 4})

    assert reply.other == 4
    assert {c: n for c, n in cells(store).items() if c[:2] in {"x1", "x2", "x3", "@o"}} == {
        "x1": 1,
        "x2": 2,
        "@other": 4,
    }


def test_ids_are_capped_as_ever_beside_measures_that_nobody_defines_any_more(store):
    """Whichever are fewer, cells or declared IDs, the undeclared ones are counted right."""
    program = Program(store)
    program.send(measured([1.5**n for n in range(60)]) | {"x1": 1, "@invalid": 1})
    for declared in (1, 200):
        events = frozenset(f"d{n}" for n in range(declared))
        store.define(dataclasses.replace(REQUESTS, events=events, max_events=2), replace=True)

        assert program.send({"d0": 1, "x2": 1, "x3": 4, "x4": 8}).other == 12


@pytest.mark.parametrize(("limit", "step"), [(MAX_CELL, 6), (MIN_CELL, -6)])
def test_a_digit_that_a_cell_cannot_hold_is_passed_over_and_no_event_is_dropped(store, limit, step):
    Program(store, "a").send({"@=0:latency": limit - step})
    Program(store, "b").send({"@=0:latency": step})
    assert cells(store) == {"@=0:latency": limit}

    reply = Program(store, "c").send({"@=0:latency": step, "req1": 1, "@0:latency": 2})

    assert set(reply.bad_cells) == {"5s @=0:latency", "5m @=0:latency"}
    assert (reply.dropped, reply.total) == (0, 3)
    assert cells(store) == {"@=0:latency": limit, "req1": 1, "@0:latency": 2}


def test_a_spoilt_cell_of_values_is_told_and_its_values_are_dropped(store, kind):
    [cell] = counted("latency", [3.0, 3.0])
    for interval in (FIVE_SECONDS, FIVE_MINUTES):
        kind.spoil(interval, NOW, cell)

    reply = Program(store).send(measured([3.0, 3.0, 9.0]))

    assert set(reply.bad_cells) == {f"5s {cell}", f"5m {cell}"}
    assert reply.dropped == 2
    assert cells(store) == measured([9.0]) | sum_cells("latency", [3.0, 3.0, 9.0])


def test_a_batch_of_values_that_is_sent_again_counts_once(store):
    batch = Program(store).batch(measured())
    first = store.apply(batch)

    assert store.apply(batch) == dataclasses.replace(first, status="duplicate")
    assert cells(store) == measured()


def test_names_of_any_letters_keep_their_cells_apart(store):
    sent = measured(name="größe: \N{SNOWMAN}") | measured([1.0], name='a"b')
    Program(store).send(sent)

    assert cells(store) == sent
