"""Stats with one value: texts, numbers, gauges; loggers."""

from __future__ import annotations

import threading

import pytest

from ecl_logging import stats
from ecl_logging.errors import ConfigError
from tests.stats.families import Alone, Parent, shown


def test_a_stat_has_its_default_until_it_is_set():
    held = stats.collection("/a", stats.Stat("one"), stats.Stat("other", 5), stats.Stat("no", None))

    assert (held.one, held.other, held.no) == ("", 5, None)
    held.other = [1]
    assert held.other == [1]


def test_numbers_begin_with_nought():
    held = stats.collection("/a", stats.IntStat("i"), stats.DoubleStat("d"), stats.IntStat("j", 5))

    assert repr((held.i, held.d, held.j)) == "(0, 0.0, 5)"


def test_a_default_that_compares_as_it_likes_is_shown():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    odd = Odd()
    held = stats.collection("/a", stats.Stat("odd", odd))

    assert held.odd is odd
    assert stats.get_stats()["a"]["odd"] is odd


def test_a_stat_is_its_own_value_of_the_class():
    assert Alone.number.get_name() == "number"
    assert repr(Alone.number) == "IntStat('number')"
    assert stats.IntStat(7).name == "7"


# --- add


def test_add_takes_a_number_for_an_object():
    held = Alone("/a")
    Alone.number.add(held)
    Alone.number.add(held, 4)
    stats.add(held, "number", -1)

    assert held.number == 4


def test_add_finds_a_stat_by_its_attribute_and_by_its_name():
    class Named:
        of_attribute = stats.DoubleStat("ofStat")

    held = Named()
    stats.init(held, "/a")
    stats.add(held, "of_attribute", 0.5)
    stats.add(held, "ofStat", 0.25)

    assert held.of_attribute == 0.75


@pytest.mark.parametrize("name", ["nothing", "text", "by_key", "__init__"])
def test_add_tells_of_a_stat_that_is_no_number(name):
    with pytest.raises(ConfigError, match=f"Alone has no number stat called '{name}'"):
        stats.add(Alone("/a"), name)


def test_adding_what_cannot_be_added_changes_nothing():
    parent = Parent()
    child = parent.child("c")
    child.number = 2

    with pytest.raises(TypeError):
        stats.add(child, "number", "text")
    assert (child.number, parent.number) == (2, 2)


# --- gauges


def test_a_function_is_a_gauge():
    held = Alone("/a")
    held.text = lambda: held.number
    held.number = 3

    assert shown() == {"a": {"text": 3, "number": 3}}
    assert held.text() == 3


def test_a_function_as_default_is_shown_from_the_start():
    class Gauged:
        now = stats.Stat("now", lambda: 5)

    held = Gauged()
    stats.init(held, "/a")

    assert shown() == {"a": {"now": 5}}
    assert held.now() == 5


def test_a_gauge_and_a_value_take_turns():
    held = Alone("/a")
    for number in range(3):
        held.text = number
        assert shown() == {"a": {"text": number}}
        held.text = lambda number=number: -number
        assert shown() == {"a": {"text": -number}}


def test_a_gauge_over_a_value_keeps_its_object_alive_no_more_than_any():
    held = Alone("/a")
    for _ in range(2):  # the second time by the short way
        held.text = "text"
        held.text = held.use
    del held
    import gc

    gc.collect()
    assert shown() == {}


def test_a_gauge_is_summed_up_as_nothing():
    parent = Parent()
    child = parent.child("c")
    child.number = 5
    child.number = lambda: 7
    assert parent.number == 0
    child.number = 6
    assert parent.number == 6


# --- loggers


def test_a_logger_is_told_of_each_value():
    told = []
    held = stats.collection(
        "/a", stats.IntStat("i").logger(told.append), stats.Stat("s", "", told.append)
    )
    held.i += 1
    held.i += 1
    stats.add(held, "i")
    held.s = "text"

    assert told == [
        'Updated stat "i" with value: 1',
        'Updated stat "i" with value: 2',
        'Updated stat "i" with value: 3',
        'Updated stat "s" with value: text',
    ]


def test_a_logger_of_a_dictionary_is_told_of_what_is_assigned():
    told = []
    held = stats.collection("/a", stats.IntDictStat("d").logger(told.append))
    held.d = {"a": 1}

    assert told == ["Updated stat \"d\" with value: {'a': 1}"]


def test_a_logger_of_a_sum_is_called_without_the_lock():
    told, others = [], []

    def tell(line):
        thread = threading.Thread(target=lambda: others.append(Alone("/other")), daemon=True)
        thread.start()
        thread.join(10)
        told.append((line, len(others)))

    class Telling(Parent):
        number = stats.SumAggregationStat("number").logger(tell)

    parent = Telling()
    child = parent.child("c")
    child.number = 2
    stats.add(child, "number", 3)

    assert told == [
        ('Updated stat "number" with value: 2', 1),
        ('Updated stat "number" with value: 5', 2),
    ]
