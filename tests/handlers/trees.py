"""Trees of loggers of a test's own, counted by an ordinary handler or by one with `count_only`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from ecl_logging.handlers import CountingHandler

_DAY = {"intervals": ["1d"], "sync_interval": 3600}
GROUPS: dict[str, dict[str, Any]] = {
    "g": _DAY | {"auto_declare_events": True},
    "h": _DAY | {"auto_declare_events": True},
    "declared": _DAY | {"events": ["known"]},
}
BY_LEVEL = [{"event": "{levelname}", "group": "g"}]
ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

Heard = dict[str, Any]


class Listener(logging.Handler):
    """Another handler: notes what a formatter could show of a record."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.heard: list[Heard] = []

    def emit(self, record: logging.LogRecord) -> None:
        names = ("name", "levelno", "levelname", "funcName", "lineno", "filename")
        attributes = vars(record)
        self.heard.append(
            {name: attributes[name] for name in names}
            | {name: attributes[name] for name in attributes.keys() - ORDINARY}
            | {
                "shown": record.getMessage(),
                "of error": record.exc_info and record.exc_info[0],
                "has stack": record.stack_info is not None,
            }
        )


class Tree:
    """Loggers with a root and a manager of their own, and a counting handler at the root."""

    def __init__(self, *, count_only: bool, **arguments: Any) -> None:
        self.root = logging.RootLogger(logging.DEBUG)
        self.manager = self.root.manager = logging.Manager(self.root)
        arguments = {"store": "memory://", "groups": GROUPS, "rules": BY_LEVEL} | arguments
        self.count_only = count_only
        self.counting = CountingHandler(count_only=count_only, **arguments)
        self.root.addHandler(self.counting)
        self.listener = Listener()
        self.logger = self.get("a.b")

    def get(self, name: str) -> logging.Logger:
        return self.manager.getLogger(name) if name else self.root

    def disable(self, level: int) -> None:
        """Do what `logging.disable` does."""
        self.manager.disable = level
        self.manager._clear_cache()  # type: ignore[attr-defined]

    def counts(self) -> dict[str, Any]:
        """What has been counted, by group and ID, and what was dropped."""
        ecl = self.counting.ecl
        dropped: Any = ecl.telemetry()["dropped"]
        counted = {name: ecl[name].get_counts("1d", current=True) for name in GROUPS}
        return {
            "counts": {name: {k: n for k, n in of.items() if n} for name, of in counted.items()},
            "dropped": {reason: n for reason, n in dropped.items() if n},
        }

    def close(self) -> None:
        self.counting.close()


@contextlib.contextmanager
def tree_of(**arguments: Any) -> Iterator[Tree]:
    tree = Tree(**arguments)
    try:
        yield tree
    finally:
        tree.close()


def outcome(scenario: Callable[[Tree], object], **arguments: Any) -> dict[str, Any]:
    """What the scenario brought about: what was counted, heard, and what it returned."""
    with tree_of(**arguments) as tree:
        returned = scenario(tree)
        return tree.counts() | {"heard": tree.listener.heard, "returned": returned}


def same_both_ways(scenario: Callable[[Tree], object], **arguments: Any) -> dict[str, Any]:
    """Assert that the scenario ends the same with `count_only` and without; return how."""
    built, unbuilt = (outcome(scenario, count_only=way, **arguments) for way in (False, True))
    other = {key: (built[key], unbuilt[key]) for key in built if built[key] != unbuilt[key]}
    assert not other, other
    return built


class Built:
    """How many records have been built.

    Counted where none can do without: in the initializer of the class. A factory, or a
    `makeRecord` of a test's own would itself end all shortcuts.
    """

    def __init__(self) -> None:
        self.n = 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[Built]:
        ordinary = logging.LogRecord.__init__

        def initialize(record: logging.LogRecord, *args: Any, **kwargs: Any) -> None:
            self.n += 1
            ordinary(record, *args, **kwargs)

        logging.LogRecord.__init__ = initialize  # type: ignore[method-assign]
        try:
            yield self
        finally:
            logging.LogRecord.__init__ = ordinary  # type: ignore[method-assign]


def built_by(work: Callable[[], object]) -> int:
    """How many records the work builds."""
    with Built().counted() as built:
        work()
    return built.n


def warm(tree: Tree, logger: logging.Logger | None = None) -> None:
    """Log until a shortcut is taken, and assert that it is."""
    logger = logger or tree.logger

    def log() -> None:
        for level in (10, 20, 30, 40, 50):
            logger.log(level, "warm")
            logger.log(level, "warm", extra={"event": "warm"})
        for method in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
            method("warm")

    log()
    assert built_by(log) == (0 if tree.count_only else 15)


def attempt(call: Callable[[], object]) -> str | None:
    """Make the call; return what it raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__name__}: {error}"
    return None
