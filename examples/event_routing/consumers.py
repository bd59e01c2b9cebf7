"""Two functions that want sales. `ecl-consume consumers` finds them here."""

import contextlib
import os
import sqlite3
from pathlib import Path

from ecl_logging.events import consumer_config

DATABASE = Path.home() / "stock.db"
IS_MENDED = "SHOP_IS_MENDED" in os.environ  # in real life: the next release


@consumer_config(topic="sales", cls_type="sale", version="<1.0")
async def invoice(event):
    """Send an invoice. The mail server is away at first, and prices are not always right."""
    sale, deliveries = event["payload"], event["header"]["deliveries"]
    if sale["order"] == 3 and deliveries < 3:
        raise ConnectionRefusedError("the mail server is away")
    price = sale["price"].replace(",", ".") if IS_MENDED else sale["price"]
    print(
        f"invoice of order {sale['order']}: {float(price):.2f}, delivery {deliveries}", flush=True
    )


@consumer_config(topic="sales", cls_type="sale", version="<1.0")
def stock(event):
    """Take what was sold out of the stock, once, however often the event comes."""
    with contextlib.closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS sold (id TEXT PRIMARY KEY, fruit TEXT)")
        row = event["header"]["id"], event["payload"]["fruit"]
        database.execute("INSERT OR IGNORE INTO sold VALUES (?, ?)", row)
