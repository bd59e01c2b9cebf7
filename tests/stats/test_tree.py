"""Where objects stand in the tree: paths, creators, names that clash."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import functools
import pickle
import threading

import pytest

from ecl_logging import stats
from ecl_logging.errors import ConfigError
from tests.stats.families import Alone, Child, Parent, shown


class Slotted:
    __slots__ = ("_ecl_place",)
    number = stats.IntStat("number")


class SlottedWithoutRoom:
    __slots__ = ()
    number = stats.IntStat("number")


@dataclasses.dataclass(frozen=True)
class Frozen:
    number = stats.IntStat("number")


class Hostile:
    """Raises whatever is done with it."""

    number = stats.IntStat("number")

    def __getattr__(self, name):
        return getattr(self, name + "_")  # and so on

    def __setattr__(self, name, value):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError

    def __bool__(self):
        raise RuntimeError

    def child(self):
        return Child("child")


class Meta(type):
    def __eq__(cls, other):
        raise RuntimeError

    def __hash__(cls):
        raise RuntimeError


class OfMeta(metaclass=Meta):
    number = stats.IntStat("number")


# --- init


def test_an_object_stands_at_its_path_once_it_counts():
    held = Alone("/web/handler")
    assert held.number == 0
    held.number += 2

    assert shown() == {"web": {"handler": {"number": 2}}}


@pytest.mark.parametrize("path", [None, "", "/", "//"])
def test_an_object_can_stand_at_the_root(path):
    held = Alone(path)
    held.number = 1

    assert shown() == {"number": 1}


def test_init_returns_the_container_at_the_path():
    held = Alone("/a")

    assert stats.init(held, "/b") is stats.get_stats()["a"]
    assert stats.get_stats()["a"].path == "/a"


def test_objects_at_one_path_share_their_values():
    one, other = Alone("/a"), Alone("a/")
    one.number += 1
    other.number += 1

    assert one.number == other.number == 2


def test_an_object_that_has_a_place_keeps_it():
    held = Alone("/a")
    held.number = 1
    stats.init(held, "/b")
    stats.init_child(held, "c")
    stats.init_child_of_type(held, "d")

    assert shown() == {"a": {"number": 1}}


def test_an_object_without_a_place_is_told_what_to_call():
    class Forgetful:
        number = stats.IntStat("number")

    with pytest.raises(ConfigError, match=r"Forgetful has no place for its stats: call .*init"):
        Forgetful().number += 1
    with pytest.raises(ConfigError, match="has no place"):
        Forgetful().number = 1
    with pytest.raises(ConfigError, match="has no place"):
        stats.add(Forgetful(), "number")
    with pytest.raises(ConfigError, match="has no place"):
        stats.init_child(Alone("/a"), "child", Forgetful())


@pytest.mark.parametrize("cls", [Slotted, Frozen, Hostile, OfMeta])
def test_classes_of_all_kinds_have_places(cls):
    held = cls()
    stats.init(held, "/held")
    type.__getattribute__(cls, "__dict__")["number"].add(held, 3)

    assert shown() == {"held": {"number": 3}}


@pytest.mark.parametrize("held", [SlottedWithoutRoom(), Alone, 5, None, "text"])
def test_an_object_that_takes_no_attributes_is_refused(held):
    with pytest.raises(ConfigError, match="takes no further attributes"):
        stats.init(held, "/held")

    assert shown() == {}


def test_a_hostile_object_can_have_children():
    held = Hostile()
    stats.init(held, "/held")
    child = held.child()
    child.number = 1

    assert shown() == {"held": {"child": {"number": 1}}}


def test_deep_paths_have_no_end():
    held = Alone("/".join("x" * 5000))
    held.number = 1

    container = stats.get_stats()
    while "x" in container:
        container = container["x"]
    assert container == {"number": 1}
    assert container.path == "/x" * 5000
    stats.reset()
    held.number = 2
    del held
    assert shown() == {}


# --- names that clash


def test_a_container_cannot_be_where_a_stat_is():
    held = Alone("/a")

    with pytest.raises(ConfigError, match="/a: 'number' is a stat"):
        Alone("/a/number")
    with pytest.raises(ConfigError, match="/a: 'number' is a stat"):
        Alone("/a/number/below")
    del held
    assert Alone("/a/number").number == 0


def test_a_stat_cannot_be_where_a_container_is():
    held = Alone("/a/number/below")

    with pytest.raises(ConfigError, match="/a: 'number' is a container"):
        Alone("/a")
    held.number = 1
    assert shown() == {"a": {"number": {"below": {"number": 1}}}}


def test_a_stat_that_a_class_gets_later_is_seen():
    class Growing:
        pass

    held = Growing()
    stats.init(held, "/a")
    below = Alone("/a/below")
    Growing.late = stats.IntStat("late")
    Growing.below = stats.IntStat("below")
    held.late += 1

    with pytest.raises(ConfigError, match="'below' is a container"):
        held.below = 1
    with pytest.raises(ConfigError, match="'late' is a stat"):
        Alone("/a/late")
    del held
    below.number = 1
    assert shown() == {"a": {"below": {"number": 1}}}


@pytest.mark.parametrize("name", ["a/b", "a\nb", "", "<script>", "'\"", "\0", "\ud800", 7])
def test_a_stat_can_have_any_name(name):
    held = stats.collection("/odd", stats.IntStat(name))
    stats.add(held, str(name))

    assert shown() == {"odd": {str(name): 1}}


# --- inheritance


def test_a_class_has_the_stats_of_its_bases_but_for_those_it_overrides():
    class Derived(Alone):
        number = stats.IntStat("renamed")
        text = None
        more = stats.IntStat("more")

    held = Derived("/a")
    held.number += 1
    held.more += 1

    assert shown() == {"a": {"renamed": 1, "more": 1}}
    assert Alone("/a/number").number == 0
    assert Alone("/a/text").number == 0


def test_two_attributes_can_be_one_stat():
    class Twice:
        one = stats.IntStat("number")
        other = stats.IntStat("number")

    held = Twice()
    stats.init(held, "/a")
    held.one += 1
    held.other += 1

    assert held.one == 2


def test_what_only_looks_like_a_stat_is_not_woken():
    class Proxy:
        @property
        def __class__(self):
            raise RuntimeError("woken")

    class Having:
        number = stats.IntStat("number")
        proxy = Proxy()

    held = Having()
    stats.init(held, "/a")
    stats.add(held, "number")

    assert shown() == {"a": {"number": 1}}


# --- children


def decorated(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call


class Maker(Parent):
    @staticmethod
    def by_static():
        return Child("c")

    @classmethod
    def by_class(cls):
        return Child("c")

    @decorated
    def decorated(self):
        return Child("c")

    def by_itself(self):
        return Child("c")

    def by_lambda(self):
        return (lambda: Child("c"))()  # noqa: PLC3002

    def by_closure(self):
        def make():
            return self and Child("c")

        return make()

    def by_comprehension(self):
        return [Child("c") for _ in range(1)][0]  # noqa: RUF015

    def by_generator(self):
        return next(Child("c") for _ in range(1))

    def by_own_generator(self):
        def numbers():
            yield Child("c")

        return next(numbers())

    def by_static_below(self):
        return self.by_static()

    def by_function(self):
        return make_child()

    def by_coroutine(self):
        async def make():
            await asyncio.sleep(0)
            return Child("c")

        return asyncio.run(self._awaiting(make))

    async def _awaiting(self, make):
        return await make()


def make_child():
    return Child("c")


MAKERS = [name for name in vars(Maker) if name.startswith(("by_", "decorated"))]


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in {"by_static", "by_class"}])
def test_a_child_is_below_the_object_that_created_it(name):
    maker = Maker("/maker")
    child = getattr(maker, name)()
    child.number = 4

    assert shown() == {"maker": {"number": 4, "c": {"number": 4}}}


@pytest.mark.parametrize("name", ["by_static", "by_class"])
def test_a_child_that_no_object_creates_is_below_the_root(name):
    maker = Maker("/maker")
    child = getattr(maker, name)()
    child.number = 4

    assert shown() == {"maker": {}, "c": {"number": 4}}


def test_a_child_of_another_thread_is_below_the_root_or_its_parent_by_name():
    maker, made = Parent("/maker"), []

    def make():
        made.append(Child("c"))
        made.append(Alone.__new__(Alone))
        stats.init_child(made[1], "given", maker)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    made[0].number = made[1].number = 1

    assert shown() == {
        "maker": {"number": 1, "given": {"number": 1}},
        "c": {"number": 1},
    }


def test_a_base_class_does_not_take_the_object_for_its_own_creator():
    class Derived(Child):
        def __init__(self):
            super().__init__("derived")

    class Making(Parent):
        def child(self):
            return Derived()

    child = Making().child()
    child.number = 1

    assert shown() == {"parent": {"number": 1, "derived": {"number": 1}}}


def test_a_parent_without_a_place_is_passed_over():
    class Between:
        def child(self):
            return Child("c")

    class Outer(Parent):
        def child(self):
            return Between().child()

    child = Outer().child()
    child.state = "busy"

    assert shown() == {"parent": {"state": {"busy": 1}, "c": {"state": "busy"}}}


def test_children_of_a_type_have_numbers():
    parent = Parent()
    children = [parent.child() for _ in range(3)]

    assert list(shown()["parent"]["child"]) == ["1", "2", "3"]
    other = Alone.__new__(Alone)
    stats.init_child_of_type(other, "child", "mine", parent)
    assert list(shown()["parent"]["child"]) == ["1", "2", "3", "mine"]
    assert len(children) == 3


def test_finding_the_creator_changes_no_variables_of_callers():
    class Careful(Parent):
        def child(self):
            kept = 5
            found = locals()
            child = Child("c")
            return kept, found["kept"], found["self"] is self, eval("kept"), child

    kept, found, is_self, evaluated, _ = Careful().child()
    assert (kept, found, is_self, evaluated) == (5, 5, True, 5)


# --- copies


def test_a_copy_counts_where_the_object_counts():
    held = Alone("/a")
    copies = [copy.copy(held), copy.deepcopy(held), pickle.loads(pickle.dumps(held))]
    for one in [held, *copies]:
        one.number += 1
        one.by_key["k"] += 1

    assert shown() == {"a": {"number": 4, "byKey": {"k": 4}}}
    del held, one
    assert shown() == {"a": {"number": 4, "byKey": {"k": 4}}}
    copies.clear()
    assert shown() == {}


def test_a_child_out_of_a_pickle_counts_at_its_path():
    parent = Parent()
    child = Alone.__new__(Alone)
    stats.init_child(child, "child", parent)
    pickled = pickle.dumps(child)
    del child
    stats.reset()
    again = pickle.loads(pickled)
    again.number += 1

    assert shown() == {"parent": {"child": {"number": 1}}}
    assert "number" not in stats.get_stats()["parent"], "nothing sums it up"
    assert parent.number == 0


def test_copies_of_a_dictionary_count_nowhere():
    parent = Parent()
    child = parent.child("c")
    child.by_key["a"] = 3
    copies = [
        child.by_key.copy(),
        copy.copy(child.by_key),
        copy.deepcopy(child.by_key),
        pickle.loads(pickle.dumps(child.by_key)),
        child.by_key | {},
    ]
    for one in copies:
        assert type(one) is dict
        assert one == {"a": 3}
    assert parent.by_key == {"a": 3}


# --- collections


def test_a_collection_is_in_the_tree_at_once():
    held = stats.collection("/web", stats.IntStat("errors"), stats.Stat("text"))

    assert shown() == {"web": {"errors": 0}}
    assert repr(held) == "collection('/web')"


def test_a_collection_without_a_path_is_at_the_root():
    held = stats.collection(stats.Stat("time", lambda: 5), stats.IntStat("errors"))

    assert shown() == {"time": 5, "errors": held.errors}


def test_a_collection_has_each_name_once():
    with pytest.raises(ConfigError, match="/web: two stats are called 'errors'"):
        stats.collection("/web", stats.IntStat("errors"), stats.Stat("errors"))


def test_a_collection_takes_no_name_that_no_stat_has():
    held = stats.collection("/web", stats.PmfStat("latency"))
    held.latency = 0.5

    with pytest.raises(AttributeError, match="latncy"):
        held.latncy = 0.5

    assert held.latency["count"] == 1


@pytest.mark.parametrize("given", ["errors", stats.IntStat, None])
def test_a_collection_is_of_stats(given):
    with pytest.raises(ConfigError, match=r"^/web: .* is no stat; write one such as IntStat"):
        stats.collection("/web", given)


@pytest.mark.parametrize("name", ["__init__", "__slots__", "__class__", "_ecl_place"])
def test_a_collection_has_no_name_that_means_something_to_python(name):
    with pytest.raises(ConfigError, match="cannot be an attribute"):
        stats.collection("/web", stats.IntStat(name))


# --- reset and collapsing


def test_reset_empties_the_tree_and_objects_come_back_with_the_next_count():
    parent = Parent()
    child = parent.child("c")
    child.use()
    stats.reset()
    assert shown() == {}

    child.number += 1
    assert shown() == {"parent": {"number": 1, "c": {"number": 1}}}
    del child, parent
    assert shown() == {}


def test_objects_that_die_after_reset_are_missed_by_nobody():
    one, other = Alone("/a"), Alone("/a")
    one.number = 1
    stats.reset()
    del one
    other.number += 1

    assert shown() == {"a": {"number": 1}}


def test_init_after_reset_is_refused_where_the_path_is_taken():
    held = Alone("/a")
    stats.reset()
    below = Alone("/a/number")

    with pytest.raises(ConfigError, match="'number' is a container"):
        stats.init(held, "/a")
    with pytest.raises(ConfigError, match="'number' is a container"):
        held.number += 1
    assert below.number == 0


def test_a_path_is_collapsed_before_and_after_something_is_there():
    before = Alone("/before/here")
    stats.set_collapsed("/before/here")
    stats.set_collapsed("later")
    later = Alone("/later/here")

    assert stats.get_stats()["before"]["here"].is_collapsed()
    assert stats.get_stats()["later"].is_collapsed()
    assert not stats.get_stats()["before"].is_collapsed()
    assert not stats.get_stats()["later"]["here"].is_collapsed()
    del before
    before = Alone("/before/here")
    assert stats.get_stats()["before"]["here"].is_collapsed()
    stats.reset()
    before.number = later.number = 1
    assert not stats.get_stats()["before"]["here"].is_collapsed()
