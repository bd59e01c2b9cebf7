"""`count_only`: what it puts into logging is taken out without a trace; threads and forks."""

from __future__ import annotations

import functools
import gc
import logging
import logging.config
import os
import threading
import weakref
from typing import Any

import pytest

from ecl_logging import unbuilt
from ecl_logging.handlers import CountingHandler
from tests.conftest import wait_until
from tests.handlers.trees import (
    BY_LEVEL,
    GROUPS,
    Listener,
    Tree,
    built_by,
    outcome,
    same_both_ways,
    tree_of,
    warm,
)

METHODS = ("debug", "info", "warning", "error", "critical", "log", "__setattr__")


# --- taken out


def test_nothing_is_put_in_without_count_only():
    before = dict(vars(logging.Logger))
    with tree_of(count_only=False) as tree:
        tree.logger.info("a")
        assert dict(vars(logging.Logger)) == before


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_to_close_leaves_no_trace(order):
    before = list(vars(logging.Logger).items())
    trees = [Tree(count_only=True) for _ in range(2)]
    own = [set(vars(tree.logger)) for tree in trees]
    for tree in trees:
        warm(tree)
    first, last = trees[::order]
    first.close()
    first.close()
    assert list(vars(logging.Logger).items()) != before
    warm(last)
    last.close()

    assert list(vars(logging.Logger).items()) == before
    assert [set(vars(tree.logger)) for tree in trees] == own
    assert not unbuilt._known.shortcuts


def test_a_handler_with_a_logger_that_was_handed_in_counts_after_its_end():
    def scenario(tree: Tree) -> int:
        handler = CountingHandler(tree.counting.ecl, rules=BY_LEVEL, count_only=tree.count_only)
        tree.root.handlers[:] = [handler]
        warm(tree)
        handler.close()
        return built_by(lambda: tree.logger.info("after"))

    assert same_both_ways(scenario)["returned"] == 1


@pytest.mark.parametrize("name", METHODS)
def test_what_somebody_puts_around_a_method_stays(name):
    ordinary = vars(logging.Logger).get(name)

    def scenario(tree: Tree) -> list[str]:
        wrapped, called = getattr(logging.Logger, name), []

        def method(self: logging.Logger, *args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return wrapped(self, *args, **kwargs)

        setattr(logging.Logger, name, method)
        try:
            for _ in range(3):
                tree.logger.info("a")
                tree.logger.critical("a")
            tree.logger.addHandler(tree.listener)
            tree.logger.info("heard")
            tree.logger.handlers = []
            tree.close()
            assert vars(logging.Logger)[name] is method
            tree.logger.addHandler(tree.listener)
            tree.logger.info("a")
            tree.logger.log(20, "a")
        finally:
            if ordinary is None:
                del logging.Logger.__setattr__
            else:
                setattr(logging.Logger, name, ordinary)
        return called

    same_both_ways(scenario)


def test_ours_that_somebody_puts_back_is_not_built_upon():
    ordinary = logging.Logger.info
    with tree_of(count_only=True):
        ours = logging.Logger.info
    logging.Logger.info = ours  # type: ignore[method-assign]
    with tree_of(count_only=True) as tree:
        warm(tree)
        assert logging.Logger.info.__wrapped__ is ordinary  # type: ignore[attr-defined]
    assert logging.Logger.info is ordinary


class SaysItIs:
    """A wrapper that passes for what it wraps."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __get__(self, logger: object, kind: object = None) -> Any:
        return self if logger is None else functools.partial(self._wrapped, logger)


@pytest.mark.parametrize("name", ["info", "makeRecord"])
def test_nothing_is_put_in_where_methods_are_not_the_standard_librarys(name):
    def scenario(tree: Tree) -> int:
        return built_by(lambda: [tree.logger.info("a") for _ in range(3)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Logger, name, SaysItIs(getattr(logging.Logger, name)))
        assert same_both_ways(scenario)["returned"] == 3


def test_one_that_is_dropped_and_never_closed_is_gone():
    before = list(vars(logging.Logger).items())
    tree = Tree(count_only=True)
    warm(tree)
    gone, logger, ecl = weakref.ref(tree.counting), tree.logger, tree.counting.ecl
    tree.root.removeHandler(tree.counting)
    tree.root.addHandler(tree.listener)
    root, listener = tree.root, tree.listener
    del tree
    for level in (10, 20, 30, 40, 50):
        logger.log(level, "heard")
    for method in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
        method("heard")
    gc.collect()
    assert gone() is None
    unbuilt.forget_shortcuts()
    logger.info("heard")

    assert len(listener.heard) == 11
    assert list(vars(logging.Logger).items()) == before
    assert root.handlers == [listener]
    ecl.close()


def test_a_reconfiguration_replaces_one_with_another(logging_as_it_was):
    def configure(count_only: bool) -> CountingHandler:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "counting": {
                        "class": "ecl_logging.handlers.CountingHandler",
                        "store": "memory://again",
                        "groups": GROUPS,
                        "rules": BY_LEVEL,
                        "count_only": count_only,
                    }
                },
                "loggers": {
                    "tests.again": {"handlers": ["counting"], "level": "INFO", "propagate": False}
                },
            }
        )
        (handler,) = logging.getLogger("tests.again").handlers
        assert isinstance(handler, CountingHandler)
        return handler

    logger = logging.getLogger("tests.again")
    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    for count_only, builds in ((True, 0), (True, 0), (False, 1), (True, 0)):
        handler = configure(count_only)
        logger.info("a")
        assert built_by(lambda: logger.info("a")) == builds
    # What the handlers before had is sent by their threads.
    wait_until(lambda: handler.ecl["g"].get_counts("1d", current=True) == {"INFO": 8})
    logger.handlers.clear()
    handler.close()
    logging.getLogger().handlers[:] = root
    logging.getLogger().setLevel(level)


# --- threads and processes


def test_threads_lose_nothing_and_hide_nothing():
    with tree_of(count_only=True) as tree:
        began = threading.Barrier(9)

        def log(name: str) -> None:
            logger = tree.get(name)
            began.wait()
            for _ in range(2000):
                logger.info("a")

        threads = [threading.Thread(target=log, args=(f"t.{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        began.wait()
        logger, heard = tree.get("t.0"), 0
        while any(thread.is_alive() for thread in threads):
            listener = Listener()
            logger.addHandler(listener)
            logger.error("must be heard")
            logger.removeHandler(listener)
            logger.error("must not")
            messages = [one["levelno"] for one in listener.heard]
            assert messages.count(40) == 1
            heard += 1
        for thread in threads:
            thread.join()

        assert tree.counts()["counts"]["g"] == {"INFO": 16000, "ERROR": 2 * heard}


def test_a_forked_child_counts_its_own():
    def scenario(tree: Tree) -> bytes:
        warm(tree)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                before = tree.counts()["counts"]["g"].get("INFO", 0)
                for _ in range(3):
                    tree.logger.info("child's")
                built = built_by(lambda: tree.logger.info("child's"))
                assert built == (not tree.count_only)
                counted = tree.counts()["counts"]["g"]
                os.write(writing, b"%d" % (counted["INFO"] - before))
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(pid, 0)
        tree.logger.info("parent's")
        said = os.read(reading, 100)
        os.close(reading)
        return said

    found = same_both_ways(scenario)
    assert found["returned"] == b"4"
    assert found["counts"]["g"]["INFO"] == 7


def test_two_passes_that_differ_are_noticed():
    """Of `same_both_ways` itself."""

    def scenario(tree: Tree) -> None:
        tree.logger.log(20 if tree.count_only else 30, "a")

    with pytest.raises(AssertionError):
        same_both_ways(scenario)
    assert outcome(scenario, count_only=True)["counts"]["g"] == {"INFO": 1}
