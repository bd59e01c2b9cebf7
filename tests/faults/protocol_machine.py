"""Programs, a real store, and all that can come between them, step by step beside the model."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ecl_logging.intervals import Interval
from ecl_logging.stores.protocols import Batch, Definition, Store
from tests.conftest import Clock
from tests.faults.protocol_lines import Arrivals, Line, copy_of, definition_of, group_of, measured
from tests.faults.protocol_model import Books, World
from tests.programs import Program
from tests.stores.kinds import Kind
from tests.stores.programs import NOW

CONFIGURATIONS: list[dict[str, Any]] = [
    {"intervals": ["5s", "1m"], "history": 3, "events": ["a"], "max_events": 2},
    {"intervals": ["5s", "1m"], "history": 3, "events": ["a", "b"], "auto_declare_events": False},
    {"intervals": ["5s"], "history": 2, "events": ["b"], "max_events": 1},
    {"intervals": ["7s", "1m"], "history": 5, "events": ["c"], "max_events": 3},
    {"intervals": ["1m", "1h"], "history": 4, "events": [], "auto_declare_events": False},
]
EVENTS = ["a", "b", "c", "d", "e", "f", "", "@late"]
FAULTS = ["lost request", "lost reply", "repeated", "held", "copied", "away"]
SLOTS = st.integers(0, 2)
AGES = [0, 0, 0, 0.75, 3.5, 6, 11.25, 29, 61, 130, 400, 4000, -1, -8, -70]
VALUES = st.lists(st.sampled_from([0.25, 3.0, 0.0, -17.5, 1e9]), min_size=1, max_size=4)
RECORDS = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(1, 3), st.sampled_from(AGES)),
    min_size=1,
    max_size=3,
)


class ProtocolMachine(RuleBasedStateMachine):
    """Everything in the model's hands; `kind`, `clock` and `store` are set by whoever runs it."""

    kind: Kind
    clock: Clock
    store: Store
    kept_less: int
    days: list[int]  # how many have passed on the programs' own steady clock
    master: Any  # of the original library; calls it for an interval of the group

    def __init__(self) -> None:
        super().__init__()
        self.store.close()
        self.kind.empty()
        self.clock.now = float(NOW)
        self.days[0] = 0
        self.world = World(self.kept_less)
        self.arrivals = Arrivals(self.store)
        self.arrivals.machine = self
        self.programs: dict[int, Program] = {}
        self.books: dict[int, Books] = {}
        self.clocks = dict.fromkeys(range(3), 0.0)
        self.judged: dict[str, str] = {}  # token -> what the store must have said to it last
        self.stretches: dict[str, Any] = {}
        self.held: tuple[int, Batch] | None = None
        self.copies: list[tuple[World, Any]] = []
        self.told: list[tuple[str, int]] = []
        self.measured = itertools.count(1)

    # --- what passes between programs and store

    def hears_definition(self, slot: int, definition: Definition) -> None:
        assert group_of(definition) == self.world.group
        self.books[slot].hear(self.world.group)

    def sends(self, slot: int, batch: Batch) -> None:
        books = self.books[slot]
        if not batch.counts:
            return  # a question
        if books.under_way is None:
            books.settle_unsure()
        self.stretches[batch.token] = books.sends(batch.token)

    def arrives(self, batch: Batch) -> None:
        said = self.world.judge(batch)
        if batch.counts:
            self.judged[batch.token] = said
        if said == "applied":
            self.world.apply(batch, self.stretches[batch.token], self.clock())

    def hears_reply(self, slot: int, batch: Batch) -> None:
        if self.judged.get(batch.token) in {"applied", "duplicate"}:
            self.books[slot].confirm(self.world.applied[batch.token])

    def hold(self, slot: int, batch: Batch) -> None:
        if batch.counts:
            self.held = slot, batch

    def let_go(self) -> None:
        """Before a step of the store: what has had its time may have gone until now."""
        if self.world.has_uncertain(self.clock()):
            self.world.let_go(self.kind.buckets("g"), self.clock())

    # --- programs

    @initialize(choices=st.tuples(*[st.sampled_from(CONFIGURATIONS)] * 3))
    def start_all(self, choices: tuple[dict[str, Any], ...]) -> None:
        for slot, keys in enumerate(choices):
            self.start(slot, keys)

    def start(self, slot: int, keys: dict[str, Any]) -> None:
        """Another program, in the place of one that was killed."""
        line = Line(self.arrivals, self, slot)
        self.programs[slot] = Program(line, lambda: self.clock() + self.clocks[slot], **keys)
        wanted = group_of(self.programs[slot].sender.definition.wanted)
        self.books[slot] = Books(wanted, any_id=keys.get("auto_declare_events", True))

    @rule(slot=SLOTS, records=RECORDS)
    def log(self, slot: int, records: list[tuple[str, int, float]]) -> None:
        program = self.programs[slot]
        for event_id, n, age in records:
            created = program.clock() - age
            program.pending.arrivals.append((event_id, n, created))
            self.books[slot].log(event_id, n, created)

    def declare(self, slot: int, event_id: str) -> None:
        self.programs[slot].declare(event_id)
        self.books[slot].declare([event_id])

    @rule(slot=SLOTS, records=RECORDS)
    def log_and_flush(self, slot: int, records: list[tuple[str, int, float]]) -> None:
        self.log(slot, records)
        self.flush(slot)

    @rule(slot=SLOTS, records=RECORDS, fault=st.sampled_from(FAULTS), at=st.integers(0, 3))
    def log_and_fail_to_flush(
        self, slot: int, records: list[tuple[str, int, float]], fault: str, at: int
    ) -> None:
        self.log(slot, records)
        self.flush(slot, fault, at)

    @rule()
    def flush_all(self) -> None:
        for slot in self.programs:
            self.flush(slot)

    def flush(self, slot: int, fault: str = "", at: int = 0) -> None:
        program, books = self.programs[slot], self.books[slot]
        line = program.store
        line.expect(fault, at)
        was_pending = bool(books.left() or any(one.invalid for one in books.pending.values()))
        was_confirmed = len(books.confirmed)
        settles = fault != "away" and books.has_unsure()
        flushed = program.flush()
        has_failed = line.has_failed
        line.expect("", 0)
        if settles and books.group is not None:
            books.settle_unsure()
        if fault == "away":
            assert not flushed or not was_pending
            return
        self.every_bucket_is_as_it_must_be()
        assert flushed == (not has_failed)
        if flushed:
            assert books.left() == 0
            if len(books.confirmed) > was_confirmed:
                books.learn_of_losses(self.world)
                assert books.group == self.world.group or self.has_a_lost_definition(program)

    def has_a_lost_definition(self, program: Program) -> bool:
        """Whether the store has given its version, of a history that it forgot, to another one.

        Which takes a clock that has stepped back, too. The program follows with the next change.
        """
        return program.sender.definition.version == self.store.definition("g").version

    @precondition(lambda self: self.held is not None)
    @rule()
    def deliver_what_was_held(self) -> None:
        _, batch = self.held
        self.held = None
        self.let_go()
        judged = self.judged.get(batch.token)
        self.arrivals.apply(batch)
        if judged is not None:
            self.judged[batch.token] = judged  # nobody hears of it

    @rule(
        what=st.sampled_from(["start", "fork", "copy", "declare", "silence", "clock"]),
        slot=SLOTS,
        other=SLOTS,
        choice=st.integers(0, 6),
    )
    def change_a_program(self, what: str, slot: int, other: int, choice: int) -> None:
        match what:
            case "start":
                self.start(slot, CONFIGURATIONS[choice % len(CONFIGURATIONS)])
            case "fork":
                self.busy(other, choice)
                self.fork(other, slot)
            case "copy":
                self.go_on_from_a_copy(other, slot)
            case "declare":
                self.declare(slot, "abcdef"[choice % 6])
            case "silence":
                self.pass_a_day_in_silence()
            case "clock":
                self.clocks[slot] = (0, 0, 2.5, -2.5, 6, -20, 1000)[choice]

    def pass_a_day_in_silence(self) -> None:
        """By the steady clocks only; a program that counts again does so with a new source."""
        if self.days[0] < 5:  # in six, batches of unknown outcome are given up
            self.days[0] += 1

    def busy(self, slot: int, how: int) -> None:
        """Have a program something pending, or something under way."""
        if how:
            self.log(slot, [("a", how, 0)])
        if how > 2:
            self.flush(slot, "lost reply" if how > 4 else "lost request")

    def fork(self, parent: int, slot: int) -> None:
        """A program's child, in the place of one that was killed, or of the program itself."""
        self._copy(parent, slot)
        self.programs[slot].pending.reset()
        self.programs[slot].sender.reset()
        self.books[slot].forget_all()

    def go_on_from_a_copy(self, original: int, slot: int) -> None:
        """As when a snapshot of a virtual machine is started beside it."""
        if original != slot and self.books[original].under_way is None:
            self._copy(original, slot)

    def _copy(self, original: int, slot: int) -> None:
        if original == slot:
            return
        self.start(slot, CONFIGURATIONS[0])
        copy_of(self.programs[original], self.programs[slot])
        self.books[slot] = self.books[original].copied()

    # --- the store

    @rule(
        what=st.sampled_from(["define", "replace", "master"]),
        choice=st.integers(0, len(CONFIGURATIONS) - 1),
    )
    def see_to_the_store(self, what: str, choice: int) -> None:
        match what:
            case "define" | "replace":
                self.define(CONFIGURATIONS[choice], what == "replace")
            case "master":
                self.run_the_original_master_by_mistake()

    def define(self, keys: dict[str, Any], replace: bool) -> None:
        self.let_go()
        wanted = definition_of(keys)
        self.store.define(wanted, replace=replace)
        self.world.define(group_of(wanted), replace=replace)

    @rule()
    def rotate(self) -> None:
        self.let_go()
        told = [(one.interval.text, one.start) for one in self.store.rotate("g")]
        expected = self.world.rotate(self.clock())
        assert sorted(told) == sorted(expected)
        ends = [start + Interval.parse(text).seconds for text, start in told]
        assert ends == sorted(ends)
        assert all(end <= self.clock() for end in ends)
        self.told += told

    @rule()
    def ask_for_totals(self) -> None:
        self.world.begin_totals(self.clock())
        found = self.store.totals("g")
        told = {} if found is None else {"@since": found.since, **found.cells}
        assert told == self.world.totals

    @rule(values=VALUES, event_id=st.sampled_from("abcdef"), age=st.sampled_from(AGES))
    def measure(self, values: list[float], event_id: str, age: float) -> None:
        """A program of another kind sends values, each batch twice, and a new source each time."""
        intervals = self.world.group.intervals if self.world.group else {}
        start, token = int(self.clock() - age), f"{next(self.measured):032x}"
        stretch, batch = measured(
            token, start=start, intervals=intervals, values=values, event_id=event_id
        )
        self.stretches[token] = stretch
        self.let_go()
        replies = [self.arrivals.apply(batch) for _ in range(2)]
        if self.world.group is None:
            assert [reply.status for reply in replies] == ["undefined"] * 2
            return
        assert [reply.status for reply in replies] == ["applied", "duplicate"]
        applied = self.world.applied[token]
        for reply in replies:
            told = (reply.total, reply.late, reply.ahead, reply.other, reply.dropped)
            assert told == (applied.events, applied.late, applied.ahead, applied.other, 0)

    @rule(seconds=st.sampled_from([1, 1, 3, 5, 5, 8, 20, 60, 61, 300, 4000, -1, -7, -31, -90]))
    def step_the_clock(self, seconds: float) -> None:
        self.clock.now += seconds

    def run_the_original_master_by_mistake(self) -> None:
        for text in self.world.group.intervals if self.world.group else ():
            self.master(text)

    # --- a store that forgets

    @rule()
    def copy_the_store(self) -> None:
        self.store.close()
        self.copies.append((self.world.copied(), self.kind.copied()))

    def nobody_shares_a_source(self) -> bool:
        """A program and its copy, both with one source, cannot tell what was lost of whom."""
        return len({program.sender.source for program in self.programs.values()}) == 3

    @precondition(nobody_shares_a_source)
    @rule(which=st.sampled_from([0, 0, 1, 1, 2, None]))
    def have_the_store_forget(self, which: int | None) -> None:
        """Some of it, as it has been set back to a copy, or all."""
        if which is None:
            self.empty_the_store()
        elif self.copies:
            self.set_the_store_back(max(0, len(self.copies) - 1 - which))

    def set_the_store_back(self, which: int) -> None:
        """To a copy; those that were made later than that are of another history."""
        del self.copies[which + 1 :]
        world, copied = self.copies[which]
        self.store.close()
        self.kind.set_back(copied)
        self.world = world.copied()
        self.forgotten()

    def empty_the_store(self) -> None:
        self.store.close()
        self.kind.empty()
        self.world = World(self.kept_less)
        self.copies.clear()
        self.forgotten()

    def forgotten(self) -> None:
        # A definition's version has the time in it, in milliseconds. On a clock that stands still
        # one from before could be one of another definition now; all other steps are of seconds.
        self.clock.now += 0.02
        self.told = [(text, at) for text, at in self.told if at <= self.world.told.get(text, -1)]
        if self.held is not None:
            # Its program sends the same under another source: the store cannot know of both.
            slot, batch = self.held
            under_way = self.books[slot].under_way
            if (
                under_way
                and under_way[0] == batch.token
                and (self.programs[slot].sender.source != batch.source)
            ):
                self.held = None

    # --- what must hold after each step

    @invariant()
    def every_bucket_is_as_it_must_be(self) -> None:
        found = self.kind.buckets("g")
        self.world.let_go(found, self.clock())
        assert found == self.world.buckets, f"buckets: {found}, not {self.world.buckets}"

    @invariant()
    def the_totals_are_as_they_must_be(self) -> None:
        found = self.kind.totals("g")
        assert found == self.world.totals, f"totals: {found}, not {self.world.totals}"

    @invariant()
    def every_finished_bucket_was_told_once(self) -> None:
        assert len(self.told) == len(set(self.told))

    @invariant()
    def every_programs_books_are_right(self) -> None:
        for slot, program in self.programs.items():
            books = self.books[slot]
            ledger, left = program.pending.snapshot()
            assert ledger.counted == ledger.applied + left + sum(ledger.dropped.values())
            assert left == books.left()
            sums = {name: getattr(ledger, name) for name in ("counted", "late", "ahead", "other")}
            assert sums == {name: books.sums[name] for name in sums}
            others = {k: n for k, n in ledger.dropped.items() if n and k != "server_forgot"}
            assert others == {k: n for k, n in books.dropped.items() if n and k in others}
            assert books.in_store(self.world) <= ledger.applied <= sum(books.confirmed.values())
            forgotten = sum(books.confirmed.values()) - ledger.applied
            assert ledger.dropped["server_forgot"] == books.dropped["server_forgot"] + forgotten

    def teardown(self) -> None:
        """In the end each program counts once more, and all that was forgotten has been told."""
        for slot, program in self.programs.items():
            self.declare(slot, "a")
            self.log(slot, [("a", 1, 0)])
            self.flush(slot)
            assert program.ledger.applied == self.books[slot].in_store(self.world)
        self.every_bucket_is_as_it_must_be()
        self.every_programs_books_are_right()
