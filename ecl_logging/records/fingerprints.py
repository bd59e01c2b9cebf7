"""Fingerprints: which records are repeats of each other.

By their `template` (place in the program, and message before anything is put into it), by their
whole `message`, by the message with marks in the place of what varies (`masked`), or by what a
function of the program's own says.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from threading import get_ident
from typing import Any

from ecl_logging.errors import ConfigError
from ecl_logging.notices import warn
from ecl_logging.problems import Problems, printable, shown
from ecl_logging.records.masks import CHARACTERS, mask
from ecl_logging.records.rendering.texts import message_of

__all__ = ["WORDS", "Fingerprint", "fingerprint_from", "template_of"]

WORDS = ("masked", "message", "template")

_OTHERWISE = "; or a function from record to text, as module:function"
_DIGITS = 32


class Fingerprint:
    """Says which records are repeats of each other. Thread safe; its methods never raise."""

    name: str
    """What it was configured as: one of WORDS, or `module:function`."""

    by_place = False
    """Whether equal `(record.msg, record.lineno, record.pathname)` are all that decides."""

    def text(self, record: logging.LogRecord) -> str:
        """Return what records of this one's kind have in common, at most 4,096 characters."""
        raise NotImplementedError

    def kind(self, record: logging.LogRecord) -> str:
        """Return 32 hexadecimal digits, the same for all repeats of a record, in any process."""
        raise NotImplementedError

    has_news = False
    """Whether there is something to `tell`."""

    def tell(self) -> None:
        """Warn of what has gone wrong, once. Called by threads that send, never by a log call."""


class _ByTemplate(Fingerprint):
    name = "template"
    by_place = True

    def text(self, record: logging.LogRecord) -> str:
        return template_of(record)

    def kind(self, record: logging.LogRecord) -> str:
        attributes = record.__dict__
        place = [_plain(attributes.get(name)) for name in ("module", "filename", "lineno")]
        return _digest((*place, template_of(record)))


class _ByMessage(Fingerprint):
    def __init__(self, name: str, change: Callable[[str], str] = str) -> None:
        self.name = name
        self._change = change

    def text(self, record: logging.LogRecord) -> str:
        return self._change(message_of(record)[:CHARACTERS])

    def kind(self, record: logging.LogRecord) -> str:
        attributes = record.__dict__
        speaker = [_plain(attributes.get(name)) for name in ("name", "levelno")]
        return _digest((*speaker, self.text(record)))


class _ByFunction(Fingerprint):
    """By what a function says; by the template where it raises, or says something else."""

    def __init__(self, name: str, function: Callable[[logging.LogRecord], object]) -> None:
        self.name = name
        self._function = function
        self._otherwise = _ByTemplate()
        self._busy: set[int] = set()  # threads that are in the function: what it logs comes here
        self._unsaid: str | None = None
        self._has_failed = False

    def text(self, record: logging.LogRecord) -> str:
        text = self._said_of(record)
        return self._otherwise.text(record) if text is None else text

    def kind(self, record: logging.LogRecord) -> str:
        text = self._said_of(record)
        return self._otherwise.kind(record) if text is None else _digest((text,))

    @property
    def has_news(self) -> bool:  # type: ignore[override]  # a class without news has a constant
        return self._unsaid is not None

    def tell(self) -> None:
        unsaid, self._unsaid = self._unsaid, None
        if unsaid is not None:
            warn(unsaid)

    def _said_of(self, record: logging.LogRecord) -> str | None:
        thread = get_ident()
        if thread in self._busy:
            return None
        try:
            self._busy.add(thread)
            text = self._function(record)
        except Exception as error:  # noqa: BLE001 - whatever the program's own function raises
            self._note(f"raises {type(error).__name__}: {_plain(error)}")
            return None
        finally:
            self._busy.discard(thread)
        if not isinstance(text, str):
            self._note(f"returns {type(text).__name__}, not a text")
            return None
        return str.__str__(text)[:CHARACTERS]

    def _note(self, failure: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            failure = printable(failure[:200])
            self._unsaid = f"fingerprint {self.name} {failure}; the template is taken instead"


_BY_WORD: dict[str, Callable[[], Fingerprint]] = {
    "template": _ByTemplate,
    "message": lambda: _ByMessage("message"),
    "masked": lambda: _ByMessage("masked", mask),
}


def fingerprint_from(
    value: object, *, place: str = "ecl", path: str = "fingerprint"
) -> Fingerprint:
    """Return the fingerprint that a configuration means.

    `value`: one of WORDS, a function from record to text, or its name as `module:function`; the
    module is imported. A Fingerprint is returned as it is. `place` and `path` stand before what
    is wrong with it, in the ConfigError that is raised then.
    """
    if isinstance(value, Fingerprint):
        return value
    problems = Problems(place)
    if isinstance(value, str):
        if value in WORDS:
            return _BY_WORD[value]()
        if ":" in value:
            return _ByFunction(str(value), _imported(value, problems, path))
        problems.add_unknown(path, "fingerprint", value, WORDS, more=_OTHERWISE)
    elif callable(value):
        return _ByFunction(_name_of(value), value)
    else:
        words = ", ".join(WORDS)
        problems.add(path, f"{shown(value)} is no fingerprint; write one of {words}{_OTHERWISE}")
    problems.raise_if_any()
    raise ConfigError(f"{place}: {path}: {shown(value)} is no fingerprint")


def template_of(record: logging.LogRecord) -> str:
    """Return the message before anything is put into it, at most 4,096 characters. Never raises.

    Where it is no text but an object, that is what it is formatted as.
    """
    message = record.__dict__.get("msg")
    if type(message) is str:
        return message[:CHARACTERS]
    if isinstance(message, str):
        return str.__str__(message)[:CHARACTERS]
    return message_of(record)[:CHARACTERS]


def _imported(value: str, problems: Problems, path: str) -> Callable[[logging.LogRecord], object]:
    """Return the function that is called `module:function`; raise ConfigError."""
    module, _, names = value.partition(":")
    found: Any = None
    try:
        found = importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a module can raise anything when it is imported
        reason = f"{type(error).__name__}: {_plain(error)}"
        problems.add(path, f"{shown(value)}: {shown(module)} cannot be imported ({reason})")
        problems.raise_if_any()
    for name in names.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            if known := _functions_in(found):
                problems.add_unknown(path, f"name in {shown(value)}:", name, known)
            else:
                problems.add(path, f"{shown(value)}: there is no {shown(name)}")
            problems.raise_if_any()
    if not callable(found):
        problems.add(path, f"{shown(value)} is no function from record to text")
        problems.raise_if_any()
    return found  # type: ignore[no-any-return]  # its callers find out what it returns


def _functions_in(thing: object) -> list[str]:
    """Names of what a module, or a class, has of its own that can be called."""
    names = getattr(thing, "__dict__", {})
    home = getattr(thing, "__module__", None) or getattr(thing, "__name__", None)
    return [
        name
        for name, one in (names.items() if isinstance(names, Mapping) else ())
        if not name.startswith("_") and callable(one) and getattr(one, "__module__", home) == home
    ]


def _name_of(function: object) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{module}:{name}"


def _plain(value: object) -> str:
    """Return a text of something that may raise when it is asked for one."""
    try:
        return str.__str__(str(value))
    except Exception:  # noqa: BLE001 - a record can carry any object
        return type(value).__name__


def _digest(parts: Iterable[str]) -> str:
    # With their lengths, so that no part can be taken for another's end.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGITS // 2).hexdigest()
