"""Reading counts through the API."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from ecl_logging import ConfigError, EventCountLogger, StoreUnavailable
from ecl_logging.intervals import Interval
from ecl_logging.stores.memory import MemoryStore
from tests.clocks import count_by
from tests.faulty_stores import FlakyStore

REQUESTS = {"requests": {"events": ["req1", "req2"], "intervals": ["5s", "1m"], "history": 4}}


@pytest.fixture
def store(clock, monkeypatch) -> FlakyStore:
    count_by(clock, monkeypatch)
    return FlakyStore(MemoryStore(clock=clock))


@pytest.fixture
def requests(store):
    with EventCountLogger(REQUESTS, store=store) as ecl:
        yield ecl["requests"]


def test_the_last_bucket_is_the_one_that_has_just_ended(requests, clock):
    requests.log("req1", 54)

    assert requests.get_counts("1m") == {"req1": 0, "req2": 0}
    clock.now += 60
    assert requests.get_counts("1m") == {"req1": 54, "req2": 0}
    assert requests.get_last_count("req1", "1m") == 54
    clock.now += 60
    assert requests.get_counts("1m") == {"req1": 0, "req2": 0}


def test_the_current_bucket_includes_what_is_pending(store, clock):
    keys = REQUESTS["requests"] | {"sync_interval": 3600}
    with EventCountLogger({"requests": keys}, store=store) as ecl:
        requests = ecl["requests"]
        for n in range(1, 4):
            requests.log("req1")
            assert requests.get_counts("1m", current=True) == {"req1": n, "req2": 0}
            assert requests.get_current_count("req1", "1m") == n


def test_the_current_counts_are_there_for_each_interval(requests, clock):
    requests.log("req1", 2)
    clock.now += 5
    requests.log("req1", 3)

    assert requests.get_current_counts("req1") == {"5s": 3, "1m": 5}


def test_an_id_that_was_never_counted_reads_0(requests):
    assert requests.get_last_count("unheard", "1m") == 0
    assert requests.get_current_count("unheard", "1m") == 0


@pytest.mark.fault("C5")
def test_history_is_oldest_first_with_zeros_in_gaps(requests, clock):
    requests.log("req1")
    clock.now += 120
    requests.log("req2", 2)
    clock.now += 60
    start = int(clock.now) - 180

    assert requests.get_history("1m", 3) == [
        (start, {"req1": 1, "req2": 0}),
        (start + 60, {"req1": 0, "req2": 0}),
        (start + 120, {"req1": 0, "req2": 2}),
    ]


@pytest.mark.parametrize(("n", "buckets"), [(None, 4), (1000, 4), (2, 2), (0, 0), (-1, 0)])
def test_history_has_as_many_buckets_as_are_asked_for_and_kept(requests, n, buckets):
    assert len(requests.get_history("1m", n)) == buckets


def test_an_interval_is_found_by_its_length(requests, clock):
    requests.log("req1")
    clock.now += 60

    assert requests.get_counts("60s") == {"req1": 1, "req2": 0}


@pytest.mark.parametrize("interval", ["1h", "five minutes", "", None, 60])
def test_an_interval_that_the_group_lacks_names_those_that_it_has(requests, interval):
    with pytest.raises(ConfigError) as caught:
        requests.get_counts(interval)

    assert str(caught.value) == f"group requests has no interval {interval!r}; it has 5s, 1m"
    with pytest.raises(ConfigError):
        requests.get_history(interval)


def test_reads_never_show_cells_of_our_own(requests, store, clock, warnings_told):
    store.is_away = True
    requests.log("req1")
    clock.now += 86400
    store.is_away = False
    requests.log("")
    requests.sync()
    [bucket] = store.read("requests", Interval("1m", 60), [0])

    assert set(bucket.cells) == {"@invalid", "@late"}
    assert requests.get_counts("1m", current=True) == {"req1": 0, "req2": 0}
    clock.now += 60
    assert requests.get_history("1m", 1)[0][1] == {"req1": 0, "req2": 0}


def test_an_interval_of_another_program_can_be_read(requests, store, warnings_told):
    other = {"requests": {"intervals": ["1h"], "events": ["req3"]}}
    with EventCountLogger(other, store=store) as ecl:
        ecl["requests"].log("req3")
        requests.log("req1")

    assert requests.get_counts("1h", current=True) == {"req1": 1, "req2": 0, "req3": 1}


def test_reading_while_the_store_is_away_says_so(requests, store, warnings_told):
    store.is_away = True

    with pytest.raises(StoreUnavailable):
        requests.get_counts("1m")


def test_an_interval_that_the_store_has_not_been_told_reads_zero(store, warnings_told):
    with EventCountLogger({"requests": {"intervals": ["1m"]}}, store=store) as before:
        before["requests"].sync()
    mine = {"requests": {"intervals": ["1m", "1h"], "events": ["new"]}}
    with EventCountLogger(mine, store=store) as ecl:
        assert ecl["requests"].get_counts("1h") == {"new": 0}
        assert ecl["requests"].get_current_counts("new") == {"1m": 0, "1h": 0}


@pytest.mark.parametrize("event_id", [404, HTTPStatus.NOT_FOUND])
def test_a_count_is_read_by_what_was_logged(store, event_id):
    group = {"codes": {"intervals": ["1m"], "auto_declare_events": True}}
    with EventCountLogger(group, store=store) as ecl:
        ecl["codes"].log(event_id)

        assert ecl["codes"].get_current_count(event_id, "1m") == 1
        assert ecl["codes"].get_current_counts(event_id) == {"1m": 1}
        assert ecl["codes"].get_last_count(event_id, "1m") == 0


def test_reading_writes_nothing(store):
    with EventCountLogger(REQUESTS, store=store) as ecl:
        assert ecl["requests"].get_counts("1m", current=True) == {"req1": 0, "req2": 0}

    assert store.groups() == []
