"""Records that are counted without being built, where nobody but a counter would take them.

While a handler with `count_only` is open, six methods of `logging.Logger` look for a shortcut
first. A shortcut is for one logger and one level. It stands for all that was found out about them:
which handlers there are from the logger up to where records stop, that one of them counts only, and
that the others would pass the record over. What can change without notice - handlers and filters in
their lists, levels of handlers, the factory of records - it looks at anew each time; so it does
with what tools of observation put in the place of `Logger.callHandlers` and `Logger.makeRecord`;
what is set on a logger is noticed, and ends all shortcuts; and after some seconds they end by
themselves, so that whatever else is found out is found out then. Where there is no shortcut, and
wherever one does not apply, the method does what it always did.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
import weakref
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Protocol

from ecl_logging.weak_sets import WeakRefs

__all__ = [
    "KNOWN",
    "RESERVED",
    "Seen",
    "Shortcut",
    "Unbuilt",
    "count_unbuilt",
    "end_counting",
    "forget_shortcuts",
]

RESERVED = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}
"""Names that `extra` must not have: then the ordinary way raises, as it should."""

KNOWN = frozenset({"name", "levelno", "levelname"})
"""What is known of a record before it is built, beside its extras."""

_LASTS = 5.0  # seconds
_LOGGER = logging.Logger
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_ORDINARY = {
    name: getattr(_LOGGER, name)
    for name in (
        "_log",
        "callHandlers",
        "filter",
        "handle",
        "isEnabledFor",
        "makeRecord",
    )
}
_DATA = ("_cache", "disabled", "filters", "handlers", "name", "parent", "propagate")
_METHODS = (*_ORDINARY, *_LEVELS, "log")
_FILE = logging.getLevelName.__code__.co_filename
_HARMLESS_AND_EXTRA = frozenset({"exc_info", "stack_info", "extra"})

Shortcut = Callable[[object, object], bool]
"""Counts a message with its extras; false where the record has to be built."""


class _CountsOnly(Protocol):
    """A counting handler with `count_only`."""

    level: int

    def _shortcut(self, seen: Seen) -> Shortcut | None: ...


class Unbuilt:
    """What rules see in the place of a record."""

    name: str
    levelno: int
    created: float
    msg: object

    def __init__(
        self, logger: str, level: int, msg: object, extra: dict[str, object] | None
    ) -> None:
        attributes = self.__dict__
        if extra is not None:
            attributes.update(extra)
        attributes.update(
            name=logger,
            levelno=level,
            levelname=logging.getLevelName(level),
            msg=msg,
            created=time.time(),
        )

    def getMessage(self) -> str:  # noqa: N802 - logging's name; no rule asks for it
        return str(self.msg)


class Seen:
    """What was found out about a logger and a level."""

    def __init__(self, logger: logging.Logger, level: int) -> None:
        self.logger, self.level = logger, level
        self.above: list[logging.Handler] = []  # that take records of higher levels only
        self.as_is: list[list[Any]] = []  # lists of handlers and filters,
        self.as_was: list[list[Any]] = []  # and what was in them
        self.until = time.time() + _LASTS
        self.forget = forget_shortcuts
        self.methods = _ORDINARY["callHandlers"], _ORDINARY["makeRecord"]
        self.level_name = logging.getLevelName(level)

    def has_changed(self) -> bool:
        """Whether records are made in another way by now, or have other levels' names."""
        return (
            logging._logRecordFactory is not logging.LogRecord  # type: ignore[attr-defined]
            or logging.getLevelName(self.level) != self.level_name
        )

    def unbuilt(self, message: object, extra: dict[str, object] | None) -> Unbuilt:
        """Return what stands for a record that is not built."""
        return Unbuilt(self.logger.name, self.level, message, extra)

    def look_into(self, things: list[Any]) -> list[Any]:
        """Return what is in the list, and remember that."""
        self.as_is.append(things)
        self.as_was.append(list(things))
        return self.as_was[-1]

    def ordinary(self, message: object, extra: object) -> bool:
        """The shortcut where there is none: look again after a time."""
        self.end_in_time()
        return False

    def end_in_time(self) -> None:
        """End all shortcuts where this one is old."""
        if time.time() >= self.until:
            self.forget()

    def disabled(self, message: object, extra: object) -> bool:
        """The shortcut where nothing is logged: look again when logging has to do so itself."""
        # A logger that is disabled as a whole has nothing there; it tells when that ends.
        if not self.logger.disabled and self.logger._cache.get(self.level, True):  # type: ignore[attr-defined]
            self.forget()
        return False


_counting: WeakRefs[_CountsOnly] = WeakRefs()
_put_in: dict[str, Callable[..., Any]] = {}
_made: set[CodeType] = set()  # of all that was ever put in


class _Known:
    """All shortcuts. Not emptied but replaced: who is making one puts it into the old."""

    shortcuts: dict[logging.Logger, dict[int, Shortcut | None]]


_known = _Known()
_known.shortcuts = {}


def forget_shortcuts() -> None:
    """End all shortcuts."""
    _known.shortcuts = {}


# --- putting it in, and taking it out


def count_unbuilt(handler: _CountsOnly) -> weakref.ref[_CountsOnly]:
    """Have what only this handler wants counted so; return what `end_counting` takes."""
    with logging._lock:  # type: ignore[attr-defined]
        ref = _counting.add(handler)
        if not _put_in and _is_as_it_was():
            _put_in.update({name: _shortened(name, level) for name, level in _LEVELS.items()})
            _put_in.update(log=_shortened_log(), __setattr__=_set_and_forget)
            for name, function in _put_in.items():
                setattr(_LOGGER, name, function)
    forget_shortcuts()
    return ref


def end_counting(ref: weakref.ref[_CountsOnly]) -> None:
    """Leave all as it was, where that was the last of such handlers."""
    with logging._lock:  # type: ignore[attr-defined]
        _counting.discard(ref)
        _take_out_unless_used()
    forget_shortcuts()


def _take_out_unless_used() -> None:
    if _counting.alive():
        return
    for name, function in _put_in.items():
        # What somebody has put around ours since stays, and does what it always did.
        if vars(_LOGGER).get(name) is function:
            if name == "__setattr__":
                del _LOGGER.__setattr__
            else:
                setattr(_LOGGER, name, function.__wrapped__)
    _put_in.clear()


def _is_as_it_was() -> bool:
    """Whether all that matters here are methods of the standard library."""
    methods = [_LOGGER.__dict__.get(name, getattr(_LOGGER, name)) for name in _METHODS]
    return _LOGGER.__setattr__ is object.__setattr__ and all(
        # By type(), because a wrapper can say that it has the code of what it wraps.
        type(method) is FunctionType and method.__code__.co_filename == _FILE
        for method in methods
    )


def _ordinary(name: str) -> Callable[..., None]:
    method = vars(_LOGGER)[name]
    # Ours where somebody has put back what was put in for a handler that is closed by now.
    return method.__wrapped__ if method.__code__ in _made else method  # type: ignore[no-any-return]


# --- what is put in


def _shortened(name: str, level: int) -> Callable[..., None]:
    ordinary = _ordinary(name)
    known, look, harmless = _known, _look, _HARMLESS_AND_EXTRA

    def method(self: logging.Logger, msg: object, *args: object, **kwargs: Any) -> None:
        try:
            shortcut = known.shortcuts[self][level]
        except (KeyError, TypeError):
            shortcut = look(self, level)
        if shortcut is not None:
            if not kwargs:
                if shortcut(msg, None):
                    return
            elif kwargs.keys() <= harmless and shortcut(msg, kwargs.get("extra")):
                return
        ordinary(self, msg, *args, **kwargs)

    return _passed_over(method, ordinary)


def _shortened_log() -> Callable[..., None]:
    ordinary = _ordinary("log")
    known, look, harmless = _known, _look, _HARMLESS_AND_EXTRA

    def log(self: logging.Logger, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if type(level) is int and kwargs.keys() <= harmless:
            try:
                shortcut = known.shortcuts[self][level]
            except (KeyError, TypeError):
                shortcut = look(self, level)
            if shortcut is not None and shortcut(msg, kwargs.get("extra")):
                return
        ordinary(self, level, msg, *args, **kwargs)

    return _passed_over(log, ordinary)


def _passed_over(method: Callable[..., None], ordinary: Callable[..., None]) -> Callable[..., None]:
    """Have the method passed over where its caller is looked for, as logging's own are.

    Logging passes over frames of its file, structlog's loggers over those of its module. So the
    method asks for nothing of this module's but what it has in its closure.
    """
    code = method.__code__.replace(
        co_filename=ordinary.__code__.co_filename, co_name=ordinary.__name__
    )
    _made.add(code)
    passed_over = FunctionType(code, vars(logging), closure=method.__closure__)
    return functools.wraps(ordinary)(passed_over)


def _set_and_forget(self: logging.Logger, name: str, value: object) -> None:
    super(_LOGGER, self).__setattr__(name, value)
    forget_shortcuts()


# --- looking for a shortcut


def _look(logger: logging.Logger, level: int) -> Shortcut | None:
    shortcuts = _known.shortcuts  # before anything is looked at: what changes meanwhile replaces it
    if not _put_in:
        return None  # who wraps our methods has kept them
    try:
        found = _found(logger, level)
    except Exception:  # noqa: BLE001 - what is odd about it, the ordinary way will find
        found = None
    with contextlib.suppress(TypeError):  # a class of loggers that cannot be kept in tables
        shortcuts.setdefault(logger, {})[level] = found
    return found


def _found(logger: logging.Logger, level: int) -> Shortcut | None:
    if not _is_ordinary(logger):
        return None
    seen = Seen(logger, level)
    if not logger.isEnabledFor(level):
        return seen.disabled
    counting = _counting.alive()
    if not counting:  # it was dropped, and never closed
        with logging._lock:  # type: ignore[attr-defined]
            _take_out_unless_used()
        return None
    counter = _only_counter(seen, counting)
    return (counter and counter._shortcut(seen)) or seen.ordinary


def _only_counter(seen: Seen, counting: list[_CountsOnly]) -> _CountsOnly | None:
    """The one handler that would take a record, where it counts only."""
    if seen.look_into(seen.logger.filters) or seen.has_changed():
        return None
    counter = None
    at: logging.Logger | None = seen.logger
    while at is not None:
        if not _tells_of_changes(at):
            return None
        for handler in seen.look_into(at.handlers):
            if handler.level > seen.level:
                seen.above.append(handler)
            elif handler in counting and counter is None:
                counter = handler
            elif type(handler) is not logging.NullHandler:
                return None
        at = at.parent if at.propagate else None
    return counter


def _is_ordinary(logger: logging.Logger) -> bool:
    """Whether a record goes from the logger to handlers in the ways of the standard library."""
    kind, own = type(logger), vars(logger)
    return _tells_of_changes(logger) and all(
        getattr(kind, name, None) is function and name not in own
        for name, function in _ORDINARY.items()
    )


def _tells_of_changes(logger: logging.Logger) -> bool:
    """Whether what is set on the logger is noticed, and what it has is what was set."""
    kind = type(logger)
    return (
        kind.__setattr__ is _set_and_forget
        and kind.__getattribute__ is object.__getattribute__
        and not any(hasattr(kind, name) for name in _DATA)
    )
