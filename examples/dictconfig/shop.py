"""A program that logs as any other does. Prints what it has logged, for whoever compares."""

import json
import logging.config
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
till = logging.getLogger("shop.till")
door = logging.getLogger("shop.door")

happened: Counter[str] = Counter()
for number in range(400):
    if number % 10 == 0:
        till.warning("card %d refused", number, extra={"event": "refused"})
        happened.update(["refused", "shop.till"])
    elif number % 25 == 1:
        till.info("refund for order %d", number)
        happened.update(["refunded"])
    else:
        till.info("order %d", number, extra={"event": "paid"})
        happened.update(["paid"])
    if number % 100 == 0:
        door.warning("the door is open")
        happened.update(["shop.door"])
    door.debug("nobody there")  # below root's level: neither shown nor counted

print(json.dumps(happened))
