"""Files that SQLite takes its time to close, which makes a rare moment a common one."""

from __future__ import annotations

import ctypes
import os
import re
import time
from pathlib import Path
from typing import Any

__all__ = ["close_slowly"]

_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """The start of `sqlite3_vfs`, up to what changes its calls of the system."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        *((f"method{number}", ctypes.c_void_p) for number in range(14)),
        (
            "set_system_call",
            ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, _CLOSE),
        ),
    )


def close_slowly(name: str, seconds: float) -> None:
    """Have this process's SQLite wait before it closes a file of this name, from now on."""
    maps = Path("/proc/self/maps").read_text()
    library = next(iter(re.findall(r"/\S*libsqlite3\S*", maps)), None)
    sqlite = ctypes.CDLL(library)  # whatever is in it, where it is linked statically
    sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = sqlite.sqlite3_vfs_find(None)
    close = _slow_close(name, seconds)
    _kept.append(close)
    vfs.contents.set_system_call(ctypes.cast(vfs, ctypes.c_void_p), b"close", close)


def _slow_close(name: str, seconds: float) -> Any:
    def close(descriptor: int) -> int:
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").endswith(f"/{name}"):
                time.sleep(seconds)
            os.close(descriptor)
        except OSError:
            return -1
        return 0

    return _CLOSE(close)


_kept: list[object] = []  # what SQLite calls must not be gone
