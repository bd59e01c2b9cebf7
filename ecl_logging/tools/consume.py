"""ecl-consume: has the consumers of a package work on the events of a queue."""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ecl_logging.errors import ConfigError, StoreUnavailable
from ecl_logging.tools.command import (
    UNREACHABLE,
    Parser,
    UsageError,
    add_common_options,
    open_context,
    parse,
    run,
    say,
)
from ecl_logging.tools.consumed import counting
from ecl_logging.tools.dead_letters import ACTIONS
from ecl_logging.tools.options import seconds, whole_number

if TYPE_CHECKING:
    from ecl_logging.events.engines import Engine
    from ecl_logging.events.queues.protocols import Queue

__all__ = ["main"]

_NAME = "ecl-consume"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    engines: list[Engine] = []  # that have run
    status = run(_NAME, lambda: _run(arguments, engines))
    for engine in engines:
        counts = engine.outcomes.counts()
        if counts or status != UNREACHABLE:
            with contextlib.suppress(OSError):  # stderr is closed
                say(_NAME, _summed_up(counts))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        description="Have the consumers that a package declares work on the events of their "
        "topics, until SIGTERM or Ctrl-C. Any number may run, and end at any moment: what was "
        "not finished is handed out again.",
    )
    parser.add_argument("package", metavar="PACKAGE", help="a package or module with consumers")
    add_common_options(parser, positional=False)
    parser.add_argument(
        "--queue",
        metavar="URL",
        help="sqs://REGION, kafka://HOST:PORT, or the URL of a store (default: the store)",
    )
    parser.add_argument(
        "--topic", action="append", metavar="T", help="this topic only; may be repeated"
    )
    parser.add_argument(
        "--operator",
        metavar="MODULE:ATTRIBUTE",
        help="a consumer operator, or its class: it fills in topics and calls consumers",
    )
    parser.add_argument(
        "--once", action="store_true", help="end when nothing is there that can be handled now"
    )
    parser.add_argument(
        "--dead-letters",
        choices=sorted(ACTIONS),
        help="in place of consuming: list what nobody could handle, put it back, or forget it",
    )
    parser.add_argument(
        "--json", action="store_true", help="with --dead-letters list: a line of JSON for each"
    )
    _add_options_of_engines(parser)
    return parser


def _add_options_of_engines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-deliveries",
        type=whole_number,
        default=5,
        metavar="N",
        help="so often an event is tried before it is a dead letter (default: %(default)s)",
    )
    parser.add_argument(
        "--retry-pause",
        type=_seconds_up_to(300),
        default=1.0,
        metavar="SECONDS",
        help="before the second try, each further pause twice as long, at most five minutes "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--claim",
        type=_seconds_up_to(86400, least=0.1),
        default=60.0,
        metavar="SECONDS",
        help="after which others get what a process that died had in hand (default: %(default)s)",
    )

    parser.add_argument(
        "--at-once",
        type=whole_number,
        default=10,
        metavar="N",
        help="so many events are in hand at most; others get what is beyond (default: %(default)s)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print the traceback of each failure"
    )


def _seconds_up_to(most: float, *, least: float = 0.0) -> Callable[[str], float]:
    def checked(text: str) -> float:
        number = seconds(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to {most}")
        return number

    return checked


def _run(arguments: argparse.Namespace, engines: list[Engine]) -> int:
    from ecl_logging.events.queues import open_queue

    if arguments.json and arguments.dead_letters != "list":
        raise UsageError("--json goes with --dead-letters list")
    if arguments.once and arguments.dead_letters:
        raise UsageError("--once goes with consuming, and --dead-letters is in place of that")
    context = open_context(
        _NAME, argument=None, option=arguments.config_option, store=arguments.store
    )
    prefix = context.config.prefix if context.config else ""
    opened = open_queue(arguments.queue or context.store, prefix=prefix)
    with context, contextlib.closing(opened) as queue:
        engine = _engine(arguments, queue)
        try:
            if arguments.dead_letters:
                topics = list(engine.consumers_by_topic())
                ACTIONS[arguments.dead_letters](queue, topics, as_json=arguments.json)
                return 0
            engines.append(engine)
            if not arguments.once:
                _say_what_runs(engine)
            with counting(context, engine.outcomes):
                engine.run(until_empty=arguments.once)
        except StoreUnavailable as error:
            if not arguments.queue:
                raise
            say(f"{_NAME}: error", str(error))  # another store would not help
            return UNREACHABLE
    return 0


def _engine(arguments: argparse.Namespace, queue: Queue) -> Engine:
    """Return an engine of the consumers that are asked for. Raises ConfigError."""
    from ecl_logging.events.engines import Engine
    from ecl_logging.events.engines.calling import told
    from ecl_logging.tools.declared import hub_of, operator_named

    engine = Engine(
        hub_of(arguments.package),
        queue,
        operator_named(arguments.operator) if arguments.operator is not None else None,
        max_deliveries=arguments.max_deliveries,
        retry_pause=arguments.retry_pause,
        claim_seconds=arguments.claim,
        num_messages=arguments.at_once,
    )
    if arguments.verbose:
        _show_tracebacks()
    try:
        _keep_topics(engine, arguments.topic or ())
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"--operator {arguments.operator}: get_topic: {told(error)}") from error
    return engine


def _show_tracebacks() -> None:
    from ecl_logging.events.engines.base import FAILURES

    logger = logging.getLogger(FAILURES)
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _say_what_runs(engine: Engine) -> None:
    for topic, consumers in engine.consumers_by_topic().items():
        names = ", ".join(consumer.name for consumer in consumers)
        say(_NAME, f"topic {topic} of {engine.queue.shown}: {names}")


def _keep_topics(engine: Engine, topics: Sequence[str]) -> None:
    """Have the engine work on these topics only, if there are any."""
    known = engine.consumers_by_topic()
    for topic in topics:
        if topic not in known:
            raise ConfigError(f"no consumer has the topic {topic!r}; there are {', '.join(known)}")
    if topics:
        kept = [consumer for topic in dict.fromkeys(topics) for consumer in known[topic]]
        engine.hub.consumers = kept


def _summed_up(counts: dict[str, int]) -> str:
    """Return what was done, in a line."""
    parts = [_amount(counts.get("handled", 0), "event handled", "events handled")]
    for name, one, several in (
        ("failed", "try failed", "tries failed"),
        ("unrouted", "event for no consumer", "events for no consumer"),
        ("dead_letter", "dead letter", "dead letters"),
    ):
        if counts.get(name):
            parts.append(_amount(counts[name], one, several))
    return ", ".join(parts)


def _amount(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


if __name__ == "__main__":
    raise SystemExit(main())
