"""What objects are, as texts and as values that JSON can hold: each bounded, none raises.

A `Teller` knows plain values, and containers of them. What it does with an object that only
the program's own code can tell is up to its class: `Teller` itself refuses to (NotKnown), an
`Asking` asks it, an `Unasking` has a placeholder in its place. See `told`, which tries them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from ecl_logging.records.rendering.classes import (
    MISSING,
    attribute_of,
    is_a,
    is_plain_class,
    is_slow,
    name_of,
    remember_slow,
)
from ecl_logging.records.rendering.cutting import MAX_TEXT, cut, tidy
from ecl_logging.records.rendering.known import CONTAINERS, MAX_BITS, classes_asked, is_known
from ecl_logging.records.rendering.questioner import questioner

__all__ = [
    "MAX_ITEMS",
    "UNFIT",
    "Asking",
    "NotKnown",
    "Teller",
    "Unasking",
    "Untold",
    "is_json",
    "told",
]

MAX_ITEMS = 1000  # of all containers of a part of a record
MAX_DEPTH = 8
MAX_CHARACTERS = 4 * MAX_TEXT  # of them, about
MAX_KEY = 200

UNFIT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    Warning,
)
"""What Python's own code raises, where objects do not fit what is asked of them."""

_LARGEST = 2**64  # an int that other languages can read
_T = TypeVar("_T")


class NotKnown(Exception):  # noqa: N818 - handled by `told` only
    """Only the program's own code can tell this object."""


class Untold(str):
    """Stands for the text of an object that gave none."""

    __slots__ = ()


class Teller:
    """Tells what needs none of the program's code. For one record; not thread safe."""

    def __init__(self) -> None:
        self._around: set[int] = set()  # containers that we are in
        self.renew()

    def renew(self) -> None:
        """Begin with another part of the record, for whose containers there is as much room."""
        self._items = MAX_ITEMS
        self._characters = MAX_CHARACTERS

    def ask(
        self,
        value: object,
        question: Callable[[Any], object],
        classes: Sequence[type] | None = None,
    ) -> Any:
        """Return the answer of an object that is not known, or an Untold.

        `classes`: those of the program that are asked, the first one of which is to blame where
        it takes too long; as `classes_asked` has it.
        """
        if classes is None:
            classes = classes_asked(value)
        if any(map(is_slow, classes)):
            return _without_text(type(value), "gave no text in time")
        return self._ask(value, question, classes)

    def _ask(
        self, value: object, question: Callable[[Any], object], classes: Sequence[type]
    ) -> Any:
        raise NotKnown

    # --- as texts

    def text(self, value: object) -> str:
        """Return what `str` makes of it."""
        kind = type(value)
        if kind is str:
            return cut(value)  # type: ignore[arg-type]
        return self._text(value, str)

    def quoted(self, value: object) -> str:
        """Return what `repr` makes of it."""
        kind = type(value)
        if kind is str:
            return cut(repr(cut(value)))  # type: ignore[arg-type]
        return self._text(value, repr)

    def _text(self, value: Any, make: Callable[[object], str]) -> str:
        kind = type(value)
        if kind is int:
            return _text_of_int(value)
        if kind is bytes:
            return cut(repr(value[:MAX_TEXT]))
        if is_plain_class(kind):
            if kind in CONTAINERS:
                return self._container(value)
            if _is_plain_subclass(kind, str, make):
                return cut(str.__str__(value)) if make is str else cut(repr(str.__str__(value)))
            if is_known(value):
                return _safely(make, value)
        return _exact(self.ask(value, make), kind)

    def _container(self, value: Any) -> str:
        kind = type(value)
        opening, closing = _BRACKETS[kind]
        if not value:
            return _EMPTY.get(kind, opening + closing)
        if id(value) in self._around or len(self._around) >= MAX_DEPTH:
            return f"{opening}...{closing}"
        self._around.add(id(value))
        try:
            parts = []
            for item in self._some(value):
                if kind is dict:
                    parts.append(f"{self.quoted(item[0])}: {self.quoted(item[1])}")
                else:
                    parts.append(self.quoted(item))
                self._characters -= len(parts[-1])
        finally:
            self._around.discard(id(value))
        if len(parts) < len(value):
            parts.append("...")
        elif kind is tuple and len(parts) == 1:
            closing = ",)"
        return cut(f"{opening}{', '.join(parts)}{closing}")

    def _some(self, value: Any) -> Iterable[Any]:
        """As many of a container's items as there is room for."""
        items = value.items() if type(value) is dict else value
        for item in list(islice(items, max(0, self._items))):  # others may change it meanwhile
            if self._items <= 0 or self._characters <= 0:
                return
            self._items -= 1
            yield item

    # --- as numbers, for a format that wants one

    def number(self, value: Any, make: Callable[[Any], _T]) -> _T:
        """Return what `int`, `float` or `operator.index` make of it; raises TypeError."""
        kind = type(value)
        if all(attribute_of(kind, name) is MISSING for name in _NUMERIC):
            raise TypeError("no number")
        if is_a(kind, int):
            number: Any = make(int.__int__(value))
        elif is_a(kind, float):
            number = make(float.__float__(value))
        elif is_known(value):
            if name_of(kind) == "Decimal" and value.is_finite() and value.adjusted() > 4000:
                raise TypeError("it would take too long")
            number = make(value)
        else:
            number = self.ask(value, make)
        kind = type(number)
        if (kind is not int and kind is not float) or not _is_moderate(number):
            raise TypeError("no number")
        return number  # type: ignore[no-any-return]

    # --- as what JSON can hold

    def json(self, value: Any) -> object:
        """Return None, a bool, a number, a text, or a list or dict of these."""
        if is_json(value):
            return value
        kind = type(value)
        if kind is str:
            return tidy(value)
        if is_plain_class(kind) and kind in CONTAINERS:
            return self._json_container(value)
        if is_a(kind, int) and kind is not int and not is_slow(kind):
            return self.json(int.__int__(value))
        if is_a(kind, float) and kind is not float and not is_slow(kind):
            return self.json(float.__float__(value))
        return tidy(self.text(value))

    def _json_container(self, value: Any) -> object:
        kind = type(value)
        if id(value) in self._around or len(self._around) >= MAX_DEPTH:
            return self._container(value)
        self._around.add(id(value))
        try:
            items = self._json_dict(value) if kind is dict else self._json_list(value)
        finally:
            self._around.discard(id(value))
        return items

    def _json_list(self, value: Any) -> list[object]:
        items = []
        for item in self._some(value):
            items.append(self._spent(self.json(item)))
        if len(items) < len(value):
            items.append("...")
        return items

    def _json_dict(self, value: dict[Any, Any]) -> dict[str, object]:
        items: dict[str, object] = {}
        taken = 0
        for key, item in self._some(value):
            taken += 1
            self._put(items, key, self._spent(self.json(item)))
        if taken < len(value):
            self._put(items, "...", "...")
        return items

    def _put(self, items: dict[str, object], key: object, value: object) -> None:
        name = self.key(key)
        while name in items:
            name = f"{name}'{len(items)}"
        items[name] = value

    def key(self, key: object) -> str:
        """Return a key as text."""
        if type(key) is str and len(key) <= MAX_KEY and key.isascii():
            return key
        return tidy(self.text(key), MAX_KEY)

    def _spent(self, value: object) -> object:
        if type(value) is str:
            self._characters -= len(value)
        return value


class Asking(Teller):
    """Asks objects, wherever it is; whatever they raise, they have no text."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: type | None = None  # the class of the object that is asked just now
        # Each is asked once, and kept as long, so that no other one comes to the same place.
        self._answers: dict[tuple[int, object], tuple[object, object]] = {}

    def _ask(
        self, value: object, question: Callable[[Any], object], classes: Sequence[type]
    ) -> Any:
        key = (id(value), question)
        if key not in self._answers:
            self.asked = classes[0] if classes else None
            self._answers[key] = (value, self._answer(value, question))
        return self._answers[key][1]

    def _answer(self, value: object, question: Callable[[Any], object]) -> object:
        kind = type(value)
        try:
            return question(value)
        except BaseException as error:  # noqa: BLE001 - the program's; it may be any
            return _without_text(kind, f"raised {name_of(type(error))}")
        finally:
            self.asked = None


class Unasking(Teller):
    """Asks no object."""

    def _ask(
        self, value: object, question: Callable[[Any], object], classes: Sequence[type]
    ) -> Any:
        return _without_text(type(value), "was not asked")


def is_json(value: Any) -> bool:
    """Whether it is a text, number, bool or None that JSON holds as it is."""
    if value is None:
        return True
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_TEXT and value.isascii()
    if kind is int:
        return bool(-_LARGEST < value < _LARGEST)
    return kind is bool or (kind is float and math.isfinite(value))


def told(work: Callable[[Teller], _T]) -> _T:
    """Do the work with a teller: at once where no code of the program is needed for it."""
    try:
        return work(Teller())
    except NotKnown:
        pass
    asking = Asking()
    done = questioner.do(partial(_in_list, work, asking))
    if done is not None:
        return done[0]
    kind = asking.asked
    if kind is not None:
        remember_slow(kind)
    return work(Unasking())


def _in_list(work: Callable[[Teller], _T], teller: Teller) -> list[_T]:
    return [work(teller)]


_BRACKETS: Final[dict[type, tuple[str, str]]] = {
    dict: ("{", "}"),
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_EMPTY: Final[dict[type, str]] = {set: "set()", frozenset: "frozenset()"}
_NUMERIC = ("__int__", "__index__", "__float__")


def _without_text(kind: type, why: str) -> Untold:
    return Untold(f"<{name_of(kind)}: {why}>")


def _is_plain_subclass(kind: type, base: type, make: Callable[[object], str]) -> bool:
    """Whether the class is derived from `base`, and looks the same."""
    name = f"__{make.__name__}__"
    return is_a(kind, base) and attribute_of(kind, name) is vars(base)[name]


def _exact(answer: object, kind: type) -> str:
    """Return a text that is no object of a class derived from it."""
    if is_a(type(answer), str):
        return cut(str.__str__(answer))
    return _without_text(kind, "gave no text")


def _text_of_int(value: int) -> str:
    if value.bit_length() <= MAX_BITS:
        try:
            return str(value)
        except ValueError:  # sys.set_int_max_str_digits
            return hex(value)
    return f"<int of {value.bit_length()} bits>"


def _safely(make: Callable[[object], str], value: object) -> str:
    try:
        return cut(make(value))
    except UNFIT as error:
        return _without_text(type(value), f"raised {name_of(type(error))}")


def _is_moderate(number: float) -> bool:
    return not isinstance(number, int) or number.bit_length() <= MAX_BITS
