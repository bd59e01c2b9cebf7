"""StatContainer: a branch of the tree, which is what everybody reads."""

from __future__ import annotations

from typing import Any

__all__ = ["StatContainer", "detach", "is_mounted", "prune"]


class StatContainer(dict[str, Any]):
    """What is at one path: values of stats by their names, and further containers.

    It is live. Other threads count meanwhile, and names come and go: loop over
    `container.copy().items()`, which is of one moment. Reading one name is always safe.
    """

    __slots__ = ("_is_collapsed", "is_detached", "key", "parent", "places", "users")

    def __init__(self, parent: StatContainer | None = None, key: str = "") -> None:
        """Make an empty one, not yet in its parent."""
        super().__init__()
        self._is_collapsed = False
        self.parent = parent
        self.key = key
        self.places = 0  # objects whose stats are here
        self.users: dict[str, int] = {}  # how many of them have a stat of that name
        self.is_detached = False  # no longer in the tree

    def set_collapsed(self, is_collapsed: bool) -> None:  # noqa: FBT001 - as in scales
        """Set whether pages show a link in place of what is here."""
        self._is_collapsed = is_collapsed

    def is_collapsed(self) -> bool:
        """Whether pages show a link in place of what is here."""
        return self._is_collapsed

    @property
    def path(self) -> str:
        """Where it is, such as `/web/handler`; `/` for the root."""
        keys = []
        container: StatContainer | None = self
        while container is not None and container.parent is not None:
            keys.append(container.key)
            container = container.parent
        return "/" + "/".join(reversed(keys))


def is_mounted(value: object) -> bool:
    """Whether it is a container that `mount` has put there: its values are read elsewhere."""
    return (
        isinstance(value, StatContainer)
        and value.parent is not None
        and value.key in value.parent.users
    )


def prune(container: StatContainer) -> None:
    """Take out a container in which nothing is left, and those that held nothing else."""
    while container.parent is not None:
        container.is_detached = True  # so that a signal handler uses it no more
        parent, key = container.parent, container.key
        if container or container.places > 0:
            container.is_detached = False
            return
        if key in parent and parent[key] is container:
            del parent[key]
        container.parent = None
        container = parent


def detach(container: StatContainer) -> None:
    """Empty a container and all below it. Whoever writes to its stats looks for a new one."""
    left = [container]
    while left:
        container = left.pop()
        below = [value for value in list(container.values()) if isinstance(value, StatContainer)]
        left.extend(one for one in below if one.parent is container)
        container.is_detached = True
        container.parent = None
        container.clear()
        container.users.clear()
        container.places = 0
