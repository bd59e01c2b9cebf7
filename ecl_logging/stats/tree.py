"""The tree of a process: where objects have their stats, as long as they live.

An object has a Place, which nothing else holds: with the last holder of the place its stats
leave the tree, and branches that are empty then. A place ends in whatever thread and moment
the garbage collector chooses, so it only notes that it has gone; whoever next may change the tree
takes its stats out, which is at once unless somebody is changing it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecl_logging.errors import ConfigError
from ecl_logging.locks import Interrupted, do_alone
from ecl_logging.stats.container import StatContainer

if TYPE_CHECKING:
    from ecl_logging.stats.stat import AggregationStat, Stat

__all__ = ["ATTRIBUTE", "Place", "Tree", "is_mounted", "parts_of", "place_of", "tree"]

ATTRIBUTE = "_ecl_place"  # of an object that has a place

_DONE_AT_ONCE = 0.0


def parts_of(path: object) -> tuple[str, ...]:
    """Return the names in a path; None and `/` are the root."""
    return () if path is None else tuple(part for part in str(path).split("/") if part)


class Place:
    """What an object holds of the tree: where its stats are, and which object created it."""

    __slots__ = (
        "aggregators",
        "cls",
        "container",
        "direct",
        "held",
        "names",
        "parent",
        "parts",
    )

    def __init__(self, cls: type, parent: Place | None, parts: Sequence[str]) -> None:
        """`parts` of the path below the parent's, or below the root."""
        self.cls = cls
        self.parent = parent
        self.parts = parts
        self.names: list[str] = []  # of stats that are registered in the container
        self.held: dict[str, object] = {}  # functions of gauges, which may know the object
        self.aggregators: dict[str, tuple[AggregationStat, Place] | None] = {}
        self.direct: set[str] = set()  # names of stats that nobody watches
        self.container = StatContainer()
        self.container.is_detached = True

    def __del__(self) -> None:
        # At exit what it needs may be gone; nobody looks at the tree then.
        with contextlib.suppress(Exception):
            tree.note_gone(self.container, self.names, self.aggregators)

    def __deepcopy__(self, memo: object) -> Place:
        """Return itself: a copy of an object counts where the object counts."""
        return self

    def __reduce__(self) -> tuple[Callable[..., Place], tuple[object, ...]]:
        """Have an object that comes from another process count at the same path here."""
        return _place_at, (self.cls, parts_of(self.container.path))


def _place_at(cls: type, parts: Sequence[str]) -> Place:
    place = Place(cls, None, parts)
    tree.attach(place)
    return place


def place_of(obj: object) -> Place:
    """Return where an object's stats are; raise ConfigError where `init` was not called."""
    try:
        place: Place = object.__getattribute__(obj, ATTRIBUTE)
    except AttributeError:
        raise ConfigError(
            f"{type(obj).__name__} has no place for its stats: call"
            " ecl_logging.stats.init(self, path) in its __init__"
        ) from None
    return place


class Tree:
    """Containers, and who is in them. Thread safe."""

    def __init__(self) -> None:
        """With nothing in it."""
        self.root = StatContainer()
        self.lock = threading.RLock()
        """Of all stats; held for moments, in which nothing of the program's is called."""
        self._numbers = itertools.count(1)
        self._collapsed: set[str] = set()
        self._gone: deque[tuple[StatContainer, Sequence[str], dict[str, Any]]] = deque()

    def after_fork(self) -> None:
        """Have a lock that nobody holds. The values are a copy of the parent's."""
        self.lock = threading.RLock()

    # --- places

    def place(
        self, obj: object, parent: Place | None, parts: Sequence[str], stats: Iterable[Stat]
    ) -> Place:
        """Give an object its place, unless it has one."""
        with contextlib.suppress(ConfigError):
            place = place_of(obj)
            self.attach(place)
            return place
        place = Place(type(obj), parent, parts)
        place.names = [stat.name for stat in stats]
        self.attach(place)
        try:
            object.__setattr__(obj, ATTRIBUTE, place)
        except AttributeError:
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
        with self.lock:
            self._take_out_gone()
            if place.parent is not None:
                self.attach(place.parent)
            above = self.root if place.parent is None else place.parent.container
            container = self.container_at(place.parts, above)
            for name in place.names:
                self._refuse_name(container, name)
            for name in place.names:
                container.users[name] = container.users.get(name, 0) + 1
            container.places += 1
            place.container = container
            self._take_out_gone()

    def register(self, place: Place, name: str) -> None:
        """Note that a place has a stat of a name, which its class had not from the start."""
        with self.lock:
            self.attach(place)
            if name not in place.names:
                self._refuse_name(place.container, name)
                place.names.append(name)
                place.container.users[name] = place.container.users.get(name, 0) + 1

    def _refuse_name(self, container: StatContainer, name: str) -> None:
        below = container.get(name)
        if isinstance(below, StatContainer) and below.parent is container:
            raise ConfigError(f"{container.path}: {name!r} is a container, and cannot be a stat")

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
                if not isinstance(below, StatContainer):
                    below = StatContainer(container, part)
                    below.set_collapsed(below.path in self._collapsed)
                    container[part] = below
                container = below
            return container

    def next_number(self) -> int:
        """Return a number that no other child has."""
        return next(self._numbers)

    # --- what belongs to no object

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
            _prune(container)
            return True

    # --- what has gone

    def note_gone(
        self, container: StatContainer, names: Sequence[str], aggregators: dict[str, Any]
    ) -> None:
        """A place is no more. Called by the garbage collector, wherever it comes in."""
        if container.is_detached:
            return
        self._gone.append((container, names, aggregators))
        self.take_out_gone()

    def take_out_gone(self) -> None:
        """Take the stats of dead objects out, unless the tree is just being changed."""
        if self._gone:
            with contextlib.suppress(Interrupted):
                do_alone(self.lock, self._take_out_gone, timeout=_DONE_AT_ONCE)

    def _take_out_gone(self) -> None:
        while self._gone:
            try:
                container, names, aggregators = self._gone.popleft()
            except IndexError:  # a collection in between has been here
                return
            if not container.is_detached:
                self._take_out(container, names, aggregators)

    def _take_out(
        self, container: StatContainer, names: Sequence[str], aggregators: dict[str, Any]
    ) -> None:
        for name in names:
            container.users[name] -= 1
            if container.users[name]:
                continue
            del container.users[name]
            value = container.pop(name, None)
            aggregator = aggregators.get(name)
            if aggregator is not None:
                aggregator[0].lose(aggregator[1], value)
        container.places -= 1
        _prune(container)

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
            self._gone.clear()
            self._collapsed.clear()
            self._numbers = itertools.count(1)
            _detach(self.root)
            self.root = StatContainer()


def is_mounted(value: object) -> bool:
    """Whether it is a container that `mount` has put there: its values are read elsewhere."""
    return (
        isinstance(value, StatContainer)
        and value.parent is not None
        and value.key in value.parent.users
    )


def _prune(container: StatContainer) -> None:
    """Take out a container in which nothing is left, and those that held nothing else."""
    while container.parent is not None and not container and not container.places:
        parent, container.parent = container.parent, None
        container.is_detached = True
        parent.pop(container.key, None)
        container = parent


def _detach(container: StatContainer) -> None:
    """Empty a container and all below it. Whoever writes to its stats looks for a new one."""
    for below in list(container.values()):
        if isinstance(below, StatContainer):
            _detach(below)
            below.parent = None
    container.is_detached = True
    container.clear()
    container.users.clear()
    container.places = 0


tree = Tree()
"""The one of the process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=tree.after_fork)
