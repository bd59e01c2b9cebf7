"""Commits, each waited for within bounds.

librdkafka's own waiting commit has no bound: it waits for as long as the group does for what only
`poll` sets going. So commits are sent, and told of by a callback in `poll`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecl_logging.events.queues.kafka_clients import KafkaError, TopicPartition
from ecl_logging.events.queues.kafka_offsets import Partition

__all__ = ["Commit", "Commits"]


class Commit:
    """Positions of some partitions, on their way."""

    def __init__(self, partitions: Sequence[Partition], positions: Sequence[Any]) -> None:
        self.partitions, self.positions = partitions, positions
        self.key = _key(positions)
        self.is_answered = False
        self.error: KafkaError | None = None

    def answer(self, error: KafkaError | None) -> None:
        """It is known what became of it; what failed is to be committed again."""
        self.is_answered, self.error = True, error
        if error is not None:
            for partition in self.partitions:
                partition.is_dirty = True


class Commits:
    """Those of one consumer that have no answer yet. One thread at a time."""

    def __init__(self) -> None:
        self._under_way: list[Commit] = []

    def of(self, topic: str, dirty: Sequence[Partition], limit: int) -> Commit | None:
        """Return a commit of what has changed; None where nothing can be committed."""
        partitions, positions = [], []
        for partition in dirty:
            position = partition.position(limit)
            if position is not None:
                offset, metadata = position
                partitions.append(partition)
                positions.append(TopicPartition(topic, partition.number, offset, metadata=metadata))
        return Commit(partitions, positions) if partitions else None

    def sent(self, commit: Commit) -> None:
        """It is under way: what changes from now on is not in it."""
        self._under_way.append(commit)
        for partition in commit.partitions:
            partition.is_dirty = False

    def given_up(self, commit: Commit, error: KafkaError) -> None:
        """It is not waited for any more."""
        if commit in self._under_way:
            self._under_way.remove(commit)
        commit.answer(error)

    def answered(self, error: KafkaError | None, positions: Sequence[Any]) -> None:
        """One was answered. Which one it is, its positions say."""
        errors = [error, *(position.error for position in positions)]
        first = next((one for one in errors if one is not None), None)
        key = _key(positions)
        for commit in self._under_way:
            if commit.key == key or (error is not None and not positions):
                self._under_way.remove(commit)
                commit.answer(first)
                return


def _key(positions: Sequence[Any]) -> frozenset[tuple[int, int]]:
    return frozenset((position.partition, position.offset) for position in positions)
