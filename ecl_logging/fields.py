"""What rules can ask of a record: its attributes, its extras, its message.

The record of another kind that fits here is structlog's event dict; see `processors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

__all__ = ["BURST_REPORT", "MISSING", "PATTERN_CHARACTERS", "Fields", "NamedByFilter", "Record"]

PATTERN_CHARACTERS = 4096
"""So much of a message is searched."""

BURST_REPORT: Final = "ecl_burst"
"""The attribute by which the report of a BurstFilter is known; such a record is never counted."""

MISSING: Final = object()


class Record(Protocol):
    """What is asked of a record, which is a `logging.LogRecord` as a rule."""

    name: str
    levelno: int
    created: float
    msg: Any

    def getMessage(self) -> str: ...  # noqa: N802 - logging's name


class NamedByFilter(str):
    """A text that `EventFilter` has put where the program had `before`, or nothing.

    Rules go by what the program said, so a record counts the same behind a filter.
    """

    __slots__ = ("before",)
    before: object

    @classmethod
    def after(cls, before: object, text: str) -> NamedByFilter:
        """Return `text`, remembering what a record had in its place (MISSING for nothing)."""
        named = cls(text)
        named.before = before.before if type(before) is cls else before
        return named

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # In another process, which may not have this library, it is a text and nothing more.
        return str, (str(self),)

    def __deepcopy__(self, memo: object) -> NamedByFilter:
        return self


class Fields:
    """A record's attributes, and the keys of its message where that is a mapping."""

    __slots__ = ("_attributes", "_groups", "_message", "_record")

    def __init__(self, record: Record) -> None:
        self._record = record
        self._attributes = record.__dict__
        self._message: str | None = None
        self._groups: Mapping[str, str | None] = {}

    def get(self, name: str) -> object:
        """Return the value of `name`, or MISSING."""
        if name in self._groups:
            value: object = self._groups[name]
            return MISSING if value is None else value
        if name == "message":
            return self.message()  # not the attribute that a formatter may have left, or not
        value = self.set_by_program(name)
        if value is not MISSING:
            return value
        message = self._record.msg
        if isinstance(message, Mapping) and name in message:
            return message[name]
        return MISSING

    def set_by_program(self, name: str) -> object:
        """Return an attribute as the program has set it, or MISSING."""
        value = self._attributes.get(name, MISSING)
        return value.before if type(value) is NamedByFilter else value

    def named_by_filter(self, name: str) -> object:
        """Return what a filter has put there, or MISSING."""
        value = self._attributes.get(name, MISSING)
        return value if type(value) is NamedByFilter else MISSING

    def is_sentence(self, value: object) -> bool:
        """Whether `value` is the sentence of a structlog event: an ID only where it is declared."""
        if self._attributes.get("event", MISSING) is value:
            return False
        message = self._record.msg
        return isinstance(message, Mapping) and message.get("event") is value

    def message(self) -> str:
        """The start of the formatted message, which is formatted once.

        Where the message is a mapping, it is what structlog calls the event.
        """
        if self._message is None:
            self._message = self._formatted()[:PATTERN_CHARACTERS]
        return self._message

    def _formatted(self) -> str:
        message = self._record.msg
        if isinstance(message, Mapping):
            for key in ("event", "message"):  # structlog's EventRenamer makes it the other
                if isinstance(message.get(key), str):
                    return str(message[key])
        try:
            return self._record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit the message, or raise
            return str(message)

    def with_groups(self, groups: Mapping[str, str | None]) -> Fields:
        """The same fields with a pattern's named groups before them."""
        fields = Fields(self._record)
        fields._message, fields._groups = self._message, groups
        return fields
