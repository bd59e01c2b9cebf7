"""Threads, signal handlers and finalizers that count at the same time."""

from __future__ import annotations

import contextlib
import functools
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from ecl_logging import stats
from ecl_logging.stats.container import StatContainer
from ecl_logging.stats.reading import items_of
from ecl_logging.stats.tree import tree
from tests.interruptions import TimeIsUp, handled_at, interrupted_at
from tests.stats.families import Alone, Child, Parent, shown
from tests.waiting import wait_until

THREADS = 8
TIMES = 2000
MANY = 5000  # moments; no work here has so many


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(*works: Callable[[], object]) -> None:
    """Do these at the same time; raise what one of them has raised."""
    raised: list[BaseException] = []

    def do(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - is raised again
            raised.append(error)

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_additions_are_exact_between_threads():
    held, parent = Alone("/a"), Parent()
    child = parent.child("c")

    def add() -> None:
        for _ in range(TIMES):
            stats.add(held, "number")
            Child.number.add(child, 2)
            held.by_key.add("k")
            child.by_key.add("k", 3)

    in_threads(*[add] * THREADS)

    total = THREADS * TIMES
    assert (held.number, child.number, parent.number) == (total, 2 * total, 2 * total)
    assert (held.by_key, child.by_key, parent.by_key) == (
        {"k": total},
        {"k": 3 * total},
        {"k": 3 * total},
    )


def test_sums_are_exact_where_each_thread_has_its_own_child():
    parent = Parent()

    def count() -> None:
        for number in range(TIMES // 10):
            child = Alone.__new__(Child)
            stats.init_child_of_type(child, "c", parent=parent)
            for _ in range(10):
                child.number += 1
                child.by_key["k"] += 1
                child.state = number % 3 or "none"

    in_threads(*[count] * THREADS)

    assert (parent.number, parent.by_key) == (THREADS * TIMES, {"k": THREADS * TIMES})
    assert parent.state == {}
    assert list(shown()["parent"]) == ["number", "byKey", "state"]


def test_the_tree_is_read_while_threads_make_and_drop_objects():
    """With the garbage collector coming in all the time."""
    running = threading.Event()
    running.set()

    def make() -> None:
        parent = Parent(f"/parent/{threading.get_ident()}")
        while running.is_set():
            held = [parent.child() for _ in range(20)]
            for child in held:
                child.use()
                child.me = held  # a cycle

    def read() -> None:
        try:
            for _ in range(300):
                walk(stats.get_stats())
        finally:
            running.clear()

    before = gc.get_threshold()
    gc.set_threshold(50)
    try:
        in_threads(read, *[make] * 4)
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert shown() == {}


def walk(branch: dict) -> None:
    for _, value in items_of(branch):
        if isinstance(value, dict):
            walk(value)


def test_reset_in_another_thread_leaves_nobody_out():
    held = Alone("/a")
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            held.number += 1

    def clear() -> None:
        try:
            for _ in range(500):
                stats.reset()
        finally:
            done.set()

    in_threads(count, clear)
    held.number = 5
    assert shown() == {"a": {"number": 5}}


def test_an_object_that_two_threads_bring_back_is_counted_once():
    for _ in range(50):
        held = Alone("/a")
        stats.reset()
        in_threads(*[functools.partial(stats.init, held, "/a")] * 4)
        assert tree.root["a"].places == 1
        assert set(tree.root["a"].users.values()) == {1}


# --- signal handlers


def work_of_all_kinds() -> None:
    parent = Parent("/family/parent")
    child = parent.child("c")
    child.use()
    stats.add(child, "number")
    child.by_key.add("a")
    child.by_key.replace({"b": 1})
    held = stats.collection("/family/held", stats.IntStat("i"), stats.Stat("g", lambda: 5))
    held.i += 1
    del child, held, parent


def assert_free_and_empty() -> None:
    """No lock is held, and everything can be made and dropped as if nothing had happened."""
    taken = []
    thread = threading.Thread(target=lambda: taken.append(tree.lock.acquire(timeout=10)))
    thread.start()
    thread.join()
    assert taken == [True]
    tree.after_fork()  # the thread that took it is no more
    work_of_all_kinds()
    gc.collect()
    assert shown() == {}
    assert tree.root.users == {}


def moments() -> Iterator[int]:
    """Every seventh one, beginning with another on each Python."""
    yield from range(1 + sys.version_info.minor % 7, MANY, 7)
    pytest.fail("it never went through")


def test_an_exception_out_of_a_signal_handler_leaves_nothing_behind():
    for moment in moments():
        # What `__del__` raises goes nowhere.
        went_through = False
        with contextlib.suppress(AssertionError), unraisable_noted() as unraisable:
            went_through = not interrupted_at(moment, work_of_all_kinds)
            gc.collect()
        if unraisable:  # Python has swallowed it, and what was to note the end of a place
            stats.reset()
        assert_free_and_empty()
        if went_through:
            break
    assert moment > 200


@contextlib.contextmanager
def unraisable_noted() -> Iterator[list[str]]:
    noted: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda one: noted.append(repr(one.exc_value))
    try:
        yield noted
    finally:
        sys.unraisablehook = before


class Handling:
    """Counts as a signal handler does that comes in at one moment of the work."""

    def __init__(self, parent: Parent, held: Alone) -> None:
        self.parent, self.held = parent, held
        self.made: list[Child] = []

    def __call__(self) -> None:
        stats.add(self.held, "number")
        self.held.by_key.add("k")
        child = self.parent.child(f"handled-{len(self.made)}")
        child.use()
        stats.add(child, "number")
        self.made.append(child)
        Alone("/family/gone").number += 1


def test_what_a_signal_handler_counts_amid_counting_is_counted(monkeypatch):
    """At each moment of the work, the handler comes in and everything is exact."""

    def attempt(moment: int) -> bool:
        parent, held = Parent("/family"), Alone("/family/held")
        child = parent.child("c")
        handling = Handling(parent, held)

        def work() -> None:
            child.number += 1
            stats.add(held, "number")
            held.by_key.add("k")
            child.state = "idle"
            child.by_key.add("a", 2)
            stats.add(child, "number")
            other = parent.child("other")
            other.use()
            del other

        came = handled_at(moment, work, handling)
        # Frames are in cycles with what traced them; another thread may be collecting just now.
        wait_until(lambda: gc.collect() >= 0 and "other" not in tree.root["family"])
        made = len(handling.made)
        assert held.number == 1 + made
        assert held.by_key == {"k": 1 + made}
        assert parent.number == 2 + 1 + 2 * made
        assert parent.by_key == {"a": 2 + 2 + 2 * made}
        expected = {"idle": 1} | ({"busy": made} if made else {})
        assert parent.state == expected
        assert set(tree.root["family"]) == {
            *("number", "byKey", "state", "c", "held"),
            *(f"handled-{n}" for n in range(made)),
        }
        for container in tree.root["family"].values():
            assert not isinstance(container, StatContainer) or not container.is_detached
        return came

    for moment in moments():
        if not attempt(moment):
            break
        stats.reset()
    assert moment > 100


def test_a_real_signal_handler_counts_exactly():
    held, parent = Alone("/a"), Parent()
    child, times = parent.child("c"), 0

    def handle(signum: int, frame: object) -> None:
        nonlocal times
        times += 1
        stats.add(held, "number")
        stats.add(child, "number")
        Alone(f"/of/{times}").use()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(5000):
            stats.add(held, "number")
            stats.add(child, "number")
            Alone("/of/me").use()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert times > 10
    assert held.number == child.number == parent.number == 5000 + times
    assert set(shown()) == {"a", "parent"}


def test_the_exception_of_interruptions_is_no_exception_that_we_would_swallow():
    assert not issubclass(TimeIsUp, Exception)
