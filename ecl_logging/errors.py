"""The errors of this library.

EclError
├── ConfigError        what was configured or asked for means nothing
├── EventError         this is no event, or cannot become one
└── StoreError         the store refused, or holds something that is not ours
    └── StoreUnavailable   the store cannot be reached now; trying again may help
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ConfigError", "EclError", "EventError", "StoreError", "StoreUnavailable"]


class EclError(Exception):
    """Any error that this library raises on purpose."""


class ConfigError(EclError, ValueError):
    """Every problem of one configuration, each with its place and what would be right.

    `problems` holds them one by one; the message has a line for each.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class EventError(EclError, ValueError):
    """What is no event, or cannot become one: in one line, where and what would be right."""


class StoreError(EclError):
    """The store refused a step, or its content is not what this library writes."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state of the store, named as users say it
    """The store cannot be reached at the moment. Nothing is lost by trying again."""
