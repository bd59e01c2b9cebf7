"""ecl-tail: print the newest messages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ecl_logging.tools.command import Parser, open_context, run, say
from ecl_logging.tools.lean_redis import import_redis_leanly
from ecl_logging.tools.lines import Span
from ecl_logging.tools.options import parse_words, whole_number_or_zero
from ecl_logging.tools.printable import printable
from ecl_logging.tools.recent import Look, Message, Recent
from ecl_logging.tools.speakers import Speaker, add_speaker_options, open_audience, style_of

__all__ = ["main"]

_NAME = "ecl-tail"
_PAUSE_SECONDS = 0.5
_NO_TIME = "-"  # where a line has none in our form


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse_words(_parser(), argv, {})
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run(_NAME, lambda: _run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        usage="ecl-tail [LOGGER] [--level L] [-n N] [-f] [option ...]",
        description="Print the newest messages, the oldest of them first: `TIME LOGGER SEVERITY "
        "message`, one a line. Without LOGGER: of all loggers.",
        epilog="Exit status: 1 an error, 2 wrong usage, 3 the store cannot be reached, 130 Ctrl-C, "
        "143 SIGTERM while following.",
    )
    add_speaker_options(parser, whole_number_or_zero, "so many messages (default: 10)")
    parser.add_argument(
        "-f", dest="follow", action="store_true", help="follow: print also what comes, until Ctrl-C"
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    with open_context(
        _NAME, argument=None, option=arguments.config_option, store=arguments.store
    ) as context:
        recent = Recent(open_audience(context, arguments), arguments.n)
        if arguments.follow:
            return _follow(recent)
        look = recent.newest()
        sys.stdout.write(_written(look))
        sys.stdout.flush()
        for note in look.notes:
            _tell(note)
    return 0


def _follow(recent: Recent) -> int:
    from ecl_logging.tools.watch import Stream, watch

    def written(look: Look) -> str:
        if look.passed_by:
            _tell(_note_passed_by(look.passed_by))
        return _written(look)

    return watch(recent.new, Stream(written, _tell, between=""), _PAUSE_SECONDS)


def _note_passed_by(speakers: Sequence[Speaker]) -> str:
    name, severity = speakers[0]
    more = f" and {len(speakers) - 1} more" if len(speakers) > 1 else ""
    return f"... some messages may have passed by, of {name} {severity}{more}"


def _written(look: Look) -> str:
    from ecl_logging.tools.painters import is_styled

    styled = is_styled(sys.stdout)
    return "".join(_line(message, styled=styled) for message in look.messages)


def _line(message: Message, *, styled: bool) -> str:
    """One message in one line: one with a newline in it cannot pretend to be two."""
    from ecl_logging.tools.painters import painted

    severity = printable(message.severity)
    if styled:
        severity = painted(Span(severity, style_of(message.severity)))
    words = [message.time or _NO_TIME, printable(message.name), severity, printable(message.text)]
    return " ".join(words) + "\n"


def _tell(note: str) -> None:
    say(_NAME, note)


if __name__ == "__main__":
    raise SystemExit(main())
