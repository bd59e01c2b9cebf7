"""A program that logs with structlog through `logging`, and uses a library that knows only that.

Prints what it has logged, for whoever compares.
"""

import json
import logging
import logging.config
from collections import Counter
from pathlib import Path

import structlog
import yaml

shared = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
config = yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text())
config["handlers"]["shown"]["filename"] = str(Path.home() / "shop.log")
config["formatters"]["json"] = {
    "()": structlog.stdlib.ProcessorFormatter,
    "processors": [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ],
    "foreign_pre_chain": shared,  # no CountingProcessor here: it would count once more
}
logging.config.dictConfig(config)
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,  # the handler `counts` reads it
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
log = structlog.get_logger("shop.till")
library = logging.getLogger("bank.client")

happened: Counter[str] = Counter()
for number in range(300):
    if number % 10 == 0:
        log.warning("refused", card="expired", order=number)
        happened.update(["refused", "WARNING"])
        library.error("no answer from %s", "192.0.2.1")
        happened.update(["bank.client", "ERROR"])
    elif number % 3 == 0:
        log.info("the sun is shining")  # a sentence that no group declares
        happened.update(["INFO"])
    else:
        log.info("paid", amount=12, order=number)
        happened.update(["paid", "INFO"])

print(json.dumps(happened))
