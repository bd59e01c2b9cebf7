"""What is on a Redis server, and who may do what there, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator

import redis

# Without these nobody gets as far as a script.
_NEEDED_BY_ALL = {"+evalsha", "+eval", "+hello", "+auth", "+select", "+ping"}


def everything(client: redis.Redis) -> dict[str, object]:
    """All that the server has, by its keys."""
    reads = {
        "hash": client.hgetall,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "string": client.get,
        "stream": lambda key: (client.xrange(key), _handed_out(client, key)),
    }
    return {key: reads[client.type(key)](key) for key in client.scan_iter()}


def _handed_out(client: redis.Redis, key: str) -> list[tuple[str, list[tuple[str, int]]]]:
    """Of each group of consumers the last ID, and what is not acknowledged, with how often it came."""
    return [
        (
            group["last-delivered-id"],
            [
                (one["message_id"], one["times_delivered"])
                for one in client.xpending_range(key, group["name"], "-", "+", 1000)
            ],
        )
        for group in client.xinfo_groups(key)
    ]


def contents(client: redis.Redis) -> dict[str, object]:
    """All that counts: a source of which nothing was taken in does not."""
    found = everything(client)
    for key in ("@records:sources", "recent:@sources", "@queue:@sources"):
        known = {k: v for k, v in client.hgetall(key).items() if not v.startswith("0 ")}
        found[key] = known
    return found


def without_each(rights: str) -> Iterator[tuple[str, str]]:
    """Each right that scripts need, and the others."""
    all_rights = rights.split()
    for right in all_rights:
        if right not in _NEEDED_BY_ALL:
            yield right, " ".join(other for other in all_rights if other != right)
