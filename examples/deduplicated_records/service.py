"""A service whose database goes away: first it works, then everything fails, thousands of times.

Prints what it has logged of each kind, for whoever compares.
"""

import json
import logging.config
import os
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
web = logging.getLogger("shop.web")
orders = logging.getLogger("shop.orders")

WORKED, FAILED = 500, 3000

logged: Counter[str] = Counter()


class Order:
    """Something that JSON cannot hold, so that it is kept as its text."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __str__(self) -> str:
        return f"order {self.number}"


def store(order: Order) -> None:
    """Fail, as everything does while the database is away."""
    raise ConnectionRefusedError(111, "Connection refused")


web.info("process %d is ready", os.getpid())
logged["process %d is ready"] += 1
for number in range(WORKED):
    orders.info("stored %s", Order(number), extra={"order": number, "user": "ann"})
    logged["stored %s"] += 1
for number in range(FAILED):
    order = Order(number)
    try:
        store(order)
    except OSError:
        orders.exception("cannot store %s", order, extra={"order": number, "user": "ann"})
        logged["cannot store %s"] += 1
    if number % 3 == 0:
        web.warning("POST /orders answered %d", 503)
        logged["POST /orders answered %d"] += 1

print(json.dumps(logged))
