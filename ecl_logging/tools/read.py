"""ecl-read: print counts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from ecl_logging.tools import formats
from ecl_logging.tools.command import (
    Context,
    Parser,
    UsageError,
    add_common_options,
    open_context,
    run,
    say,
)
from ecl_logging.tools.lean_redis import import_redis_leanly
from ecl_logging.tools.moments import Moment, local_time, utc_time
from ecl_logging.tools.options import WATCH_SECONDS, add_watch_option, parse_words, whole_number
from ecl_logging.tools.printable import Ruler, printable
from ecl_logging.tools.reports import Block, Query, Reading, Selection, read
from ecl_logging.views import CURRENT, LAST

__all__ = ["main"]

_NAME = "ecl-read"
_ALL = 2**31  # buckets of a history; no store keeps so many

# What means nothing beside an option; the other way round, too.
_BUCKETS = ("--last", "--current", "--both")
_IDS = ("--top", "--nonzero", "PATTERN")
_CLASHES = {
    "--json": ("--csv",),
    "--csv": ("--watch",),
    "--history": ("--watch", *_BUCKETS),
    "--sources": ("--csv", "--history", "--watch", "--measures", "-i", *_BUCKETS, *_IDS),
    "--check": (
        *("--json", "--csv", "--history", "--watch", "--sources", "--measures", "--local"),
        *("-g", "-i", *_BUCKETS, *_IDS),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    arguments = parse_words(_parser(), argv, {"--history": str(_ALL), "--watch": WATCH_SECONDS})
    if argv is None:  # a process of its own
        import_redis_leanly()
    return run(_NAME, lambda: _run(arguments))


# --- the command line


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_NAME,
        usage="ecl-read [CONFIG] [-g GROUP] [-i INT] [option ...] [PATTERN ...]",
        description="Print event counts of the last finished and of the current interval. "
        "Without -g: of every group and interval. The first word is CONFIG, a YAML file as for "
        "-c, where it is a file or ends in .yaml or .yml; any other is a PATTERN.",
        epilog="Exit status: 1 an error, 2 wrong usage, 3 the store cannot be reached, 130 Ctrl-C, "
        "143 SIGTERM while watching.",
    )
    add_common_options(parser, positional=False)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PATTERN",
        help="show the IDs, or with --measures the measures, that match a glob, such as 'req*'",
    )
    parser.add_argument("-g", dest="group", metavar="GROUP", help="print `id:count` of this group")
    parser.add_argument("-i", dest="interval", metavar="INT", help="the interval, such as 5m")
    _add_what(parser)
    _add_formats(parser)
    return parser


def _add_what(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--last", action="store_true", help="the last finished bucket")
    which.add_argument("--current", action="store_true", help="the bucket that is running")
    which.add_argument(
        "--both", action="store_true", help="both; the default without -g, else it is --last"
    )
    parser.add_argument(
        "--history",
        nargs="?",
        type=whole_number,
        const=_ALL,
        metavar="N",
        help="the last N finished buckets, oldest first (without N, or with too large a one: all "
        "that the group keeps)",
    )
    parser.add_argument("--top", type=whole_number, metavar="N", help="the N largest, in order")
    parser.add_argument("--nonzero", action="store_true", help="without counts of zero")
    parser.add_argument(
        "--measures",
        action="store_true",
        help="what was measured, instead of the counts: how many values, their mean, percentiles "
        "and largest value; PATTERN, --top and --nonzero choose among measures then",
    )
    parser.add_argument(
        "--sources",
        action="store_true",
        help="who counts: batches, events, last flush, and the seconds since then by the store's "
        "clock; of the last week, newest first",
    )
    parser.add_argument(
        "--check", action="store_true", help="check the configuration file, and say `ok`"
    )


def _add_formats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--csv", action="store_true", help="rows of comma-separated values")
    add_watch_option(parser)
    parser.add_argument(
        "--local", action="store_true", help="times in the local time zone, not in UTC"
    )


def _file_and_patterns(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Tell CONFIG from the patterns."""
    if not words:
        return None, []
    first = words[0]
    is_file = os.path.exists(first) and not os.path.isdir(first)
    if is_file or first.endswith((".yaml", ".yml")):
        return first, list(words[1:])
    return None, list(words)


def _refuse_clashes(arguments: argparse.Namespace, patterns: Sequence[str]) -> None:
    values = vars(arguments) | {
        "PATTERN": patterns,
        "-g": arguments.group,
        "-i": arguments.interval,
    }
    given = {name for name, value in values.items() if value not in (None, False, [])}
    for option, others in _CLASHES.items():
        if not values[option.removeprefix("--")]:
            continue
        for other in others:
            if other.removeprefix("--") in given:
                raise UsageError(f"{option} and {other} cannot be combined")


# --- what is printed


def _run(arguments: argparse.Namespace) -> int:
    file, patterns = _file_and_patterns(arguments.words)
    _refuse_clashes(arguments, patterns)
    moment = local_time if arguments.local else utc_time
    with open_context(
        _NAME, argument=file, option=arguments.config_option, store=arguments.store
    ) as context:
        if arguments.check:
            return _check(context)
        if arguments.sources:
            return _print_sources(context, arguments, moment)
        query = _query(arguments, patterns)
        if arguments.watch is not None:
            return _watch(context, query, arguments, moment)
        reading = read(context, query)
        _write(_written(reading, query, arguments, moment))
        _tell(reading.notes)
    return 0


def _check(context: Context) -> int:
    """Say `ok`: a file with a problem has not come so far."""
    if context.config is None:
        raise UsageError("--check: there is no configuration file; name one with -c FILE")
    print("ok")
    return 0


def _print_sources(context: Context, arguments: argparse.Namespace, moment: Moment) -> int:
    from ecl_logging.tools.sources import read_sources, source_object, source_table

    reports = read_sources(context, arguments.group)
    if arguments.json:
        _write(formats.json_document(source_object(report, moment) for report in reports))
    elif reports:
        _write(source_table(reports, moment, _ruler()))
    if not reports:
        _tell([f"nobody has counted in {context.store.shown} within a week"])
    return 0


def _query(arguments: argparse.Namespace, patterns: Sequence[str]) -> Query:
    is_plain = not (arguments.json or arguments.csv or arguments.history or arguments.watch)
    by_default = (LAST,) if arguments.group and not arguments.watch else (LAST, CURRENT)
    ages = by_default
    if arguments.last or arguments.current:
        ages = (LAST,) if arguments.last else (CURRENT,)
    elif arguments.both:
        ages = (LAST, CURRENT)
    return Query(
        group=arguments.group,
        interval=arguments.interval,
        ages=ages,
        history=arguments.history,
        one_interval=is_plain and arguments.group is not None,
        selection=Selection(
            tuple(patterns), arguments.top, arguments.nonzero, of_measures=arguments.measures
        ),
    )


def _written(reading: Reading, query: Query, arguments: argparse.Namespace, moment: Moment) -> str:
    """What was read, in the format that is wanted."""
    blocks = reading.selected(query.selection)
    if arguments.json:
        reports = (formats.report_object(one, moment) for block in blocks for one in block)
        return formats.json_document(reports)
    if arguments.measures:
        return _measures_written(blocks, arguments, moment)
    if arguments.csv:
        return formats.csv_rows(blocks, moment, written=_as_stored())
    if arguments.history is not None:
        headed = arguments.group is None or len(blocks) > 1
        return formats.history_tables(
            blocks, moment, headed=headed, ruler=_ruler(), top=arguments.top
        )
    if arguments.group is not None:
        return formats.id_lines(blocks)
    return formats.headed_blocks(blocks, moment)


def _measures_written(
    blocks: Sequence[Block], arguments: argparse.Namespace, moment: Moment
) -> str:
    from ecl_logging.tools import measure_tables

    if arguments.csv:
        return measure_tables.csv_rows(blocks, moment, written=_as_stored())
    if arguments.history is not None:
        headed = arguments.group is None or len(blocks) > 1
        return measure_tables.history_tables(blocks, moment, headed=headed, ruler=_ruler())
    if arguments.group is not None:
        return measure_tables.titled_tables(blocks, _ruler())
    return measure_tables.headed_tables(blocks, moment, _ruler())


def _as_stored() -> Callable[[str], str]:
    """A file has texts as somebody has stored them; a terminal is not to be driven by that."""
    return printable if sys.stdout.isatty() else str


def _watch(context: Context, query: Query, arguments: argparse.Namespace, moment: Moment) -> int:
    from ecl_logging.tools.painters import open_painter
    from ecl_logging.tools.watch import Display, LiveTable, Stream, watch

    if arguments.measures:
        from ecl_logging.tools.measure_tables import picture
    else:
        from ecl_logging.tools.picture import picture
    painter = None if arguments.json else open_painter(sys.stdout)
    display: Display[Reading]
    if painter is not None:
        display = LiveTable(
            painter,
            lambda reading, *place: picture(reading, query.selection, *place),
            store=context.store.shown,
            moment=moment,
        )
    else:
        display = Stream(
            lambda reading: _written_again(reading, query, arguments, moment),
            lambda note: _tell([note]),
            between="" if arguments.json else "\n",
        )
    return watch(lambda: read(context, query), display, arguments.watch)


def _written_again(
    reading: Reading, query: Query, arguments: argparse.Namespace, moment: Moment
) -> str:
    """What was read, in a form that tells one time from the next."""
    blocks = reading.selected(query.selection)
    if arguments.json:
        return formats.json_line([formats.report_object(one, moment) for (one,) in blocks])
    if arguments.measures:
        from ecl_logging.tools.measure_tables import headed_tables

        return headed_tables(blocks, moment, _ruler())
    return formats.headed_blocks(blocks, moment)


def _ruler() -> Ruler:
    return Ruler(sys.stdout.encoding or "utf-8")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        say(_NAME, note)


if __name__ == "__main__":
    raise SystemExit(main())
