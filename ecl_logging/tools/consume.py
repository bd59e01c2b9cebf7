"""ecl-consume: has the consumers of a package work on the events of a queue."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.tools.command import (
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

__all__ = ["main"]

_NAME = "ecl-consume"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse(_parser(), argv)
    return run(_NAME, lambda: _run(arguments))


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
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="before the second try, each further pause twice as long (default: %(default)s)",
    )
    parser.add_argument(
        "--claim",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="after which others get what a process that died had in hand (default: %(default)s)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from ecl_logging.events.engines import Engine
    from ecl_logging.events.queues import open_queue

    if arguments.json and arguments.dead_letters != "list":
        raise UsageError("--json goes with --dead-letters list")
    context = open_context(
        _NAME, argument=None, option=arguments.config_option, store=arguments.store
    )
    with context, contextlib.closing(open_queue(arguments.queue or context.store)) as queue:
        engine = Engine(
            _hub(arguments.package),
            queue,
            _operator(arguments.operator),
            max_deliveries=arguments.max_deliveries,
            retry_pause=arguments.retry_pause,
            claim_seconds=arguments.claim,
        )
        _keep_topics(engine, arguments.topic)
        if arguments.dead_letters:
            topics = list(engine.consumers_by_topic())
            ACTIONS[arguments.dead_letters](queue, topics, as_json=arguments.json)
            return 0
        try:
            with counting(context, engine.outcomes):
                engine.run(until_empty=arguments.once)
        finally:
            say(_NAME, _summed_up(engine.outcomes.counts()))
    return 0


# --- the program's own


def _hub(package: str) -> Any:
    from ecl_logging.events import ConsumerHub

    hub = ConsumerHub()
    module = _imported(package)
    try:
        hub.scan(module)
    except Exception as error:
        raise ConfigError(f"{package}: cannot be scanned: {_told(error)}") from error
    if not len(hub):
        raise ConfigError(f"{package}: declares no consumers (@consumer_config)")
    return hub


def _imported(name: str) -> ModuleType:
    """Import a module of the program, which is looked for here as well."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ConfigError(f"{name}: cannot be imported: {_told(error)}") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")


def _operator(text: str | None) -> Any:
    if text is None:
        return None
    module, _, attribute = text.partition(":")
    found: Any = _imported(module)
    for name in attribute.split(".") if attribute else ():
        found = getattr(found, name, None)
    if isinstance(found, type):
        try:
            found = found()
        except TypeError as error:
            raise ConfigError(f"--operator {text}: {error}; name an object") from None
    if not all(callable(getattr(found, name, None)) for name in ("get_topic", "process_event")):
        raise ConfigError(
            f"--operator {text}: is no operator; name an object with get_topic(consumer) and"
            " process_event(consumer, event), as MODULE:ATTRIBUTE"
        )
    return found


def _keep_topics(engine: Any, topics: Sequence[str] | None) -> None:
    """Have the engine work on these topics only."""
    if not topics:
        return
    known = engine.consumers_by_topic()
    for topic in topics:
        if topic not in known:
            raise ConfigError(f"no consumer has the topic {topic!r}; there are {', '.join(known)}")
    hub = engine.hub
    hub.consumers = [consumer for topic in dict.fromkeys(topics) for consumer in known[topic]]


def _summed_up(counts: dict[str, int]) -> str:
    handled, failed = counts.get("handled", 0), counts.get("failed", 0)
    unrouted, dead = counts.get("unrouted", 0), counts.get("dead_letter", 0)
    text = f"{handled} events handled"
    if failed:
        text += f", {failed} tries failed"
    if unrouted:
        text += f", {unrouted} events for no consumer"
    if dead:
        text += f", {dead} dead letters"
    return text


if __name__ == "__main__":
    raise SystemExit(main())
