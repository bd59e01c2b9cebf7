"""The program of the other machine: packs, and sells over the counter."""

import json
import logging.config
import time
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
log = logging.getLogger("depot")

happened: Counter[str] = Counter()
for number in range(1500):
    event = "sold" if number % 10 == 0 else "packed"
    log.info("parcel %d", number, extra={"event": event})
    happened[event] += 1
    time.sleep(0.001)

print(json.dumps(happened))
