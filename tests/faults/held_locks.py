"""Programs that fork while a thread has one of the library's locks, for each lock in turn."""

from __future__ import annotations

_NOTING = """
import os, signal, sys, threading
new_lock, locks = threading.RLock, []

def noting():
    lock, caller = new_lock(), sys._getframe(1)
    if "ecl_logging" in caller.f_code.co_filename:
        locks.append((f"{caller.f_code.co_filename}:{caller.f_lineno}", lock))
    return lock

threading.RLock = noting
"""

# A child that hangs is ended by its alarm.
_FORKING = """
def hold(lock):
    with lock:
        held.set()
        may_let_go.wait()

def status_of_child():
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        log_records(10)
        sys.exit(0)
    return os.waitpid(child, 0)[1]

for place, lock in list(locks):
    held, may_let_go = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(lock,))
    holder.start()
    held.wait()
    try:
        print(place, status_of_child(), flush=True)
    finally:
        may_let_go.set()
        holder.join()
"""


def forking_amid_locks(begin: str, *, seconds: int) -> str:
    """A program that prints place and status of a child for each lock that it has made.

    `begin` configures and logs; a child has so many `seconds`.
    """
    return f"{_NOTING}{begin}{_FORKING.replace('SECONDS', str(seconds))}"
