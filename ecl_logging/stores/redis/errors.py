"""What redis-py, the server and the system say, in our errors, with the server's name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from redis.exceptions import AuthenticationError, DataError, InvalidResponse, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ecl_logging.errors import StoreError, StoreUnavailable

__all__ = ["translated", "understood"]

# What a server says that cannot do it now; nothing was written, and trying again may help.
_NOT_NOW = re.compile(
    r"(^|-)(LOADING|BUSY|OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN) "
    r"|max number of clients|Script killed"
)
# What redis-py has parsed off the front of such messages, by the name of its error.
_NOT_NOW_ERRORS = {
    "BusyLoadingError",
    "ClusterDownError",
    "MasterDownError",
    "MaxClientsError",
    "OutOfMemoryError",
    "ReadOnlyError",
    "TryAgainError",
}
# Where in a script it went wrong, in the words of several versions and kinds of server.
_SCRIPT_PLACE = re.compile(
    r"\.? script: [0-9a-f, ]*on @user_script:\d+\.?$"
    r"|^(ERR )?Error running script \(call to f_[0-9a-f]+\): "
    r"|@user_script: ?\d+: "
)


# What comes of reading what somebody else has written.
_NOT_OURS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextlib.contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn what goes wrong on the way into our errors, with the server's name, without secrets."""
    try:
        yield
    except StoreError:
        raise
    except RedisTimeoutError as error:
        raise StoreUnavailable(f"{shown}: no answer in time") from error
    except AuthenticationError as error:
        is_missing = "authenticate" in str(error) or "Authentication required" in str(error)
        reason = "the server asks for a password" if is_missing else _words(error)
        raise StoreError(f"{shown}: {reason}") from error
    except RedisConnectionError as error:
        raise StoreUnavailable(f"{shown}: {_reason(error)}") from error
    except (ResponseError, DataError) as error:
        kind = StoreUnavailable if _is_not_now(error) else StoreError
        raise kind(f"{shown}: {_words(error)}") from error
    except InvalidResponse as error:  # its words are the bytes, whatever they are
        raise StoreUnavailable(f"{shown}: what answers there speaks no Redis protocol") from error
    except UnicodeError:
        # Python's words show a piece of what may be the password.
        raise StoreError(f"{shown}: a password or name is no text that UTF-8 has") from None
    except OSError as error:  # such as TLS files that are not there
        raise StoreUnavailable(f"{shown}: {error.strerror or _words(error)}") from error
    except Exception as error:
        # Of a credential provider, which is the program's own: its words may be a secret.
        raise StoreUnavailable(f"{shown}: connecting raised {type(error).__name__}") from error


@contextlib.contextmanager
def understood(shown: str, kind: type[StoreError] = StoreError) -> Iterator[None]:
    """Say whose fault it is where an answer is none that our scripts give."""
    try:
        yield
    except _NOT_OURS as error:
        raise kind(f"{shown}: holds what this library did not write: {error}") from error


def _is_not_now(error: Exception) -> bool:
    return type(error).__name__ in _NOT_NOW_ERRORS or bool(_NOT_NOW.search(str(error)))


def _words(error: Exception) -> str:
    """In one line."""
    return _SCRIPT_PLACE.sub("", " ".join(str(error).split())) or type(error).__name__


def _reason(error: Exception) -> str:
    """What the system said, which redis-py wraps in words and numbers of its own."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.strerror:
            return at.strerror
        at = at.__cause__ or at.__context__
    return _words(error)
