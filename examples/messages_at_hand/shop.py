"""A program with several loggers, of which some say much.

Prints what it has logged, for whoever compares: how often each message of each logger, and the
newest of each.
"""

import json
import logging.config
from collections import Counter, defaultdict, deque
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
RECENT = 50  # as in logging.yaml

said: Counter[str] = Counter()
newest: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=RECENT))


def say(name: str, level: str, message: str, *args: object) -> None:
    """Log, and note what was logged."""
    logging.getLogger(name).log(getattr(logging, level.upper()), message, *args)
    said[f"{name} {level} {message}"] += 1
    newest[f"{name} {level}"].append(message % args)


for number in range(1200):
    page = ["GET /", "GET /cart", "POST /orders"][number % 3]
    say("shop.web", "info", page + " answered in %d ms", number % 50)
    if number % 4 == 0:
        say("shop.db", "warning", "slow query: %s took %d ms", "SELECT * FROM orders", 300 + number)
    if number % 25 == 0:
        say("shop.jobs", "error", "mail for order %d not sent", number)
    if number % 400 == 0:
        say("shop.jobs", "critical", "the queue of mails is full")

print(json.dumps([said, {speaker: list(lines) for speaker, lines in newest.items()}]))
