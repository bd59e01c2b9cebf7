"""BurstFilter: what passes, and what is told of the rest."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ecl_logging import ConfigError
from ecl_logging.filters import BurstFilter
from ecl_logging.records.bursts import Bursts
from tests.conftest import Clock, wait_until

T = 1_800_000_000.0  # where a minute begins


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Reports are told when a test says so, unless it is about the thread."""
    if "thread" not in request.node.name:
        monkeypatch.setattr("ecl_logging.records.bursts.Ticker.start", lambda self, **_: False)


@pytest.fixture
def at(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which intervals end."""
    clock.now = T
    monkeypatch.setattr("ecl_logging.records.bursts.time", SimpleNamespace(time=clock))
    return clock


class Shown(logging.Handler):
    """Keeps what it is given."""

    def __init__(self, *filters: logging.Filter) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        for one in filters:
            self.addFilter(one)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def passed(self) -> list[str]:
        return [r.getMessage() for r in self.records if not hasattr(r, "ecl_burst")]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [r.ecl_burst for r in self.records if hasattr(r, "ecl_burst")]

    @property
    def total(self) -> int:
        return len(self.passed) + sum(burst["count"] for burst in self.told)


@pytest.fixture
def shop() -> Iterator[logging.Logger]:
    logger = logging.getLogger("burst.shop")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
    logger.disabled = False
    logger.filters.clear()
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)


def log(logger: logging.Logger, text: object, n: int, created: float | None = None) -> None:
    for _ in range(n):
        record = logger.makeRecord(logger.name, logging.INFO, "x.py", 1, text, (), None)
        record.created = T if created is None else created
        logger.handle(record)


def bursts(one: BurstFilter) -> Bursts:
    return one._bursts


# --- what passes, and what is told


def test_the_first_of_each_kind_pass_and_the_rest_is_told_when_the_interval_ends(at, shop):
    burst = BurstFilter(limit=2)
    shown = Shown(burst)
    shop.addHandler(shown)

    log(shop, "apples", 5)
    log(shop, "pears", 2)
    bursts(burst).tick()
    assert (shown.passed, shown.told) == (["apples"] * 2 + ["pears"] * 2, [])
    at.now = T + 61
    bursts(burst).tick()

    [told] = shown.told
    assert told == {"kind": told["kind"], "count": 3, "start": int(T), "interval": "1m"}
    report = shown.records[-1]
    assert report.getMessage() == "3 more in the 1m from 2027-01-15T08:00:00Z: apples"
    assert (report.name, report.levelno, report.pathname, report.lineno) == (
        "burst.shop", logging.INFO, "x.py", 1,
    )  # fmt: skip
    bursts(burst).tick()
    assert len(shown.told) == 1


def test_each_interval_begins_anew(at, shop):
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    for minute in range(3):
        at.now = T + 60 * minute
        log(shop, "apples", 4, at.now)
        at.now += 60.5
        bursts(burst).tick()

    assert [(told["start"], told["count"]) for told in shown.told] == [
        (int(T) + 60 * minute, 3) for minute in range(3)
    ]
    assert shown.total == 12


def test_what_is_within_the_limit_is_not_told(at, shop):
    burst = BurstFilter(limit=3)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "apples", 3)
    at.now += 61
    bursts(burst).tick()

    assert (shown.total, shown.told) == (3, [])


@pytest.mark.parametrize("fingerprint", ["message", "masked", lambda record: "one"])
def test_kinds_are_what_the_fingerprint_says(at, shop, fingerprint):
    burst = BurstFilter(limit=1, fingerprint=fingerprint)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "took 1", 2)
    log(shop, "took 2", 2)

    assert len(shown.passed) == (2 if fingerprint == "message" else 1)
    at.now += 61
    bursts(burst).tick()
    assert shown.total == 4


def test_kinds_beyond_those_that_are_told_apart_share_a_place(at, shop):
    burst = BurstFilter(limit=1, fingerprint="message", max_kinds=2)
    shown = Shown(burst)
    shop.addHandler(shown)
    for n in range(10):
        log(shop, f"kind {n}", 2)
    at.now += 61
    bursts(burst).tick()

    assert shown.passed == ["kind 0", "kind 1", "kind 2"]
    assert [told["count"] for told in shown.told] == [1, 1, 15]
    assert shown.told[-1]["kind"] == "other kinds"
    assert shown.records[-1].getMessage().endswith(": other kinds")


def test_no_more_than_that_is_kept(at, shop):
    burst = BurstFilter(limit=1, max_kinds=10)
    shop.addHandler(Shown(burst))
    for n in range(1000):
        log(shop, f"kind {n}", 1)

    [window] = bursts(burst)._windows.values()
    assert (len(window.kinds), len(window.places)) == (11, 10)


def test_late_and_early_records_count_in_the_current_interval(at, shop):
    """Nothing is lost, no interval is told twice, and no more pass than the limit."""
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "apples", 3)
    at.now = T + 61
    bursts(burst).tick()
    for created in (T, T - 1e6, T + 1e9, float("nan"), float("inf"), T + 61):
        log(shop, "apples", 2, created)
    assert list(bursts(burst)._windows) == [int(T) + 60]
    at.now = T + 121
    bursts(burst).tick()

    assert [(told["start"], told["count"]) for told in shown.told] == [
        (int(T), 2), (int(T) + 60, 11),
    ]  # fmt: skip
    assert shown.total == 15


def test_the_clock_of_another_may_be_a_little_ahead(at, shop):
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    at.now = T + 57
    log(shop, "apples", 2, T + 57)
    log(shop, "apples", 2, T + 60)

    assert len(shown.passed) == 2


def test_a_clock_that_is_set_back_holds_nothing_up(at, shop):
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "apples", 3)
    at.now = T - 1e6
    bursts(burst).tick()
    log(shop, "apples", 3, at.now)
    at.now += 61
    bursts(burst).tick()

    assert shown.total == 6
    assert len(shown.told) == 2


@pytest.mark.parametrize("fingerprint", ["template", "message"])
def test_totals_are_exact_in_eight_threads(at, shop, fingerprint):
    burst = BurstFilter(limit=5, fingerprint=fingerprint)
    shown = Shown(burst)
    shop.addHandler(shown)
    stop = threading.Event()

    def tell() -> None:
        while not stop.is_set():
            at.now += 7
            bursts(burst).tick()

    def work() -> None:
        for n in range(1000):
            log(shop, f"kind {n % 4}", 1, at.now)

    threads = [threading.Thread(target=work) for _ in range(8)]
    teller = threading.Thread(target=tell)
    for thread in (*threads, teller):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    teller.join()
    at.now += 200
    bursts(burst).tick()

    assert shown.total == 8000
    assert len(shown.passed) < 8000
    told = Counter((one["kind"], one["start"]) for one in shown.told)
    assert set(told.values()) == {1}


def test_what_cannot_be_counted_passes(at):
    burst = BurstFilter(limit=1)

    class Odd:
        def __hash__(self) -> int:
            raise RuntimeError

        def __str__(self) -> str:
            raise RuntimeError

    for attributes in ({"lineno": Odd()}, {"name": Odd()}, {"created": Odd()}, {"msg": Odd()}):
        assert burst.filter(logging.makeLogRecord(attributes))
    assert burst.filter(logging.makeLogRecord({"name": "ecl_logging", "msg": "x"}))
    assert burst.filter(logging.makeLogRecord({"name": "ecl_logging", "msg": "x"}))


def test_what_a_signal_handler_logs_meanwhile_passes(at, shop):
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "apples", 1)
    with bursts(burst)._lock:
        log(shop, "apples", 1)

    assert len(shown.passed) == 2


# --- to whom


def test_one_filter_at_two_handlers_decides_once_and_tells_both(at, shop):
    burst = BurstFilter(limit=2)
    both = [Shown(burst), Shown(burst)]
    for handler in both:
        shop.addHandler(handler)
    log(shop, "apples", 5)
    at.now += 61
    bursts(burst).tick()

    assert [(len(one.passed), [told["count"] for told in one.told]) for one in both] == [
        (2, [3])
    ] * 2


def test_handlers_beside_it_get_no_report(at, shop):
    burst = BurstFilter(limit=1)
    behind, beside = Shown(burst), Shown()
    shop.addHandler(behind)
    shop.addHandler(beside)
    log(shop, "apples", 3)
    at.now += 61
    bursts(burst).tick()

    assert (behind.total, beside.total, beside.told) == (3, 3, [])


def test_at_a_logger_it_stands_before_all_handlers(at, shop):
    burst = BurstFilter(limit=1)
    own, above = Shown(), Shown()
    shop.addFilter(burst)
    shop.addHandler(own)
    shop.propagate = True
    logging.getLogger("burst").addHandler(above)
    try:
        log(shop, "apples", 3)
        at.now += 61
        bursts(burst).tick()
    finally:
        logging.getLogger("burst").removeHandler(above)

    assert (own.told, own.total) == (above.told, above.total)
    assert own.total == 3


def test_at_a_handler_of_root_it_tells_of_each_logger_under_its_name(at, shop):
    shop.propagate = True
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    logging.getLogger().addHandler(shown)
    log(shop, "apples", 3)
    log(logging.getLogger("burst.other"), "pears", 3)
    record = logging.makeLogRecord({"name": "from.elsewhere", "levelno": 40, "created": T})
    for _ in range(2):
        shown.handle(logging.makeLogRecord(vars(record)))
    at.now += 61
    bursts(burst).tick()

    assert [(r.name, r.levelno) for r in shown.records if hasattr(r, "ecl_burst")] == [
        ("burst.shop", 20), ("burst.other", 20), ("from.elsewhere", 40),
    ]  # fmt: skip


def test_what_the_logger_is_set_to_meanwhile_decides_nothing_but_the_handlers_level_does(at, shop):
    burst = BurstFilter(limit=1)
    shown, louder = Shown(burst), Shown(burst)
    shop.addHandler(shown)
    shop.addHandler(louder)
    log(shop, "apples", 3)
    shop.setLevel(logging.CRITICAL)
    shop.disabled = True
    louder.setLevel(logging.ERROR)
    at.now += 61
    bursts(burst).tick()

    assert (shown.total, len(shown.told), louder.told) == (3, 1, [])


def test_a_handler_that_raises_keeps_no_other_from_its_report(at, shop, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("ecl_logging.records.reports.warn", told.append)
    burst = BurstFilter(limit=1)
    bad, good = Shown(burst), Shown(burst)
    shop.addHandler(bad)
    shop.addHandler(good)
    log(shop, "apples", 3)
    monkeypatch.setattr(bad, "handle", lambda record: 1 / 0)
    at.now += 61
    bursts(burst).tick()

    assert good.total == 3
    assert told == ["Shown failed with ZeroDivisionError: division by zero"]


def test_where_it_is_attached_nowhere_any_more_the_loggers_handlers_are_told(at, shop):
    burst = BurstFilter(limit=1)
    shown = Shown(burst)
    shop.addHandler(shown)
    log(shop, "apples", 3)
    shown.removeFilter(burst)
    at.now += 61
    bursts(burst).tick()

    assert shown.total == 3


def test_another_filter_lets_the_report_pass(at, shop):
    first, second = BurstFilter(limit=1), BurstFilter(limit=1, fingerprint=lambda record: "all")
    shown = Shown(first, second)
    shop.addHandler(shown)
    log(shop, "apples", 3)
    at.now += 61
    bursts(first).tick()

    assert [told["count"] for told in shown.told] == [2]


# --- the thread


def test_a_thread_tells_when_no_further_record_comes(shop):
    burst = BurstFilter(limit=1, interval="1s")
    shown = Shown(burst)
    shop.addHandler(shown)
    before = threading.active_count()
    shop.info("apples")
    assert threading.active_count() == before
    logged = 1
    while shown.total == logged:  # two of them may lie in two seconds
        shop.info("apples")
        logged += 1

    assert threading.active_count() == before + 1
    assert wait_until(lambda: shown.total == logged)


def test_a_filter_that_is_dropped_has_the_thread_tell_what_it_held_back(shop):
    burst = BurstFilter(limit=1, interval="1d")
    shown = Shown(burst)
    shop.addHandler(shown)
    for _ in range(5):
        shop.info("apples")
    thread = bursts(burst)._ticker._thread
    assert thread is not None
    shown.removeFilter(burst)
    del burst
    gc.collect()

    assert wait_until(lambda: shown.total == 5)
    assert wait_until(lambda: not thread.is_alive())


# --- arguments


def test_wrong_arguments_are_refused_aloud_and_together(capsys):
    with pytest.raises(ConfigError) as refused:
        BurstFilter(limit=0, interval="1 minute", fingerprint="mask", max_kinds=True, limits=1)

    assert list(refused.value.problems) == [
        "ecl: unknown argument 'limits'; did you mean 'limit'?",
        "ecl: limit: 0 is not a whole number from 1 to 9007199254740992",
        "ecl: max_kinds: True is not a whole number from 1 to 10000000",
        "ecl: interval: '1 minute' is not an interval; write <number><s|m|h|d>, such as 5m",
        "ecl: fingerprint: unknown fingerprint 'mask'; did you mean 'masked'?; or a function from record to text, as module:function",
    ]
    assert capsys.readouterr().err == f"ecl_logging: {refused.value}\n"
