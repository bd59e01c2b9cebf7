"""EventCollector: what a registry of prometheus_client gets from a store and from a process."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.errors import StoreUnavailable
from ecl_logging.exporters.prometheus import EventCollector
from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores import open_store
from ecl_logging.stores.memory import MemoryStore
from ecl_logging.stores.protocols import Definition, Totals
from tests.conftest import Clock
from tests.exporters.exporting import (
    Samples,
    named,
    parse_openmetrics,
    parse_text,
    samples_of,
)
from tests.faulty_stores import FlakyStore
from tests.redis_servers import RedisServer, free_port
from tests.stores.programs import BOTH, FIVE_SECONDS, Program, fork, status_of

GROUPS = {"requests": {"events": ["req1", "req2"], "intervals": ["5s", "5m"]}}
MEASURED = Definition(
    "requests", BOTH, events=frozenset({"req1"}), history=3, measures=frozenset({"latency"})
)


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    """A store that knows the group `requests`."""
    store = MemoryStore(clock=clock)
    store.define(MEASURED)
    return store


@pytest.fixture
def told() -> list[str]:
    """What a collector has warned of."""
    return []


def scrape(collector: EventCollector) -> Samples:
    """What is served, the same in both formats: every sample, each once."""
    registry = CollectorRegistry()
    registry.register(Collected(collector.collect()))
    samples = samples_of(parse_openmetrics(generate_openmetrics(registry).decode()))
    assert samples == samples_of(parse_text(generate_latest(registry).decode()))
    return samples


class Collected:
    """What was collected once, for as many registries as like."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def put_values(program: Program, *values: float) -> None:
    program.send(counted("latency", values) | sum_cells("latency", values))


# --- touching


@pytest.mark.parametrize("store", ["redis://127.0.0.1:1/0", "sqlite:///{}/new/counts.db"])
def test_building_and_registering_touches_nothing(tmp_path: Path, store: str) -> None:
    CollectorRegistry().register(EventCollector(store=store.format(tmp_path)))

    assert list(tmp_path.iterdir()) == []


def test_what_is_described_is_what_is_collected(store: MemoryStore) -> None:
    with EventCountLogger(GROUPS, store=store) as ecl:
        for collector in (EventCollector(ecl), EventCollector(store=store)):
            described = [(one.name, one.type) for one in collector.describe()]

            assert [(one.name, one.type) for one in collector.collect()] == described


def test_it_can_be_registered_beside_what_the_client_has_by_itself() -> None:
    collector = EventCollector(store="memory://", say=lambda _: None)
    REGISTRY.register(collector)
    try:
        names = {family.name for family in REGISTRY.collect()}
    finally:
        REGISTRY.unregister(collector)

    assert {"ecl_up", "python_info"} <= names


def test_a_file_that_is_not_there_is_not_made_and_told_once(
    tmp_path: Path, told: list[str]
) -> None:
    collector = EventCollector(store=f"sqlite:///{tmp_path}/counts.db", say=told.append)

    for _ in range(2):
        assert named("ecl_up", scrape(collector)) == {"": 1}

    assert told == [f"nothing is counted in sqlite:///{tmp_path}/counts.db so far"]
    assert list(tmp_path.iterdir()) == []


# --- totals


def test_declared_ids_are_there_at_zero_and_the_first_counts_are_not_missed() -> None:
    with EventCountLogger(GROUPS, store="memory://") as ecl:
        collector = EventCollector(ecl)
        assert named("ecl_events_total", scrape(collector)) == {
            "req1,requests": 0,
            "req2,requests": 0,
        }
        ecl["requests"].log("req1", 5)

        assert named("ecl_events_total", scrape(collector)) == {
            "req1,requests": 5,
            "req2,requests": 0,
        }


def test_totals_never_go_back(store: MemoryStore, clock: Clock) -> None:
    program, since = Program(store), int(clock.now)
    scrape(EventCollector(store=store))  # from here on they are kept
    for number in range(1, 5):
        program.send({"req1": 2, "new": 1}, start=int(clock.now))
        store.rotate("requests")
        clock.now += 3600  # beyond all history

        samples = scrape(EventCollector(store=store))  # an exporter that was started just now

        assert named("ecl_events_total", samples) == {
            "req1,requests": 2 * number,
            "new,requests": number,
        }
        assert set(named("ecl_events_created", samples).values()) == {since}


def test_what_is_no_id_of_its_own_has_counters_of_its_own(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.define(Definition("requests", BOTH, max_events=1))
    collector = EventCollector(store=store)
    scrape(collector)
    Program(store).send({"a": 1, "b": 2, "@invalid": 4})

    samples = scrape(collector)

    assert named("ecl_events_total", samples) == {"a,requests": 1}
    assert named("ecl_other_events_total", samples) == {"requests": 2}
    assert named("ecl_invalid_events_total", samples) == {"requests": 4}


# --- intervals


def test_intervals_show_the_last_finished_bucket(store: MemoryStore, clock: Clock) -> None:
    Program(store).send({"req1": 3, "new": 1})
    collector = EventCollector(store=store)
    assert named("ecl_interval_events", scrape(collector)) == {
        "req1,requests,5s": 0,
        "req1,requests,5m": 0,
    }
    clock.now += 5

    samples = scrape(collector)

    assert named("ecl_interval_events", samples, interval="5s") == {
        "req1,requests": 3,
        "new,requests": 1,
    }
    assert named("ecl_interval_events", samples, interval="5m") == {"req1,requests": 0}
    assert named("ecl_interval_start_timestamp_seconds", samples) == {
        "requests,5s": clock.now - 5,
        "requests,5m": clock.now - 5 - 300,
    }


# --- measures


def test_a_measure_is_a_histogram_with_the_same_bounds_at_all_times(store: MemoryStore) -> None:
    collector = EventCollector(store=store)
    before = named("ecl_measure_bucket", scrape(collector))
    assert set(before.values()) == {0}
    assert len(before) == 33  # zero, 2^-10 to 2^20, +Inf

    put_values(Program(store), 0.0, 0.25, 0.26, 3.0, 2e7)
    samples = scrape(collector)

    after = named("ecl_measure_bucket", samples, group="requests", measure="latency")
    assert len(after) == len(before)
    shown = {"0.0": 1, "0.125": 1, "0.25": 2, "0.5": 3, "2.0": 3, "4.0": 4, "+Inf": 5}
    assert {le: after[le] for le in shown} == shown
    assert named("ecl_measure_count", samples) == {"requests,latency": 5}
    [sum_of_values] = named("ecl_measure_sum", samples).values()
    assert sum_of_values == 0.0 + 0.25 + 0.26 + 3.0 + 2e7


def test_a_sum_that_can_fall_is_left_out(store: MemoryStore) -> None:
    """So says OpenMetrics; a rate of it would take each fall for a restart."""
    collector = EventCollector(store=store)
    scrape(collector)
    put_values(Program(store), -1.5, 1.0)

    samples = scrape(collector)

    assert named("ecl_measure_sum", samples) == named("ecl_measure_count", samples) == {}
    buckets = named("ecl_measure_bucket", samples, measure="latency", group="requests")
    assert (buckets["0.0"], buckets["1.0"], buckets["+Inf"]) == (1, 2, 2)


def test_bounds_can_be_chosen_for_each_measure(store: MemoryStore) -> None:
    collector = EventCollector(store=store, bounds={"latency": [0.3, 0.1], None: [1]})
    scrape(collector)
    program = Program(store)
    put_values(program, 0.05, 0.2, 0.2, 7.0)
    program.send(counted("size", [5.0]))

    samples = scrape(collector)

    assert named("ecl_measure_bucket", samples, measure="latency", group="requests") == {
        "0.1": 1,
        "0.3": 3,
        "+Inf": 4,
    }
    assert named("ecl_measure_bucket", samples, measure="size", group="requests") == {
        "1.0": 0,
        "+Inf": 1,
    }


# --- telemetry


def test_a_process_shows_what_became_of_its_events() -> None:
    with EventCountLogger(GROUPS, store="memory://") as ecl:
        requests = ecl["requests"]
        requests.log("req1", 3)
        requests.log("nobody knows", 2)

        samples = scrape(EventCollector(ecl))

        assert named("ecl_counted_total", samples) == {"": 5}
        dropped = named("ecl_dropped_total", samples)
        assert dropped.pop("undeclared") == 2
        assert len(dropped) == 7
        assert set(dropped.values()) == {0}
        for name in ("ecl_pending", "ecl_late_total", "ecl_ahead_total", "ecl_retries_total"):
            assert named(name, samples) == {"": 0}
        assert named("ecl_last_flush_timestamp_seconds", samples).keys() == {""}
        assert named("ecl_sources", samples) == {"requests": 1}


def test_the_lag_is_that_of_the_newest_source(store: MemoryStore, clock: Clock) -> None:
    collector = EventCollector(store=store)
    assert named("ecl_flush_lag_seconds", scrape(collector)) == {}
    Program(store, "a").send({"req1": 1})
    clock.now += 60
    Program(store, "b").send({"req1": 1})
    clock.now += 7

    samples = scrape(collector)

    assert named("ecl_flush_lag_seconds", samples) == {"requests": 7}
    assert named("ecl_sources", samples) == {"requests": 2}


def test_while_the_store_is_away_telemetry_stays(warnings_told: list[str]) -> None:
    store = FlakyStore()
    batched = {"requests": GROUPS["requests"] | {"sync_interval": 60}}
    with EventCountLogger(batched, store=store) as ecl:
        collector = EventCollector(ecl)
        assert named("ecl_up", scrape(collector)) == {"": 1}
        store.is_away = True
        ecl["requests"].log("req1")

        samples = scrape(collector)

        assert named("ecl_up", samples) == {"": 0}
        assert named("ecl_pending", samples) == {"": 1}
        assert named("ecl_events_total", samples) == {}
        store.is_away = False
        assert named("ecl_up", scrape(collector)) == {"": 1}


def test_an_outage_is_told_when_it_begins_and_when_it_ends(
    store: MemoryStore, told: list[str]
) -> None:
    flaky = FlakyStore(store)
    collector = EventCollector(store=flaky, say=told.append)
    for is_away in (False, True, True, False, False):
        flaky.is_away = is_away
        assert named("ecl_up", scrape(collector)) == {"": not is_away}

    assert told == [
        "memory://: Connection refused; ecl_up is 0 meanwhile",
        "the store is back after 0 s; it is read again",
    ]


def test_a_server_that_hangs_is_not_waited_for(own_server: RedisServer, told: list[str]) -> None:
    settings = own_server.seed_config | {"socket_timeout": 0.3}
    collector = EventCollector(store=settings, say=told.append)
    assert named("ecl_up", scrape(collector)) == {"": 1}
    own_server.pause()
    try:
        assert named("ecl_up", scrape(collector)) == {"": 0}
    finally:
        own_server.go_on()

    assert named("ecl_up", scrape(collector)) == {"": 1}


class Unwritable(FlakyStore):
    """A store that can be read, and in which nothing can be written."""

    def totals(self, group: str) -> Totals | None:
        raise StoreUnavailable("sqlite:////counts.db: cannot be written by user nobody")


def test_where_totals_cannot_begin_all_else_is_there(
    store: MemoryStore, clock: Clock, told: list[str]
) -> None:
    Program(store).send({"req1": 3})
    clock.now += FIVE_SECONDS.seconds
    collector = EventCollector(store=Unwritable(store), say=told.append)

    for _ in range(2):
        samples = scrape(collector)

    assert named("ecl_up", samples) == {"": 1}
    assert named("ecl_group_up", samples) == {"requests": 0}
    assert named("ecl_events_total", samples) == {}
    assert named("ecl_interval_events", samples, interval="5s") == {"req1,requests": 3}
    reason = "sqlite:////counts.db: cannot be written by user nobody"
    assert told == [f"{reason}; totals of group requests cannot begin"]


# --- labels

HOSTILE = [
    *('say "hi"', "C:\\new\\table", "größe 日本", "two\nlines", "{a=b}", "\\", '"', "a\\nb"),
    *("# EOF", "\r\n", "x\u2028y", "\U0001f600"),
]


def test_ids_of_any_form_come_back_from_the_parsers_as_they_are(store: MemoryStore) -> None:
    collector = EventCollector(store=store)
    scrape(collector)
    Program(store).send(dict.fromkeys(HOSTILE, 7))

    samples = scrape(collector)

    found = named("ecl_events_total", samples, group="requests")
    assert {event for event, n in found.items() if n == 7} == set(HOSTILE)


def test_an_id_that_is_no_text_is_shown_with_escapes(store: MemoryStore) -> None:
    """Somebody else can have stored it; the page must not fail for it."""
    collector = EventCollector(store=store)
    scrape(collector)
    Program(store).send({"half \ud800": 2})

    assert named("ecl_events_total", scrape(collector), group="requests") == {
        "half \\ud800": 2,
        "req1": 0,
    }


# --- threads, forks


def test_threads_can_collect_at_the_same_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/counts.db"
    with EventCountLogger(GROUPS, store=url) as ecl:
        collector = EventCollector(ecl)
        scrape(collector)
        seen: list[list[float]] = [[] for _ in range(4)]

        def collect(values: list[float]) -> None:
            for _ in range(5):
                values.append(named("ecl_events_total", scrape(collector))["req1,requests"])

        threads = [threading.Thread(target=collect, args=[values]) for values in seen]
        for thread in threads:
            thread.start()
        for _ in range(20):
            ecl["requests"].log("req1")
        for thread in threads:
            thread.join()

        assert all(values == sorted(values) and len(values) == 5 for values in seen)
        assert named("ecl_events_total", scrape(collector))["req1,requests"] == 20


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_forked_child_can_collect_and_so_can_its_parent(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/counts.db"
    if kind == "redis":
        url = request.getfixturevalue("empty_server").url
    open_store(url).define(MEASURED)
    collector = EventCollector(store=url)
    expected = scrape(collector).keys()

    def collect() -> None:
        for _ in range(3):
            assert scrape(collector).keys() == expected

    child = fork(collect)
    collect()

    assert status_of(child) == 0


# --- what is given


def test_only_the_groups_that_are_named_are_collected(told: list[str]) -> None:
    store = MemoryStore()
    for name in ("a", "b"):
        store.define(Definition(name, (Interval.parse("1m"),), events=frozenset({"x"})))

    samples = scrape(EventCollector(store=store, groups=["b", "none"], say=told.append))

    assert named("ecl_events_total", samples) == {"x,b": 0}
    assert named("ecl_group_up", samples) == {"b": 1, "none": 0}
    assert told == ["memory:// knows no group 'none'"]


def test_groups_of_a_configuration_are_there_before_anybody_counts() -> None:
    store = MemoryStore()
    collector = EventCollector(config={"groups": GROUPS}, store=store)

    assert named("ecl_events_total", scrape(collector)) == {"req1,requests": 0, "req2,requests": 0}
    assert store.groups() == ["requests"]


def test_what_means_nothing_is_refused() -> None:
    ecl = EventCountLogger(GROUPS, store="memory://")
    for wrong in (
        lambda: EventCollector(ecl, store="memory://"),
        lambda: EventCollector(ecl, groups=["none"]),
        lambda: EventCollector(groups="requests"),
        lambda: EventCollector("requests"),  # type: ignore[arg-type]
        lambda: EventCollector(store="gopher://x"),
        lambda: EventCollector(ecl, bounds=[]),
        lambda: EventCollector(ecl, bounds=[1, float("nan")]),
        lambda: EventCollector(ecl, bounds={"latency": 3}),  # type: ignore[dict-item]
        lambda: EventCollector(ecl, bounds=[1, True, "2"]),  # type: ignore[list-item]
    ):
        with pytest.raises(ConfigError):
            wrong()


@pytest.mark.once
def test_without_the_client_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "import ecl_logging.exporters\n"
        "import ecl_logging.exporters.prometheus"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ended.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: ecl_logging.exporters.prometheus needs prometheus_client:"
        " pip install 'ecl-logging[prometheus]'"
    )


def test_a_server_that_is_not_there_is_no_error() -> None:
    collector = EventCollector(store=f"redis://127.0.0.1:{free_port()}/0", say=lambda _: None)

    assert named("ecl_up", scrape(collector)) == {"": 0}
