"""A thread in which objects of the program are asked for their texts, for a limited time.

A `__str__` may wait for ever: for a lock that the logging thread holds, for a network, for
nothing. So it is not called by the thread that logs, which waits a moment and goes on without.
A thread that did not come back is left to itself, and the next object gets another one. When
MAX_STUCK of them are stuck there is none, until one comes back.

What the objects log meanwhile comes from us, so to speak: the thread is one of the
`flushing_threads`, whose records our handlers pass over. That keeps fast paths shut for so
long, and for good where an object never comes back: all is counted the careful way then.

What no thread can help with is code in C that never lets another thread run.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ecl_logging.fast_path import flushing_threads, shut_fast_paths
from ecl_logging.lifetime import has_ended
from ecl_logging.locks import Interrupted, do_alone

__all__ = ["MAX_STUCK", "PATIENCE", "Questioner", "questioner"]

PATIENCE = 0.25  # seconds that a log call waits
MAX_STUCK = 4

_T = TypeVar("_T")


class Questioner:
    """Does work in a thread of its own, which is replaced when it gets stuck.

    Thread safe, and safe in signal handlers and finalizers. Nothing is started before it is
    needed, nor at exit; a forked child starts anew.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start with no thread, as a forked child does. Only assigns."""
        self._changing = threading.RLock()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._under_way: _Job | None = None  # of that thread
        self._stuck: set[threading.Thread] = set()
        self._mine: set[int] = set()  # identities of all of them

    @property
    def stuck(self) -> int:
        """How many threads have not come back."""
        return len(self._stuck)

    def do(self, work: Callable[[], _T], *, patience: float = PATIENCE) -> _T | None:
        """Have the work done, and return what it returns.

        It runs in a copy of the caller's context. None where there is no thread to do it, where
        it takes longer than `patience` seconds, and where it raises.
        """
        if threading.get_ident() in self._mine:
            return None
        self._leave_abandoned()  # by an exception out of a signal handler
        if not self._start():
            return None
        job = _Job(work)
        self._jobs.put(job)
        try:
            answer: _T | None = job.answers.get(timeout=patience)
            return answer
        except Empty:
            job.is_abandoned = True
            self._leave_abandoned()
            return None
        finally:
            job.is_abandoned = True  # also where a signal handler raises

    def _start(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True
        try:
            return bool(do_alone(self._changing, self._start_alone, timeout=PATIENCE))
        except Interrupted:
            return False

    def _start_alone(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return True  # another one was faster
        if len(self._stuck) >= MAX_STUCK or has_ended():
            return False
        thread = threading.Thread(target=self._run, name="ecl-texts", daemon=True)
        try:
            self._under_way = None
            self._thread = thread  # before it runs: of two, the one that is not here ends
            thread.start()
        except (RuntimeError, MemoryError):  # no thread is to be had now, or no more
            self._thread = None
            return False
        return True

    def _leave_abandoned(self) -> None:
        """Leave the thread to itself, where it is at a job for which nobody waits any more."""
        job = self._under_way
        if job is not None and job.is_abandoned:
            with contextlib.suppress(Interrupted):
                do_alone(self._changing, self._leave, timeout=PATIENCE)

    def _leave(self) -> None:
        thread, job = self._thread, self._under_way
        if thread is None or job is None or not job.is_abandoned:
            return  # another one was faster
        if not job.answers.empty():
            return  # it has come back just now
        self._stuck.add(thread)
        self._thread = self._under_way = None
        if not self._jobs.empty():
            self._start_alone()  # others wait for what comes after it

    def _run(self) -> None:
        thread, me = threading.current_thread(), threading.get_ident()
        self._mine.add(me)
        try:
            while self._thread is thread:
                job = self._jobs.get()
                if job.is_abandoned:
                    continue
                if self._thread is not thread:
                    self._jobs.put(job)  # that was for the one that has taken its place
                    break
                self._do(job, me)
                del job  # and with it the record
        finally:
            self._mine.discard(me)
            self._stuck.discard(thread)

    def _do(self, job: _Job, me: int) -> None:
        asking = object()
        answer = None
        self._under_way = job
        try:
            # In this order: no fast path opens any more, none is open, and then it is told.
            flushing_threads.add(asking)
            shut_fast_paths()
            flushing_threads.add(me)
            answer = job.context.run(job.work)
        except BaseException:  # noqa: BLE001, S110 - whatever the program's objects raise
            pass
        finally:
            flushing_threads.difference_update((me, asking))
            job.answers.put(answer)
            if self._under_way is job:
                self._under_way = None


class _Job:
    """Something that the thread is asked to do."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.context = contextvars.copy_context()
        self.answers: SimpleQueue[Any] = SimpleQueue()
        self.is_abandoned = False  # nobody waits for the answer


questioner = Questioner()
"""The one of the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=questioner.reset)
