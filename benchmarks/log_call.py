"""The log call: `logger.info(msg, arg, extra={"event": ...})` with each handler in turn."""

from __future__ import annotations

import contextlib
import logging

from benchmarks import peers
from benchmarks.findings import Findings, Table, timings
from benchmarks.measuring import Runs, Task, run_in_turn
from benchmarks.peers import EVENT
from benchmarks.servers import Server
from benchmarks.timing import ALL_WORK, CALL, loop
from ecl_logging.errors import ConfigError
from ecl_logging.handlers import CountingHandler, DedupHandler, MessageHandler

__all__ = ["measure"]

_CALLS = 1000  # in a slice: some milliseconds
_STATEMENT = "logger.info('sold %s', 'an apple', extra={'event': 'sale'})"
_WITH_A_VALUE = "logger.info('sold %s', 'an apple', extra={'event': 'sale', 'seconds': 0.12})"

_NULL = "NullHandler"
_GROUPS = "CountingHandler, groups"
_RULES = "CountingHandler, rules"
_DEFAULT = "CountingHandler()"
_NULL_WITH_A_VALUE = "NullHandler, an extra that is a number"
_NO_MEASURE = "CountingHandler, rules, an extra that is a number"
_MEASURE = "CountingHandler, rules, a measure of it"
_DEDUP = "DedupHandler, a record that repeats"
_MESSAGES = "MessageHandler"
_COUNT_ONLY = "CountingHandler, count_only"
_PROMETHEUS = "prometheus_client labels(...).inc()"

_GROUP_KEYS = {"sales": {"events": [EVENT], "intervals": ["1m", "1h"]}}
_RULE_KEYS = [{"group": "sales", "logger": "shop", "level": "INFO", "event": "{event}"}]
_MEASURING = [{**_RULE_KEYS[0], "measure": {"latency": "seconds"}}]
_OF_A_VALUE = {_NULL_WITH_A_VALUE, _NO_MEASURE, _MEASURE}


def measure(server: Server, *, quick: bool) -> Findings:
    """Measure the call with each handler; the counts of ours go to the server."""
    findings = Findings()
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(peers.receiver())
        handlers = _ours(server) | _count_only(server, findings)
        handlers[_PROMETHEUS] = peers.PrometheusHandler()
        if not quick:
            handlers |= _other_peers(server, port)
        tasks: dict[str, Task] = {}
        for number, (name, handler) in enumerate(handlers.items()):
            stack.callback(handler.close)
            logger = _logger(f"shop.number{number:02}", handler)
            stack.callback(logger.removeHandler, handler)
            statement = _WITH_A_VALUE if name in _OF_A_VALUE else _STATEMENT
            tasks[name] = loop(statement, {"logger": logger}, _CALLS, handler.flush)
        runs = run_in_turn(tasks, rounds=11 if quick else 40, slices=7, least=(CALL,))
    _add_ratios(findings, runs)
    findings.tables.append(_table(runs))
    return findings


def _ours(server: Server) -> dict[str, logging.Handler]:
    return {
        _NULL: logging.NullHandler(),
        _GROUPS: CountingHandler(store=server.url, groups=_GROUP_KEYS),
        _RULES: CountingHandler(store=server.url, groups=_GROUP_KEYS, rules=_RULE_KEYS),
        _DEFAULT: CountingHandler(store=server.url),
        _NULL_WITH_A_VALUE: logging.NullHandler(),
        _NO_MEASURE: CountingHandler(store=server.url, groups=_GROUP_KEYS, rules=_RULE_KEYS),
        _MEASURE: CountingHandler(store=server.url, groups=_GROUP_KEYS, rules=_MEASURING),
        _DEDUP: DedupHandler(store=server.url),
        _MESSAGES: MessageHandler(store=server.url),
    }


def _count_only(server: Server, findings: Findings) -> dict[str, logging.Handler]:
    try:
        handler = CountingHandler(store=server.url, groups=_GROUP_KEYS, count_only=True)
    except ConfigError as error:
        findings.problems["count_only"] = str(error)
        findings.problems["count_only, all work"] = str(error)
        return {}
    return {_COUNT_ONLY: handler}


def _other_peers(server: Server, port: int) -> dict[str, logging.Handler]:
    from logging_prometheus import PrometheusHandler
    from prometheus_client import CollectorRegistry

    return {
        "logs-prometheus": PrometheusHandler(registry=CollectorRegistry()),
        "opentelemetry counter.add": peers.OpenTelemetryHandler(),
        "event_count_logger, local counters": peers.event_count_logger_handler(server),
        "statsd incr": peers.statsd_handler(port),
        "datadog increment": peers.datadog_handler(port),
    }


def _logger(name: str, handler: logging.Handler) -> logging.Logger:
    """Return a logger with this handler only."""
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger


def _add_ratios(findings: Findings, runs: Runs) -> None:
    tasks = {
        "log call, groups": _GROUPS,
        "log call, rules": _RULES,
        "log call, default": _DEFAULT,
        "count_only": _COUNT_ONLY,
    }
    for key, task in tasks.items():
        if task in runs.tasks:
            findings.ratios[key] = runs.ratio(task, _NULL, CALL)
            findings.ratios[f"{key}, all work"] = runs.ratio(task, _NULL, ALL_WORK)
    for key, metric in (("added time", CALL), ("added time, all work", ALL_WORK)):
        findings.ratios[key] = runs.added_ratio(_GROUPS, _PROMETHEUS, _NULL, metric)
    for key, metric in (("measure", CALL), ("measure, all work", ALL_WORK)):
        ratio = runs.added_ratio(_MEASURE, _NO_MEASURE, _NULL_WITH_A_VALUE, metric)
        findings.ratios[key] = ratio
    for key, task in (("dedup", _DEDUP), ("messages", _MESSAGES)):
        findings.ratios[key] = runs.added_ratio(task, _GROUPS, _NULL, CALL)


def _table(runs: Runs) -> Table:
    return timings(
        runs,
        title="The log call",
        base=_NULL,
        metrics=((CALL, "µs"), (ALL_WORK, "µs")),
        note=(
            f"`{_STATEMENT}`, {_CALLS:,} times in one thread, then `flush`. *{CALL}* is the time on"
            f" the clock of the fastest 200 calls, *{ALL_WORK}* the CPU time of the process for"
            " all of them with the flush, in whatever thread it was spent. Ours count in Redis."
        ),
    )
