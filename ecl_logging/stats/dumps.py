"""The whole tree in a file, for looking at a crash, or at many processes together."""

from __future__ import annotations

import contextlib
import math
import os
import time
from typing import Protocol

from ecl_logging.stats.container import is_mounted
from ecl_logging.stats.json_values import json_text, json_value
from ecl_logging.stats.looks import MOST_LOOKED_AT, Look
from ecl_logging.stats.objects import get_stats

__all__ = ["dump_stats_to"]

_LAST_UPDATED = "last-updated"


class _TextFile(Protocol):
    def write(self, text: str, /) -> object: ...


def dump_stats_to(file: str | os.PathLike[str] | _TextFile) -> None:
    """Write the whole tree as a line of JSON, to a path or to a file open for text.

    Collapsed containers are in it: pages leave them out to be short, and after a crash there is no
    page to open them on. Mounted groups are not: no store is asked. `last-updated` beside the
    uppermost names is the time, in Unix seconds; a stat of that name at the root gives way to it.

    At a path the file is replaced as a whole: whoever reads it, and whoever comes after a crash in
    the middle of this, finds the dump before or this one. It is not synchronized with the disk,
    so a machine that loses its power may lose both. Its permissions are what the umask leaves, as
    with any file of the program: others may be there to gather the dumps. What is no regular
    file, such as `/dev/stderr`, is written to.

    Takes no lock and changes nothing in the tree: it may be called from a signal handler, from
    `sys.excepthook` or at exit, and by several threads. Raises OSError where the file cannot be
    written.
    """
    values = json_value(get_stats(), is_shown=_is_dumped, look=Look(MOST_LOOKED_AT, math.inf))
    values[_LAST_UPDATED] = time.time()
    text = f"{json_text(values)}\n"
    if isinstance(file, (str, os.PathLike)):
        _write(os.path.realpath(file), text)
    else:
        file.write(text)


def _is_dumped(value: object) -> bool:
    return not is_mounted(value)


def _write(path: str, text: str) -> None:
    if os.path.lexists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="ascii") as given:
            given.write(text)
        return
    # Hidden, so that nobody takes it for a further dump.
    directory, name = os.path.split(path)
    beside = os.path.join(directory, f".{name}.{os.urandom(6).hex()}.new")
    try:
        with open(beside, "x", encoding="ascii") as new:
            new.write(text)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
