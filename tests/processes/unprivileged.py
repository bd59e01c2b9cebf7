"""Runs Python code as another user: `unprivileged.py UID CODE`.

That user may not be able to read the folders in which Python and the library are, so all that
the code needs is imported first. Where this process is not root's, the code runs as it is.
"""

from __future__ import annotations

import contextlib
import io
import logging.config  # noqa: F401 - for the code, like all that is not used here
import os
import pwd  # noqa: F401
import sqlite3  # noqa: F401
import sys
import unicodedata  # noqa: F401

import ecl_logging.handlers
import ecl_logging.record_counter
import ecl_logging.stores.sqlite.store
import ecl_logging.tools.read


def import_what_is_imported_late() -> None:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        ecl_logging.tools.read.main(["--help"])


if __name__ == "__main__":
    uid, code = int(sys.argv[1]), sys.argv[2]
    import_what_is_imported_late()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    del sys.argv[1:]
    exec(code)
