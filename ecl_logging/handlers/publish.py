"""PublishHandler: log records as events, into a queue for other programs."""

from __future__ import annotations

from ecl_logging.handlers.keeping import KeepingHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ecl_logging.events import Publisher

__all__ = ["PublishHandler"]

_MAX_WAITING = 1_000_000  # as in stores/queueing.py, which is not loaded for it


class PublishHandler(KeepingHandler):
    """Publishes what is logged to one topic of a queue, from which `ecl-consume` has it handled.

    An event goes out unchanged; any other record as a `log` payload, as `SchemaFormatter` makes it.
    The call that logs neither waits for a queue nor raises; a thread sends the events later, in
    batches that the queues of our own take in once each. Builds without touching network or disk.
    Raises ConfigError with every problem of its arguments, and writes it to stderr as well.
    """

    log: Publisher

    def __init__(  # noqa: PLR0913 - one argument for each thing that YAML can say
        self,
        log: Publisher | None = None,
        *,
        queue: object = None,
        topic: str = "events",
        config: object = None,
        level: int | str = 0,
        events_only: bool = False,
        max_waiting: int = _MAX_WAITING,
        sync_interval: float | None = 1.0,
        **unknown: object,
    ) -> None:
        """Build a handler.

        `log`: a Publisher to publish with, instead of all that follows but `level`.
        `queue`: a URL, `sqs://REGION`, `kafka://HOST:PORT` or that of a store;
        without it, the store of `config` (the section of a configuration file, or such a file's
        path), as everywhere. All others are the arguments of `Publisher`.
        """
        from ecl_logging.record_counter import refused_aloud

        with refused_aloud():  # a package may be missing
            from ecl_logging.events import Publisher

        self._open_at(
            log,
            Publisher,
            {"config": config, "queue": queue},
            lambda: _queue(config, queue),
            level=level,
            unknown=unknown,
            options={
                "topic": (topic, "events"),
                "events_only": (events_only, False),
                "max_waiting": (max_waiting, _MAX_WAITING),
                "sync_interval": (sync_interval, 1.0),
            },
        )


def _queue(config: object, queue: object) -> object:
    """Return the queue that these name."""
    from ecl_logging.config import config_from
    from ecl_logging.events.queues import open_queue
    from ecl_logging.problems import checked_together

    section, _ = checked_together(lambda: config_from(config), lambda: open_queue(queue))
    return open_queue(queue, configured=section.store, prefix=section.prefix)
