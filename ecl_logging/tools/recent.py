"""Recent messages of many speakers as one sequence, and what is new in it since the last look."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ecl_logging.tools.speakers import Audience, Speaker, messages_of

__all__ = ["Look", "Message", "Recent", "merged"]

_WINDOW = 1000  # lines of each speaker that are compared; stores keep fewer, unless told to
_MOST = 2**31 - 1
_OWN_FORM = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z) (.*)", re.DOTALL)
_ASCTIME, _ASCTIME_LENGTH = "%a %b %d %H:%M:%S %Y", 24
_OLDEST = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One line of a store's."""

    time: str | None  # as stored; None in a line of another form
    name: str
    severity: str
    text: str  # the message, or the whole line of another form
    order: str = _OLDEST  # lines are shown in the order of this


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the store has shown."""

    messages: tuple[Message, ...]  # oldest first
    notes: tuple[str, ...] = ()
    passed_by: tuple[Speaker, ...] = ()  # who may have said more than the store has kept


@dataclass(slots=True)
class Recent:
    """Looks again and again. Not thread safe."""

    audience: Audience
    limit: int
    _before: dict[Speaker, Sequence[str]] | None = field(default=None, init=False)

    def newest(self) -> Look:
        """Return the newest lines. Raises StoreError."""
        lines, notes = self._read(self.limit)
        return Look(self._last(merged(lines)), notes)

    def new(self) -> Look:
        """Return what has come since the last look; at first, the newest lines."""
        lines, notes = self._read(max(self.limit, _WINDOW))
        before, self._before = self._before, lines
        if before is None:
            return Look(self._last(merged(lines)), notes)
        added = {who: _added(before.get(who, ()), there) for who, there in lines.items()}
        passed_by = [who for who in lines if before.get(who) and len(added[who]) == len(lines[who])]
        return Look(tuple(merged(added)), notes, tuple(passed_by))

    def _read(self, limit: int) -> tuple[dict[Speaker, Sequence[str]], tuple[str, ...]]:
        limit = min(limit, _MOST)
        speakers, notes = self.audience.speakers()
        if not limit:
            return {}, notes
        recent = self.audience.messages.recent
        found = dict(messages_of(speakers, lambda part: recent(part, limit)))
        return {who: lines for who, lines in found.items() if lines}, notes

    def _last(self, messages: list[Message]) -> tuple[Message, ...]:
        return tuple(messages[-self.limit :]) if self.limit else ()


def _added(before: Iterable[str], there: Iterable[str]) -> list[str]:
    """The lines that were not there; two that are equal are two.

    A line only moves down as others come, so that what is among the newest, and was not, is new.
    """
    known = Counter(before)
    added = []
    for line in there:
        if known[line]:
            known[line] -= 1
        else:
            added.append(line)
    return added


# --- the order


def merged(lines: Mapping[Speaker, Sequence[str]]) -> list[Message]:
    """Return all lines, the newest first of each speaker, as one sequence, oldest first.

    A line that does not begin with a time as ours do is placed by what may be its time; one
    without any stays beside its neighbour.
    """
    messages = [message for who, there in lines.items() for message in _messages(who, there)]
    return sorted(messages, key=lambda message: message.order)


def _messages(speaker: Speaker, lines: Sequence[str]) -> Iterator[Message]:
    """The messages of one speaker, oldest first."""
    oldest_first = [(line, _OWN_FORM.fullmatch(line)) for line in reversed(lines)]
    orders = [own[1] if own else _guessed_time(line) for line, own in oldest_first]
    order = next((known for known in orders if known), _OLDEST)
    for (line, own), known in zip(oldest_first, orders, strict=True):
        order = known or order
        yield Message(own[1] if own else None, *speaker, own[2] if own else line, order)


def _guessed_time(line: str) -> str | None:
    """What may be the time at the beginning of a line of another program's, in our form.

    Without a zone it is taken for UTC.
    """
    from datetime import UTC, datetime

    try:
        moment = time.strptime(line[:_ASCTIME_LENGTH], _ASCTIME)
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", moment)
    except ValueError:
        pass
    words = line[:64].split(" ")
    for text in (" ".join(words[:2]), words[0]):
        try:
            found = datetime.fromisoformat(text)
            found = found.astimezone(UTC) if found.tzinfo else found
        except (ValueError, OverflowError):
            continue
        return found.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return None
