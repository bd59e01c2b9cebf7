"""A Flask shop that logs as any program does.

gunicorn --config gunicorn.conf.py app:app
"""

import logging.config
import threading
from collections.abc import Iterator

from flask import Flask

# Before the app is made, as Flask advises. With preload_app this happens once, before the fork.
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "ecl": {
            "groups": {
                "orders": {"events": ["sold", "sold out"], "intervals": ["1m", "1h"]},
                "life": {"events": ["loaded", "warm"], "intervals": ["1m", "1h"]},
            },
            "rules": [
                {"group": "orders", "logger": "shop"},
                {"group": "life", "logger": "app"},
            ],
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "level": "ERROR"},
            "counts": {"class": "ecl_logging.handlers.CountingHandler", "config": "cfg://ecl"},
        },
        "root": {"level": "INFO", "handlers": ["console", "counts"]},
    }
)
log = logging.getLogger("shop")

app = Flask(__name__)
is_warm = threading.Event()
app.logger.info("loaded", extra={"event": "loaded"})  # in gunicorn's master, and not again


@app.get("/buy/<fruit>")
def buy(fruit: str) -> str:
    """Sell, or not. Answer with what was logged, a line for each record."""
    event = "sold out" if fruit == "durian" else "sold"
    log.info("%s: %s", fruit, event, extra={"event": event})
    return "\n".join([event, *first_of_this_process()])


def first_of_this_process() -> Iterator[str]:
    """Log once in each worker process."""
    if not is_warm.is_set():
        is_warm.set()
        app.logger.info("warm", extra={"event": "warm"})
        yield "warm"
