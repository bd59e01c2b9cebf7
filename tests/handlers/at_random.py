"""Trying properties on programs and records that Hypothesis draws."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st

from tests.handlers.trees import attempt


def at_random(chance: random.Random, examples: int, **options: Any) -> Callable[..., Any]:
    """Have a property tried on so many examples, others for each seed of the run."""
    trying = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    drawn = seed(chance.getrandbits(32))
    return lambda holds: drawn(trying(holds))


def mostly_long(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of up to thirty; left to itself, Hypothesis draws short ones, of which little comes."""
    sizes = st.sampled_from([0, 10, 20, 20])
    return sizes.flatmap(lambda size: st.lists(items, min_size=size, max_size=30))


class Noticed(BaseException):
    """The first failure that there was: it ends the trying, where Hypothesis would go on."""


def told_of(check: Callable[..., object]) -> Callable[..., None]:
    """Have the check raise Noticed where it fails."""

    def checked(*arguments: Any) -> None:
        problem = attempt(lambda: check(*arguments))
        if problem is not None:
            raise Noticed(problem)

    return checked
