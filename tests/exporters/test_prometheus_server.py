"""What a real Prometheus answers is what `ecl-read` says, through a restart of the exporter."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ecl_logging.exporters.histograms import DEFAULT_BOUNDS
from ecl_logging.intervals import Interval
from ecl_logging.measures import counted, sum_cells
from ecl_logging.stores import open_store
from ecl_logging.stores.protocols import Definition
from tests.exporters.exporting import Web
from tests.faults.programs import Programs
from tests.prometheus_servers import PrometheusServer, Samples
from tests.redis_servers import RedisServer, free_port
from tests.stores.programs import Program
from tests.waiting import wait_until

pytestmark = pytest.mark.once

SHORT, LONG = INTERVALS = (Interval.parse("1s"), Interval.parse("2s"))
HOSTILE = ('say "hi"', "C:\\new\\table", "größe 日本", "two\nlines", "{a=b}", "le")
DEFINITION = Definition(
    "requests",
    INTERVALS,
    events=frozenset({"req1", "silent"}),
    history=60,
    measures=frozenset({"latency"}),
)
SECONDS = 12.5  # of counting
History = dict[int, dict[str, int]]  # start of a bucket -> counts other than zero
LATE = 0.6  # seconds: a scrape, and what a busy machine may take


class Counting:
    """Counts in a store, in a thread, until it is ended; knows what it has counted."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self._store, self._chance = open_store(url), chance
        self._store.define(DEFINITION)
        self._over = threading.Event()
        self.counts: Counter[str] = Counter()
        self.values: list[float] = []
        self.last_start = 0

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=self._count)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _count(self) -> None:
        program = Program(self._store)
        while not self._over.wait(0.03):
            chance = self._chance
            counts = {"req1": chance.randint(1, 9), chance.choice(HOSTILE): chance.randint(1, 3)}
            values = [chance.lognormvariate(-2.0, 1.0) for _ in range(chance.randint(1, 4))]
            cells = counted("latency", values) | sum_cells("latency", values)
            self.last_start = int(time.time())
            program.send(counts | cells, start=self.last_start, intervals=INTERVALS)
            self.counts.update(counts)
            self.values += values


class Exported:
    """A store in which a program counts, with its exporter."""

    def __init__(self, programs: Programs, chance: random.Random) -> None:
        self._programs = programs
        self.counting = Counting(programs.url, chance)
        self.web = Web(programs, "--metrics-only", address=f"127.0.0.1:{free_port()}")
        self.down = (0.0, 0.0)  # Unix times

    def restart(self) -> None:
        began = time.time()
        assert self.web.end() == ""
        self.web.start()
        self.down = (began, time.time())

    def read(self) -> dict[str, History]:
        """What `ecl-read` says of finished buckets, by interval."""
        command = ("-g", "requests", "--history", "60", "--json", "--nonzero")
        ended = self._programs.start_command("-m", "ecl_logging.tools.read", *command).end()
        assert ended.status == 0, ended.err
        found: dict[str, History] = {interval.text: {} for interval in INTERVALS}
        for one in json.loads(ended.out):
            if one["counts"]:
                start = int(datetime.fromisoformat(one["start"]).timestamp())
                found[one["interval"]][start] = one["counts"]
        return found

    def was_up_for(self, start: int, interval: Interval) -> bool:
        """Whether the exporter was up while this bucket was the last that had finished."""
        began, ended = self.down
        return began > start + 2 * interval.seconds or ended + LATE < start + interval.seconds


@pytest.fixture
def exported(
    tmp_path: Path, empty_server: RedisServer, chance: random.Random
) -> Iterator[dict[str, Exported]]:
    """By store."""
    folders = [tmp_path / name for name in ("sqlite", "redis")]
    for folder in folders:
        folder.mkdir()
    both = [Programs(folders[0]), Programs(folders[1], empty_server)]
    yield {
        folder.name: Exported(programs, random.Random(chance.random()))
        for folder, programs in zip(folders, both, strict=True)
    }
    for programs in both:
        programs.kill_all()


def test_prometheus_answers_what_ecl_read_says_through_a_restart(
    exported: dict[str, Exported], tmp_path: Path
) -> None:
    targets = {name: one.web.address for name, one in exported.items()}
    with PrometheusServer(tmp_path, targets).running() as prometheus:
        for one in exported.values():
            one.web.start()
        wait_until(lambda: prometheus.values("ecl_up", by="target") == dict.fromkeys(targets, 1))
        with contextlib.ExitStack() as counting:
            for one in exported.values():
                counting.enter_context(one.counting.going_on())
            began = time.monotonic()
            wait_until(lambda: time.monotonic() - began > SECONDS / 2.5)
            for one in exported.values():
                one.restart()
            wait_until(lambda: time.monotonic() - began > SECONDS)
        for name, one in exported.items():
            wait_until(lambda name=name, one=one: newest_start(prometheus, name) >= one_end(one))
        for name, one in exported.items():
            read = one.read()
            assert_interval_gauges_agree(prometheus, name, one, read)
            assert_totals_agree(prometheus, name, one, read[SHORT.text])
            assert_histograms_agree(prometheus, name, one)
        assert "msg" not in prometheus.logged()  # no sample was refused


def one_end(one: Exported) -> int:
    """The start of the bucket, in the longer interval, in which the last was counted."""
    return LONG.start_of(one.counting.last_start)


def newest_start(prometheus: PrometheusServer, target: str) -> float:
    query = f'ecl_interval_start_timestamp_seconds{{target="{target}"}}'
    return prometheus.values(query, by="interval").get(LONG.text, 0.0)


def assert_interval_gauges_agree(
    prometheus: PrometheusServer, target: str, one: Exported, read: dict[str, History]
) -> None:
    for interval in INTERVALS:
        labels = f'target="{target}",interval="{interval.text}"'
        [starts] = prometheus.samples(
            f"ecl_interval_start_timestamp_seconds{{{labels}}}", by=""
        ).values()
        events = prometheus.samples(f"ecl_interval_events{{{labels}}}", by="event")
        scraped = last_scrape_of_each(starts, events)
        for at, start in starts:
            assert start + interval.seconds - LATE < at < start + 2 * interval.seconds + LATE
        history = read[interval.text]
        missing = history.keys() - scraped.keys()
        assert not [start for start in missing if one.was_up_for(start, interval)]
        seen = history.keys() & scraped.keys()
        assert len(seen) >= (10 if interval is SHORT else 5)
        assert {start: scraped[start] for start in seen} == {
            start: history[start] for start in seen
        }
        assert all(value == 0 for _, value in events["silent"])


def last_scrape_of_each(starts: Samples, events: dict[str, Samples]) -> dict[int, dict[str, int]]:
    """By start of a bucket, what the last scrape that had it saw: counts other than zero."""
    by_time = {event: dict(samples) for event, samples in events.items()}
    return {
        int(start): {event: int(values[at]) for event, values in by_time.items() if values.get(at)}
        for at, start in starts
    }


def assert_totals_agree(
    prometheus: PrometheusServer, target: str, one: Exported, history: History
) -> None:
    read = sum((Counter(counts) for counts in history.values()), Counter())
    assert read == one.counting.counts
    selector = f'ecl_events_total{{target="{target}"}}'
    values = prometheus.values(selector, by="event")
    assert values == {**read, "silent": 0}
    resets = prometheus.values(f"resets({selector}[60s])", by="event")
    assert resets == dict.fromkeys(values, 0)
    for at, value in prometheus.samples(selector, by="event")["req1"]:
        finished = sum(c["req1"] for start, c in history.items() if start + 1 < at - LATE)
        begun = sum(c["req1"] for start, c in history.items() if start < at + LATE)
        assert finished <= value <= begun


def assert_histograms_agree(prometheus: PrometheusServer, target: str, one: Exported) -> None:
    values = sorted(one.counting.values)
    labels = f'target="{target}",measure="latency"'
    buckets = prometheus.values(f"ecl_measure_bucket{{{labels}}}", by="le")
    found = {float(le): n for le, n in buckets.items()}
    assert found == {
        **{bound: bisect_right(values, bound) for bound in DEFAULT_BOUNDS},
        float("inf"): len(values),
    }
    assert prometheus.values(f"ecl_measure_count{{{labels}}}", by="measure") == {
        "latency": len(values)
    }
    [sum_scraped] = prometheus.values(f"ecl_measure_sum{{{labels}}}", by="measure").values()
    assert sum_scraped == pytest.approx(sum(values), rel=1e-12)
    for name in ("count", "sum", "bucket"):
        resets = prometheus.values(f"max(resets(ecl_measure_{name}{{{labels}}}[60s]))", by="")
        assert resets == {"": 0}
    for quantile in (0.5, 0.9, 0.99):
        query = f"histogram_quantile({quantile}, ecl_measure_bucket{{{labels}}})"
        [near] = prometheus.values(query, by="measure").values()
        exact = values[int(quantile * (len(values) - 1))]
        assert exact / 2 <= near <= exact * 2  # bounds are powers of two
