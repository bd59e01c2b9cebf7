"""Processes that are killed amid their work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from tests.stores.programs import fork, status_of

__all__ = ["Killed"]


class Killed:
    """A process that does its work until it is killed, and says on a pipe what it has done."""

    def __init__(self, work: Callable[[Callable[[str], object]], None]) -> None:
        self._output, output = os.pipe()
        self._process = fork(lambda: work(lambda text: os.write(output, text.encode())), seconds=60)
        os.close(output)

    def kill(self) -> list[str]:
        """End the process; return the lines that it has written."""
        os.kill(self._process, signal.SIGKILL)
        assert status_of(self._process) == -signal.SIGKILL
        with os.fdopen(self._output) as output:
            return output.read().splitlines()
