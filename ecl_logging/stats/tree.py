"""The tree of a process: where objects have their stats, as long as they live.

An object has a Place, which nothing else holds: with the last holder of the place its stats
leave the tree, and branches that are empty then. A place ends in whatever thread and moment
the garbage collector chooses, so it only notes that it has gone; whoever next may change the tree
takes its stats out, which is at once unless somebody is changing it.

The lock keeps threads apart. A signal handler or a finalizer of the thread that has it comes in
nevertheless, and may count, init or raise. So what belongs together is written in one stretch:
lines with no call and no turn of a loop in between, where Python looks for neither.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from sys import is_finalizing
from typing import TYPE_CHECKING, Any

from ecl_logging.errors import ConfigError
from ecl_logging.locks import Interrupted, do_alone, is_mine
from ecl_logging.stats.container import StatContainer, detach, is_mounted, prune

if TYPE_CHECKING:
    from ecl_logging.stats.stat import AggregationStat, Stat

__all__ = [
    "ATTRIBUTE",
    "Place",
    "Tree",
    "parts_of",
    "place_if_any",
    "place_of",
    "tree",
]

ATTRIBUTE = "_ecl_place"  # of an object that has a place

_DONE_AT_ONCE = 0.0

_NOWHERE = StatContainer()
"""Of places that have no container yet, or no longer. Nothing is put into it."""
_NOWHERE.is_detached = True

_Aggregators = dict[str, "tuple[AggregationStat, Place] | None"]


def parts_of(path: object) -> tuple[str, ...]:
    """Return the names in a path; None and `/` are the root."""
    return () if path is None else tuple(part for part in str(path).split("/") if part)


class Place:
    """What an object holds of the tree: where its stats are, and which object created it."""

    __slots__ = (
        "aggregators",
        "cls",
        "container",
        "counted",
        "held",
        "names",
        "parent",
        "parts",
        "sums",
    )

    def __init__(
        self, cls: type, parent: Place | None, parts: Sequence[str], names: Sequence[str] = ()
    ) -> None:
        """`parts` of the path below the parent's, or below the root; `names` of stats."""
        self.container = _NOWHERE
        self.counted: list[str | None] = []  # names as its container knows them; None is itself
        self.aggregators: _Aggregators = {}  # by names of stats that are set; None: nobody's
        self.cls = cls
        self.parent = parent
        self.parts = parts
        self.names = names
        self.held: dict[str, object] | None = None  # functions of gauges, which may know the object
        self.sums: dict[str, Stat] | None = None  # what may sum up stats below, once it is asked

    def __del__(self) -> None:
        try:  # noqa: SIM105 - at exit nothing that it needs is sure to be there, `suppress` neither
            tree.note_gone(self.container, self.counted, self.aggregators)
        except Exception:  # noqa: BLE001, S110 - nobody looks at the tree then
            pass

    def __deepcopy__(self, memo: object) -> Place:
        """Return itself: a copy of an object counts where the object counts."""
        return self

    def __reduce__(self) -> tuple[Callable[..., Place], tuple[object, ...]]:
        """Have an object that comes from another process count at the same path here.

        It is in the tree from when it counts, and nothing sums it up.
        """
        parts: list[str] = []
        place: Place | None = self
        while place is not None:
            parts[:0] = place.parts
            place = place.parent
        return Place, (self.cls, None, tuple(parts), tuple(self.names))


def place_if_any(obj: object) -> Place | None:
    """Return where an object's stats are. Calls nothing of the object's class."""
    try:
        place = object.__getattribute__(obj, ATTRIBUTE)
    except AttributeError:
        return None
    return place if type(place) is Place else None


def place_of(obj: object) -> Place:
    """Return where an object's stats are; raise ConfigError where `init` was not called."""
    place = place_if_any(obj)
    if place is None:
        raise ConfigError(
            f"{type(obj).__name__} has no place for its stats: call"
            " ecl_logging.stats.init(self, path) in its __init__"
        )
    return place


class Tree:
    """Containers, and who is in them. Thread safe."""

    def __init__(self) -> None:
        """With nothing in it."""
        self.root = StatContainer()
        self._lock = threading.RLock()
        self._is_alone = False  # no other thread will run again
        self._numbers = itertools.count(1)
        self._collapsed: set[str] = set()
        self._gone: deque[tuple[StatContainer, list[str | None], _Aggregators]] = deque()

    @property
    def lock(self) -> threading.RLock:
        """Of all stats; held for moments, in which nothing of the program's is called.

        But for what keys and numbers of its own are made of. At the end of the process a daemon
        thread can have been stopped with the lock, and finalizers count still.
        """
        if is_finalizing() and not self._is_alone:
            self._is_alone = True
            self.after_fork()
        return self._lock

    def after_fork(self) -> None:
        """Have a lock that nobody holds. The values are a copy of the parent's."""
        self._lock = threading.RLock()

    # --- places

    def place(
        self, obj: object, parent: Place | None, parts: Sequence[str], stats: Sequence[Stat]
    ) -> Place:
        """Give an object its place, unless it has one."""
        place = place_if_any(obj)
        if place is not None:
            self.attach(place)
            return place
        place = Place(type(obj), parent, parts, [stat.name for stat in stats])
        self.attach(place)
        try:
            object.__setattr__(obj, ATTRIBUTE, place)
        except (AttributeError, TypeError):
            raise ConfigError(
                f"{type(obj).__name__} takes no further attributes: leave __slots__ out, or add"
                f" {ATTRIBUTE!r} to them"
            ) from None
        for stat in stats:
            if stat.is_gauge:
                stat.begin(place)
        return place

    def attach(self, place: Place) -> None:
        """Have the place in the tree; again, where `reset` has taken it out."""
        if not place.container.is_detached:
            return
        is_outermost = not is_mine(self.lock)
        with self.lock:
            if is_outermost:
                self._take_out_gone()
            chain = []
            above: Place | None = place
            while above is not None and above.container.is_detached:
                chain.append(above)
                above = above.parent
            for detached in reversed(chain):
                self._attach(detached)
        self.take_out_gone()

    def _attach(self, place: Place) -> None:
        above = self.root if place.parent is None else place.parent.container
        container = self.container_at(place.parts, above)
        for name in place.names:
            _refuse_name(container, name)
        counted: list[str | None] = []
        place.counted = counted
        place.container = container
        container.places += 1
        counted.append(None)
        for name in place.names:
            _count(place, name)

    def register(self, place: Place, name: str) -> None:
        """Have a place in the tree with a stat of a name, whether or not its class has it."""
        with self.lock:
            self.attach(place)
            if name not in place.counted:
                _refuse_name(place.container, name)
                if name not in place.names:
                    place.names = [*place.names, name]
                _count(place, name)

    def container_at(
        self, parts: Sequence[str], above: StatContainer | None = None
    ) -> StatContainer:
        """Return the container at a path, made where there is none."""
        with self.lock:
            container = self.root if above is None else above
            for part in parts:
                if part in container.users:
                    raise ConfigError(
                        f"{container.path}: {part!r} is a stat, and has nothing below"
                    )
                below = container.get(part)
                if not isinstance(below, StatContainer) or below.is_detached:
                    below = self._add_container(container, part)
                container = below
            return container

    def _add_container(self, above: StatContainer, part: str) -> StatContainer:
        made = StatContainer(above, part)
        if self._collapsed:
            made.set_collapsed(made.path in self._collapsed)
        there = above[part] if part in above else None  # noqa: SIM401 - `get` is a call
        if isinstance(there, StatContainer) and not there.is_detached:
            return there  # a signal handler has been here
        above[part] = made
        return made

    def next_number(self) -> int:
        """Return a number that no other child has."""
        return next(self._numbers)

    def mount(self, parts: Sequence[str], values: Mapping[str, object]) -> None:
        """Put a container with these values at a path, in which nothing else can have a place."""
        with self.lock:
            self._take_out_gone()
            above = self.container_at(parts[:-1])
            name = parts[-1] if parts else ""
            if not parts or name in above or name in above.users:
                raise ConfigError(f"{above.path}: {name!r} is there already")
            container = self.container_at(parts)
            container.update(values)
            container.places = 1
            above.users[name] = 1  # as a stat has, so that nobody goes below

    def unmount(self, parts: Sequence[str]) -> bool:
        """Take out what was put at a path by `mount`; return whether there was anything."""
        with self.lock:
            container: Any = self.root
            for part in parts:
                container = container.get(part) if isinstance(container, StatContainer) else None
            if not is_mounted(container):
                return False
            del container.parent.users[container.key]
            container.clear()
            container.places = 0
            prune(container)
            return True

    # --- what has gone

    def note_gone(
        self, container: StatContainer, counted: list[str | None], aggregators: _Aggregators
    ) -> None:
        """A place is no more. Called by the garbage collector, wherever it comes in."""
        if container.is_detached:
            return
        self._gone.append((container, counted, aggregators))
        self.take_out_gone()

    def take_out_gone(self) -> None:
        """Take the stats of dead objects out, unless the tree is just being changed."""
        if self._gone:
            with contextlib.suppress(Interrupted):
                do_alone(self.lock, self._take_out_gone, timeout=_DONE_AT_ONCE)

    def _take_out_gone(self) -> None:
        """Each can be taken out twice, where an exception has come in between."""
        gone = self._gone
        while gone:
            first = gone[0]
            container, counted, aggregators = first
            if not container.is_detached:
                _take_out(container, counted, aggregators)
                prune(container)
            if gone and gone[0] is first:
                gone.popleft()

    # --- all of it

    def collapse(self, path: object) -> None:
        """Have pages show a link in place of what is at a path, now or later."""
        with self.lock:
            parts = parts_of(path)
            self._collapsed.add("/" + "/".join(parts))
            container = self.root
            for part in parts:
                below = container.get(part)
                if not isinstance(below, StatContainer):
                    return
                container = below
            container.set_collapsed(True)

    def reset(self) -> None:
        """Empty the tree. Objects come back into it when their stats are next used."""
        with self.lock:
            before, self.root = self.root, StatContainer()
            self._gone.clear()
            self._collapsed.clear()
            self._numbers = itertools.count(1)
            detach(before)


def _refuse_name(container: StatContainer, name: str) -> None:
    below = container.get(name)
    if isinstance(below, StatContainer) and below.parent is container:
        raise ConfigError(f"{container.path}: {name!r} is a container, and cannot be a stat")


def _count(place: Place, name: str) -> None:
    counted, users = place.counted, place.container.users
    users[name] = users[name] + 1 if name in users else 1
    counted.append(name)


def _take_out(
    container: StatContainer, counted: list[str | None], aggregators: _Aggregators
) -> None:
    users = container.users
    while counted:
        name, value, is_last = counted[-1], None, False
        if name is None:
            container.places -= 1
        elif name in users:
            users[name] -= 1
            is_last = not users[name]
            if is_last:
                del users[name]
                if name in container:
                    value = container[name]
                    del container[name]
        counted.pop()
        aggregator = aggregators.get(name) if is_last and name is not None else None
        if aggregator is not None:
            aggregator[0].lose(aggregator[1], value)


tree = Tree()
"""The one of the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=tree.after_fork)
