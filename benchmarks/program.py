"""A whole program that logs: `python -m benchmarks.program KIND RECORDS THREADS PORT URL`.

It waits for a line on its standard input, logs so many records from so many threads, sends
what is gathered, and prints what that took as JSON. Kinds are those of `KINDS`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.servers import Server

__all__ = ["KINDS", "Logged", "log_from_threads"]

_GROUPS = {"sales": {"events": ["sale"], "intervals": ["1m", "1h"]}}


def _counting(url: str, _port: int) -> logging.Handler:
    from ecl_logging.handlers import CountingHandler

    return CountingHandler(store=url, groups=_GROUPS)


def _event_count_logger(url: str, _port: int) -> logging.Handler:
    from benchmarks.peers import event_count_logger_handler

    return event_count_logger_handler(Server(urlsplit(url).port or 0))


def _prometheus(_url: str, _port: int) -> logging.Handler:
    from benchmarks.peers import PrometheusHandler

    return PrometheusHandler()


def _statsd(_url: str, port: int) -> logging.Handler:
    from benchmarks.peers import statsd_handler

    return statsd_handler(port)


Maker = Callable[[str, int], logging.Handler]
KINDS: dict[str, Maker] = {
    "NullHandler": lambda _url, _port: logging.NullHandler(),
    "CountingHandler": _counting,
    "event_count_logger, local counters": _event_count_logger,
    "prometheus_client labels(...).inc(), each process for itself": _prometheus,
    "statsd incr": _statsd,
}

Logged = dict[str, float]


def log_from_threads(handler: logging.Handler, records: int, threads: int) -> Logged:
    """Log so many records from so many threads, then flush; return when and how long."""
    logger = logging.getLogger("shop.program")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for before in logger.handlers[:]:
        logger.removeHandler(before)
    logger.addHandler(handler)
    share = records // threads

    def work() -> None:
        for _ in range(share):
            logger.info("sold %s", "an apple", extra={"event": "sale"})

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began, busy = time.monotonic(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    handler.flush()
    return {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - busy}


def main(kind: str, records: str, threads: str, port: str, url: str) -> None:
    """Log when told so, and print what that took."""
    handler = KINDS[kind](url, int(port))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(log_from_threads(handler, int(records), int(threads))), flush=True)
    handler.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
