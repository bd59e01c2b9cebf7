"""The packages that check and write events, which are there where the extra is."""

from __future__ import annotations

from collections.abc import Collection

from ecl_logging.errors import ConfigError
from ecl_logging.extras import missing_one

__all__ = ["InvalidVersion", "Version", "events_need", "msgspec"]


def events_need(error: ModuleNotFoundError, packages: Collection[str]) -> ConfigError:
    """Return what says which of these packages is missing; raise the error for another one."""
    missing = missing_one(error, packages)
    return ConfigError(
        f"events need {missing}, which is not installed: pip install 'ecl-logging[events]'"
    )


try:
    import msgspec
    from packaging.version import InvalidVersion, Version
except ModuleNotFoundError as error:
    raise events_need(error, ["msgspec", "packaging"]) from None
