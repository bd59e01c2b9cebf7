"""What a Munin plugin remembers: every event ID that it has seen, and the name of its field.

An ID that nobody declared is in a bucket only where it occurred. Munin, though, draws a field as
long as it is told of it, and keeps its history under the field's name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ecl_logging.event_ids import InvalidEvent, check_text
from ecl_logging.exporters.munin import FIELD_NAMES
from ecl_logging.exporters.safe_names import safe_names

__all__ = ["MOST_FIELDS", "SeenIds"]

MOST_FIELDS = 1000
"""So many IDs are remembered: declared ones first, then those that occurred most lately."""

_DAY = 86400
_MOST_BYTES = 2**22
_LOCK_SECONDS = 2.0
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in place of the file blocks nobody


@dataclass(frozen=True, slots=True)
class _Seen:
    field: str
    day: int  # since the epoch, when it occurred last


_Known: TypeAlias = dict[str, _Seen]


class SeenIds:
    """The IDs of one plugin, in a file. Any number of processes may use it at once."""

    def __init__(self, path: str) -> None:
        self.path = path

    def known(self, declared: Iterable[str]) -> dict[str, str]:
        """Return the fields of the remembered and of these IDs; never raises, writes nothing."""
        return _shown(_named(self._load(_today()), _valid(declared), {}, _today()), declared)

    def remember(self, declared: Iterable[str], counts: Mapping[str, int]) -> dict[str, str]:
        """Return the fields, those of IDs that are counted now among them, and keep them.

        The declared IDs come first, sorted, then the others as they were first seen. Raises
        OSError where nothing can be kept.
        """
        today, valid = _today(), _valid(declared)
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with self._locked():
            before = self._load(today)
            after = _named(before, valid, counts, today)
            if after != before:
                self._store(after)
        return _shown(after, declared)

    def without_memory(self, declared: Iterable[str], counts: Mapping[str, int]) -> dict[str, str]:
        """Return the fields where nothing can be kept: with what there may be to read."""
        today = _today()
        return _shown(_named(self._load(today), _valid(declared), counts, today), declared)

    def _load(self, today: int) -> _Known:
        """What the file has, as far as it is ours: anybody may have written it."""
        try:
            document = json.loads(self._read())
        except (OSError, ValueError, RecursionError):
            return {}
        found = document.get("ids") if isinstance(document, dict) else None
        known: _Known = {}
        taken: set[str] = set(FIELD_NAMES.reserved)
        for event_id, entry in found.items() if isinstance(found, dict) else ():
            seen = _seen(entry, today)
            if seen is None or seen.field in taken or not _is_id(event_id):
                continue
            if len(known) == MOST_FIELDS:
                break
            known[event_id] = seen
            taken.add(seen.field)
        return known

    def _read(self) -> bytes:
        with os.fdopen(os.open(self.path, os.O_RDONLY | _OPEN), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                raise ValueError(f"{self.path} is no file of ours")
            return file.read(_MOST_BYTES)

    def _store(self, known: _Known) -> None:
        """Replace the file; call with the lock held, which makes the new one's name ours."""
        document = {"ids": {event_id: [one.field, one.day] for event_id, one in known.items()}}
        beside = f"{self.path}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)  # of one that was killed
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl  # Munin's plugins run on Unix only

        lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | _OPEN, 0o600)
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
            yield
        finally:
            os.close(lock)


def _today() -> int:
    return int(time.time() // _DAY)


def _seen(entry: object, today: int) -> _Seen | None:
    if not isinstance(entry, list) or len(entry) != 2:
        return None
    name, day = entry
    if not isinstance(name, str) or not _FIELD.fullmatch(name) or type(day) is not int:
        return None
    return _Seen(name, min(max(day, 0), today))


def _is_id(text: str) -> bool:
    try:
        check_text(text)
    except InvalidEvent:
        return False
    return True


def _valid(ids: Iterable[str]) -> list[str]:
    return sorted(filter(_is_id, ids))


def _named(before: _Known, declared: list[str], counts: Mapping[str, int], today: int) -> _Known:
    """What is known by now. A name, once given, stays."""
    occurred = [event_id for event_id in _valid(counts) if counts[event_id]]
    lately = [event_id for event_id in occurred if event_id in before]
    known = before | {event_id: replace(before[event_id], day=today) for event_id in lately}
    new = dict.fromkeys([*declared, *occurred])
    new = dict.fromkeys(event_id for event_id in new if event_id not in before)
    taken = frozenset(one.field for one in before.values())
    names = safe_names(new, replace(FIELD_NAMES, reserved=FIELD_NAMES.reserved | taken))
    known |= {event_id: _Seen(names[event_id], today) for event_id in new}
    if len(known) <= MOST_FIELDS:
        return known
    lasting = set(declared)
    ranked = sorted(known, key=lambda event_id: (event_id not in lasting, -known[event_id].day))
    kept = set(ranked[:MOST_FIELDS])  # sorting is stable: of one day, those that were there first
    return {event_id: one for event_id, one in known.items() if event_id in kept}


def _shown(known: _Known, declared: Iterable[str]) -> dict[str, str]:
    first = [event_id for event_id in sorted(declared) if event_id in known]
    return {event_id: known[event_id].field for event_id in dict.fromkeys([*first, *known])}
