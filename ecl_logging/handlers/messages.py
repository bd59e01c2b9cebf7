"""MessageHandler: keeps the most recent and the most common messages at hand."""

from __future__ import annotations

from ecl_logging.handlers.keeping import KeepingHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecl_logging.records import MessageLog

__all__ = ["MessageHandler"]


class MessageHandler(KeepingHandler):
    """Keeps recent and common messages of each logger and severity, for `ecl-tail` and `ecl-top`.

    A message belongs to the hour of its record's own time. The call that logs neither waits for a
    store or a lock nor raises; a thread sends the messages later. Builds without touching network
    or disk. Raises ConfigError with every problem of its arguments, and writes it to stderr, too.
    """

    log: MessageLog

    def __init__(  # noqa: PLR0913 - one argument for each thing that YAML can say
        self,
        log: MessageLog | None = None,
        *,
        config: object = None,
        store: object = None,
        level: int | str = 0,
        recent: int = 100,
        common: bool = True,
        max_messages: int = 10_000,
        fingerprint: object = "template",
        sync_interval: float | None = 1.0,
        redis: Mapping[str, object] | None = None,
        **unknown: object,
    ) -> None:
        """Build a handler.

        `log`: a MessageLog to keep messages in, instead of all that follows but `level`. `config`:
        the section of a configuration file, or such a file's path, for its store; `store` and
        `redis` go before it. All others are the arguments of `MessageLog`.
        """
        from ecl_logging.records import MessageLog

        self._open(
            log,
            MessageLog,
            config=config,
            store=store,
            redis=redis,
            level=level,
            unknown=unknown,
            options={
                "recent": (recent, 100),
                "common": (common, True),
                "max_messages": (max_messages, 10_000),
                "fingerprint": (fingerprint, "template"),
                "sync_interval": (sync_interval, 1.0),
            },
        )
