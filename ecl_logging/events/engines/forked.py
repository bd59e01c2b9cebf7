"""What a consumer has forked, and what comes back out of the consumer as its copy.

Such a process has a copy of everything that the engine has in hand. If it went on, it would do the
same work once more, and give back or acknowledge what is another's. A consumer that calls
`sys.exit` in the child it has forked does come back: here that is what any consumer may raise.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

__all__ = ["end_of_forked"]


def end_of_forked(error: BaseException | None) -> NoReturn:
    """End this process, as Python ends one with what it has raised. Runs no exit hooks.

    Those are the ones of the process that was forked, and may remove what is still in use there.
    """
    status = 1
    with contextlib.suppress(Exception):  # streams that are closed
        status = _status(error)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _status(error: BaseException | None) -> int:
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 1
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    print(error.code, file=sys.stderr)
    return 1
