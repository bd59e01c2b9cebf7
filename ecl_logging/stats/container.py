"""StatContainer: a branch of the tree, which is what everybody reads."""

from __future__ import annotations

from typing import Any

__all__ = ["StatContainer"]


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
