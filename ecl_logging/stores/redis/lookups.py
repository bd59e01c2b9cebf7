"""Looking up a host's addresses, within a time: the system's own function knows none."""

from __future__ import annotations

import ipaddress
import socket
import threading
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from ecl_logging.deadlines import Deadline

__all__ = ["addresses_of"]

Addresses: TypeAlias = list[tuple[Any, ...]]

# What was found last, for the end of a process: Python starts no threads then.
_known: dict[tuple[str, int], Addresses] = {}


def addresses_of(host: str, port: int, deadline: Deadline) -> Addresses:
    """Return what `socket.getaddrinfo` does; raise OSError, TimeoutError where it takes too long.

    A name server that does not answer is waited for in a thread, which is left behind then.
    """
    if _is_numeric(host):
        return _look_up(host, port)
    answers: SimpleQueue[Addresses | Exception] = SimpleQueue()
    try:
        threading.Thread(
            target=_answer, args=(host, port, answers), name="ecl-lookup", daemon=True
        ).start()
    except RuntimeError:
        return _known.get((host, port)) or _look_up(host, port)
    try:
        answer = answers.get(timeout=deadline.seconds_left())
    except Empty:
        raise TimeoutError(f"no address of {host} in time") from None
    if isinstance(answer, Exception):
        raise answer
    _known[host, port] = answer
    return answer


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> Addresses:
    return list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def _answer(host: str, port: int, answers: SimpleQueue[Addresses | Exception]) -> None:
    try:
        answers.put(_look_up(host, port))
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        answers.put(error)
