from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.distributions import Distribution
from ecl_logging.errors import StoreUnavailable
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.views import CURRENT, LAST, View, read_starts, read_views
from tests.stores.programs import FIVE_MINUTES, FIVE_SECONDS, NOW, REQUESTS, Program


@pytest.fixture
def store(clock):
    store = MemoryStore(clock=clock)
    store.define(REQUESTS)
    return store


def views(store, *ages: int, interval=FIVE_SECONDS, declared=("req1",)) -> list[View]:
    definition = dataclasses.replace(REQUESTS, events=frozenset(declared))
    return read_views(store, definition, interval, ages)


def test_declared_ids_are_shown_at_zero_where_nothing_was_counted(store):
    assert views(store, CURRENT, declared=("b", "a")) == [View(NOW, {"a": 0, "b": 0}, {})]


def test_other_ids_are_shown_only_where_they_occurred(store, clock):
    Program(store).send({"other": 2})
    clock.now += 5

    last, current = views(store, LAST, CURRENT)

    assert last.counts == {"other": 2, "req1": 0}
    assert current.counts == {"req1": 0}


def test_current_and_last_are_the_bucket_of_the_clock_and_the_one_before(store, clock):
    Program(store).send({"req1": 2})
    assert [view.start for view in views(store, CURRENT, LAST)] == [NOW, NOW - 5]

    clock.now += 5
    assert views(store, LAST) == [View(NOW, {"req1": 2}, {})]


def test_views_come_in_the_order_of_the_ages(store):
    starts = [view.start for view in views(store, 3, 1, 2, interval=FIVE_MINUTES)]

    assert starts == [NOW - 900, NOW - 300, NOW - 600]


def test_no_ages_are_no_views(store):
    assert views(store) == []


def test_ids_are_sorted(store):
    Program(store).send({"b": 1, "c": 1, "B": 1, "a": 1})

    assert list(views(store, CURRENT)[0].counts) == ["B", "a", "b", "c", "req1"]


def test_own_cells_stand_apart_from_the_counts(store):
    Program(store, "a").send({"req1": 2, "@other": 3, "@invalid": 4})
    Program(store, "b").send({"req1": 5}, start=0)

    (view,) = views(store, CURRENT)

    assert view.counts == {"req1": 2}
    assert list(view.own.items()) == [("@invalid", 4), ("@late", 5), ("@other", 3)]


def test_what_was_read_is_the_readers_own(store):
    Program(store).send({"req1": 2})
    views(store, CURRENT)[0].counts["req1"] = 99

    assert views(store, CURRENT)[0].counts == {"req1": 2}


def test_a_group_that_the_store_does_not_know_shows_what_is_declared(store):
    definition = dataclasses.replace(REQUESTS, group="unheard-of", events=frozenset({"x"}))
    unheard_of = read_views(store, definition, FIVE_SECONDS, [CURRENT])

    assert unheard_of == [View(NOW, {"x": 0}, {})]


def test_an_empty_id_that_somebody_else_wrote_is_shown(store):
    store._tables.add("requests", [("5s", NOW, {"": 3})])

    assert views(store, CURRENT) == [View(NOW, {"": 3, "req1": 0}, {})]


def test_measures_stand_apart_from_counts_and_own_cells(store):
    Program(store).send({"req1": 2, "@invalid": 4, "@+31:latency": 3, "@=0:latency": 6})

    (view,) = views(store, CURRENT)

    assert (view.counts, view.own) == ({"req1": 2}, {"@invalid": 4})
    assert view.measures == {"latency": Distribution({(1, 31): 3}, {0: 6})}


def test_declared_measures_are_there_without_a_value(store):
    definition = dataclasses.replace(REQUESTS, measures=frozenset({"latency"}))

    (view,) = read_views(store, definition, FIVE_SECONDS, [CURRENT])

    assert view.measures == {"latency": Distribution()}


# --- buckets by their starts


def counts_from(store, start: int, *, only_kept: bool = False) -> dict[int, int]:
    """What two buckets of five seconds have of req1, by their starts."""
    starts = range(start, start + 10, 5)
    found = read_starts(store, REQUESTS, FIVE_SECONDS, starts, only_kept=only_kept)
    return {view.start: view.counts["req1"] for view in found}


def pass_time_once_the_clock_was_read(store, clock, monkeypatch, *steps: int) -> None:
    """As with a store that hangs: so many seconds go by before the buckets are read."""
    read, left = store.read, list(steps)

    def slowly(group, interval, ages):
        if interval.seconds > 1 and left:
            clock.now += left.pop(0)
        return read(group, interval, ages)

    monkeypatch.setattr(store, "read", slowly)


@pytest.mark.parametrize("steps", [(), (5,), (10, 5)])
def test_buckets_are_found_by_their_starts_though_time_passes(store, clock, monkeypatch, steps):
    Program(store).send({"req1": 3})
    clock.now += 10
    pass_time_once_the_clock_was_read(store, clock, monkeypatch, *steps)

    assert counts_from(store, NOW) == {NOW: 3, NOW + 5: 0}


def test_what_a_store_may_have_forgotten_meanwhile_can_be_left_out(store, clock, monkeypatch):
    """It would read as zero."""
    Program(store).send({"req1": 3})
    clock.now += 20
    pass_time_once_the_clock_was_read(store, clock, monkeypatch, 20)

    assert counts_from(store, NOW, only_kept=True) == {}
    assert set(counts_from(store, NOW)) == {NOW, NOW + 5}


def test_a_store_that_is_always_too_slow_is_unavailable(store, clock, monkeypatch):
    clock.now += 10
    pass_time_once_the_clock_was_read(store, clock, monkeypatch, *[10] * 20)
    with pytest.raises(StoreUnavailable, match="too slow for intervals of 5s"):
        counts_from(store, NOW)
