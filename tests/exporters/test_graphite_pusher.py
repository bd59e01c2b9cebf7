"""Finished buckets to Graphite: each once, and again only where it may not have arrived."""

from __future__ import annotations

import dataclasses

import pytest

from ecl_logging.errors import StoreUnavailable
from ecl_logging.exporters.graphite import connection
from ecl_logging.exporters.graphite.connection import TargetUnavailable
from ecl_logging.exporters.graphite.paths import PathRules
from ecl_logging.measures import counted, sum_cells
from tests.exporters.conftest import GROUP, Pushing
from tests.graphite_listeners import Listener
from tests.stores.programs import NOW
from tests.waiting import wait_until

LOST = "group requests, 10s: {} buckets are lost, which history no longer has"
BROKEN = (
    "group requests, 10s: {} buckets were sent shortly before the connection broke; they cannot be"
    " sent again, since history no longer has them"
)
REQ1 = "ecl.requests.10s.req1"


def received(graphite: Listener, amount: int) -> list[tuple[str, float, int]]:
    """What has come, once so many lines have."""
    wait_until(lambda: len(graphite.lines) >= amount)
    return graphite.points


def when_connected(graphite: Listener) -> Listener:
    """Return it when the last connection has come to it."""
    wait_until(lambda: graphite.open_connections == 1)
    return graphite


# --- what goes out


def test_a_finished_bucket_goes_out_with_the_time_at_which_it_begins(pushing, graphite):
    pushing.count({"req1": 3, "other": 4})
    pushing.clock.now += 12
    pushing.push()

    assert received(graphite, 2) == [("ecl.requests.10s.other", 4, NOW), (REQ1, 3, NOW)]


def test_a_bucket_goes_out_when_it_has_settled(pushing, graphite):
    pushing.count({"req1": 3})
    pushing.clock.now += 11
    pushing.push()
    pushing.count({"req1": 1}, ago=5)
    pushing.clock.now += 1
    pushing.push()

    assert received(graphite, 2) == [(REQ1, 0, NOW - 10), (REQ1, 4, NOW)]


def test_a_declared_id_is_pushed_at_zero_and_another_where_it_occurred(pushing, graphite):
    pushing.count({"other": 1})
    pushing.clock.now += 22
    pushing.push()

    assert received(graphite, 3) == [
        ("ecl.requests.10s.other", 1, NOW),
        (REQ1, 0, NOW),
        (REQ1, 0, NOW + 10),
    ]


def test_every_bucket_goes_out_once_and_in_order(pushing, graphite):
    for _ in range(30):
        pushing.count({"req1": 1})
        pushing.clock.now += 4
        pushing.push()
    pushing.clock.now += 12
    pushing.push()
    expected = [NOW + 10 * number for number in range(-1, 13)]

    assert [at for _, _, at in received(graphite, 14)] == expected
    assert sum(n for _, n, _ in graphite.points) == 30


def test_the_first_time_all_that_history_has_goes_out(pushing, graphite):
    pushing.clock.now += 500
    for ago in (290, 100, 20):
        pushing.count({"req1": ago}, ago=ago)
    pushing.push()

    points = received(graphite, 28)
    assert [at for _, _, at in points] == [NOW + 210 + 10 * number for number in range(28)]
    assert {at: n for _, n, at in points if n} == {NOW + 210: 290, NOW + 400: 100, NOW + 480: 20}
    assert pushing.told == []


def test_nothing_goes_out_from_before_anything_was_counted(pushing, graphite):
    pushing.clock.now += 500
    pushing.push()
    pushing.clock.now += 10
    pushing.push()

    assert [at for _, _, at in received(graphite, 2)] == [NOW + 480, NOW + 490]


def test_all_groups_and_intervals_go_out(pushing, graphite):
    pushing.store.define(dataclasses.replace(GROUP, group="a.b", events=frozenset({"x"})))
    pushing.clock.now += 12
    pushing.push()

    assert [path for path, _, _ in received(graphite, 2)] == ["ecl.a_b.10s.x", REQ1]


def test_a_measure_goes_out_as_statistics(pushing, graphite):
    values = [0.5, 1.0, 2.0, 4.0]
    pushing.count(counted("latency", values) | sum_cells("latency", values))
    pushing.clock.now += 22
    pushing.push()
    points = {(path, at): n for path, n, at in received(graphite, 11)}
    base = "ecl.requests.10s.latency"

    assert points[f"{base}.count", NOW] == 4
    assert points[f"{base}.sum", NOW] == 7.5
    assert points[f"{base}.mean", NOW] == 1.875
    near = {"min": 0.5, "max": 4.0, "p50": 1.5, "p90": 3.4, "p95": 3.7, "p99": 3.94}
    for stat, value in near.items():
        assert points[f"{base}.{stat}", NOW] == pytest.approx(value, rel=0.011)
    assert len(points) == 9 + 2  # and those of req1; nothing of a measure that is not declared


def test_a_declared_measure_without_values_has_a_count_only(pushing, graphite):
    pushing.store.define(dataclasses.replace(GROUP, measures=frozenset({"latency"})))
    pushing.clock.now += 12
    pushing.push()

    assert received(graphite, 2) == [(REQ1, 0, NOW), ("ecl.requests.10s.latency.count", 0, NOW)]


def test_ids_that_would_share_a_path_are_told_apart(pushing, graphite):
    pushing.count({"a.b": 1, "a_b": 2})
    pushing.clock.now += 12
    pushing.push()
    points = {path: n for path, n, _ in received(graphite, 3)}

    assert points["ecl.requests.10s.a_b"] == 2
    assert points["ecl.requests.10s.a_b_2e7336dc"] == 1
    [told] = pushing.told
    assert "a_b_2e7336dc for 'a.b'" in told


def test_a_name_is_as_it_was_in_a_bucket_where_nobody_shares_it(pushing, graphite):
    pushing.count({"a.b": 1, "a_b": 2})
    pushing.clock.now += 10
    pushing.count({"a.b": 3})
    pushing.clock.now += 12
    pushing.push()
    paths = [path for path, _, at in received(graphite, 5) if at == NOW + 10]

    assert paths == ["ecl.requests.10s.a_b_2e7336dc", REQ1]


def test_rules_and_prefix_decide_on_paths(pushing, graphite):
    pushing.count({"req2": 3, "secret": 4})
    pushing.clock.now += 12
    rules = PathRules([(True, "requests.*"), (False, "*.secret"), (False, "*.req1")])
    pushing.push(pushing.make(prefix="a.b", rules=rules))

    assert received(graphite, 1) == [("a.b.requests.10s.req2", 3, NOW)]


# --- what is delivered


def lived_on(pushing: Pushing, seconds: int = 62) -> None:
    """Push as time goes by: so long carbon lives on after it has read what it was sent."""
    for _ in range(seconds):
        pushing.clock.now += 1
        pushing.push()


def test_nothing_is_marked_before_carbon_has_lived_on(pushing):
    pushing.count({"req1": 1})
    pushing.clock.now += 12
    pushing.push()
    lived_on(pushing, 58)

    assert pushing.marked() is None

    lived_on(pushing, 10)
    assert pushing.marked() == NOW


def test_another_process_goes_on_after_what_is_marked(pushing, graphite):
    pushing.count({"req1": 1})
    lived_on(pushing, 100)
    pushing.pusher.finish()
    marked = pushing.marked()
    graphite.forget()
    pushing.push(pushing.make())

    assert marked is not None
    assert received(graphite, 1)[0][2] == marked + 10


@pytest.mark.parametrize("end", [Listener.cut, Listener.close_idle, Listener.stop])
def test_what_may_have_been_lost_in_a_break_is_sent_again(pushing, graphite, end):
    pushing.count({"req1": 7})
    pushing.clock.now += 12
    pushing.push()
    end(when_connected(graphite))
    with pytest.raises(TargetUnavailable):
        wait_until(pushing.push)
    if end is Listener.stop:
        graphite.start()
    graphite.forget()
    pushing.push()

    assert received(graphite, 1) == [(REQ1, 7, NOW)]


def test_what_is_marked_is_not_sent_again_after_a_break(pushing, graphite):
    pushing.count({"req1": 7})
    lived_on(pushing, 90)
    when_connected(graphite).cut()
    with pytest.raises(TargetUnavailable):
        wait_until(pushing.push)
    graphite.forget()
    pushing.push()

    assert NOW not in [at for _, _, at in received(graphite, 1)]


def test_a_break_between_two_checks_is_no_life(pushing, graphite):
    """What was read before it may have been in memory only."""
    pushing.count({"req1": 7})
    pushing.clock.now += 12
    pushing.push()
    when_connected(graphite).cut()
    pushing.clock.now += 100
    with pytest.raises(TargetUnavailable):
        wait_until(pushing.push)
    pushing.push()

    assert pushing.marked() is None


def test_a_connection_closed_for_silence_is_opened_again_without_a_word(pushing, graphite):
    pushing.count({"req1": 7})
    pusher = pushing.make(confirm_seconds=0)
    pushing.clock.now += 12
    pushing.push(pusher)
    assert pusher.is_all_delivered
    when_connected(graphite).close_idle()
    pushing.clock.now += 10
    pushing.push(pusher)

    assert [at for _, _, at in received(graphite, 2)] == [NOW, NOW + 10]


def test_a_target_that_does_not_read_has_nothing_delivered(pushing, graphite, monkeypatch):
    """Its operating system takes the bytes all the same."""
    monkeypatch.setattr(connection, "_STALL_SECONDS", 0.3)
    graphite.pause()
    pushing.count({"req1": 7})
    pushing.clock.now += 12
    with pytest.raises(TargetUnavailable, match="does not read"):
        pushing.push(pushing.make(confirm_seconds=0))

    assert pushing.marked() is None


def test_a_wait_for_a_target_that_does_not_read_can_be_stopped(pushing, graphite):
    graphite.pause()
    pushing.clock.now += 12
    with pytest.raises(TargetUnavailable, match="stopped waiting"):
        pushing.push(pushing.make(is_stopping=lambda: True))


def test_counts_that_come_late_are_sent_as_long_as_the_bucket_is_not_marked(pushing, graphite):
    pushing.count({"req1": 7})
    pushing.clock.now += 12
    pushing.push()
    lived_on(pushing, 20)
    pushing.count({"req1": 1}, ago=30)
    lived_on(pushing, 60)

    assert [(n, at) for _, n, at in received(graphite, 9) if at == NOW] == [(7, NOW), (8, NOW)]
    lived_on(pushing, 70)
    assert max(graphite.times().values()) == 2


def test_counts_that_come_later_are_not_sent(pushing, graphite):
    pushing.count({"req1": 7})
    lived_on(pushing, 100)
    pushing.count({"req1": 1}, ago=100)
    lived_on(pushing, 100)

    assert [n for _, n, at in received(graphite, 18) if at == NOW] == [7]
    assert set(graphite.times().values()) == {1}


def test_what_a_store_has_forgotten_is_not_taken_back(pushing, graphite):
    pushing.count({"req1": 7})
    pushing.clock.now += 12
    pushing.push()
    pushing.store._tables.buckets.clear()
    lived_on(pushing, 80)

    assert [n for _, n, at in received(graphite, 8) if at == NOW] == [7]


def test_at_the_end_what_is_certain_is_marked_and_the_rest_comes_again(pushing, graphite):
    lived_on(pushing, 100)
    before = pushing.marked()
    pushing.clock.now += 9
    pushing.pusher.finish()
    after = pushing.marked()

    assert before < after < pushing.clock.now - 60


def test_two_that_push_to_one_target_do_no_harm(pushing, graphite):
    others = [pushing.make(), pushing.make()]
    for _ in range(100):
        pushing.count({"req1": 1})
        pushing.clock.now += 2
        for pusher in others:
            pushing.push(pusher)
    values = {(at, n) for _, n, at in received(graphite, 40)}

    assert sorted(values) == [(NOW - 10, 0), *((NOW + 10 * number, 5) for number in range(19))]


# --- what is lost


def test_what_history_has_lost_is_told_once_with_its_amount(pushing, graphite):
    pushing.count({"req1": 1})
    lived_on(pushing, 100)
    last = pushing.marked()
    when_connected(graphite).stop()
    with pytest.raises(TargetUnavailable):
        wait_until(pushing.push)
    sent = NOW + 80  # the newest that had settled
    pushing.clock.now += 1000
    with pytest.raises(TargetUnavailable):
        pushing.push()
    assert pushing.told == []
    graphite.start()
    graphite.forget()
    pushing.push()
    first = received(graphite, 30)[0][2]
    pushing.push()

    assert first == (int(pushing.clock.now) // 10 - 31) * 10
    assert pushing.told == [
        LOST.format((first - sent) // 10 - 1),
        BROKEN.format((sent - last) // 10),
    ]


def test_what_was_lost_while_nothing_ran_is_told(pushing, graphite):
    pushing.count({"req1": 1})
    lived_on(pushing, 100)
    last = pushing.marked()
    pushing.clock.now += 1000
    pushing.push(pushing.make())
    first = (int(pushing.clock.now) // 10 - 31) * 10

    assert pushing.told == [LOST.format((first - last) // 10 - 1)]


def test_a_clock_that_is_set_back_stops_nothing(pushing, graphite):
    lived_on(pushing, 100)
    pushing.clock.now -= 3600
    pushing.push()
    pushing.clock.now += 10
    pushing.push()

    assert [at for _, _, at in received(graphite, 12)[-2:]] == [NOW - 3520, NOW - 3510]


def test_a_store_that_fails_in_between_costs_nothing(pushing, graphite, monkeypatch):
    pushing.count({"req1": 5})
    pushing.clock.now += 12
    with monkeypatch.context() as patched:
        patched.setattr(pushing.store, "marks", failing)
        with pytest.raises(StoreUnavailable):
            pushing.push()
    with monkeypatch.context() as patched:
        patched.setattr(pushing.store, "mark", failing)
        with pytest.raises(StoreUnavailable):
            lived_on(pushing)
    lived_on(pushing)

    assert set(graphite.times().values()) == {1}
    assert pushing.marked() is not None


def failing(*_: object) -> None:
    raise StoreUnavailable("memory://: away")
