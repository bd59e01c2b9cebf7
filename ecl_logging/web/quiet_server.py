"""A server within a program that has other things to do: it says nothing, and takes no signals."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from socket import socket
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore
from waitress.task import ErrorTask, WSGITask
from waitress.trigger import trigger

from ecl_logging import notices
from ecl_logging.lifetime import watch_forks
from ecl_logging.web.channels import PromptChannel
from ecl_logging.web.gate import refusal
from ecl_logging.web.server import LIMITS, LOOK_AGAIN

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["QuietServer"]

_ENDING_SECONDS = 1.0  # for what is being answered
_PAUSE = 0.1  # seconds, also where the program has no descriptors left

# In place of the loggers `waitress` and `waitress.queue`: they may be those of the program's own
# server, which are not ours to set, and what is logged may be counted, which is what we show.
_silent = logging.Logger("ecl_logging.web")  # noqa: LOG001 - nobody is to find it
_silent.disabled = True


class _Task(WSGITask):  # type: ignore[misc]
    logger = _silent


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    logger = _silent


class _Channel(PromptChannel):
    logger = _silent
    task_class = _Task
    error_task_class = _ErrorTask


class QuietServer:
    """Answers requests to sockets that listen, in `run`, until `stop`. A forked child has none."""

    def __init__(self, application: WSGIApplication, sockets: Sequence[socket]) -> None:
        """Start the threads that answer. Raises RuntimeError where there can be none."""
        self._open: dict[int, Any] = {}
        self._is_stopping = False
        answering = _outliving(application)
        server = waitress.create_server(answering, self._open, sockets=list(sockets), **LIMITS)
        self._tasks = server.task_dispatcher
        self._tasks.logger = self._tasks.queue_logger = _silent
        self._listeners = [one for one in self._open.values() if hasattr(one, "channel_class")]
        self._bells = [one for one in self._open.values() if isinstance(one, trigger)]
        for one in self._open.values():
            one.logger = _silent
        for listener in self._listeners:
            listener.channel_class = _Channel
            listener.accept = _patient(listener.accept)
        watch_forks(self)

    @property
    def is_over(self) -> bool:
        """Whether it has been told to stop, or is a parent's."""
        return self._is_stopping

    def run(self) -> None:
        """Answer until it is stopped. What is being answered then has a second to be done."""
        try:
            while self._open and not self._is_stopping:
                # With poll: select takes no descriptors above 1023, which a large program has.
                wasyncore.loop(timeout=LOOK_AGAIN, use_poll=True, map=self._open, count=1)
        finally:
            self.end()

    def stop(self) -> None:
        """Have `run` return soon. For all threads; safe to call twice."""
        if not self._is_stopping:
            self._is_stopping = True
            self._bells[0].pull_trigger()

    def end(self) -> None:
        """Close all: for the thread that runs it, or where none does."""
        self._is_stopping = True
        for listener in self._listeners:
            wasyncore.dispatcher.close(listener)
        self._tasks.shutdown(timeout=_ENDING_SECONDS)
        for one in [one for one in self._open.values() if one not in self._bells]:
            one.handle_close()
        if self._tasks.threads:
            # Somebody's function does not return. Its thread rings the bell only if it finds its
            # connection open, which may be just now; later the bell's number is another file's.
            time.sleep(_PAUSE)
        wasyncore.close_all(self._open, ignore_all=True)

    def after_fork(self) -> None:
        """Let go of all sockets, which are those of the parent and go on there.

        Called in the child. Takes no lock, for threads that are gone may hold it.
        """
        self._is_stopping = True
        for one in [*self._bells, *self._listeners, *self._open.values()]:
            with contextlib.suppress(OSError):  # the program has closed all that it found
                if isinstance(one, trigger):
                    one.close()
                elif one.socket is not None:  # it was closed, and somebody keeps it
                    one.socket.close()
        self._open.clear()


def _outliving(application: WSGIApplication) -> WSGIApplication:
    """Return what answers also where the program's own code wants to end the program.

    In a thread of ours that ends nothing; but the connection would never be answered nor closed,
    and soon there would be no other.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except BaseException as error:  # noqa: BLE001
            kind = type(error).__name__
            notices.warn(f"a status page could not be made: {kind}")
            reason = f"the page could not be made: {kind}"
            return refusal(start_response, "500 Internal Server Error", reason)

    return answer


def _patient(accept: Callable[[], object]) -> Callable[[], object]:
    """Return what accepts a connection, or waits a little.

    A program that has no descriptors left would have no processor left either.
    """

    def accept_or_pause() -> object:
        try:
            return accept()
        except OSError:
            time.sleep(_PAUSE)
            raise

    return accept_or_pause
