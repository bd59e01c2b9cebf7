"""The queues of a service by their names, and what can be done with one that is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.sqs_clients import Clients
from ecl_logging.events.queues.sqs_errors import NO_QUEUE, code_of

__all__ = ["AT_ONCE", "STEP_SECONDS", "Queues", "dead_letters_of", "in_tens", "is_fifo"]

AT_ONCE = 10
"""The most messages that one request may be about."""

STEP_SECONDS = 8.0
"""So long a request may take, beside what the service is asked to wait."""

_FIFO = ".fifo"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo", re.ASCII)
_KEPT_SECONDS = 14 * 86400  # dead letters: the longest that there is


def is_fifo(name: str) -> bool:
    """Whether a queue of this name keeps the order, and takes in each message once."""
    return name.endswith(_FIFO)


def dead_letters_of(topic: str) -> str:
    """Return the name of the queue of a topic's dead letters."""
    suffix = _FIFO if is_fifo(topic) else ""
    return f"{topic.removesuffix(_FIFO)}-dead-letters{suffix}"


def in_tens(things: Iterable[Any]) -> list[list[Any]]:
    """Return them in lists of what one request may have."""
    listed = list(things)
    return [listed[at : at + AT_ONCE] for at in range(0, len(listed), AT_ONCE)]


class Queues:
    """Finds queues by name, once each, and hands calls to them. Thread safe.

    Methods raise StoreUnavailable and StoreError.
    """

    def __init__(self, clients: Clients, *, create: bool) -> None:
        """With `create`, a queue that is missing is made when something is to be done with it."""
        self._clients, self._create = clients, create
        self._urls: dict[str, str] = {}

    @property
    def shown(self) -> str:
        """The service, for messages."""
        return self._clients.shown

    def call(
        self, name: str, operation: str, *, seconds: float = STEP_SECONDS, **parameters: object
    ) -> dict[str, Any]:
        """Have a queue do something."""
        url = self._urls.get(name) or self.find(name, seconds=seconds)
        if url is None:
            if not self._create:
                raise StoreError(
                    f"{self.shown}: there is no queue {name}; create it, or have it created"
                    " with ?create=1"
                )
            url = self.make(name, seconds=seconds)
        try:
            return self._clients.call(operation, seconds=seconds, QueueUrl=url, **parameters)
        except StoreError as error:
            if code_of(error) not in NO_QUEUE:
                raise
            self._urls.pop(name, None)
            text = f"{self.shown}: the queue {name} is not there any more"
            raise StoreError(text) from error.__cause__

    def find(self, name: str, *, seconds: float = STEP_SECONDS) -> str | None:
        """Return a queue's URL; None where there is no such queue."""
        if name in self._urls:
            return self._urls[name]
        if not _NAME.fullmatch(name):
            raise StoreError(
                f"{self.shown}: SQS has no queue of the name {name:.200}; those have up to 80"
                " letters, digits, '_' and '-', and may end in '.fifo'"
            )
        try:
            answer = self._clients.call("get_queue_url", seconds=seconds, QueueName=name)
        except StoreError as error:
            if code_of(error) in NO_QUEUE:
                return None
            raise
        return self._keep(name, answer)

    def make(self, name: str, *, keep: int | None = None, seconds: float = STEP_SECONDS) -> str:
        """Create a queue; return its URL. `keep`: seconds for which it keeps messages."""
        attributes = {"FifoQueue": "true"} if is_fifo(name) else {}
        if keep is not None:
            attributes["MessageRetentionPeriod"] = str(keep)
        try:
            answer = self._clients.call(
                "create_queue", seconds=seconds, QueueName=name, Attributes=attributes
            )
        except StoreUnavailable:
            raise
        except StoreError as error:
            text = f"{self.shown}: the queue {name} is missing and cannot be created: {error}"
            raise StoreError(text.replace(f": {self.shown}: ", ": ")) from error.__cause__
        return self._keep(name, answer)

    def make_for_dead_letters(self, name: str) -> None:
        """See that a queue is there that keeps messages as long as can be."""
        if self.find(name) is None:
            self.make(name, keep=_KEPT_SECONDS)

    def _keep(self, name: str, answer: Mapping[str, Any]) -> str:
        url = answer.get("QueueUrl")
        if not isinstance(url, str) or not url:
            raise StoreUnavailable(f"{self.shown}: what answers there speaks not as SQS does")
        self._urls[name] = url
        return url

    def do_with_each(
        self, name: str, operation: str, entries: Sequence[Mapping[str, object]]
    ) -> None:
        """Do something with messages that were handed out; pass over those that are another's.

        What the service fails at for reasons of its own is tried a second time: these steps
        come to the same when done twice.
        """
        for left in in_tens({"Id": str(at), **entry} for at, entry in enumerate(entries)):
            failed = self._failed_of(name, operation, left)
            if failed:
                failed = self._failed_of(name, operation, failed)
            if failed:
                raise StoreUnavailable(
                    f"{self.shown}: {operation} failed for {len(failed)} messages of {name}"
                )

    def _failed_of(
        self, name: str, operation: str, entries: list[dict[str, object]]
    ) -> list[dict[str, object]]:
        answer = self.call(name, operation, Entries=entries)
        done = {one.get("Id") for one in answer.get("Successful") or ()}
        # A handle that is of no use any more: the message is deleted, or has been handed out again.
        gone = {one.get("Id") for one in answer.get("Failed") or () if one.get("SenderFault")}
        return [entry for entry in entries if entry["Id"] not in done | gone]
