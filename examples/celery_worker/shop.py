"""A Celery app whose worker counts, in all of its processes.

celery --app shop worker
"""

import logging.config
import os
from pathlib import Path

import yaml
from celery import Celery, signals

FOLDER = Path(os.environ.get("SHOP_FOLDER", "queue"))  # in place of a server

log = logging.getLogger("shop")

app = Celery("shop", broker="filesystem://localhost", backend=f"file://{FOLDER.resolve()}/results")
app.conf.broker_transport_options = {
    "data_folder_in": str(FOLDER / "messages"),
    "data_folder_out": str(FOLDER / "messages"),
    "control_folder": str(FOLDER / "control"),
    "polling_interval": 0.02,
}


@signals.setup_logging.connect
def configure_logging(**_: object) -> None:
    """Configure logging in place of Celery, which would take the handlers off the root logger."""
    logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))


@signals.worker_process_shutdown.connect
def send_what_is_pending(**_: object) -> None:
    """Flush in a process of the pool: it ends without any of Python's exit hooks."""
    for handler in logging.getLogger().handlers:
        handler.flush()


@app.task
def pack(number: int) -> str:
    """Pack an order, or not; return what was logged."""
    event = "missing" if number % 10 == 0 else "packed"
    log.info("order %d: %s", number, event, extra={"event": event})
    return event
