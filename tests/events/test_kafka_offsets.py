"""What is committed of a partition, and what the next consumer makes of it."""

from __future__ import annotations

import random

import pytest

from ecl_logging.events.queues.kafka_offsets import METADATA_BYTES, Entry, Partition, open_in


def partition_with(*offsets: int, committed: int = -1001, metadata: str = "") -> Partition:
    partition = Partition(0)
    for offset in offsets:
        partition.add(offset, None, b"body")
    partition.read(committed, metadata)
    return partition


def hand_out(partition: Partition, *offsets: int) -> None:
    for offset in offsets:
        partition.open[offset].deliveries += 1


def finish(partition: Partition, *offsets: int) -> None:
    for offset in offsets:
        partition.finish(partition.open[offset])


def taken_over(partition: Partition, *offsets: int, limit: int = METADATA_BYTES) -> Partition:
    """The partition at its next consumer, which gets these offsets."""
    position = partition.position(limit)
    assert position is not None
    came = [offset for offset in offsets if offset >= position[0]]
    return partition_with(*came, committed=position[0], metadata=position[1])


def deliveries(partition: Partition) -> dict[int, int]:
    return {offset: entry.deliveries for offset, entry in partition.open.items()}


def test_the_offset_is_that_of_the_first_message_that_is_not_done():
    partition = partition_with(5, 6, 7)
    finish(partition, 5, 7)

    assert partition.position() == (6, '{"n":2,"u":[[0,1,0]]}')


def test_nothing_is_committed_before_the_first_message():
    assert partition_with().position() is None


def test_nothing_is_committed_while_it_is_not_known_what_was():
    partition = Partition(0)
    partition.add(5, None, b"")

    assert partition.position() is None


def test_what_is_done_beyond_the_first_that_is_not_stays_done():
    partition = partition_with(*range(10))
    hand_out(partition, *range(8))
    finish(partition, 1, 2, 5)

    assert deliveries(taken_over(partition, *range(12))) == {
        **dict.fromkeys((0, 3, 4, 6, 7), 1),
        **dict.fromkeys((8, 9, 10, 11), 0),
    }


def test_offsets_that_a_topic_leaves_out_are_no_messages():
    partition = partition_with(3, 7, 20)
    hand_out(partition, 3, 20)
    finish(partition, 7)

    assert deliveries(taken_over(partition, 3, 7, 20, 21)) == {3: 1, 20: 1, 21: 0}


def test_what_has_not_come_again_yet_keeps_what_is_known_of_it():
    partition = partition_with(*range(6))
    hand_out(partition, *range(6))
    finish(partition, 0, 4)
    second = taken_over(partition, 1, 2)
    finish(second, 1, 2)

    assert deliveries(taken_over(second, *range(8))) == {3: 1, 5: 1, 6: 0, 7: 0}


def test_a_message_that_was_in_hand_is_suspected_by_the_next_consumer():
    partition = partition_with(0, 1)
    hand_out(partition, 0)

    after = taken_over(partition, 0, 1)

    assert [entry.is_suspect for entry in after.open.values()] == [True, False]


def test_messages_that_came_before_what_was_committed_is_known_are_compared_then():
    partition = partition_with(4, 5, 6, committed=4, metadata='{"n":3,"u":[[1,1,2]]}')

    assert deliveries(partition) == {5: 2}


def test_a_topic_that_was_made_anew_has_nothing_done():
    partition = partition_with(0, 1, committed=40, metadata='{"n":3,"u":[[1,1,2]]}')

    assert deliveries(partition) == {0: 0, 1: 0}


def test_a_message_comes_once():
    partition = partition_with(0, 1)

    assert partition.add(1, None, b"again") is None


def test_a_partition_knows_how_much_is_open():
    partition = partition_with(0, 1, 2)
    finish(partition, 1)

    assert partition.size == 2 * len(b"body")


@pytest.mark.parametrize(
    "metadata",
    [
        "by somebody else",
        "[1]",
        "7",
        '{"n":"x"}',
        '{"n":3,"u":[[0,9,1]]}',
        '{"n":3,"u":[[-1,1,1]]}',
        '{"n":9,"u":[[3,1,1],[0,1,1]]}',
        '{"n":3,"u":5}',
        '{"n":1e999}',
        '{"n":4000000000000,"u":[[0,4000000000000,1]]}',
        "[" * 4000,
    ],
)
def test_metadata_of_others_says_nothing(metadata):
    assert open_in(7, metadata) == ({}, 7)


@pytest.mark.parametrize("limit", [0, 20, 40, 200, 1000, METADATA_BYTES])
def test_metadata_that_is_too_long_says_less_and_nothing_wrong(limit):
    chance = random.Random(limit)
    partition = partition_with(*range(1000))
    hand_out(partition, *chance.sample(range(1000), 500))
    finish(partition, *chance.sample(range(1, 1000), 300))
    position = partition.position(limit)
    assert position is not None

    after = taken_over(partition, *range(1000), limit=limit)

    assert len(position[1]) <= limit
    assert set(partition.open) <= set(after.open), "nothing that is open is done"
    known = {offset: n for offset, n in deliveries(after).items() if n}
    assert known.items() <= deliveries(partition).items()
    assert limit < 1000 or len(known) > limit / 40


def test_an_entry_is_open_until_it_is_done_or_the_partition_gone():
    partition = partition_with(0, 1)
    first, second = partition.open.values()
    partition.finish(first)

    assert not first.is_open()
    assert second.is_open()
    assert not Entry(partition, 1, None, b"").is_open()
    partition.is_gone = True
    assert not second.is_open()
