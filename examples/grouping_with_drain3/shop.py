"""A program that builds its messages before it logs them, with words in them that vary.

Prints what it has logged of each kind, and what a BurstFilter has let through and told of it.
"""

import json
import logging
import random
import threading
from collections import Counter

from ecl_logging.filters import BurstFilter

FRUIT = ["apples", "pears", "quinces", "plums", "figs", "medlars"]
PEOPLE = ["Mia", "Ben", "Ada", "Leo", "Zoe", "Jan", "Eva", "Tom"]
LIMIT = 20

shown: Counter[str] = Counter()
lines: Counter[str] = Counter()


class Shown(logging.Handler):
    """Stands for a console or a file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note what a reader of the log would learn: this line, or what a report stands for."""
        burst = getattr(record, "ecl_burst", {"count": 1})
        words = record.getMessage().rpartition("Z: ")[2]
        kind = "sold" if words.startswith("sold") else words.split()[0]
        shown[kind] += burst["count"]
        lines[kind] += 1


console = Shown()
console.addFilter(BurstFilter(limit=LIMIT, interval="1d", fingerprint="mined:template"))
logging.basicConfig(level=logging.INFO, handlers=[console])
log = logging.getLogger("shop")
happened: Counter[str] = Counter()


def sell(seed: int) -> None:
    """Log in a thread of its own; the miner is shared."""
    chance = random.Random(seed)
    for _ in range(300):
        fruit, who = chance.choice(FRUIT), chance.choice(PEOPLE)
        log.info(f"sold {chance.randint(1, 9)} kg of {fruit} to {who} in the shop")
        if chance.random() < 0.3:
            log.warning(f"nothing left of all the {fruit} that {who} wanted to have")


threads = [threading.Thread(target=sell, args=(seed,)) for seed in range(4)]
for thread in threads:
    thread.start()
for seed in range(4):
    chance = random.Random(seed)
    for _ in range(300):
        chance.choice(FRUIT), chance.choice(PEOPLE), chance.randint(1, 9)
        happened["sold"] += 1
        happened["nothing"] += chance.random() < 0.3
for thread in threads:
    thread.join()
console.filters.clear()  # whoever takes a filter off has it told; so does the end of the process
while sum(shown.values()) < sum(happened.values()):
    threading.Event().wait(0.1)
if sum(lines.values()) > 10 * LIMIT:
    raise SystemExit(f"kinds were not found: {lines}")
print(json.dumps([happened, shown]))
