"""Names for systems that take few characters, one for each ID: no two are merged in silence."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["NameRule", "safe_names"]

_DIGITS = 8  # hexadecimal, of a hash that tells names apart


@dataclass(frozen=True)
class NameRule:
    """Which characters a name may have, each as the inside of a regular expression's brackets.

    `_` must be among them, since it stands for all others.
    """

    characters: str  # such as "A-Za-z0-9_-"
    first: str | None = None  # of the first one, if it is another rule
    reserved: frozenset[str] = frozenset()  # names that mean something else

    @cached_property
    def _unsafe(self) -> re.Pattern[str]:
        first = f"^[^{self.first}]|" if self.first is not None else ""
        return re.compile(f"{first}[^{self.characters}]")

    def changed(self, text: str) -> str:
        """Return the text with `_` for each character that may not be there."""
        return self._unsafe.sub("_", text) or "_"


def safe_names(ids: Iterable[str], rule: NameRule) -> dict[str, str]:
    """Return a name for each ID, no two the same.

    An ID that is a name already keeps it. Others get `_` for each character that may not be
    there; and where that is no name of their own, an underscore and digits of a hash of the ID.
    So the name of an ID depends on the other IDs only where they would share it.
    """
    changed = {event_id: rule.changed(event_id) for event_id in sorted(set(ids))}
    users = Counter(changed.values())
    taken = users.keys() | rule.reserved
    names = {}
    for event_id, plain in changed.items():
        name = plain
        if (users[plain] > 1 and plain != event_id) or plain in rule.reserved:
            name = _told_apart(event_id, plain, taken)
            taken.add(name)
        names[event_id] = name
    return names


def _told_apart(event_id: str, name: str, taken: Collection[str]) -> str:
    # Stable over processes and Pythons, unlike `hash`.
    digest = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
    lengths = range(_DIGITS, len(digest) + 1)
    candidates = (f"{name}_{digest[:length]}" for length in lengths)
    return next(candidate for candidate in candidates if candidate not in taken)
