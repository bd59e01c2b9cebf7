"""Objects that die leave the tree, however they do, and nothing of them is left."""

from __future__ import annotations

import gc
import queue
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator

import pytest

from ecl_logging import stats
from ecl_logging.stats.tree import tree
from tests.stats.families import Alone, Child, Parent, shown

MANY = 1000  # objects
ENOUGH = 4  # measurements of memory


class Gauged(Child):
    """Has a gauge that knows it, and so is in a cycle of references."""

    gauge = stats.Stat("gauge")

    def __init__(self, name: object | None = None) -> None:
        super().__init__(name)
        self.gauge = lambda: self.number
        self.gauge = self.use_of_gauge

    def use_of_gauge(self) -> int:
        return self.number


class InCycle(Alone):
    """Knows itself."""

    def __init__(self, path: object) -> None:
        super().__init__(path)
        self.self = self


class Making(Parent):
    def gauged(self) -> Gauged:
        return Gauged()


def make_alone() -> Iterator[Alone]:
    for number in range(MANY):
        yield Alone(f"/alone/{number}")


def make_at_one_path() -> Iterator[Alone]:
    for _ in range(MANY):
        yield Alone("/alone")


def make_children() -> Iterator[Child]:
    parent = Making()
    for number in range(MANY):
        yield parent.child(number)


def make_children_of_type() -> Iterator[Child]:
    parent = Making()
    for _ in range(MANY):
        yield parent.child()


def make_gauged() -> Iterator[Child]:
    parent = Making()
    for _ in range(MANY):
        yield parent.gauged()


def make_in_cycles() -> Iterator[Alone]:
    for number in range(MANY):
        yield InCycle(f"/cycle/{number}")


KINDS: list[Callable[[], Iterator[Alone | Child]]] = [
    make_alone,
    make_at_one_path,
    make_children,
    make_children_of_type,
    make_gauged,
    make_in_cycles,
]


def use_and_drop(make: Callable[[], Iterator[Alone | Child]], drop: Callable[[list], None]) -> int:
    """Make a thousand, use each, drop all; return how many containers there were meanwhile."""
    held = []
    for one in make():
        one.use()
        held.append(one)
    del one
    count = size_of_tree()
    drop(held)
    return count


def size_of_tree() -> int:
    left, count = [stats.get_stats()], 0
    while left:
        container = left.pop()
        count += 1
        left.extend(value for value in container.values() if type(value) is type(container))
    return count


# --- one by one


@pytest.mark.parametrize("make", KINDS)
def test_what_dies_leaves_the_tree(make):
    use_and_drop(make, list.clear)
    gc.collect()

    assert shown() == {}
    assert tree.root.users == {}
    assert tree.root.places == 0
    assert not tree._gone


def test_a_path_is_left_with_its_last_object():
    one, other = Alone("/a"), Alone("/a")
    one.use()
    del one
    assert shown() == {"a": {"number": 1, "text": "busy", "byKey": {"a": 1}}}
    del other
    assert shown() == {}


def test_a_gauge_of_a_dead_object_is_nothing_while_others_have_the_path():
    one, other = Alone("/a"), Alone("/a")
    one.text = one.use
    del one
    gc.collect()

    assert shown() == {"a": {"text": None}}
    other.text = "here"
    assert shown() == {"a": {"text": "here"}}


def test_a_loop_that_makes_children_keeps_none_of_them():
    class Looping(Parent):
        def loop(self):
            alive = weakref.WeakSet()
            counts = []
            for number in range(5):
                child = Child(number)
                alive.add(child)
                counts.append(len(alive))
            return counts, child

    counts, _ = Looping().loop()
    assert counts[-1] <= 2  # the last, and the one before it until the name is bound again
    assert counts == [1, 1, 1, 1, 1] or max(counts) <= 2


def test_a_name_that_is_free_again_can_be_something_else():
    held = Alone("/a/number/below")
    del held
    held = Alone("/a")
    held.number = 1
    del held
    held = Alone("/a/number")
    held.number = 2

    assert shown() == {"a": {"number": {"number": 2}}}


def test_a_long_chain_of_creators_goes_with_its_last_child():
    class Link:
        number = stats.IntStat("number")

    first = last = Link()
    stats.init(first, "/first")
    for number in range(20_000):
        link = Link()
        stats.init_child(link, None if number else "chain", last)
        last = link
    last.number = 1
    stats.reset()
    last.number = 2
    assert shown() == {"first": {"chain": {"number": 2}}}
    del first, last, link
    gc.collect()

    assert shown() == {}


def test_what_dies_while_the_tree_is_being_changed_is_taken_out_afterwards():
    held = Alone("/a")
    held.use()
    with tree.lock:
        del held
        assert "a" in tree.root
    assert shown() == {}

    held = Alone("/a")
    with tree.lock:
        thread = threading.Thread(target=lambda box=[held]: box.clear())
        del held
        thread.start()
        thread.join()
    thread = None
    other = Alone("/b")
    assert list(shown()) == ["b"]
    assert other.number == 0


# --- the same, for long


@pytest.mark.once
def test_the_tree_and_memory_stay_level_for_ten_seconds(request):
    """A thousand objects of each kind, dropped by this thread and by another in turn."""
    dropped: queue.SimpleQueue = queue.SimpleQueue()
    dropper = threading.Thread(target=lambda: all(_drop(dropped.get()) for _ in iter(int, 1)))
    dropper.start()
    seconds = 10 * request.config.getoption("--depth")
    sizes, memory = set(), []
    try:
        for drop in (list.clear, dropped.put):
            _one_round(drop)
        tracemalloc.start()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends or len(memory) < ENOUGH:
            sizes.add(_one_round(dropped.put if len(memory) % 2 else list.clear))
            memory.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        dropped.put(None)
        dropper.join()

    assert sizes == {1}, "only the root is left after each round"
    assert max(memory[len(memory) // 2 :]) < min(memory[1:]) + 200_000, memory


def _drop(held: list | None) -> bool:
    if held is not None:
        held.clear()
    return held is not None


def _one_round(drop: Callable[[list], object]) -> int:
    for make in KINDS:
        many = use_and_drop(make, drop)
        assert many > MANY or make is make_at_one_path
    ends = time.monotonic() + 60
    gc.collect()
    while size_of_tree() > 1 and time.monotonic() < ends:
        time.sleep(0.001)  # the other thread has some left
        gc.collect()
    return size_of_tree()
