"""CountingHandler: records in, counts out; never a word, a wait or an error to who logs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecl_logging import ConfigError
from ecl_logging.handlers import CountingHandler
from ecl_logging.stores.memory import MemoryStore
from tests.conftest import wait_until
from tests.faulty_stores import FlakyStore, HangingStore
from tests.making import making

DAY = {"intervals": ["1d"], "auto_declare_events": True, "sync_interval": 3600}
GROUPS = {"g": DAY}

Make = Callable[..., CountingHandler]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make handlers, each with a memory of its own unless it is told otherwise."""
    yield from making(CountingHandler, store="memory://", groups=GROUPS)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of the test's own; its handlers are gone afterwards."""
    logger = logging.getLogger("tests.counting")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


def record(**attributes: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "web", "levelno": 20, "levelname": "INFO"} | attributes)


def counts(handler: CountingHandler, group: str = "g") -> dict[str, int]:
    assert handler.ecl is not None
    return handler.ecl[group].get_counts("1d", current=True)


def dropped(handler: CountingHandler) -> dict[str, int]:
    assert handler.ecl is not None
    by_reason: Any = handler.ecl.telemetry()["dropped"]
    return {reason: n for reason, n in by_reason.items() if n}


# --- counting


def test_a_record_counts_by_the_rules(make):
    handler = make(rules=[{"event": "{levelname}"}, {"level": "ERROR", "event": "bad"}])
    handler.handle(record())
    handler.handle(record(levelno=40, levelname="ERROR"))

    assert counts(handler) == {"INFO": 1, "ERROR": 1, "bad": 1}


def test_a_record_counts_in_the_interval_of_its_own_time(make, clock):
    store = MemoryStore(clock=clock)
    handler = make(store=store)
    handler.handle(record(event="x", created=clock.now - 86400))
    handler.handle(record(event="x", created=clock.now))
    handler.handle(record(event="x", created=clock.now))

    assert counts(handler) == {"x": 2}
    assert handler.ecl["g"].get_counts("1d") == {"x": 1}


def test_without_groups_levels_loggers_and_events_are_counted(make):
    handler = make(groups=None)
    handler.handle(record(event="x"))
    ecl = handler.ecl

    assert ecl["levels"].get_current_count("INFO", "1h") == 1
    assert ecl["loggers"].get_counts("1h", current=True) == {"web": 1}
    assert ecl["events"].get_counts("1h", current=True) == {"x": 1}


def test_a_bare_record_does_no_harm(make):
    handler = make(groups=None)

    handler.handle(logging.makeLogRecord({}))
    assert dropped(handler) == {"invalid": 1}  # its logger's name is empty


def test_a_record_below_the_handlers_level_is_not_counted(make, logger):
    handler = make(level="ERROR", rules=[{"event": "{levelname}"}])
    logger.addHandler(handler)
    logger.info("hello")
    logger.error("oh")

    assert counts(handler) == {"ERROR": 1}


def test_a_record_is_never_changed(make):
    handler = make(rules=[{"pattern": "(?P<who>h.*)", "event": "{who}"}])
    seen = record(msg="%s", args=("hello",))
    before = dict(seen.__dict__)
    handler.handle(seen)

    assert seen.__dict__ == before
    assert counts(handler) == {"hello": 1}


def test_attached_twice_counts_twice(make, logger):
    handler = make()
    logger.addHandler(handler)
    logging.getLogger().addHandler(handler)
    logger.info("hello", extra={"event": "x"})

    assert counts(handler) == {"x": 2}


def test_two_handlers_of_one_store_count_twice(make, logger):
    for _ in range(2):
        logger.addHandler(make(store="memory://two"))
    logger.info("hello", extra={"event": "x"})
    for handler in logger.handlers:
        handler.flush()

    assert counts(make(store="memory://two")) == {"x": 2}


@pytest.mark.parametrize("unmatched", [None, "none"])
def test_an_event_keeps_its_group_and_count_whatever_came_before(make, unmatched):
    handler = make(groups={"g": DAY, "h": DAY}, unmatched=unmatched)
    for _ in range(20):
        handler.handle(record(msg={"event_group": "h"}, event="x"))
        handler.handle(record(event="x"))
        handler.handle(record(event="x", event_count=5))
        handler.handle(record(event="x", event_group="h"))

    assert {"none": 0} | counts(handler) == {"x": 140, "none": 0}
    assert counts(handler, "h") == {"x": 20}


def test_our_own_records_are_counted_where_a_program_gives_them_an_event(make):
    handler = make(rules=[{"event": "{levelname}"}])
    for _ in range(20):
        handler.handle(record(name="ecl_logging"))
        handler.handle(record(name="ecl_logging", event="x"))

    assert counts(handler) == {"INFO": 20}


def test_a_record_whose_logger_is_no_text_is_no_event(make):
    handler = make(rules=[{"event": "bad", "level": "ERROR"}])
    handler.handle(record(name=5))

    assert (counts(handler), dropped(handler)) == ({"bad": 0}, {})


@pytest.mark.parametrize("name", ["emit", "handle"])
def test_a_method_that_is_set_on_a_handler_is_called(make, name):
    handler = make()
    handler.handle(record(event="x"))
    called: list[object] = []
    setattr(handler, name, called.append)
    for _ in range(3):
        handler.handle(record(event="x"))

    assert (len(called), counts(handler)) == (3, {"x": 1})


def test_our_own_records_are_not_counted(make):
    handler = make(rules=[{"event": "{name}"}])
    handler.handle(record(name="ecl_logging"))
    handler.handle(record(name="ecl_logging.sender"))

    assert counts(handler) == {}


def test_what_is_logged_while_flushing_is_not_counted(make, logger):
    class Chatty(MemoryStore):
        def apply(self, batch, **options):
            logger.info("applying", extra={"event": "noise"})
            return super().apply(batch, **options)

    handler = make(store=Chatty())
    logger.addHandler(handler)
    logger.info("hello", extra={"event": "x"})

    assert counts(handler) == {"x": 1}
    assert handler.ecl.telemetry()["counted"] == 1


def test_without_rules_an_event_counts_in_the_group_that_declared_it_meanwhile(make):
    groups = {name: {"intervals": ["1d"], "events": [name]} for name in ("a", "b")}
    handler = make(groups=groups)
    handler.ecl["b"].declare_event_id("new")
    handler.handle(record(event="new"))

    assert counts(handler, "b") == {"b": 0, "new": 1}


# --- unmatched


def test_what_no_rule_matched_can_be_counted(make):
    handler = make(rules=[{"level": "ERROR", "event": "error"}], unmatched="rest")
    handler.handle(record())
    handler.handle(record(levelno=40))

    assert counts(handler) == {"error": 1, "rest": 1}


def test_unmatched_declares_itself(make):
    groups = {"g": DAY | {"auto_declare_events": False}}
    handler = make(groups=groups, rules=[{"has": "x", "event": "x"}], unmatched="rest")
    handler.handle(record())

    assert counts(handler) == {"rest": 1, "x": 0}


@pytest.mark.parametrize("unmatched", ["", "@own", True])
def test_unmatched_is_an_event_id(make, unmatched, capsys):
    with pytest.raises(ConfigError, match="unmatched"):
        make(unmatched=unmatched)


# --- filters


def test_a_record_that_a_filter_drops_is_not_counted(make):
    handler = make()
    handler.addFilter(lambda one: one.event != "y")
    for event in ("x", "y"):
        handler.handle(record(event=event))

    assert counts(handler) == {"x": 1}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters replace records since 3.12")
def test_a_filter_may_return_another_record(make):
    handler = make()
    handler.addFilter(lambda _: record(event="replaced"))
    handler.handle(record(event="x"))

    assert counts(handler) == {"replaced": 1}


# --- records that raise


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __hash__ = __eq__ = __len__ = __bool__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "attributes",
    [
        {"event": Hostile()},
        {"event": "x", "event_count": Hostile()},
        {"event": []},
        {"event": "x", "created": Hostile()},
        {"event": "x", "created": None},
        {"event": "x", "event_group": Hostile()},
        {"msg": Hostile()},
        {"msg": "%d", "args": ("x",)},
    ],
    ids=lambda attributes: " ".join(attributes) if isinstance(attributes, dict) else None,
)
@pytest.mark.parametrize("rules", [None, [{"pattern": "x", "event": "{event}"}]])
def test_a_record_that_raises_does_not_reach_the_program(make, attributes, rules, warnings_told):
    handler = make(rules=rules)

    assert handler.handle(record(**attributes))
    assert handler.ecl.flush()


def test_a_record_whose_attributes_raise_counts_as_invalid(make, warnings_told):
    handler = make(rules=[{"event": "a:{user}"}])
    handler.handle(record(user=Hostile()))

    assert counts(handler) == {}
    assert dropped(handler) == {"invalid": 1}


def test_a_record_without_a_time_does_not_reach_the_program(make, warnings_told):
    handler = make()
    broken = record(event="x")
    del broken.created

    handler.handle(broken)

    assert counts(handler) == {}
    assert dropped(handler) == {"invalid": 1}


# --- the store


def test_logging_does_not_wait_for_a_store_that_hangs(make, warnings_told):
    store = HangingStore()
    handler = make(store=store)
    handler.handle(record(event="x"))
    wait_until(store.is_waiting.is_set)
    for _ in range(100):
        handler.handle(record(event="x"))
    store.let_go.set()
    handler.flush()

    assert counts(handler) == {"x": 101}


def test_counts_of_an_outage_are_sent_when_the_store_is_back(make, warnings_told):
    store = FlakyStore()
    store.is_away = True
    handler = make(store=store)
    for _ in range(10):
        handler.handle(record(event="x"))
    handler.flush()
    store.is_away = False
    handler.flush()

    assert counts(handler) == {"x": 10}


def test_a_group_of_a_handler_is_flushed_by_the_handlers_interval(make):
    groups = {"g": {"intervals": ["1d"], "auto_declare_events": True}}
    handler = make(groups=groups, sync_interval=0.05)
    for n in (1, 2):
        handler.handle(record(event="x"))
        assert wait_until(lambda n=n: handler.ecl.telemetry()["applied"] == n)


def test_a_handler_flushes_early_when_an_id_reaches_its_limit(make):
    groups = {"g": {"intervals": ["1d"], "auto_declare_events": True}}
    handler = make(groups=groups, sync_interval=3600, sync_limit=5)
    handler.handle(record(event="first"))
    wait_until(lambda: handler.ecl.telemetry()["applied"] == 1)
    for _ in range(5):
        handler.handle(record(event="x"))

    assert wait_until(lambda: handler.ecl.telemetry()["applied"] == 6)


# --- the end


def test_closing_twice_does_no_harm(make):
    handler = make()
    handler.handle(record(event="x"))
    handler.close()
    handler.close()

    assert handler.ecl.telemetry()["applied"] == 1


def test_a_record_after_closing_is_dropped_as_closed(make):
    handler = make()
    handler.close()
    handler.handle(record(event="x"))

    assert dropped(handler) == {"closed": 1}


def test_with_the_first_record_all_groups_are_known_to_the_store(make):
    """Whatever that record counts: a monitor asks for the errors before there is one."""
    groups = {name: {"intervals": ["1m"], "events": ["x"]} for name in ("errors", "others")}
    handler = make(groups=groups, rules=[{"group": "errors", "level": "ERROR", "event": "error"}])
    assert handler.ecl.store.groups() == []
    handler.handle(record())

    wait_until(lambda: handler.ecl.store.groups() == ["errors", "others"])
    assert handler.ecl.store.definition("errors").events == {"x", "error"}


def test_our_own_first_record_makes_nothing_known(make):
    handler = make()
    handler.handle(record(name="ecl_logging"))
    handler.flush()

    assert handler.ecl.store.groups() == []


def test_a_group_with_an_interval_of_its_own_is_flushed_early_by_the_handlers_limit(make):
    groups = {"g": {"intervals": ["1d"], "events": ["x"], "sync_interval": 3600}}
    handler = make(groups=groups, sync_limit=5)
    handler.handle(record(event="x"))
    wait_until(lambda: handler.ecl.telemetry()["applied"] == 1)
    for _ in range(5):
        handler.handle(record(event="x"))

    assert wait_until(lambda: handler.ecl.telemetry()["applied"] == 6)


@pytest.mark.parametrize("group", ["typo", 5, ["g"]])
def test_an_event_group_that_there_is_not_is_invalid(make, warnings_told, group):
    handler = make()
    for _ in range(2):
        handler.handle(record(event="x", event_group=group))
    handler.flush()

    assert counts(handler) == {}
    assert dropped(handler) == {"invalid": 2}
    assert warnings_told == [
        "group g: an event names a group that is not configured; it is counted as @invalid"
    ]


def test_no_event_group_is_as_good_as_none(make):
    handler = make()
    handler.handle(record(event="x", event_group=None))

    assert counts(handler) == {"x": 1}


def test_a_record_whose_time_raises_is_invalid(make, warnings_told):
    class Timeless(logging.LogRecord):
        @property
        def created(self) -> float:
            raise RuntimeError

    handler = make()
    timeless = record(event="x")
    timeless.__class__ = Timeless
    handler.handle(timeless)
    handler.flush()

    assert dropped(handler) == {"invalid": 1}
