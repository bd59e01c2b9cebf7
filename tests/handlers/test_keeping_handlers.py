"""DedupHandler and MessageHandler: any logging configuration, no harm to the program."""

from __future__ import annotations

import gc
import logging
import logging.config
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging.errors import ConfigError
from ecl_logging.fast_path import flushing_threads
from ecl_logging.handlers import CountingHandler, DedupHandler, MessageHandler
from ecl_logging.notices import warn
from ecl_logging.records import MessageLog, RecordLog
from ecl_logging.stores import open_store
from tests.records.conftest import Losing
from tests.waiting import wait_until

HANDLERS = (DedupHandler, MessageHandler)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("keeping")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True


def repeats(log: RecordLog) -> dict[str, int]:
    log.flush()
    found: dict[str, int] = {}
    for event in log:
        found[event["msg"]] = found.get(event["msg"], 0) + event["repeats"]
    return found


def counts(log: MessageLog, name: str = "keeping", severity: str = "info") -> dict[str, int]:
    log.flush()
    [found] = log.store.messages.common([(name, severity)])  # type: ignore[attr-defined]
    total: dict[str, int] = {}
    for hour in (found.current, found.last):  # one may have turned meanwhile
        for message, n in hour.counts.items() if hour else ():
            total[message] = total.get(message, 0) + n
    return total


def kept(handler: Any) -> dict[str, int]:
    """What a handler has kept: message template -> how often."""
    return repeats(handler.log) if isinstance(handler, DedupHandler) else counts(handler.log)


@pytest.fixture(params=HANDLERS)
def handler(request: pytest.FixtureRequest, logger: logging.Logger) -> Any:
    handler = request.param(store="memory://")
    logger.addHandler(handler)
    return handler


def test_records_are_kept_with_their_repeats(handler: Any, logger: logging.Logger) -> None:
    for n in range(1000):
        logger.info("sold %s", n)
    logger.info("closed")

    assert kept(handler) == {"sold %s": 1000, "closed": 1}


def test_a_thread_sends_without_being_asked(handler: Any, logger: logging.Logger) -> None:
    from tests.waiting import wait_until

    logger.info("sold")
    wait_until(lambda: handler.log.telemetry()["applied"] == 1)


def test_one_place_with_two_messages_is_two_kinds(logger: logging.Logger) -> None:
    logger.addHandler(handler := DedupHandler(store="memory://"))
    for message in ("a", "b", "a"):
        logger.info(message)

    assert kept(handler) == {"a": 2, "b": 1}


def test_one_message_at_two_places_is_two_kinds(logger: logging.Logger) -> None:
    logger.addHandler(handler := DedupHandler(store="memory://"))
    while time.time() % 1 > 0.7:
        time.sleep(0.01)
    logger.info("a")
    logger.info("a")
    handler.log.flush()

    assert [event["repeats"] for event in handler.log] == [1, 1]


def test_levels_and_filters_decide(handler: Any, logger: logging.Logger) -> None:
    handler.setLevel(logging.INFO)
    logger.debug("too low")
    logger.info("passes")
    handler.addFilter(lambda record: "no" not in record.msg)
    logger.info("no")
    logger.info("yes")
    handler.filters = []
    logger.info("no more")

    assert kept(handler) == {"passes": 1, "yes": 1, "no more": 1}


@pytest.fixture
def lone_logger() -> logging.Logger:
    """A logger that no handler of others is at, which might format its records."""
    return logging.Logger("keeping")  # noqa: LOG001 - so that it has no parent


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_record_stays_as_it_was(kind: Any, lone_logger: logging.Logger) -> None:
    logger = lone_logger
    logger.addHandler(handler := kind(store="memory://"))
    record = logger.makeRecord("keeping", 20, __file__, 1, "sold %s", ("it",), None)
    before = dict(vars(record))
    logger.handle(record)
    logger.handle(record)

    assert vars(record) == before
    assert kept(handler) == {"sold %s": 2}


def test_the_librarys_own_records_are_not_kept(handler: Any, logger: logging.Logger) -> None:
    own = logging.getLogger("ecl_logging")
    own.addHandler(handler)
    try:
        warn("something")
    finally:
        own.removeHandler(handler)
    assert kept(handler) == {}


def test_what_is_logged_while_it_sends_is_not_kept(logger: logging.Logger) -> None:
    store: Any = open_store("memory://")
    put = store.records.put

    def chatty(*arguments: Any, **named: Any) -> Any:
        logger.info("putting")
        return put(*arguments, **named)

    class Talking:
        def __getattr__(self, name: str) -> Any:
            return chatty if name == "put" else getattr(store.records, name)

    class Store(Losing):
        records = Talking()  # type: ignore[assignment]

    logger.addHandler(handler := DedupHandler(RecordLog(Store(store))))
    logger.info("sold")

    assert kept(handler) == {"sold": 1}


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_class_of_the_programs_own_has_its_ways(kind: Any, logger: logging.Logger) -> None:
    class Own(kind):  # type: ignore[misc, valid-type]
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg != "secret":
                super().emit(record)

    logger.addHandler(handler := Own(store="memory://"))
    for message in ("secret", "known", "secret"):
        logger.info(message)

    assert kept(handler) == {"known": 1}


def test_a_method_that_is_replaced_is_called(handler: Any, logger: logging.Logger) -> None:
    seen: list[str] = []
    logger.info("before")
    handler.emit = lambda record: seen.append(record.msg)
    logger.info("after")

    assert seen == ["after"]


def test_a_handler_that_nobody_has_is_gone() -> None:
    for kind in HANDLERS:
        handler = kind(store="memory://")
        alive = weakref.ref(handler)
        del handler
        gc.collect()
        assert alive() is None


@pytest.mark.parametrize(("kind", "log"), [(DedupHandler, RecordLog), (MessageHandler, MessageLog)])
def test_a_log_can_be_handed_in_and_stays_open(kind: Any, log: Any, logger: logging.Logger) -> None:
    mine = log("memory://")
    logger.addHandler(handler := kind(mine))
    logger.info("sold")
    handler.close()

    assert mine.telemetry()["applied"] == 1
    logger.info("sold")
    mine.flush()
    assert mine.telemetry()["applied"] == 2


@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"stor": "memory://"}, r"unknown argument 'stor'; did you mean 'store'"),
        ({"level": "LOUD"}, "level"),
        ({"store": "radis://x"}, "radis"),
        ({"store": "memory://", "redis": {}}, "older word"),
        ({"fingerprint": "mask"}, "masked"),
        ({"fingerprint": "no.such:function"}, "no.such"),
        ({"sync_interval": "often"}, "sync_interval"),
        ({"config": {"store": "memory://", "stroe": 1}}, "stroe"),
    ],
)
def test_a_wrong_argument_is_refused_aloud(
    kind: Any, arguments: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=told):
        kind(**arguments)
    assert capsys.readouterr().err.startswith("ecl_logging: ")


@pytest.mark.parametrize(("kind", "log"), [(DedupHandler, RecordLog), (MessageHandler, MessageLog)])
def test_with_a_log_nothing_else_says_where_to(kind: Any, log: Any) -> None:
    with pytest.raises(ConfigError, match=r"log: takes the place of fingerprint, store"):
        kind(log("memory://"), store="memory://", fingerprint="masked")
    with pytest.raises(ConfigError, match="is no"):
        kind("redis://localhost")


def configuration(tmp_path: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "ecl": {"store": f"sqlite:///{tmp_path}/kept.db"},
        "handlers": {
            "dedup": {"class": "ecl_logging.handlers.DedupHandler", "config": "cfg://ecl"},
            "messages": {
                "class": "ecl_logging.handlers.MessageHandler",
                "config": "cfg://ecl",
                "level": "INFO",
                "recent": 5,
                "fingerprint": "masked",
            },
            "counts": {"class": "ecl_logging.handlers.CountingHandler", "config": "cfg://ecl"},
        },
        "loggers": {"keeping": {"level": "DEBUG", "handlers": ["dedup", "messages", "counts"]}},
    }


def test_all_handlers_stand_in_one_configuration(tmp_path: Any, logger: logging.Logger) -> None:
    logging.config.dictConfig(configuration(tmp_path))
    logger.debug("low")
    for n in range(3):
        logger.info("sold %s", n)
    dedup, messages, counting = logger.handlers
    for handler in logger.handlers:
        handler.flush()

    assert isinstance(dedup, DedupHandler)
    assert isinstance(messages, MessageHandler)
    assert isinstance(counting, CountingHandler)
    assert kept(dedup) == {"low": 1, "sold %s": 3}
    assert kept(messages) == {"sold <num>": 3}
    assert counting.ecl["levels"].get_current_counts("INFO")["1h"] == 3


def test_configuring_again_under_load_loses_nothing(tmp_path: Any, logger: logging.Logger) -> None:
    is_over = threading.Event()
    logged = [0, 0, 0]

    def work(number: int) -> None:
        while not is_over.is_set():
            logger.info("sold")
            logged[number] += 1

    logging.config.dictConfig(configuration(tmp_path))
    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        logging.config.dictConfig(configuration(tmp_path))
        time.sleep(0.05)
    is_over.set()
    for thread in threads:
        thread.join()
    # Those that were replaced send what they have in their own time.
    from tests.waiting import wait_until

    gatherer = RecordLog(f"sqlite:///{tmp_path}/kept.db")
    found = [0]

    def all_there() -> bool:
        for handler in logger.handlers:
            handler.flush()
        found[0] += repeats(gatherer).get("sold", 0)
        return found[0] >= sum(logged)

    wait_until(all_there, seconds=20)
    gatherer.close()
    assert found[0] == sum(logged)


class Hostile:
    """Does what it can."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.is_over = threading.Event()

    def __str__(self) -> str:
        self.logger.info("me: %s", self)
        self.is_over.wait(60)
        raise SystemExit

    __repr__ = __str__

    def __hash__(self) -> int:
        raise OSError

    def __eq__(self, other: object) -> bool:
        raise OSError


@pytest.mark.parametrize("fingerprint", ["template", "message", "masked"])
@pytest.mark.parametrize("kind", HANDLERS)
def test_hostile_objects_do_not_reach_the_program(
    kind: Any, fingerprint: str, lone_logger: logging.Logger
) -> None:
    logger = lone_logger
    logger.addHandler(handler := kind(store="memory://", fingerprint=fingerprint))
    hostile = Hostile(logger)
    began = time.monotonic()
    logger.info("got %s", hostile)
    logger.info(hostile)
    logger.info("got it", extra={"it": hostile})
    assert time.monotonic() - began < 20
    handler.log.flush()

    telemetry = handler.log.telemetry()
    assert telemetry["applied"] == telemetry["counted"] == 3
    hostile.is_over.set()
    wait_until(lambda: not flushing_threads)  # else other tests find all fast paths shut
