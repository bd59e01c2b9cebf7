"""Whose messages a command shows: the loggers and severities that are asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ecl_logging.errors import ConfigError
from ecl_logging.logger_names import is_below, is_pattern
from ecl_logging.records.severities import severity_of
from ecl_logging.stores.keeping import AT_ONCE, SEVERITIES, Keeper, KeepsMessages
from ecl_logging.tools.command import Context, UsageError, add_common_options
from ecl_logging.tools.lines import CRITICAL, DIM, ERROR, PLAIN, WARNING

__all__ = [
    "Audience",
    "Speaker",
    "add_speaker_options",
    "messages_of",
    "open_audience",
    "style_of",
]

Speaker: TypeAlias = tuple[str, str]
"""The name of a logger, and a severity."""

_T = TypeVar("_T")

_STYLES = {"debug": DIM, "warning": WARNING, "error": ERROR, "critical": CRITICAL}
_MOST_NAMES = 5  # that a note has


def style_of(severity: str) -> str:
    """Return the style that a severity is shown in."""
    return _STYLES.get(severity, PLAIN)


# --- the command line


def add_speaker_options(
    parser: argparse.ArgumentParser, number: Callable[[str], int], number_help: str
) -> None:
    """Add LOGGER, --level and -n, and what all commands have."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="LOGGER",
        help="this logger and those below it; with * or ?, a pattern for whole names (quote it); "
        "`root` is the root logger itself",
    )
    parser.add_argument(
        "--level", type=_level, metavar="L", help="this level and those above: a name or a number"
    )
    parser.add_argument("-n", type=number, default=10, metavar="N", help=number_help)
    add_common_options(parser, positional=False)


def _level(text: str) -> str:
    try:
        return severity_of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no level; write one of {', '.join(SEVERITIES)}, or a number such as 30"
        ) from None


# --- who speaks


@dataclass(frozen=True, slots=True)
class Audience:
    """Listens to the loggers and severities that it is for."""

    messages: KeepsMessages
    store: str  # its name, secrets masked
    logger: str | None = None
    level: str | None = None

    def speakers(self) -> tuple[list[Speaker], tuple[str, ...]]:
        """Return those that there are, sorted, and what is to be said where there are none."""
        there = self.messages.speakers()
        chosen = [speaker for speaker in there if self._is_for(*speaker)]
        chosen = sorted([*chosen, *self._unlisted(chosen)])
        if chosen:
            return chosen, ()
        if not there:
            return [], (f"nothing said in {self.store}; choose with --store or ECL_STORE",)
        return [], (self._note_nobody(there),)

    def _unlisted(self, listed: Sequence[Speaker]) -> list[Speaker]:
        """Whom the store has not listed: other programs may write messages, and no list."""
        if self.logger is None or is_pattern(self.logger) or not self.logger.isprintable():
            return []  # what is not printable may be bytes that are no text
        everyone = [(self.logger, severity) for severity in SEVERITIES]
        missing = [who for who in everyone if who not in listed and self._is_for(*who)]
        found = self.messages.recent(missing, 1) if missing else []
        return [who for who, lines in zip(missing, found, strict=True) if lines]

    def _is_for(self, name: str, severity: str) -> bool:
        if self.logger is not None and not is_below(name, self.logger):
            return False
        return self.level is None or _rank(severity) >= _rank(self.level)

    def _note_nobody(self, there: Sequence[Speaker]) -> str:
        wanted = "no logger" if self.logger is None else f"no logger that matches {self.logger!r}"
        level = "" if self.level is None else f" with level {self.level} or above"
        names = list(dict.fromkeys(name for name, _ in there))
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        known = ", ".join(names[:_MOST_NAMES])
        return f"{wanted} has said anything{level} in {self.store}; it has {known}{more}"


def _rank(severity: str) -> int:
    """The higher the worse. Other programs store severities of their own: these are below all."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def open_audience(context: Context, arguments: argparse.Namespace) -> Audience:
    """Return whom the command line asks for. Raises UsageError, ConfigError."""
    if len(arguments.words) > 1:
        raise UsageError(f"one LOGGER, not {len(arguments.words)}; quote a pattern")
    logger = arguments.words[0] if arguments.words else None
    if not isinstance(context.store, Keeper):
        raise ConfigError(f"{context.store.shown} keeps no messages")
    return Audience(context.store.messages, context.store.shown, logger, arguments.level)


def messages_of(
    speakers: Sequence[Speaker], read: Callable[[Sequence[Speaker]], Sequence[_T]]
) -> Iterator[tuple[Speaker, _T]]:
    """Read what there is of each speaker; of so many at once that no answer is too long."""
    for start in range(0, len(speakers), AT_ONCE):
        part = speakers[start : start + AT_ONCE]
        yield from zip(part, read(part), strict=True)
