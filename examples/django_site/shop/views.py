"""What the shop answers: the events that were logged, so that a client knows them."""

import logging

from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)


def buy(request: HttpRequest, fruit: str) -> HttpResponse:
    """Sell, or not."""
    event = "sold out" if fruit == "durian" else "sold"
    log.info("%s: %s", fruit, event, extra={"event": event})
    return HttpResponse(event)


def break_down(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise ZeroDivisionError


def answer_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django has logged by itself."""
    return HttpResponse("404", status=404)


def answer_broken(request: HttpRequest) -> HttpResponse:
    """Answer what Django has logged by itself, with the traceback."""
    return HttpResponse("500", status=500)
