"""EventFilter: names events for formatters and other handlers, and changes no count."""

from __future__ import annotations

import copy
import io
import logging
import logging.config
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging import ConfigError, EventCountLogger
from ecl_logging.filters import EventFilter
from ecl_logging.handlers import CountingHandler
from ecl_logging.testing import CapturedCounts

MINUTES = {"intervals": ["1m"]}
ANY = MINUTES | {"auto_declare_events": True}
GROUPS = {"orders": MINUTES | {"events": ["paid", "refused"]}, "levels": ANY}
RULES = [
    {"group": "levels", "level": "ERROR", "event": "{levelname}"},
    {"group": "orders"},
    {"group": "orders", "pattern": "^thank (?P<who>\\w+)", "event": "paid"},
]


def record(**attributes: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "shop", "levelno": 20, "levelname": "INFO"} | attributes)


def named(given: EventFilter, **attributes: Any) -> tuple[object, object, bool]:
    """Event and group that the filter gives a record, and whether that passes."""
    one = record(**attributes)
    passes = given.filter(one)
    return getattr(one, "event", None), getattr(one, "event_group", None), bool(passes)


# --- names


def test_the_first_rule_that_matches_names_event_and_group():
    given = EventFilter(groups=GROUPS, rules=RULES)

    assert named(given, event="paid") == ("paid", "orders", True)
    assert named(given, event="paid", levelno=40, levelname="ERROR") == ("ERROR", "levels", True)
    assert named(given, msg="thank you") == ("paid", "orders", True)


def test_what_no_rule_names_passes_as_it_is():
    assert named(EventFilter(groups=GROUPS, rules=RULES), msg="hello") == (None, None, True)


def test_with_require_it_is_dropped():
    given = EventFilter(groups=GROUPS, rules=RULES, require=True)

    assert named(given, msg="hello") == (None, None, False)
    assert named(given, event="refused") == ("refused", "orders", True)


def test_a_rule_that_only_measures_names_nothing():
    rules = [{"group": "levels", "measure": {"ms": "ms"}}, {"group": "orders", "event": "paid"}]

    assert named(EventFilter(groups=GROUPS, rules=rules), ms=3) == ("paid", "orders", True)


def test_without_rules_the_group_that_has_the_id_is_named():
    groups = {"first": MINUTES, "orders": MINUTES | {"events": ["paid"]}}
    given = EventFilter(groups=groups, require=True)

    assert named(given, event="paid") == ("paid", "orders", True)
    assert named(given, event="unknown") == ("unknown", None, False)
    assert named(given, event="paid", event_group="first")[1:] == ("first", False)


@pytest.mark.parametrize("event", [None, "", b"paid", "x" * 201, object()])
def test_what_is_no_event_id_is_not_named(event):
    given = EventFilter(groups=GROUPS, rules=[{"group": "levels"}], require=True)

    assert named(given, event=event) == (event, None, False)


def test_an_attribute_that_raises_is_no_name():
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    given = EventFilter(groups=GROUPS, rules=[{"group": "levels", "event": "{x}-{name}"}])

    assert named(given, x=Hostile()) == (None, None, True)


def test_the_librarys_own_warnings_pass_always():
    given = EventFilter(groups=GROUPS, rules=RULES, require=True)

    assert given.filter(record(name="ecl_logging", msg="the store is away"))


# --- and counts


@pytest.fixture
def shop() -> Iterator[logging.Logger]:
    logger = logging.getLogger("shop")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(logging.NOTSET)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.filters.clear()


def log_all(shop: logging.Logger) -> None:
    shop.info("sold", extra={"event": "paid"})
    shop.error("lost", extra={"event": "refused"})
    shop.info("thank you")
    shop.error("hello")


COUNTED = {"orders": {"paid": 2, "refused": 1}, "levels": {"ERROR": 2}}


@pytest.mark.parametrize("filters", [0, 1, 2])
def test_a_record_counts_the_same_behind_any_number_of_filters(
    ecl_counts: CapturedCounts, shop: logging.Logger, filters: int
) -> None:
    """Although the first rule has put a level where the program had said `refused`."""
    for _ in range(filters):
        shop.addFilter(EventFilter(groups=GROUPS, rules=RULES))
    shop.addHandler(CountingHandler(groups=GROUPS, rules=RULES))

    log_all(shop)

    assert ecl_counts() == COUNTED


def test_a_handler_without_rules_counts_what_the_filter_has_named(
    ecl_counts: CapturedCounts, shop: logging.Logger
) -> None:
    shop.addFilter(EventFilter(groups=GROUPS, rules=RULES))
    shop.addHandler(CountingHandler(groups=GROUPS))

    shop.info("thank you")
    shop.info("hello")

    assert ecl_counts() == {"orders": {"paid": 1}}


def test_there_the_programs_own_event_goes_before_the_name(
    ecl_counts: CapturedCounts, shop: logging.Logger
) -> None:
    shop.addFilter(EventFilter(groups=GROUPS, rules=RULES))
    shop.addHandler(CountingHandler(groups=GROUPS))

    shop.error("lost", extra={"event": "refused"})

    assert ecl_counts() == {"orders": {"refused": 1}}


def test_a_filter_counts_nothing_itself(ecl_counts: CapturedCounts, shop: logging.Logger) -> None:
    shop.addFilter(EventFilter(groups=GROUPS, rules=RULES))
    shop.addHandler(logging.NullHandler())

    log_all(shop)

    assert ecl_counts() == {}


def test_a_filter_declares_nothing() -> None:
    rules = [{"group": "orders", "event": "noise"}]
    with EventCountLogger(GROUPS, store="memory://") as ecl:
        EventFilter(ecl, rules=rules)

        assert not ecl._counters["orders"].declares("noise")


def test_a_name_that_raises_is_no_error() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    assert named(EventFilter(groups=GROUPS, rules=RULES), name=Hostile())[2]


def test_a_logger_that_is_handed_in_gives_groups_and_rules(shop: logging.Logger) -> None:
    with EventCountLogger(GROUPS, store="memory://") as ecl:
        assert named(EventFilter(ecl), event="paid") == ("paid", "orders", True)
        assert named(EventFilter(ecl, rules=RULES), levelno=40, levelname="ERROR")[0] == "ERROR"


# --- where the names go


def test_a_named_record_can_be_copied_and_sent_to_another_process():
    one = record(event="refused", levelno=40, levelname="ERROR")
    EventFilter(groups=GROUPS, rules=RULES).filter(one)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        sent = pickle.loads(pickle.dumps(one.__dict__, protocol))
        assert (type(sent["event"]), sent["event"]) == (str, "ERROR")
    assert copy.copy(one).__dict__["event"] == "ERROR"
    assert copy.deepcopy(one.__dict__)["event"].before == "refused"


def test_in_dict_config_it_is_written_with_parentheses(
    ecl_counts: CapturedCounts, shop: logging.Logger
) -> None:
    shown = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "ecl": {"groups": GROUPS, "rules": RULES},
            "filters": {
                "named": {
                    "()": "ecl_logging.filters.EventFilter",
                    "config": "cfg://ecl",
                    "require": True,
                }
            },
            "formatters": {"line": {"format": "%(event_group)s.%(event)s: %(message)s"}},
            "handlers": {
                "events": {
                    "class": "logging.StreamHandler",
                    "stream": shown,
                    "formatter": "line",
                    "filters": ["named"],
                },
                "counts": {
                    "class": "ecl_logging.handlers.CountingHandler",
                    "config": "cfg://ecl",
                },
            },
            "loggers": {"shop": {"handlers": ["events", "counts"], "level": "DEBUG"}},
        }
    )

    log_all(shop)
    shop.info("hello")

    assert shown.getvalue().splitlines() == [
        "orders.paid: sold",
        "levels.ERROR: lost",
        "orders.paid: thank you",
        "levels.ERROR: hello",
    ]
    assert ecl_counts() == COUNTED


def test_wrong_arguments_are_refused_aloud(capsys):
    with pytest.raises(ConfigError) as refused:
        EventFilter(groups={"g": {}}, required=True)

    assert list(refused.value.problems) == [
        "ecl: groups.g.intervals: is missing; write a list such as [5m, 1h]",
        "ecl: unknown argument 'required'; did you mean 'require'?",
    ]
    assert capsys.readouterr().err == f"ecl_logging: {refused.value}\n"


def test_require_is_true_or_false():
    with pytest.raises(ConfigError, match="require: 'yes' is neither true nor false"):
        EventFilter(groups=GROUPS, require="yes")


def test_building_and_filtering_touches_nothing_and_starts_no_thread(programs, tmp_path):
    ended = programs.run(
        """
        import logging, threading
        from ecl_logging.filters import EventFilter

        filter = EventFilter(require=True)
        print(filter.filter(logging.makeLogRecord({"name": "x", "levelname": "INFO"})))
        print(threading.active_count())
        """,
        ECL_STORE=f"sqlite:///{tmp_path}/not/there.db",
    )

    assert ended.out == "True\n1\n", ended.err
    assert not (tmp_path / "not").exists()
