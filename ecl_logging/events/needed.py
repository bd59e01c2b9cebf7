"""The package that checks and writes events, which is there where the extra is."""

from __future__ import annotations

from ecl_logging.errors import ConfigError
from ecl_logging.extras import missing_one

try:
    import msgspec
except ModuleNotFoundError as error:
    missing = missing_one(error, ["msgspec"])
    raise ConfigError(
        f"events need {missing}, which is not installed: pip install 'ecl-logging[events]'"
    ) from None

__all__ = ["msgspec"]
