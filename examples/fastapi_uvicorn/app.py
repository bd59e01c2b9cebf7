"""A FastAPI shop that logs as any program does.

uvicorn --workers 2 --log-config logging.yaml app:app
"""

import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

log = logging.getLogger("shop")


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Send what is pending when a worker ends: uvicorn then lets SIGTERM kill it."""
    yield
    for handler in logging.getLogger().handlers:
        handler.flush()


app = FastAPI(lifespan=lifespan)


@app.get("/buy/{fruit}", response_class=PlainTextResponse)
async def buy(fruit: str) -> str:
    """Sell, or not, in the event loop. Answer with what was logged, a line for each record."""
    event = "sold out" if fruit == "durian" else "sold"
    log.info("%s: %s", fruit, event, extra={"event": event})
    return f"{event}\n200"


@app.get("/check", response_class=PlainTextResponse)
def check() -> str:
    """Look at the stock, in one of the threads that FastAPI has for plain functions."""
    log.info("checked", extra={"event": "checked"})
    return "checked\n200"
