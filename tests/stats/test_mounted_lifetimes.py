"""Groups in the tree: how they come and go; forks, and signal handlers that look."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from ecl_logging import EventCountLogger, stats
from ecl_logging.stats.container import is_mounted
from ecl_logging.stats.reading import lookup
from tests.conftest import Clock
from tests.stats.mounting import GROUPS, shown
from tests.stores.programs import fork, status_of


def test_a_group_stays_until_it_is_unmounted_and_is_let_go_of_then(store):
    ecl = EventCountLogger(GROUPS, store=store)
    group = weakref.ref(ecl["requests"])
    stats.mount("/events/requests", ecl["requests"])
    ecl.close()
    del ecl
    gc.collect()
    assert shown("/events/requests/5s/last") == {"req1": 0, "req2": 0}

    assert stats.unmount("/events/requests")

    assert shown("/") == {}
    gc.collect()
    assert group() is None
    assert not stats.unmount("/events/requests")


def test_reset_takes_groups_out(ecl):
    stats.mount("/events/requests", ecl["requests"])

    stats.reset()

    assert shown("/") == {}
    stats.mount("/events/requests", ecl["requests"])
    assert list(shown("/events/requests")) == ["5s", "1m"]


def test_what_is_not_mounted_stays_where_it_is(ecl):
    web = stats.collection("/web/handler", stats.IntStat("hits", 1))
    stats.mount("/web/events", ecl["requests"])

    for path in ("/", "/web", "/web/handler", "/web/handler/hits", "/web/events/5s", "/none"):
        assert not stats.unmount(path)
    assert is_mounted(lookup(stats.get_stats(), ["web", "events"]))
    assert stats.unmount("web/events")
    assert shown("/") == {"web": {"handler": {"hits": web.hits}}}


def test_a_forked_child_reads_even_where_the_parent_was_just_reading(ecl, store, moments):
    stats.mount("/requests", ecl["requests"])
    definition: Callable[..., Any] = store.inner.definition
    children: list[int] = []

    def forking(group: str, **options: Any) -> Any:
        store.inner.definition = definition  # for the child, which reads, too
        children.append(fork(lambda: look_in_child(moments)))
        return definition(group, **options)

    store.inner.definition = forking

    shown("/requests")

    assert status_of(children[0]) == 0
    del store.inner.definition


def test_a_forked_child_counts_and_reads_by_connections_of_its_own(tmp_path, moments):
    keys = {"requests": {"events": ["req1"], "intervals": ["366d"]}}
    with EventCountLogger(keys, store=f"sqlite:///{tmp_path}/counts.db") as ecl:
        stats.mount("/requests", ecl["requests"])
        ecl["requests"].log("req1")
        ecl.flush()
        assert shown("/requests/366d/current") == {"req1": 1}

        def count_and_look() -> None:
            ecl["requests"].log("req1")
            ecl.flush()
            moments.now += 10
            assert shown("/requests/366d/current") == {"req1": 2}

        assert status_of(fork(count_and_look)) == 0
        moments.now += 10
        assert shown("/requests/366d/current") == {"req1": 2}


def look_in_child(moments: Clock) -> None:
    moments.now += 10
    assert shown("/requests/5s/last") == {"req1": 0, "req2": 0}


def test_a_signal_handler_that_looks_amid_a_reading_does_not_wait(ecl, store, moments):
    stats.mount("/requests", ecl["requests"])
    definition, seen = store.inner.definition, []

    def interrupted(group: str, **options: Any) -> Any:
        seen.append(shown("/requests/5s"))
        return definition(group, **options)

    store.inner.definition = interrupted

    assert shown("/requests/5s/last") == {"req1": 0, "req2": 0}
    assert seen == ["<StoreUnavailable: the store is just being read>"]
    del store.inner.definition
