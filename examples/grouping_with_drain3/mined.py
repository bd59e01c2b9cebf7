"""A fingerprint that is learnt: the template that drain3 finds a message to be of.

`fingerprint: mined:template` in the configuration of any handler or filter that takes one.
"""

import logging
import threading

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

from ecl_logging.records.masks import mask

_config = TemplateMinerConfig()
_config.drain_sim_th = 0.7  # the share of its words that a message has in common with its template
_config.drain_max_clusters = 1000  # those that have not been seen for long make room
_miner = TemplateMiner(config=_config)
_lock = threading.Lock()  # the miner is for one thread


def template(record: logging.LogRecord) -> str:
    """Return the template of a record's message, and learn from it. Thread safe."""
    # What masks know, they know from the first message on; the miner learns the rest.
    masked = mask(record.getMessage())
    with _lock:
        return str(_miner.add_log_message(masked)["template_mined"])
