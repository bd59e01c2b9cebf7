"""Sets that keep nothing alive, and can be looked at while others change them."""

from __future__ import annotations

import threading

from ecl_logging.weak_sets import WeakRefs


class Item:
    pass


def test_what_is_gone_is_not_in_it():
    items: WeakRefs[Item] = WeakRefs()
    kept, gone = Item(), Item()
    items.add(kept)
    items.add(gone)
    del gone

    assert items.alive() == [kept]


def test_what_was_taken_out_is_not_in_it():
    items: WeakRefs[Item] = WeakRefs()
    item = Item()
    ref = items.add(item)
    items.discard(ref)
    items.discard(ref)

    assert items.alive() == []


def test_it_can_be_looked_at_while_a_thread_adds_and_drops():
    """`list(WeakSet)` raises RuntimeError then: at exit nothing was flushed at all."""
    items: WeakRefs[Item] = WeakRefs()
    kept = Item()
    items.add(kept)
    stopping = threading.Event()

    def churn() -> None:
        while not stopping.is_set():
            some = [Item() for _ in range(100)]
            for item in some:
                items.add(item)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        assert all(kept in items.alive() for _ in range(2000))
    finally:
        stopping.set()
        thread.join()
