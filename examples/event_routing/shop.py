"""A shop that publishes its sales by log calls. It knows nothing of who wants them."""

import logging.config
from pathlib import Path

import yaml

from ecl_logging.events import configure, get_logger

SALES = [
    {"order": 1, "fruit": "apples", "price": "3.20"},
    {"order": 2, "fruit": "pears", "price": "2.80"},
    {"order": 3, "fruit": "apples", "price": "6.40"},
    {"order": 4, "fruit": "figs", "price": "7.00"},
    {"order": 5, "fruit": "pears", "price": "5,60"},  # with a comma, which nobody has thought of
    {"order": 6, "fruit": "figs", "price": "3.50"},
    {"order": 7, "fruit": "apples", "price": "1.60"},
    {"order": 8, "fruit": "apples", "price": "9.60"},
]

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("logging.yaml").read_text()))
configure(application="shop", application_version="1.4")
log = get_logger("shop")

logging.getLogger("shop").info("the shop is open")  # no event, so it stays here
for sale in SALES:
    log.info("sold", payload={"cls_type": "sale", **sale})
    print(f"sold {sale['fruit']} for {sale['price']}: order {sale['order']}")
