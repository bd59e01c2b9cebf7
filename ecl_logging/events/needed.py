"""The packages that check and write events, which are there where the extra is."""

from __future__ import annotations

from ecl_logging.errors import ConfigError
from ecl_logging.extras import missing_one

try:
    import msgspec
    from packaging.version import InvalidVersion, Version
except ModuleNotFoundError as error:
    missing = missing_one(error, ["msgspec", "packaging"])
    raise ConfigError(
        f"events need {missing}, which is not installed: pip install 'ecl-logging[events]'"
    ) from None

__all__ = ["InvalidVersion", "Version", "msgspec"]
