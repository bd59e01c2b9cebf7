"""The contract of queues, last part: whatever is done to one, it agrees with a model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ecl_logging.stores.queueing import Backlog, KeepsEvents, Message
from tests.conftest import Clock
from tests.stores.kinds import MemoryKind
from tests.stores.publishing import EventProgram, bodies

pytestmark = pytest.mark.once  # on each Python the other parts of the contract show the same

_names = itertools.count(1)
STEP = 7.0  # seconds; no time that is given is a multiple, so none ends when it is looked at

limits, seconds, places = st.integers(1, 4), st.sampled_from([3.0, 10.0]), st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 3)),
    st.tuples(st.just("claim"), limits, seconds),
    st.tuples(st.just("pass_time")),
    st.tuples(st.just("ack"), places, st.booleans()),
    st.tuples(st.just("put_back"), places, st.sampled_from([0.0, 3.0, 10.0]), st.booleans()),
    st.tuples(st.just("extend"), places, seconds),
    st.tuples(st.just("bury"), places),
    st.tuples(st.just("replay"), places),
    st.tuples(st.just("drop"), places),
)


@dataclass
class Known:
    """What the model knows of a message."""

    body: str
    deliveries: int = 0
    due: float = 0.0
    is_held: bool = False
    last: Message | None = None  # its last delivery, as long as that is somebody's
    was_put_back: bool = False


@dataclass
class Model:
    """A queue as its contract says; whose turn it is among those that can be handed out, is open.

    That is told by the real one, and judged.
    """

    events: KeepsEvents
    clock: Clock
    topic: str = field(default_factory=lambda: f"topic{next(_names)}")
    waiting: list[Known] = field(default_factory=list)
    dead: list[Known] = field(default_factory=list)
    seen: list[tuple[Message, Known]] = field(default_factory=list)  # all deliveries ever

    def __post_init__(self) -> None:
        self.program = EventProgram(self.events, f"{next(_names):032x}", self.topic)

    def put(self, amount: int) -> None:
        new = [f"{self.topic} {next(_names)}" for _ in range(amount)]
        self.program.put(*new)
        self.waiting += map(Known, new)

    def pass_time(self) -> None:
        self.clock.now += STEP

    def claim(self, limit: int, seconds: float) -> None:
        can_be = [one for one in self.waiting if one.due <= self.clock.now]
        fresh = [one for one in can_be if one.deliveries == 0]
        found = self.events.claim(self.topic, limit, seconds=seconds)
        by_body = {one.body: one for one in can_be}
        got = [by_body[body] for body in bodies(found)]
        if got and got[0].deliveries:
            first_due = min(one.due for one in can_be if one.deliveries)
            assert [one.due for one in got] == [first_due]
        else:
            assert all(one.deliveries == 0 for one in got)
            assert bool(got) == bool(can_be)
            assert len(got) <= limit
            # What was put back uncounted may stand anywhere among those that never went out.
            got_first = [one for one in got if not one.was_put_back]
            assert got_first == [one for one in fresh if not one.was_put_back][: len(got_first)]
        for message, known in zip(found, got, strict=True):
            known.deliveries += 1
            known.due, known.is_held, known.last = self.clock.now + seconds, True, message
            assert message.deliveries == known.deliveries
            assert message.id not in {m.id for m, other in self.seen if other is not known}
            self.seen.append((message, known))

    def _delivery(self, place: int) -> tuple[list[Message], Known | None]:
        """One of all deliveries; what is known where nobody has been handed it since."""
        if not self.seen:
            return [], None
        message, known = self.seen[place % len(self.seen)]
        is_last = known in self.waiting and known.last is message
        return [message], known if is_last else None

    def ack(self, place: int, newest: bool) -> None:
        messages, _ = self._delivery(-1 if newest else place)
        known = [one for message, one in self.seen if message in messages and one in self.waiting]
        assert self.events.ack(self.topic, messages) == len(known)
        self.waiting = [one for one in self.waiting if one not in known]

    def put_back(self, place: int, pause: float, counted: bool) -> None:
        messages, known = self._delivery(place)
        done = self.events.put_back(self.topic, messages, pause=pause, counted=counted)
        assert done == bool(known)
        if known is not None:
            known.due, known.is_held, known.last = self.clock.now + pause, False, None
            known.was_put_back = True
            if not counted:
                known.deliveries -= 1

    def extend(self, place: int, seconds: float) -> None:
        messages, known = self._delivery(place)
        assert self.events.extend(self.topic, messages, seconds=seconds) == bool(known)
        if known is not None:
            known.due, known.is_held = self.clock.now + seconds, True

    def bury(self, place: int) -> None:
        messages, known = self._delivery(place)
        assert self.events.bury(self.topic, messages, "why") == bool(known)
        if known is not None:
            self.waiting.remove(known)
            self.dead.append(known)

    def _letter(self, place: int) -> list[str]:
        letters = self.events.dead_letters(self.topic, 500)
        assert [(letter.body.decode(), letter.deliveries) for letter in letters] == [
            (one.body, one.deliveries) for one in self.dead
        ]
        return [letters[place % len(letters)].id] if letters else []

    def replay(self, place: int) -> None:
        ids = self._letter(place)
        assert self.events.replay(self.topic, ids) == len(ids)
        if ids:
            self.waiting.append(Known(self.dead.pop(place % len(self.dead)).body))

    def drop(self, place: int) -> None:
        ids = self._letter(place)
        assert self.events.drop(self.topic, ids) == len(ids)
        if ids:
            self.dead.pop(place % len(self.dead))

    def check(self) -> None:
        in_hand = sum(one.is_held and one.due > self.clock.now for one in self.waiting)
        expected = Backlog(len(self.waiting) - in_hand, in_hand, len(self.dead))
        assert self.events.backlog(self.topic) == expected


def test_a_queue_agrees_with_its_model(kind, events, clock):
    is_quick = isinstance(kind, MemoryKind)

    @settings(
        deadline=None,
        # The others wait for a disk or a server; to shrink what fails there takes minutes.
        max_examples=60 if is_quick else 6,
        phases=[Phase.generate, Phase.shrink] if is_quick else [Phase.generate],
        database=None,
    )
    @given(steps=st.lists(STEPS, min_size=8, max_size=30))
    def agrees(steps: list[tuple]) -> None:
        model = Model(events, clock)
        model.put(3)
        for name, *arguments in steps:
            getattr(model, name)(*arguments)
            model.check()
        finish(model)

    agrees()


def finish(model: Model) -> None:
    """In the end each is handed out, whatever was done to it."""
    for _ in range(len(model.waiting) + 1):
        model.claim(4, 3.0)
        model.ack(0, newest=True)
        model.pass_time()
        model.pass_time()
    model.check()
    assert model.waiting == []
