"""Objects that do to whoever looks at them what an object can do."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping

NEVER = threading.Event()
NAMES = (
    "__str__", "__repr__", "__format__", "__len__", "__bool__", "__hash__", "__eq__", "__ne__",
    "__index__", "__int__", "__float__", "__iter__", "__getitem__", "__contains__", "__dir__",
    "__lt__", "__mod__", "__rmod__", "__bytes__", "__fspath__", "__reduce__", "__sizeof__",
)  # fmt: skip


def _class(name: str, does, bases=(object,), names=NAMES, **more):
    return type(name, bases, dict.fromkeys(names, does) | more)


def _raising(error):
    def does(self, *_):
        raise error

    return does


def _waits(self, *_):
    NEVER.wait()


def _recurses(self, *_):
    return str(self)


def _spins(self, *_):
    while True:
        pass


def _logs_itself(self, *_):
    logging.getLogger("hostile").warning("I am %s", self)
    return "logged"


def _is_large(self, *_):
    return "x" * 50_000_000


class _Lying(str):
    __slots__ = ()

    def _lies(self, *_):
        raise RuntimeError("a lie")

    __len__ = __getitem__ = encode = isascii = __iter__ = __eq__ = __hash__ = __add__ = _lies
    __contains__ = __mod__ = _lies


class SaysALie:
    def __str__(self):
        return _Lying("as a lying text")

    __repr__ = __str__


class ClassRaises:
    @property
    def __class__(self):
        raise RuntimeError

    def __str__(self):
        return "with no class"


class ClassLies:
    @property
    def __class__(self):
        return dict

    def __str__(self):
        return "no dict"


class ClassWaits:
    @property
    def __class__(self):
        NEVER.wait()


class AttributesWait:
    def __getattribute__(self, name):
        NEVER.wait()


class _Meta(type):
    def __hash__(cls):
        raise RuntimeError

    def __eq__(cls, other):
        raise RuntimeError

    def __getattribute__(cls, name):
        raise RuntimeError

    def __instancecheck__(cls, other):
        raise RuntimeError


class MetaclassRaises(metaclass=_Meta):
    def __str__(self):
        return "of a metaclass"


class MetaclassWaits(
    metaclass=type(
        "Waiting", (type,), dict.fromkeys(("__hash__", "__eq__", "__getattribute__"), _waits)
    )
):
    pass


class DescriptorWaits:
    class _Descriptor:
        def __get__(self, *_):
            NEVER.wait()

    __str__ = __repr__ = _Descriptor()


class HoldsItsLock:
    def __init__(self):
        self.lock = threading.RLock()
        self.lock.acquire()

    def __str__(self):
        with self.lock:
            return "unlocked"


class RaisingMapping(Mapping):
    def __getitem__(self, key):
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self):
        raise RuntimeError


class WaitingMapping(RaisingMapping):
    def __getitem__(self, key):
        NEVER.wait()

    get = __contains__ = __getitem__


class RaisingError(Exception):
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class WaitingError(Exception):
    def __str__(self):
        NEVER.wait()
        return "never"

    __repr__ = __str__


class NotedError(Exception):
    @property
    def __notes__(self):
        NEVER.wait()


class AttributesError(Exception):
    def __getattribute__(self, name):
        NEVER.wait()


def _error_in(*args):
    return lambda: ValueError(*args)


def _with_context():
    error = ValueError("outer")
    error.__context__ = WaitingError()
    return error


def _with_object():
    return AttributeError("x", name="x", obj=HOSTILE["dir-waits"]())


def _cycle():
    cycle: list[object] = []
    cycle.append({"again": cycle})
    return cycle


def _deep():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    return deep


class Slots:
    __slots__ = ()

    def __str__(self):
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - on purpose


class ExitsThread:
    def __str__(self):
        raise SystemExit(3)


class ManyTexts:
    def __init__(self):
        self.n = 0

    def __str__(self):
        self.n += 1
        return f"text {self.n}"


HOSTILE = {
    "raises": _class("Raises", _raising(RuntimeError("raised"))),
    "raises-keyboard-interrupt": _class("Interrupts", _raising(KeyboardInterrupt())),
    "raises-system-exit": _class("Exits", _raising(SystemExit(3))),
    "raises-generator-exit": _class("EndsGenerators", _raising(GeneratorExit())),
    "raises-base-exception": _class("Base", _raising(BaseException())),
    "raises-stop-iteration": _class("Stops", _raising(StopIteration())),
    "raises-what-raises": _class("RaisesError", _raising(RaisingError())),
    "waits": _class("Waits", _waits),
    "recurses": _class("Recurses", _recurses),
    "spins": _class("Spins", _spins),
    "logs-itself": _class("LogsItself", _logs_itself, names=("__str__", "__repr__")),
    "is-large": _class("Large", _is_large, names=("__str__", "__repr__")),
    "gives-a-number": _class("Number", lambda *_: 5),
    "gives-none": _class("Nothing", lambda *_: None),
    "gives-lying-text": SaysALie,
    "lying-text": lambda: _Lying("a lying text"),
    "text-that-raises": lambda: _class("Text", _raising(RuntimeError()), (str,))("x"),
    "text-that-waits": lambda: _class("WaitingText", _waits, (str,))("x"),
    "int-that-waits": lambda: _class("WaitingInt", _waits, (int,))(5),
    "float-that-raises": lambda: _class("RaisingFloat", _raising(RuntimeError()), (float,))(5.5),
    "bytes-that-raise": lambda: _class("RaisingBytes", _raising(RuntimeError()), (bytes,))(b"x"),
    "dict-that-waits": lambda: _class("WaitingDict", _waits, (dict,), (*NAMES, "items", "keys", "get"))(a=1),
    "list-that-raises": lambda: _class("RaisingList", _raising(RuntimeError()), (list,))([1]),
    "tuple-that-waits": lambda: _class("WaitingTuple", _waits, (tuple,))((1,)),
    "class-raises": ClassRaises,
    "class-lies": ClassLies,
    "class-waits": ClassWaits,
    "attributes-wait": AttributesWait,
    "metaclass-raises": MetaclassRaises,
    "metaclass-waits": MetaclassWaits,
    "class-of-metaclass": lambda: MetaclassRaises,
    "descriptor-waits": DescriptorWaits,
    "holds-its-lock": HoldsItsLock,
    "mapping-that-raises": RaisingMapping,
    "mapping-that-waits": WaitingMapping,
    "dir-waits": _class("DirWaits", _waits, names=("__dir__", "__getattr__")),
    "error-that-raises": RaisingError,
    "error-that-waits": WaitingError,
    "error-with-notes": NotedError,
    "error-of-attributes": AttributesError,
    "error-of-hostile": lambda: ValueError(HOSTILE["raises"]()),
    "error-of-waiting": lambda: ValueError(HOSTILE["waits"](), [HOSTILE["waits"]()]),
    "error-in-context": _with_context,
    "error-of-object": _with_object,
    "error-group": lambda: ExceptionGroup("group", [RaisingError()]),
    "os-error-of-hostile": lambda: OSError(2, HOSTILE["raises"](), HOSTILE["raises"]()),
    "in-a-list": lambda: [1, HOSTILE["raises"](), {"a": HOSTILE["waits"]()}],
    "a-key": lambda: {ManyTexts(): 1, 5: 2, None: 3, (1, 2): 4},
    "in-a-cycle": _cycle,
    "deep": _deep,
    "long-list": lambda: [5] * 2_000_000,
    "long-text": lambda: "x" * 100_000_000,
    "huge-int": lambda: 1 << 10_000_000,
    "no-text": Slots,
    "many-texts": ManyTexts,
    "lone-surrogates": lambda: "\udc80\ud800",
    "odd-floats": lambda: [float("nan"), float("inf"), -0.0],
    "zone-waits": lambda: __import__("datetime").datetime(
        2026, 1, 1, tzinfo=_class("Zone", _waits, (__import__("datetime").tzinfo,), ("utcoffset", "tzname", "dst"))()
    ),
}  # fmt: skip


def records_with(hostile: object) -> Iterator[tuple[str, logging.LogRecord]]:
    """Yield a record that has it in each place where a program can put it."""

    def record(**attributes: object) -> logging.LogRecord:
        made = logging.LogRecord("web", 20, "web.py", 5, "nothing", (), None)
        vars(made).update(attributes)
        return made

    yield "argument", record(msg="%s", args=(hostile,))
    yield "quoted", record(msg="%s %r", args=("a", hostile))
    yield "number", record(msg="%d %x", args=(hostile, hostile))
    yield "float", record(msg="%f", args=(hostile,))
    yield "character", record(msg="%c", args=(hostile,))
    yield "width", record(msg="%*d", args=(hostile, 5))
    yield "named", record(msg="%(a)s", args={"a": hostile})
    yield "arguments", record(msg="%s %(a)s", args=hostile)
    yield "extra", record(extra=hostile)
    yield "message", record(msg=hostile)
    yield "event", record(msg={"event": hostile, "message": hostile})
    yield "message and arguments", record(msg=hostile, args=(hostile,))
    for name in ("name", "levelname", "levelno", "created", "msecs", "exc_text", "exc_info",
                 "stack_info", "thread", "taskName", "message", "asctime", "getMessage"):  # fmt: skip
        yield name, record(**{name: hostile})
    if any(kind is BaseException for kind in type.__dict__["__mro__"].__get__(type(hostile))):
        yield "exception", record(exc_info=(type(hostile), hostile, None))
        try:
            raise hostile  # type: ignore[misc]  # noqa: TRY301
        except BaseException:  # noqa: BLE001 - it is any
            yield "raised", record(exc_info=sys.exc_info())
