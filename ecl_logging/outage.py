"""When the store is away: when to try again, and one warning for going and one for coming back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable

from ecl_logging.errors import EclError, StoreUnavailable
from ecl_logging.notices import warn

__all__ = ["Outage"]

# Not the module's own generator: its numbers belong to the program, which may have seeded it.
_random = random.SystemRandom()

_FIRST_PAUSE = 1.0  # seconds


class Outage:
    """Whether the store is away. Thread safe: what is lost in a race is a pause, or a word."""

    longest_pause = 30.0
    """Seconds between two tries, at most; to be set before the first one."""

    def __init__(
        self,
        meanwhile: str = "counting in memory",
        afterwards: str = "what was counted meanwhile is being sent",
        *,
        hint: str = "",
        name: str = "the store",
        say: Callable[[str], None] | None = None,
    ) -> None:
        """What is done while the store is away, and when it is back, for the two warnings.

        `hint` says what can be done about it; `name` is what is away; `say` takes the warnings,
        `notices.warn` if None.
        """
        self._meanwhile = meanwhile
        self.afterwards = afterwards  # may be set anew, before `ended`
        self._hint = hint
        self._name = name
        self._say = say
        self.reset()

    def reset(self) -> None:
        """Start with a store that is not known to be away."""
        self.last_error: str | None = None
        self.is_refusal = False  # the store is there, and does not take it
        self.is_announced = False
        self.is_ending = False  # the process ends: the loss is told, not the outage
        self._since: float | None = None
        self._pause = 0.0
        self._next_try = 0.0
        self._unsaid: list[str] = []

    @property
    def is_on(self) -> bool:
        """Whether the last step failed."""
        return self._since is not None

    def is_away(self) -> bool:
        """Whether the last step failed in a way that may pass."""
        return self.is_on and not self.is_refusal

    def may_try(self) -> bool:
        """Whether the pause since the last failure is over."""
        return self.seconds_left() <= 0

    def seconds_left(self) -> float:
        """How much is left of the pause since the last failure."""
        return self._next_try - time.monotonic() if self.is_on else 0.0

    def began(self, error: EclError) -> None:
        """A step failed. Called for every failure; the pauses grow."""
        self.last_error = str(error)
        self.is_refusal = not isinstance(error, StoreUnavailable)
        if self._since is None:
            self._since = time.monotonic()
        self._pause = min(self.longest_pause, self._pause * 2 or _FIRST_PAUSE)
        # Processes that lost the store together should not come back together.
        self._next_try = time.monotonic() + self._pause * _random.uniform(0.75, 1.25)
        if not self.is_announced and not self._unsaid:
            self._unsaid.append(f"{error}; {self._meanwhile}{self._hint}")

    def ended(self) -> None:
        """A step succeeded."""
        if self._since is None:
            return
        away = time.monotonic() - self._since
        self._since = None
        self._pause = 0.0
        if self.is_announced:
            self._unsaid.append(f"{self._name} is back after {away:.0f} s; {self.afterwards}")
        else:
            self._unsaid.clear()
        self.is_announced = False

    def tell(self, news: Iterable[str] = ()) -> None:
        """Warn of `news` and of what has changed. Call with no lock held."""
        unsaid: list[str] = []
        if not self.is_ending:
            unsaid, self._unsaid = self._unsaid, []
        if unsaid and self.is_on:
            self.is_announced = True
        for text in (*unsaid, *news):
            (self._say or warn)(text)

    def tell_of_loss(self, amount: int, what: str = "counts") -> None:
        """Warn that so much ends with the process, unless the outage was announced."""
        if amount and not self.is_announced:
            self.is_announced = True
            self._unsaid.clear()
            reason = self.last_error if self.is_on else "the store did not answer in time"
            warn(f"{reason}; {amount} {what} could not be sent before the end{self._hint}")
