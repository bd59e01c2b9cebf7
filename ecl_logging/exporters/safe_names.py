"""Names for systems that take few characters, one for each ID: no two are merged in silence."""

from __future__ import annotations

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
    first: str | None = None  # of the first one, if it is another rule; `_` before all others
    reserved: frozenset[str] = frozenset()  # names that mean something else
    longest: int | None = None  # so many characters; what is longer is cut, and told apart

    @cached_property
    def _unsafe(self) -> re.Pattern[str]:
        return re.compile(f"[^{self.characters}]")

    @cached_property
    def _start(self) -> re.Pattern[str]:
        return re.compile(f"[{self.first or self.characters}]")

    def changed(self, text: str) -> str:
        """Return the text with `_` for each character that may not be there."""
        name = self._unsafe.sub("_", text)
        return name if self._start.match(name) else f"_{name}"

    def is_short(self, name: str) -> bool:
        """Whether a name need not be cut."""
        return self.longest is None or len(name) <= self.longest

    def cut(self, name: str) -> str:
        """Return what of a name leaves place for an underscore and digits."""
        return name if self.longest is None else name[: self.longest - _DIGITS - 1]


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
        is_kept = users[plain] == 1 or plain == event_id
        if is_kept and plain not in rule.reserved and rule.is_short(plain):
            names[event_id] = plain
        else:
            names[event_id] = _told_apart(event_id, rule.cut(plain), taken)
            taken.add(names[event_id])
    return names


def _told_apart(event_id: str, name: str, taken: Collection[str]) -> str:
    import hashlib  # seldom needed, and not loaded in no time

    # Stable over processes and Pythons, unlike `hash`.
    digest = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
    lengths = range(_DIGITS, len(digest) + 1)
    candidates = (f"{name}_{digest[:length]}" for length in lengths)
    return next(candidate for candidate in candidates if candidate not in taken)
