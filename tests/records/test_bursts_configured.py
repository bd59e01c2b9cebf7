"""BurstFilter in dictConfig, behind queues, and beside handlers that count."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from ecl_logging.filters import BurstFilter
from ecl_logging.handlers import CountingHandler
from ecl_logging.testing import CapturedCounts
from tests.conftest import wait_until

SHOWN: list[logging.LogRecord] = []


class Shown(logging.Handler):
    """Keeps what it is given, whichever it is of those that were configured."""

    def emit(self, record: logging.LogRecord) -> None:
        SHOWN.append(record)


@pytest.fixture(autouse=True)
def shop() -> Iterator[logging.Logger]:
    SHOWN.clear()
    logger = logging.getLogger("configured.shop")
    yield logger
    tell(logger)  # or another test would be told
    logger.setLevel(logging.NOTSET)
    logger.filters.clear()
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def configure(**more: Any) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {
                "bursts": {
                    "()": "ecl_logging.filters.BurstFilter",
                    "limit": 2,
                    "interval": "1d",
                    "fingerprint": "masked",
                }
            },
            "handlers": {"shown": {"()": Shown, "filters": ["bursts"]}},
            "loggers": {"configured.shop": {"level": "DEBUG", "handlers": ["shown"]}},
        }
        | more
    )


def told() -> list[int]:
    return [record.ecl_burst["count"] for record in SHOWN if hasattr(record, "ecl_burst")]


def tell(logger: logging.Logger) -> None:
    """Have all filters tell what they hold, as the end of an interval does."""
    for one in [*logger.filters, *(f for handler in logger.handlers for f in handler.filters)]:
        if isinstance(one, BurstFilter):
            one._bursts._take(0.0, everything=True)
            one._bursts._tell(tries=1)


@pytest.mark.parametrize("place", ["handlers", "loggers"])
def test_in_dict_config_it_is_written_with_parentheses(shop: logging.Logger, place: str) -> None:
    if place == "loggers":
        configure(
            handlers={"shown": {"()": Shown}},
            loggers={
                "configured.shop": {"level": "INFO", "handlers": ["shown"], "filters": ["bursts"]}
            },
        )
    else:
        configure()
    for n in range(7):
        shop.info("took %d", n)
    tell(shop)

    assert (len(SHOWN), told()) == (3, [5])


def test_configured_anew_it_has_the_new_handlers_told(shop: logging.Logger) -> None:
    configure()
    for n in range(7):
        shop.info("took %d", n)
    configure()

    assert wait_until(told)
    assert (len(SHOWN), told()) == (3, [5])
    for n in range(7):
        shop.info("took %d", n)
    assert len(SHOWN) == 5  # the new one begins anew


def test_a_logger_that_is_disabled_by_that_tells_as_before(shop: logging.Logger) -> None:
    """It keeps its handlers, and so its filter."""
    configure()
    for n in range(7):
        shop.info("took %d", n)
    configure(disable_existing_loggers=True, loggers={})
    assert shop.disabled
    tell(shop)

    assert (len(SHOWN), told()) == (3, [5])


def test_counting_handlers_beside_it_count_records_and_no_report(
    ecl_counts: CapturedCounts, shop: logging.Logger
) -> None:
    configure()
    shop.addHandler(CountingHandler())
    for n in range(7):
        shop.info("took %d", n)
    tell(shop)

    assert told() == [5]
    assert ecl_counts("levels")["INFO"] == 7


RULES = {
    "by level": [{"group": "g", "event": "{levelname}"}],
    "by logger": [{"group": "g", "logger": "configured", "event": "{name}"}],
    "by event": None,
    "by message": [{"group": "g", "pattern": "took", "event": "took"}],
}


@pytest.mark.parametrize("rules", RULES)
def test_no_way_of_counting_counts_a_report(
    ecl_counts: CapturedCounts, shop: logging.Logger, rules: str
) -> None:
    """Also where it comes through a queue, after records of its kind have been counted."""
    groups = {"g": {"intervals": ["1d"], "auto_declare_events": True}}
    counting = CountingHandler(groups=groups, rules=RULES[rules], unmatched="rest")
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    through = logging.handlers.QueueHandler(waiting)
    shop.setLevel(logging.INFO)
    shop.addFilter(BurstFilter(limit=3, interval="1d", fingerprint="masked"))
    shop.addHandler(counting)
    shop.addHandler(through)
    listener = logging.handlers.QueueListener(waiting, counting, Shown())
    listener.start()
    for n in range(7):
        shop.info("took %d", n)
    tell(shop)
    listener.stop()

    assert (len(SHOWN), told()) == (4, [4])
    assert sum(ecl_counts("g").values()) == 2 * 3


def test_at_a_handler_behind_a_queue_that_handler_is_told(shop: logging.Logger) -> None:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    behind = Shown()
    burst = BurstFilter(limit=2, interval="1d", fingerprint="masked")
    behind.addFilter(burst)
    shop.setLevel(logging.INFO)
    shop.addHandler(logging.handlers.QueueHandler(waiting))
    listener = logging.handlers.QueueListener(waiting, behind)
    listener.start()
    for n in range(7):
        shop.info("took %d", n)
    listener.stop()
    burst._bursts._take(0.0, everything=True)
    burst._bursts._tell(tries=1)

    assert (len(SHOWN), told()) == (3, [5])
