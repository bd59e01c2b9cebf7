"""manage.py deliver NUMBER: counts like the site, by the same LOGGING."""

import logging
from argparse import ArgumentParser

from django.core.management.base import BaseCommand

log = logging.getLogger("shop.deliver")


class Command(BaseCommand):
    """Delivers orders."""

    help = "Deliver so many orders."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the number."""
        parser.add_argument("number", type=int)

    def handle(self, *, number: int, **_: object) -> None:
        """Deliver."""
        for order in range(number):
            log.info("order %d delivered", order, extra={"event": "delivered"})
        self.stdout.write(f"{number} delivered")
