"""Clients of SQS: made when needed, each with its time-outs, without retries or forks."""

from __future__ import annotations

# Loaded here and not by the first look-up of a host, which is in a thread: a lock of the import
# system that a fork finds taken stays taken in the child.
import encodings.idna  # noqa: F401
import math
import os
import threading
from typing import Any

import boto3.session
from botocore.config import Config

from ecl_logging.events.queues.sqs_addresses import SqsAddress
from ecl_logging.events.queues.sqs_errors import translated

__all__ = ["Clients"]

_ANY_REGION = "us-east-1"  # which a service of somebody else's does not ask for
_TIMES = (0.5, 1.0, 2.0, 4.0)  # seconds; longer ones are whole
_LONGEST_CONNECT = 2.0
_MOST_CONNECTIONS = 50  # of a client: beyond, urllib3 warns

# Sessions and clients that a fork has copied into this process. They must be neither used nor
# closed here: their sockets are the parent's as well.
_abandoned: list[Any] = []


class Clients:
    """Hands calls to the service, each once, and waits for the answer.

    botocore sends a call again when its answer is lost, without asking whether it was applied.
    Here that is off: nothing is sent twice but by those who know what comes of it. A client of
    botocore's has one time-out for all that it does. So there are several, of one session.

    Thread safe.
    """

    def __init__(self, address: SqsAddress, keys: dict[str, str]) -> None:
        """`keys`: as boto3's Session takes them; with none it looks for them itself."""
        self.shown = address.shown
        self._address, self._keys = address, keys
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[float, Any] = {}

    def call(self, operation: str, *, seconds: float, **parameters: object) -> dict[str, Any]:
        """Have the service do something; return its answer.

        Raises StoreUnavailable where none comes within `seconds`, and a fifth more; StoreError
        where the service refuses. botocore's error is the error's cause.
        """
        with translated(self.shown):
            answer = getattr(self._client(_no_longer_than(seconds)), operation)(**parameters)
            return dict(answer)

    def close(self) -> None:
        """Close what is idle. Never raises."""
        self._leave_the_parents()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def after_fork(self) -> None:
        """Leave the parent's clients alone. Called in the child; only assigns."""
        _abandoned.append((self._session, self._clients))
        self._begin()

    def _leave_the_parents(self) -> None:
        if self._pid != os.getpid():  # a fork that ran no hooks
            self.after_fork()

    def _client(self, seconds: float) -> Any:
        self._leave_the_parents()
        client = self._clients.get(seconds)
        if client is None:
            with self._lock:  # making them is not thread safe, unlike using them
                client = self._clients.get(seconds) or self._new(seconds)
                self._clients[seconds] = client
        return client

    def _new(self, seconds: float) -> Any:
        if self._session is None:
            self._session = boto3.session.Session(region_name=self._address.region, **self._keys)
        config = Config(
            # As a rule the connection is there, or comes at once.
            connect_timeout=min(_LONGEST_CONNECT, seconds * 0.4),
            read_timeout=seconds * 0.8,
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=_MOST_CONNECTIONS,
            tcp_keepalive=True,
        )
        region = self._session.region_name
        if region is None and self._address.endpoint_url is not None:
            region = _ANY_REGION
        return self._session.client(
            "sqs", region_name=region, endpoint_url=self._address.endpoint_url, config=config
        )


def _no_longer_than(seconds: float) -> float:
    """Round down to one of a few times, so that there are a few clients."""
    if seconds >= _TIMES[-1] + 1:
        return float(math.floor(seconds))
    return max((time for time in _TIMES if time <= seconds), default=_TIMES[0])
