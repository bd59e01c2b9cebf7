"""What tests of queues on Redis have in common: the keys, who publishes, and who is handed what."""

from __future__ import annotations

from ecl_logging.stores.queueing import AT_ONCE, EventBatch, Published

STREAM, DEAD = "@queue:orders", "@queue:orders:dead"
CLAIMED, PAUSED = "@queue:orders:claimed", "@queue:orders:paused"
KEYS = {
    "@queue:@state": "hash",
    "@queue:@topics": "set",
    "@queue:@sources": "hash",
    STREAM: "stream",
    CLAIMED: "zset",
    PAUSED: "zset",
    "@queue:orders:claims": "hash",
    DEAD: "stream",
}


class Publisher:
    """A program that publishes to one topic."""

    def __init__(self, events, source="a" * 32):
        self.events, self.source, self.number = events, source, 0

    def batch(self, *bodies, topic="orders", **more):
        published = tuple(Published(f"LG{body}", "shop", body) for body in bodies)
        total = 100 * self.number + len(bodies)
        return EventBatch(self.source, self.number + 1, total, topic, published, **more)

    def put(self, *bodies, **more):
        receipt = self.events.put(self.batch(*bodies, **more))
        assert receipt.status == "applied"
        self.number += 1
        return receipt


def claim(events, limit=AT_ONCE, seconds=60.0):
    return events.claim("orders", limit, seconds=seconds)


def told(messages):
    return [(message.body.decode(), message.deliveries) for message in messages]


def in_all_keys(events, program):
    """Have something in each key; return what somebody has in hand."""
    program.put("1", "2", "3", "4")
    one, two, three = claim(events, 3)
    events.put_back("orders", [one], pause=60, counted=False)
    events.bury("orders", [two], "bad")
    return three
