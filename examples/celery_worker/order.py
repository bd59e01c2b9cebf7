"""Sends tasks, and counts as well. Prints what was logged here and in the worker."""

import json
import logging
from collections import Counter

from shop import configure_logging, pack

configure_logging()
log = logging.getLogger("order")

ORDERS = 200
packing = []
for number in range(ORDERS):
    packing.append(pack.delay(number))
    log.info("order %d", number, extra={"event": "ordered"})

logged = Counter(task.get(timeout=60, interval=0.02) for task in packing)
print(json.dumps(logged + Counter(ordered=ORDERS)))
