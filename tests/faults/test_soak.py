"""The soak finds nothing in one short round on each store, and something where there is something."""

from __future__ import annotations

import pytest

from tests.faults.programs import Ended, Programs

pytestmark = pytest.mark.once


def soak(programs: Programs, chance_seed: int, store: str, *options: str) -> Ended:
    """Run one round; what it leaves is in the test's folder."""
    started = programs.start_command(
        *("-m", "tests.faults.soak", "--rounds", "1", "--seconds", "3"),
        *("--seed", str(chance_seed), "--store", store, *options),
        TMPDIR=str(programs.folder),
    )
    return started.end(150)


@pytest.mark.fault("F4")
@pytest.mark.parametrize("store", ["redis", "sqlite"])
def test_one_round_of_the_soak_finds_every_bucket_right(programs, chance, store: str) -> None:
    seed = chance.randrange(2**32)
    ended = soak(programs, seed, store)

    assert (ended.status, ended.err) == (0, ""), ended.out
    assert f"round 1 on {store}, seed {seed}" in ended.out
    assert "a victim begins" in ended.out
    assert "every bucket is right" in ended.out
    assert ended.out.endswith(f"nothing was wrong, with seed {seed}\n")
    assert not list(programs.folder.glob("soak-*"))


@pytest.mark.fault("F4", control=True)
def test_the_soak_stops_at_what_is_counted_twice_and_tells_its_seed(programs, chance) -> None:
    seed = chance.randrange(2**32)
    ended = soak(programs, seed, "redis", "--unprotected")

    assert ended.status == 1, ended.out
    assert " instead of " in ended.out
    assert ended.out.endswith(f"again: --seed {seed} --first 1\n")
    assert len(list(programs.folder.glob("soak-*"))) == 1
