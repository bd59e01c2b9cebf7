"""DedupHandler: keeps log records, each kind once a second with its repeats."""

from __future__ import annotations

from ecl_logging.handlers.keeping import KeepingHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from ecl_logging.records import RecordLog

__all__ = ["DedupHandler"]


class DedupHandler(KeepingHandler):
    """Keeps log records in a queue that all processes share, a repeat as one small addition.

    A record that repeats within one second is kept once, with the number of repeats; `ecl-gather`
    moves them to where they are to stay. The call that logs neither waits for a store or a lock
    nor raises; a thread sends the records later. Builds without touching network or disk. Raises
    ConfigError with every problem of its arguments, and writes it to stderr as well.
    """

    log: RecordLog

    def __init__(  # noqa: PLR0913 - one argument for each thing that YAML can say
        self,
        log: RecordLog | None = None,
        *,
        config: object = None,
        store: object = None,
        level: int | str = 0,
        fingerprint: object = "template",
        attributes: Collection[str] | None = None,
        max_kinds: int = 100_000,
        max_bytes: int = 256 * 2**20,
        sync_interval: float | None = 1.0,
        redis: Mapping[str, object] | None = None,
        **unknown: object,
    ) -> None:
        """Build a handler.

        `log`: a RecordLog to keep records in, instead of all that follows but `level`. `config`:
        the section of a configuration file, or such a file's path, for its store; `store` and
        `redis` go before it. All others are the arguments of `RecordLog`.
        """
        from ecl_logging.records import RecordLog

        self._open(
            log,
            RecordLog,
            config=config,
            store=store,
            redis=redis,
            level=level,
            unknown=unknown,
            options={
                "fingerprint": (fingerprint, "template"),
                "attributes": (attributes, None),
                "max_kinds": (max_kinds, 100_000),
                "max_bytes": (max_bytes, 256 * 2**20),
                "sync_interval": (sync_interval, 1.0),
            },
        )

    def _fast_path(
        self, filters: list[Any], carefully: Callable[[logging.LogRecord], bool]
    ) -> Callable[[logging.LogRecord], bool]:
        return self.log.handle_repeats(filters, carefully)
