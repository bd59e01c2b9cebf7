"""A program that logs with structlog alone, as JSON.

Its last line says what it has logged, for whoever compares.
"""

import json
from collections import Counter

import structlog

from ecl_logging.processors import CountingProcessor

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        CountingProcessor(config="ecl.yaml"),  # before the renderer
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ],
)
log = structlog.get_logger()

happened: Counter[str] = Counter()
for number in range(300):
    with structlog.contextvars.bound_contextvars(order=number):
        if number % 10 == 0:
            log.warning("refused", card="expired")
            happened.update(["refused", "WARNING"])
        elif number % 99 == 1:
            log.info("took 5 minutes to find the apples")  # a sentence
            happened.update(["slow", "INFO"])
        else:
            log.info("paid", amount=12)
            happened.update(["paid", "INFO"])

print(json.dumps(happened))
