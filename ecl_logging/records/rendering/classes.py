"""What is to be known of an object's class, without a word of the program's code.

`isinstance` asks an object for its `__class__`, `hash` and `==` of a class may be its metaclass's,
and a class's attribute may be a descriptor. So all of it is looked up where Python itself looks.
"""

from __future__ import annotations

import weakref
from typing import Any, Final

__all__ = [
    "attribute_of",
    "is_a",
    "is_of_program",
    "is_plain_class",
    "is_slow",
    "name_of",
    "remember_slow",
]

MISSING: Final = object()

_LONGEST_NAME = 100
_bases = type.__dict__["__mro__"].__get__
_contents = type.__dict__["__dict__"].__get__
_flags = type.__dict__["__flags__"].__get__
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_qualified_name = type.__dict__["__qualname__"].__get__


def is_plain_class(kind: type) -> bool:
    """Whether it has no metaclass, so that it can be hashed and compared."""
    return type(kind) is type


def is_a(kind: type, base: type) -> bool:
    """Whether the class is `base` or derived from it."""
    return any(one is base for one in _bases(kind))


def attribute_of(kind: type, name: str) -> Any:
    """Return what the class has under that name, as it is, or MISSING."""
    for one in _bases(kind):
        found = _contents(one).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def name_of(kind: type) -> str:
    """Return the class's name, for a message."""
    return str.__str__(_qualified_name(kind))[:_LONGEST_NAME]


# By identity, as they cannot be hashed, and weakly: programs make classes as they go.
_slow: dict[int, weakref.ref[type]] = {}


def is_of_program(kind: type) -> bool:
    """Whether the class was made by a program in Python, rather than built in."""
    return bool(_flags(kind) & _HEAP_TYPE)


def remember_slow(kind: type) -> None:
    """Have the class never asked again: an object of it gave no text in time.

    What is built in is not remembered: it was kept waiting by what is in it.
    """
    key = id(kind)
    if is_of_program(kind) and not is_slow(kind):
        _slow[key] = weakref.ref(kind, lambda ref: _forget(key, ref))


def _forget(key: int, ref: weakref.ref[type]) -> None:
    if _slow.get(key) is ref:  # not of a class that came to the same place
        del _slow[key]


def is_slow(kind: type) -> bool:
    """Whether an object of the class once gave no text in time."""
    ref = _slow.get(id(kind))
    return ref is not None and ref() is kind
