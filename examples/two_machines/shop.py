"""The program of one machine: sells. Prints how often, for whoever wants to compare."""

import json
import logging.config
import random
import time
from collections import Counter
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
log = logging.getLogger("shop")

happened: Counter[str] = Counter()
for number in range(2000):
    outcome = random.choice(["sold", "sold", "sold", "refused"])
    log.info("order %d: %s", number, outcome, extra={"event": outcome})
    happened[outcome] += 1
    time.sleep(0.001)

print(json.dumps(happened))
