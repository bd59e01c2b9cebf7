"""What goes into a queue of SQS: text that it takes, in requests of a size that it takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ecl_logging.events.queues.sqs_names import AT_ONCE

__all__ = [
    "MESSAGE_BYTES",
    "Entry",
    "Numbered",
    "as_name",
    "in_requests",
    "text_attributes",
    "text_that_is_taken",
]

MESSAGE_BYTES = 2**20
"""The most that one message may have, its attributes included (256 KiB until August 2025)."""

_REQUEST_BYTES = 2**18  # of several messages together: what every service of this kind takes
_LONGEST_TEXT = 1000  # characters of an attribute
# All but these characters are refused, and the message with them.
_NOT_TAKEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message on its way in."""

    body: str
    group: str = ""  # of a FIFO queue: messages of one group stay in order
    once: str = ""  # and a message is taken in once of those with the same word here
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, as the service counts them."""
        attributes = sum(_attribute_size(*item) for item in self.attributes.items())
        return len(self.body.encode()) + attributes

    def as_parameters(self, number: int) -> dict[str, object]:
        """Return it as botocore takes it."""
        parameters: dict[str, object] = {"Id": str(number), "MessageBody": self.body}
        if self.group:
            parameters["MessageGroupId"] = as_name(self.group)
        if self.once:
            parameters["MessageDeduplicationId"] = as_name(self.once)
        if self.attributes:
            parameters["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value}
                for name, value in self.attributes.items()
            }
        return parameters


Numbered = tuple[int, Entry]


def text_that_is_taken(text: str) -> str:
    r"""Escape what SQS refuses, as JSON writes it: `\u001f`.

    An event is JSON, where such a character can be in a text only, and means the same like this.
    """
    return _NOT_TAKEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def as_name(text: str) -> str:
    """Return the text where SQS takes it for a group or for telling duplicates; else a digest."""
    if _NAME.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def text_attributes(attributes: Mapping[str, str], room: int) -> dict[str, str]:
    """Return those that are not empty and have room in so many bytes, the first ones first."""
    taken: dict[str, str] = {}
    for name, value in attributes.items():
        text = text_that_is_taken(value)[:_LONGEST_TEXT]
        size = _attribute_size(name, text)
        if text and size <= room:
            taken[name] = text
            room -= size
    return taken


def _attribute_size(name: str, value: str) -> int:
    return len(name) + len("String") + len(value.encode())


def in_requests(entries: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Yield them in their order, as many at a time as one request may have."""
    together: list[Numbered] = []
    size = 0
    for number, entry in entries:
        more = entry.size
        if together and (len(together) == AT_ONCE or size + more > _REQUEST_BYTES):
            yield together
            together, size = [], 0
        together.append((number, entry))
        size += more
    if together:
        yield together
