"""A program that logs what it does, and how long that took. Prints what it has logged."""

import json
import logging.config
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
web = logging.getLogger("shop.web")
till = logging.getLogger("shop.till")

logged: Counter[str] = Counter()
for number in range(500):
    answer = "error" if number % 50 == 0 else "not_found" if number % 10 == 1 else "ok"
    seconds = 0.010 + number % 100 / 1000
    web.info("answered %d", number, extra={"event": answer, "seconds": seconds})
    logged.update([answer, "latency"])
    if number % 5 == 0:
        paid = "refused" if number % 25 == 0 else "paid"
        till.info("order %d", number, extra={"event": paid})
        logged.update([paid])

print(json.dumps(logged))
