"""A shop with three tills: what it is doing is in the statistics tree, what it sold in a group.

It serves both as pages while it works, asks for them itself in the end, and prints the answer.
"""

import logging
import random
import threading
import time
import urllib.request

from ecl_logging import stats
from ecl_logging.handlers import CountingHandler
from ecl_logging.web import serve_in_background

TILLS = 3
CUSTOMERS = 100  # of each till
PAGE = "/status/?format=prettyjson"

log = logging.getLogger("shop")


class Shop:
    """What all tills together come to."""

    states = stats.HistogramAggregationStat("state")
    paid = stats.SumAggregationStat("paid")
    refused = stats.SumAggregationStat("refused")

    def __init__(self) -> None:
        """Open the shop."""
        stats.init(self, "/shop")
        self.tills = [Till() for _ in range(TILLS)]  # found by their `self`: they are below


class Till:
    """One of several, each with stats of its own: `/shop/till/1/paid`."""

    state = stats.Stat("state")
    paid = stats.IntStat("paid")
    refused = stats.IntStat("refused")
    took = stats.PmfStat("seconds")

    def __init__(self) -> None:
        """Open a till."""
        stats.init_child_of_type(self, "till")
        self.state = "free"

    def work(self) -> None:
        """Serve customers. Only this thread counts here, so `+=` will do."""
        for number in range(CUSTOMERS):
            self.state = "busy"
            with self.took.time():
                time.sleep(random.uniform(0, 0.002))
            if number % 10:
                self.paid += 1
                log.info("thank you", extra={"event": "paid"})
            else:
                self.refused += 1
                log.warning("no credit", extra={"event": "refused"})
            self.state = "free"


handler = CountingHandler(
    groups={"orders": {"events": ["paid", "refused"], "intervals": ["1m", "1h"]}}
)
logging.basicConfig(level=logging.INFO, handlers=[handler])

shop = Shop()
process = stats.collection("/process", stats.Stat("threads", threading.active_count))
stats.mount("/events/orders", handler.ecl["orders"])

with serve_in_background(0, server_name="shop") as server:  # 0: any port that is free
    threads = [threading.Thread(target=till.work) for till in shop.tills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.ecl.flush()  # else the last second would not be in the store yet
    with urllib.request.urlopen(f"http://localhost:{server.port}{PAGE}") as page:
        print(page.read().decode(), end="")
