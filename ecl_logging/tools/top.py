"""ecl-top: print the most common messages of an hour."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ecl_logging.tools.command import Context, Parser, open_context, run, say
from ecl_logging.tools.common import CommonMessages, Reading, reading_object
from ecl_logging.tools.formats import json_line
from ecl_logging.tools.lean_redis import import_redis_leanly
from ecl_logging.tools.moments import utc_time
from ecl_logging.tools.options import WATCH_SECONDS, add_watch_option, parse_words, whole_number
from ecl_logging.tools.painters import is_styled, open_painter, painted, size_of
from ecl_logging.tools.printable import Ruler
from ecl_logging.tools.speakers import add_speaker_options, open_audience
from ecl_logging.tools.top_table import heading, picture, table

__all__ = ["main"]

_NAME = "ecl-top"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse_words(_parser(), argv, {"--watch": WATCH_SECONDS})
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run(_NAME, lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        usage="ecl-top [LOGGER] [--level L] [--last] [-n N] [--json] [--watch [SECONDS]] "
        "[option ...]",
        description="Print the most common messages of this hour, by the store's clock. Without "
        "LOGGER: of all loggers.",
        epilog="Exit status: 1 an error, 2 wrong usage, 3 the store cannot be reached, 130 Ctrl-C, "
        "143 SIGTERM while watching.",
    )
    add_speaker_options(parser, whole_number, "so many messages (default: 10)")
    parser.add_argument(
        "--last", action="store_true", help="the newest hour that is over and kept, with its time"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    add_watch_option(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    with open_context(
        _NAME, argument=None, option=arguments.config_option, store=arguments.store
    ) as context:
        audience = open_audience(context, arguments)
        messages = CommonMessages(audience, arguments.n, finished=arguments.last)
        if arguments.watch is not None:
            return _watch(context, messages, arguments)
        reading = messages.read()
        sys.stdout.write(_document(reading) if arguments.json else _text(reading))
        sys.stdout.flush()
        for note in reading.notes:
            _tell(note)
    return 0


def _watch(context: Context, messages: CommonMessages, arguments: argparse.Namespace) -> int:
    from ecl_logging.tools.watch import Display, LiveTable, Stream, watch

    painter = None if arguments.json else open_painter(sys.stdout)
    display: Display[Reading]
    if painter is not None:
        display = LiveTable(painter, picture, store=context.store.shown, moment=utc_time)
    elif arguments.json:
        display = Stream(_json_line, _tell, between="")
    else:
        display = Stream(lambda reading: _text(reading, with_rates=True), _tell, between="\n")
    return watch(messages.read, display, arguments.watch)


def _text(reading: Reading, *, with_rates: bool = False) -> str:
    """The heading and the table, on a terminal no wider than that; nothing where nobody spoke."""
    if reading.notes:
        return ""
    ruler = Ruler(sys.stdout.encoding or "utf-8")
    width = size_of(sys.stdout).columns if sys.stdout.isatty() else None
    styled = is_styled(sys.stdout)
    lines = [heading(reading)]
    for line in table(reading, ruler, width, with_rates=with_rates):
        lines.append("".join(painted(span) if styled else span.text for span in line))
    return "".join(f"{line}\n" for line in lines)


def _document(reading: Reading) -> str:
    import json

    return json.dumps(reading_object(reading, with_rates=False), indent=2) + "\n"


def _json_line(reading: Reading) -> str:
    return json_line(reading_object(reading, with_rates=True))


def _tell(note: str) -> None:
    say(_NAME, note)


if __name__ == "__main__":
    raise SystemExit(main())
