"""Faults at random, for as long as you like: `python -m tests.faults.soak --minutes 60`.

Round after round, programs count in one store while things go wrong; then all that is left is
flushed, and every bucket has to be what the oracle says. The first difference ends it, with a status
of 1 and the seed, and leaves the round's folder. A seed draws the same faults again, though what
they meet is as the machine has it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.oracle import Buckets, logged
from tests.faults.programs import ALLOW_FORK, Ended, Started
from tests.faults.soak_arenas import ARENAS, Arena
from tests.faults.soak_program import VICTIMS_EVENT

PROGRAMS = 4


class Difference(Exception):  # noqa: N818 - a finding, not an error
    """What the oracle says is not what is there."""


class Round:
    """One round in one arena."""

    def __init__(self, arena: Arena, chance: random.Random, seconds: float, *, protected: bool):
        self.arena, self.chance, self.seconds = arena, chance, seconds
        self.options = [] if protected else ["unprotected"]
        self.programs: list[Started] = []
        self.victims: list[Started] = []
        self.rotators: list[Started] = []
        self.killed: set[Started] = set()
        self.stopped: set[Started] = set()
        self.ended: dict[Started, Ended] = {}
        self.began = time.monotonic()

    def run(self) -> None:
        until = self.began + self.seconds
        while (left := until - time.monotonic()) > 0:
            while len(self._running(self.programs)) < PROGRAMS:
                self._start_program(left)
            if not self._running(self.victims):
                self._start_victim()
            self.say(self._any_fault())
            time.sleep(min(max(0.0, left), self.chance.uniform(0.05, 0.5)))
        self._settle()

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", flush=True)

    # --- faults

    def _any_fault(self) -> str:
        own = [self._end_program, self._kill_victim, self._stop_program, self._rotators_come_or_go]
        return str(self.chance.choice([*self.arena.faults, *self.arena.faults, *own])())

    def _running(self, among: list[Started]) -> list[Started]:
        return [one for one in among if one.process.poll() is None]

    def _start(self, *arguments: str) -> Started:
        return self.arena.programs.start_command(
            *("-W", "error", *ALLOW_FORK, "-m", *arguments), ECL_STORE=self.arena.url()
        )

    def _start_program(self, seconds: float) -> None:
        lives = self.chance.uniform(0.3, 1.0) * seconds
        seed = f"{self.chance.random()}"
        options = [*self.options, *self.arena.program_options()]
        self.programs.append(self._start("tests.faults.soak_program", seed, f"{lives}", *options))
        self.say(f"a program begins, for {lives:.1f} s")

    def _start_victim(self) -> None:
        options = ["victim", *self.arena.program_options()]
        seed = f"{self.chance.random()}"
        self.victims.append(self._start("tests.faults.soak_program", seed, "0", *options))
        self.say("a victim begins")

    def _end_program(self) -> str:
        # One that has not set its handler yet would end without it.
        begun = [one for one in self._running(self.programs) if one.out()]
        if not begun:
            return "no program to be ended"
        self.chance.choice(begun).send(signal.SIGTERM)
        return "a program gets SIGTERM"

    def _kill_victim(self) -> str:
        for victim in self._running(self.victims):
            victim.send(signal.SIGKILL)
            self.killed.add(victim)
        return "the victim gets SIGKILL"

    def _stop_program(self) -> str:
        for one in list(self.stopped):
            one.send(signal.SIGCONT)
            self.stopped.remove(one)
        running = self._running([*self.programs, *self.rotators])
        if not running:
            return "what was stopped goes on"
        one = self.chance.choice(running)
        one.send(signal.SIGSTOP)
        self.stopped.add(one)
        return f"a {'rotator' if one in self.rotators else 'program'} is stopped, till another is"

    def _rotators_come_or_go(self) -> str:
        running = self._running(self.rotators)
        if len(running) < 2 or self.chance.random() < 0.3:
            self.rotators.append(self._start("ecl_logging.tools.rotate", "-v"))
            return "a rotator begins"
        rotator = self.chance.choice(running)
        rotator.send(signal.SIGKILL)
        self.killed.add(rotator)
        return "a rotator gets SIGKILL"

    # --- the end

    def _settle(self) -> None:
        """Have everything mended and flushed, and compare."""
        self.say("all is mended")
        self.arena.mend()
        for one in self.stopped:
            one.send(signal.SIGCONT)
        self._kill_victim()
        for program in [*self.programs, *self.victims]:
            self.ended[program] = program.end(120)
        for rotator in self.rotators:
            rotator.send(signal.SIGTERM)
            self.ended[rotator] = rotator.end(60)
        self._compare_ends()
        self._compare_accounts()
        expected, stored = self.arena.programs.expected(), self.arena.programs.stored()
        compare(expected, stored)
        self._compare_victims(stored)
        records = len(logged(self.arena.programs.oracle))
        self.say(f"{records} records of {len(self.programs)} programs: every bucket is right")

    def _compare_ends(self) -> None:
        for one, ended in self.ended.items():
            strange = [line for line in ended.err.splitlines() if not is_expected(line)]
            statuses = {-signal.SIGKILL, 0} if one in self.killed else {0}
            if strange or ended.status not in statuses:
                raise Difference(f"one ended with {ended.status}:\n{ended.err}")
        lines = [line for one in self.rotators for line in self.ended[one].out.splitlines()]
        if len(lines) != len(set(lines)):
            raise Difference(f"a bucket was rotated twice: {sorted(lines)}")

    def _compare_accounts(self) -> None:
        for program in self.programs:
            for account in json.loads(self.ended[program].out.splitlines()[-1]):
                if account["counted"] != account["applied"] or any(account["dropped"].values()):
                    raise Difference(f"a program does not account for all it counted: {account}")

    def _compare_victims(self, stored: Buckets) -> None:
        confirmed = sum(
            int((["0", *self.ended[victim].out.split()])[-1]) for victim in self.victims
        )
        for interval in {text for text, _ in stored}:
            there = sum(
                c.get(VICTIMS_EVENT, 0) for (text, _), c in stored.items() if text == interval
            )
            if there < confirmed:
                raise Difference(f"{confirmed} were confirmed to victims; {interval} has {there}")


def is_expected(line: str) -> bool:
    """Whether a program may say so on stderr: warnings of the library's, and what a rotator did."""
    return line.startswith(("ecl_logging: ", "ecl-rotate: ", "rotated "))


def compare(expected: Buckets, stored: Buckets) -> None:
    """Compare every cell; of victims there may be less, since they die with what they have."""
    wrong = []
    for key in sorted({*expected, *stored}):
        wanted, there = expected.get(key, {}), stored.get(key, {})
        for event_id in sorted({*wanted, *there}):
            want, have = wanted.get(event_id, 0), there.get(event_id, 0)
            if have > want or (have < want and event_id != VICTIMS_EVENT):
                wrong.append(f"{key} {event_id}: {have} instead of {want}")
    if wrong:
        raise Difference("\n".join(wrong))


@contextlib.contextmanager
def folder_of_a_round() -> Iterator[Path]:
    """A folder that is left where something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        yield folder
    except BaseException:
        print(f"left in {folder}", flush=True)
        raise
    shutil.rmtree(folder)


def run_round(name: str, number: int, given: argparse.Namespace) -> None:
    print(f"round {number} on {name}, seed {given.seed}", flush=True)
    chance = random.Random(f"{given.seed} {number}")
    with folder_of_a_round() as folder, ARENAS[name](folder, chance) as arena:
        arena.longest = min(1.5, given.seconds / 5)
        arena.loses_replies_only = given.unprotected
        try:
            Round(arena, chance, given.seconds, protected=not given.unprotected).run()
        finally:
            arena.programs.kill_all()


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long in all")
    parser.add_argument("--rounds", type=int, help="so many rounds instead")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each round's faults")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="draws them again")
    parser.add_argument("--first", type=int, default=1, help="number of the first round")
    parser.add_argument("--store", choices=[*ARENAS], action="append", help="these stores only")
    parser.add_argument("--unprotected", action="store_true", help="the control: it has to fail")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    given = parse(arguments)
    names = given.store or [*ARENAS]
    until = time.monotonic() + given.minutes * 60
    last = None if given.rounds is None else given.first + given.rounds
    for number in itertools.count(given.first):
        if number == last or (last is None and time.monotonic() > until):
            break
        try:
            run_round(names[number % len(names)], number, given)
        except (Difference, AssertionError) as difference:
            print(f"{difference}\nround {number} of seed {given.seed} is wrong", flush=True)
            print(f"again: --seed {given.seed} --first {number}", flush=True)
            return 1
    print(f"nothing was wrong, with seed {given.seed}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
