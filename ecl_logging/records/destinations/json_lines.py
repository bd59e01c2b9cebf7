"""Lines of JSON: a file, each entry once; or stdout."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.problems import printable
from ecl_logging.records.destinations.contents import document_of, moment, text_of
from ecl_logging.records.destinations.protocol import Stored
from ecl_logging.stores.keeping import AT_ONCE, Entry

if sys.platform != "win32":
    import fcntl

__all__ = ["JsonLines", "PrintedLines", "line_of"]

_KNOWN_IDS = 20 * AT_ONCE  # of the file's last lines; at most AT_ONCE were not acknowledged
_BLOCK = 2**20
_BEGIN = b'{"id": "'  # of each line
_ID = re.compile(rb'\{"id": ("(?:[^"\\]|\\.)*")')  # as `line_of` begins one

# What an administrator can put right while the entries wait.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE}


def line_of(entry: Entry, **more: object) -> str:
    """Return an entry as a line of ASCII, with its end."""
    fields = {
        "id": text_of(entry.id),
        "kind": text_of(entry.kind),
        "time": _iso(entry.first),
        "last": _iso(entry.last),
        "repeats": entry.repeats,
        "record": document_of(entry),
    }
    return json.dumps(fields | more) + "\n"


def _iso(seconds: float) -> str:
    return moment(seconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


class JsonLines:
    """A file to which a line is appended for each entry, and which is on the disk then.

    It is locked against a second gatherer. The IDs in its last lines are known: what was written
    and not acknowledged when a gatherer was killed is not written again.
    """

    def __init__(self, path: str, *, waits: bool = False) -> None:
        """With `waits`, a lock that another one holds is waited for."""
        self._path = path
        self._waits = waits
        self.shown = f"jsonl:{printable(path)}"
        self._file: int | None = None
        self._ids: deque[str] = deque(maxlen=_KNOWN_IDS)

    def open(self) -> None:
        """Have the file, its lock and its last IDs. Raises StoreUnavailable, StoreError.

        StoreError also where what is in the file was written by somebody else.
        """
        with self._errors_told():
            self._open_where_it_is()

    def store(self, entries: Sequence[Entry], **more: object) -> Stored:
        """Append what the file does not have. Raises StoreUnavailable, StoreError.

        `more` is what the lines have besides.
        """
        with self._errors_told():
            self._open_where_it_is()
            known = set(self._ids)
            new = {one.id: one for one in entries if one.id not in known}
            if new:
                self._append(b"".join(line_of(one, **more).encode() for one in new.values()))
                self._ids.extend(new)
        return Stored()

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.close()  # what is in the file is looked at when it is opened again
            kind = StoreUnavailable if error.errno in _PASSING else StoreError
            raise kind(f"{self.shown}: {error.strerror}") from None

    def acknowledged(self, ids: Sequence[str]) -> None:
        """Nothing is to be done: IDs go out of mind by themselves."""

    def tidy(self) -> None:
        """Nothing is kept beside the lines."""

    def close(self) -> None:
        """Close the file, which lets go of the lock."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _open_where_it_is(self) -> None:
        """Have the file open that has the name: another one may, when logs are rotated."""
        if self._file is not None and not self._is_moved(self._file):
            return
        self.close()
        is_new = not os.path.exists(self._path)
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY, 0o666)
        self._file = file
        self._lock(file)
        if not _is_ours(file):
            self.close()
            raise StoreError(f"{self.shown}: the file has other lines than ours; name another")
        _cut_torn_line(file)
        self._ids.extend(reversed(list(_last_ids(file, _KNOWN_IDS))))
        if is_new:
            _sync_folder(self._path)

    def _is_moved(self, file: int) -> bool:
        try:
            return not os.path.samestat(os.fstat(file), os.stat(self._path))
        except FileNotFoundError:
            return True

    def _lock(self, file: int) -> None:
        if sys.platform == "win32":
            return  # nothing keeps a second gatherer from the file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if self._waits else fcntl.LOCK_NB))
        except BlockingIOError:
            self.close()
            raise StoreError(
                f"{self.shown}: another ecl-gather writes to it; one at a time"
            ) from None

    def _append(self, lines: bytes) -> None:
        if self._file is not None:
            _write_whole(self._file, lines)
            os.fsync(self._file)


_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def _write_whole(file: int, lines: bytes) -> None:
    rest = memoryview(lines)
    while rest:
        rest = rest[os.write(file, rest) :]


def _is_ours(file: int) -> bool:
    """Whether the file begins as we begin one: it is empty, or its first line is ours, or torn."""
    os.lseek(file, 0, os.SEEK_SET)
    begin = os.read(file, len(_BEGIN))
    return _BEGIN.startswith(begin)


def _cut_torn_line(file: int) -> None:
    """Cut off what stands behind the last end of a line: whoever wrote it was killed in it."""
    size = end = os.fstat(file).st_size
    for start, block in _blocks_backwards(file, size):
        if (at := block.rfind(b"\n")) >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def _last_ids(file: int, most: int) -> Iterable[str]:
    """The IDs in the last lines, the last one first. The file ends with a whole line."""
    found = 0
    rest = b""  # of a line whose beginning is further ahead
    for start, block in _blocks_backwards(file, os.fstat(file).st_size):
        first, *lines = (block + rest).split(b"\n")
        rest = first
        for line in reversed([first, *lines] if start == 0 else lines):
            if (match := _ID.match(line)) is not None:
                yield json.loads(match[1])
                found += 1
                if found == most:
                    return


def _blocks_backwards(file: int, size: int) -> Iterable[tuple[int, bytes]]:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        os.lseek(file, start, os.SEEK_SET)
        block = b""
        while len(block) < end - start:
            piece = os.read(file, end - start - len(block))
            if not piece:
                return
            block += piece
        yield start, block
        end = start


def _sync_folder(path: str) -> None:
    """Have the name of a new file on the disk, where folders can be opened."""
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class PrintedLines:
    """The lines on stdout. What was printed and not acknowledged is printed again."""

    shown = "stdout"

    def open(self) -> None:
        """It is there."""

    def store(self, entries: Sequence[Entry]) -> Stored:
        """Print the entries. Raises StoreUnavailable, StoreError, BrokenPipeError."""
        try:
            sys.stdout.write("".join(map(line_of, entries)))
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StoreError(f"{self.shown}: {error.strerror}") from None
        return Stored()

    def acknowledged(self, ids: Sequence[str]) -> None:
        """Nothing is to be done."""

    def tidy(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Stdout is everybody's."""
