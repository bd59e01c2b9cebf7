"""structlog in its usual set-ups: each event is counted once, with the line that is documented."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ecl_logging.handlers import CountingHandler
from ecl_logging.processors import CountingProcessor
from ecl_logging.testing import CapturedCounts

GROUPS = {
    "orders": {"events": ["paid", "refused"], "intervals": ["1m"]},
    "levels": {"intervals": ["1m"], "auto_declare_events": True},
}
RULES = [{"group": "orders"}, {"group": "levels", "event": "{levelname}"}]
COUNTED = {"orders": {"paid": 3, "refused": 1}, "levels": {"ERROR": 1, "INFO": 4, "WARNING": 1}}


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def shown() -> io.StringIO:
    """What people see."""
    return io.StringIO()


@pytest.fixture
def console(shown: io.StringIO) -> logging.Handler:
    """A handler that shows what is logged through the standard library."""
    handler = logging.StreamHandler(shown)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    return handler


def counting(**arguments: Any) -> CountingProcessor:
    return CountingProcessor(groups=GROUPS, rules=RULES, **arguments)


def do_business(log: Any) -> None:
    """Six events, four of which are declared."""
    log = log.bind(shop="Oslo")
    for order in range(3):
        log.info("paid", order=order)
    log.warning("refused", order=3)
    log.info("thank you for %s", "all")  # a sentence
    try:
        int("no number")
    except ValueError:
        log.exception("it broke")


def lines(shown: io.StringIO) -> list[str]:
    return [line for line in shown.getvalue().splitlines() if "Oslo" in line]


# --- the four set-ups


def test_own_rendering(ecl_counts: CapturedCounts, shown: io.StringIO) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            counting(),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(shown),
    )

    do_business(structlog.get_logger())

    assert ecl_counts() == COUNTED
    assert len(lines(shown)) == 6


def test_rendering_json(ecl_counts: CapturedCounts, shown: io.StringIO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            counting(),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(shown),
    )

    do_business(structlog.get_logger())

    assert ecl_counts() == COUNTED
    assert [json.loads(line)["event"] for line in lines(shown)][:4] == ["paid"] * 3 + ["refused"]


def through_logging(*last: Any) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            *last,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def wrapped(console: logging.Handler) -> None:
    console.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )


def test_wrap_for_formatter_with_the_processor(
    ecl_counts: CapturedCounts, console: logging.Handler, shown: io.StringIO
) -> None:
    wrapped(console)
    through_logging(counting(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter)

    do_business(structlog.get_logger("shop"))

    assert ecl_counts() == COUNTED
    assert len(lines(shown)) == 6


def test_wrap_for_formatter_with_the_handler(
    ecl_counts: CapturedCounts,
    console: logging.Handler,
    shown: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Where other records are to be counted, too, the handler counts all of them."""
    wrapped(console)
    through_logging(structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    logging.getLogger().addHandler(CountingHandler(groups=GROUPS, rules=RULES))

    do_business(structlog.get_logger("shop"))
    logging.getLogger("plain").info("not structlog's", extra={"event": "paid"})

    assert ecl_counts() == {
        "orders": {"paid": 4, "refused": 1},
        "levels": {"ERROR": 1, "INFO": 5, "WARNING": 1},
    }
    assert len(lines(shown)) == 6
    assert capfd.readouterr() == ("", "")  # no word of sentences that are not declared


def test_render_to_log_kwargs_with_the_processor(
    ecl_counts: CapturedCounts, console: logging.Handler, shown: io.StringIO
) -> None:
    console.setFormatter(logging.Formatter("%(shop)s %(message)s"))
    through_logging(counting(), structlog.stdlib.render_to_log_kwargs)

    do_business(structlog.get_logger("shop"))

    assert ecl_counts() == COUNTED
    assert len(lines(shown)) == 6


def test_render_to_log_kwargs_with_the_handler(
    ecl_counts: CapturedCounts, console: logging.Handler
) -> None:
    """There structlog's event is the message, and its other keys are extras."""
    rules = [
        {"group": "orders", "pattern": "^(?P<id>paid|refused)$", "has": "order", "event": "{id}"},
        {"group": "levels", "event": "{levelname}"},
    ]
    through_logging(structlog.stdlib.render_to_log_kwargs)
    logging.getLogger().addHandler(CountingHandler(groups=GROUPS, rules=rules))

    do_business(structlog.get_logger("shop"))

    assert ecl_counts() == COUNTED


# --- what else people do with structlog


def test_the_processor_and_a_handler_with_rules_for_other_loggers_share_the_work(
    ecl_counts: CapturedCounts, console: logging.Handler
) -> None:
    through_logging(counting(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter)
    handler = CountingHandler(
        groups=GROUPS, rules=[{"group": "levels", "logger": "urllib3", "event": "{levelname}"}]
    )
    logging.getLogger().addHandler(handler)

    do_business(structlog.get_logger("shop"))
    logging.getLogger("urllib3.connection").warning("slow")

    expected = COUNTED | {"levels": COUNTED["levels"] | {"WARNING": 2}}
    assert ecl_counts() == expected


def test_an_asynchronous_logger_counts_once(
    ecl_counts: CapturedCounts, console: logging.Handler
) -> None:
    through_logging(counting(), structlog.stdlib.render_to_log_kwargs)
    log = structlog.stdlib.get_logger("shop")

    async def do() -> None:
        await asyncio.gather(*(log.ainfo("paid", order=n) for n in range(20)))

    asyncio.run(do())

    assert ecl_counts("orders") == {"paid": 20}


def test_an_event_that_a_filter_drops_before_is_not_counted(
    ecl_counts: CapturedCounts, console: logging.Handler
) -> None:
    through_logging(counting(), structlog.stdlib.render_to_log_kwargs)
    logging.getLogger("quiet").setLevel(logging.ERROR)
    try:
        structlog.get_logger("quiet").info("paid")
    finally:
        logging.getLogger("quiet").setLevel(logging.NOTSET)

    assert ecl_counts() == {}


def test_an_event_renamer_can_stand_after_it(
    ecl_counts: CapturedCounts, shown: io.StringIO
) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            counting(),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(shown),
    )

    structlog.get_logger().info("paid")

    assert ecl_counts("orders") == {"paid": 1}
    assert json.loads(shown.getvalue())["message"] == "paid"
