"""Connections of which no one can be held for ever by a request that does not come to its end."""

from __future__ import annotations

from waitress.channel import HTTPChannel

__all__ = ["PromptChannel"]


class PromptChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that is closed where a request is not there in the time that silence may take.

    Otherwise a byte now and then keeps it open, and so many of them as there may be at once keep
    everybody else out.
    """

    last_activity: float

    def handle_read(self) -> None:
        """Take in what has come. Of a request only its beginning counts as a sign of life."""
        request, began = self.request, self.last_activity
        super().handle_read()
        if request is not None and self.request is request:
            self.last_activity = began
