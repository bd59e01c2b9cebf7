"""Messages on their way into a queue, each until it is known to be there, or to be refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ecl_logging.deadlines import Deadline
from ecl_logging.errors import StoreError, StoreUnavailable
from ecl_logging.events.queues.sqs_entries import MESSAGE_BYTES, Entry, Numbered, in_requests
from ecl_logging.events.queues.sqs_errors import code_of, is_about_contents
from ecl_logging.events.queues.sqs_names import STEP_SECONDS, Queues

__all__ = ["Progress", "send"]

_TRIES = 3  # at one time, of what a request was taken without
_SHORTEST = 0.25  # seconds; with less left nothing is begun


@dataclass(slots=True)
class Progress:
    """What is known of messages, by their places among those that are sent."""

    there: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)  # as such, and for ever

    def is_known(self, number: int) -> bool:
        """Whether it need not be sent."""
        return number in self.there or number in self.refused


def send(
    queues: Queues, name: str, entries: Sequence[Entry], progress: Progress, deadline: Deadline
) -> None:
    """Send what is not there yet, in order; return when it is known of each what became of it.

    Raises StoreUnavailable or StoreError otherwise; `progress` has what is known then, and the
    same entries can be sent again with it. Of a request without an answer nothing is known. What
    comes again after that is there twice, unless the queue is a FIFO queue and has taken it in
    within the last five minutes.
    """
    for number, entry in enumerate(entries):
        if not entry.body or entry.size > MESSAGE_BYTES:
            progress.refused.add(number)
    left = [one for one in enumerate(entries) if not progress.is_known(one[0])]
    for together in in_requests(left):
        for _ in range(_TRIES):
            missing = [one for one in together if not progress.is_known(one[0])]
            if missing:
                _send_once(queues, name, missing, progress, deadline)
        missing = [one for one in together if not progress.is_known(one[0])]
        if missing:
            raise StoreUnavailable(
                f"{queues.shown}: the queue {name} has not taken in {len(missing)} of"
                f" {len(entries)} messages"
            )


def _send_once(
    queues: Queues, name: str, together: list[Numbered], progress: Progress, deadline: Deadline
) -> None:
    left = deadline.seconds_left()
    if left < _SHORTEST:
        raise StoreUnavailable(f"{queues.shown}: no time is left to send more")
    seconds = min(left, STEP_SECONDS)
    parameters = [entry.as_parameters(number) for number, entry in together]
    try:
        answer = queues.call(name, "send_message_batch", seconds=seconds, Entries=parameters)
    except StoreError as error:
        if isinstance(error, StoreUnavailable) or not is_about_contents(code_of(error), str(error)):
            raise
        if len(together) == 1:
            progress.refused.add(together[0][0])
            return
        for one in together:  # to find out which of them it is about
            _send_once(queues, name, [one], progress, deadline)
        return
    progress.there.update(int(one["Id"]) for one in answer.get("Successful") or ())
    for one in answer.get("Failed") or ():
        code, words = str(one.get("Code", "")), str(one.get("Message", ""))
        if is_about_contents(code, words):
            progress.refused.add(int(one["Id"]))
        elif one.get("SenderFault"):
            raise StoreError(f"{queues.shown}: {' '.join(words.split()) or code} ({code})")
