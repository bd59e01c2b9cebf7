"""Which Kafka is meant: its servers, the group of consumers, and librdkafka's own settings.

Nothing here touches the network. What is in settings, passwords among them, is in no text that
this module makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from ecl_logging.errors import ConfigError

__all__ = ["DEFAULT_GROUP", "KafkaAddress", "address_of", "from_url"]

DEFAULT_GROUP = "ecl-consume"
_FORM = "write such as kafka://host:9092,host2:9092?group=workers"
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:([0-9]{1,5}))?", re.ASCII)
_GROUP = re.compile(r"[!-~]{1,200}", re.ASCII)
_SETTING = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+", re.ASCII)

# What makes that nothing is lost and nothing doubled is not to be chosen.
_OURS = {
    "acks": "all copies confirm what is published",
    "auto.offset.reset": "a new group begins with the oldest event",
    "bootstrap.servers": "the servers are given beside the settings",
    "enable.auto.commit": "what is done is committed, and nothing else",
    "enable.auto.offset.store": "what is done is committed, and nothing else",
    "enable.idempotence": "what is published again must not be doubled",
    "enable.partition.eof": "it has no use here",
    "group.id": "the group is given beside the settings",
    "group.protocol": "members of the classic protocol share a topic",
    "log.queue": "librdkafka's lines go where ours go",
    "message.timeout.ms": "librdkafka must not give up before the program does",
    "request.required.acks": "all copies confirm what is published",
    "transactional.id": "there are no transactions",
}

# librdkafka warns of what a client has no use for.
_OF_PRODUCERS = frozenset(
    {
        *("batch.num.messages", "batch.size", "compression.codec", "compression.level"),
        *("compression.type", "delivery.timeout.ms", "linger.ms", "partitioner"),
        *("queue.buffering.max.kbytes", "queue.buffering.max.messages"),
        *(
            "queue.buffering.max.ms",
            "request.timeout.ms",
            "retries",
            "sticky.partitioning.linger.ms",
        ),
    }
)
_OF_CONSUMERS = frozenset(
    {
        *("allow.auto.create.topics", "check.crcs", "client.rack", "fetch.max.bytes"),
        *("fetch.message.max.bytes", "fetch.min.bytes", "fetch.wait.max.ms"),
        *("fetch.error.backoff.ms", "fetch.queue.backoff.ms"),
        *("group.instance.id", "heartbeat.interval.ms", "isolation.level"),
        *("max.partition.fetch.bytes", "max.poll.interval.ms", "partition.assignment.strategy"),
        *("queued.max.messages.kbytes", "queued.min.messages", "session.timeout.ms"),
    }
)


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where the brokers are, and how to reach them."""

    servers: str
    group: str
    shown: str
    settings: Mapping[str, object] = field(repr=False)

    def settings_of_producers(self) -> dict[str, object]:
        """What was set, but for what only consumers know."""
        return self._without(_OF_CONSUMERS)

    def settings_of_consumers(self) -> dict[str, object]:
        """What was set, but for what only producers know."""
        return self._without(_OF_PRODUCERS)

    def settings_of_admins(self) -> dict[str, object]:
        """What was set of connections."""
        return self._without(_OF_PRODUCERS | _OF_CONSUMERS)

    def _without(self, names: frozenset[str]) -> dict[str, object]:
        return {name: value for name, value in self.settings.items() if name not in names}


def address_of(servers: object, group: object, settings: object) -> KafkaAddress:
    """Check what was given; raise ConfigError."""
    text = ",".join(servers) if isinstance(servers, list | tuple) else servers
    named = [one.strip() for one in text.split(",")] if isinstance(text, str) else [""]
    if not all(_is_server(one) for one in named):
        # Not shown: a password may be in it.
        raise ConfigError("kafka: servers are HOST:PORT with commas between, such as host:9092")
    if not isinstance(group, str) or not _GROUP.fullmatch(group):
        raise ConfigError(f"kafka: group {group!r:.80}: write 1 to 200 characters without blanks")
    checked = _checked(settings)
    together = ",".join(named)
    return KafkaAddress(together, group, f"kafka://{together}?group={group}", checked)


def from_url(url: object) -> tuple[str, str, dict[str, object]]:
    """Return the servers, the group and the settings of a URL; raise ConfigError."""
    if not isinstance(url, str) or not url.startswith("kafka://"):
        raise ConfigError(f"kafka: not a URL of Kafka's; {_FORM}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"kafka://...: not a URL; {_FORM}") from None
    if "@" in parts.netloc:
        raise ConfigError(
            "kafka://...@...: names and passwords go into the settings, as sasl.username and"
            f" sasl.password; {_FORM}"
        )
    if parts.path not in {"", "/"} or parts.fragment:
        raise ConfigError(f"kafka://...: the servers are followed by '?' or by nothing; {_FORM}")
    group, settings = DEFAULT_GROUP, dict[str, object]()
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "group":
            group = value
        elif not _SETTING.fullmatch(name):
            raise ConfigError(
                f"kafka://...: unknown {name!r:.40}; known are group and librdkafka's settings,"
                " such as security.protocol"
            )
        elif name in settings:
            raise ConfigError(f"kafka://...: {name} is there twice; write it once")
        else:
            settings[name] = value
    return parts.netloc, group, settings


def _is_server(text: str) -> bool:
    match = _SERVER.fullmatch(text)
    return match is not None and (match[3] is None or 1 <= int(match[3]) <= 65535)


def _checked(settings: object) -> dict[str, object]:
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise ConfigError("kafka: settings are a mapping, such as {security.protocol: SSL}")
    for name, value in settings.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_.]{1,80}", name, re.ASCII):
            raise ConfigError(f"kafka: {name!r:.40} is no setting of librdkafka's")
        if name in _OURS:
            raise ConfigError(f"kafka: {name} cannot be set: {_OURS[name]}")
        if not isinstance(value, str | int | float) and not callable(value):
            raise ConfigError(f"kafka: {name} is a text, a number, true or false")
    return dict(settings)
