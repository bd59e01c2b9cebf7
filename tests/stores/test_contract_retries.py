"""The contract, last part: whatever is lost, repeated or left out, each batch counts once."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecl_logging.stores.protocols import Definition
from tests.stores.programs import BOTH, Program, cells

COUNTS = st.dictionaries(st.sampled_from(["req1", "req2", "x"]), st.integers(1, 9), min_size=1)
STEPS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["sent", "reply lost", "sent twice", "old one again", "left out"]),
        COUNTS,
    ),
    max_size=15,
)

_names = (f"group{n}" for n in itertools.count())


class RetryingProgram(Program):
    """Sends a batch whose reply was lost again, before anything else."""

    unconfirmed = None
    confirmed = None

    def step(self, what: str, counts: dict[str, int], expected: Counter[str]) -> None:
        """Take one step; add to `expected` what is to be found in the store."""
        if self.unconfirmed is not None:
            assert self.store.apply(self.unconfirmed).status == "duplicate"
            self._confirm(self.unconfirmed)
        batch = self.batch(counts, number=self.number + 2 if what == "left out" else None)
        if what == "old one again":
            batch = self.confirmed or batch
        reply = self.store.apply(batch)
        if what == "left out":
            assert (reply.status, reply.number, reply.total) == ("gap", self.number, self.total)
            return
        if batch is self.confirmed:
            assert (reply.status, reply.total) == ("duplicate", self.total)
            return
        assert reply.status == "applied"
        expected.update(counts)
        if what == "reply lost":
            self.unconfirmed = batch
            return
        self._confirm(batch)
        if what == "sent twice":
            assert self.store.apply(batch).status == "duplicate"

    def _confirm(self, batch) -> None:
        self.number, self.total = batch.number, batch.total
        self.unconfirmed, self.confirmed = None, batch


@pytest.mark.fault("A1", "A2", "A5")
@settings(
    deadline=None,
    max_examples=25,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a group
)
@given(steps=STEPS)
def test_every_batch_counts_once_whatever_happens_to_requests_and_replies(store, steps):
    group = next(_names)
    store.define(Definition(group, BOTH))
    programs = {source: RetryingProgram(store, source, group) for source in "abc"}
    expected: Counter[str] = Counter()

    for source, what, counts in steps:
        programs[source].step(what, counts, expected)

    for interval in BOTH:
        assert cells(store, interval, group=group) == expected
    assert sum(source.total for source in store.sources(group)) == expected.total()
