"""Options that take a number, alone or with a default, and words beside them."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Mapping, Sequence

from ecl_logging.tools.command import parse

__all__ = [
    "WATCH_SECONDS",
    "add_watch_option",
    "parse_words",
    "seconds",
    "whole_number",
    "whole_number_or_zero",
]

WATCH_SECONDS = "2"
"""What --watch means without a number."""

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def add_watch_option(parser: argparse.ArgumentParser) -> None:
    """Add --watch. `parse_words` must know of it."""
    parser.add_argument(
        "--watch",
        nargs="?",
        type=seconds,
        const=seconds(WATCH_SECONDS),
        metavar="SECONDS",
        help=f"again and again (default: every {WATCH_SECONDS} seconds), as a table on a terminal; "
        "with --json one line each time",
    )


def parse_words(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, numbers: Mapping[str, str]
) -> argparse.Namespace:
    """Parse the command line; those of its words that are no option are the result's `words`.

    `numbers` has the options that may have a number behind them, and what they mean without
    one. What follows `--` is no option.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    options = words.index("--") if "--" in words else len(words)
    arguments = parse(parser, _with_numbers_joined(words[:options], numbers))
    arguments.words += words[options + 1 :]
    return arguments


def _with_numbers_joined(words: Sequence[str], numbers: Mapping[str, str]) -> list[str]:
    """Return the words with the number that follows an option joined to it.

    What follows it and is no number is a word of its own, which argparse cannot know.
    """
    joined: list[str] = []
    for at, word in enumerate(words):
        before = words[at - 1] if at else ""
        if before in numbers:
            if _NUMBER.fullmatch(word):
                joined[-1] = f"{before}={word}"
                continue
            joined[-1] = f"{before}={numbers[before]}"
        joined.append(word)
    return joined


def whole_number(text: str) -> int:
    """Return the number from 1; for argparse."""
    if not (_is_whole(text) and int(text[:20])):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text[:20])


def whole_number_or_zero(text: str) -> int:
    """Return the number from 0; for argparse."""
    if not _is_whole(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text[:20])


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def seconds(text: str) -> float:
    """Return the number of seconds; for argparse."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number
