"""What botocore, the service and the system say, in our errors, with the service's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore import exceptions as boto

from ecl_logging.errors import StoreError, StoreUnavailable

__all__ = ["NO_QUEUE", "code_of", "is_about_contents", "translated"]

NO_QUEUE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "com.amazonaws.sqs#QueueDoesNotExist",
    }
)
"""How a service says that it has no such queue."""

# What it says that cannot do it now, whatever the status.
_NOT_NOW = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException"),
        *("RequestThrottled", "RequestThrottledException", "RequestLimitExceeded", "OverLimit"),
        *("AWS.SimpleQueueService.OverLimit", "LimitExceededException", "SlowDown"),
        *("KmsThrottled", "KMS.ThrottlingException", "BandwidthLimitExceeded"),
        *("InternalError", "InternalFailure", "ServiceUnavailable", "RequestTimeout"),
        # A name can be used again a minute after its queue was deleted.
        *("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
    }
)
_UNKNOWN_KEY = "the access key is not known there; look at aws_access_key_id"
_PLAIN = {
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": "the secret access key is not the one of the access key",
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
_NO_CREDENTIALS = (
    "no credentials are found; give aws_access_key_id and aws_secret_access_key, or set up what"
    " boto3 looks for, such as AWS_ACCESS_KEY_ID in the environment"
)
_CONTENTS = frozenset(
    {"InvalidMessageContents", "MessageTooLong", "BatchRequestTooLong"}
    | {"AWS.SimpleQueueService.BatchRequestTooLong"}
)
_LONGEST_WORDS = 300

# What comes of reading an answer of something else that listens there.
_NOT_SQS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


@contextlib.contextmanager
def translated(shown: str) -> Iterator[None]:
    """Turn what goes wrong on the way into our errors, with the service's name."""
    try:
        yield
    except StoreError:
        raise
    except boto.ClientError as error:
        raise _refusal(shown, error) from error
    except (boto.BotoCoreError, OSError) as error:
        raise _failure(shown, error) from error
    except _NOT_SQS as error:
        raise StoreUnavailable(f"{shown}: what answers there speaks not as SQS does") from error
    except Exception as error:
        # Of a provider of credentials, or in an answer that nobody can read.
        raise StoreUnavailable(f"{shown}: asking it raised {type(error).__name__}") from error


def _failure(shown: str, error: boto.BotoCoreError | OSError) -> StoreError:
    """What to say where no refusal has come from the service."""
    if isinstance(error, boto.ConnectTimeoutError | boto.ReadTimeoutError):
        return StoreUnavailable(f"{shown}: no answer in time")
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return StoreError(f"{shown}: {_NO_CREDENTIALS}")
    if isinstance(error, boto.NoRegionError):
        return StoreError(f"{shown}: no region is named; write sqs://REGION")
    if isinstance(error, boto.ParamValidationError):  # an URL of a queue that is none
        return StoreUnavailable(f"{shown}: what answers there speaks not as SQS does")
    return StoreUnavailable(f"{shown}: {_reason(error)}")


def code_of(error: BaseException) -> str:
    """Return the code with which the service refused something; empty if that was not the cause."""
    cause = error.__cause__
    if not isinstance(cause, boto.ClientError):
        return ""
    return str(cause.response.get("Error", {}).get("Code", ""))


def is_about_contents(code: str, words: str) -> bool:
    """Whether a refusal is of the message as such, and will be the same for ever."""
    return code in _CONTENTS or (
        code.endswith(("InvalidParameterValue", "InvalidParameterValueException"))
        and "shorter than" in words
    )


def _refusal(shown: str, error: boto.ClientError) -> StoreError:
    said = error.response.get("Error", {})
    code, words = str(said.get("Code", "")), _words(str(said.get("Message") or ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _NOT_NOW or status >= 500 or status == 429:
        return StoreUnavailable(f"{shown}: {words or code or status}")
    if code in _PLAIN:
        return StoreError(f"{shown}: {_PLAIN[code]}")
    if code.startswith(("AccessDenied", "KmsAccessDenied", "KMS.AccessDenied")):
        return StoreError(f"{shown}: not allowed to do that: {words or code}")
    return StoreError(f"{shown}: {words or code} ({code or status})")


def _words(text: str) -> str:
    """In one line, and not too long a one."""
    return " ".join(text.split())[:_LONGEST_WORDS]


def _reason(error: Exception) -> str:
    """What the system said, which two libraries wrap in words of their own."""
    at: BaseException | None = error
    for _ in range(10):
        if isinstance(at, OSError) and at.strerror:
            return at.strerror
        inner = getattr(at, "kwargs", {}).get("error") if at is not None else None
        at = inner or (at and (at.__cause__ or at.__context__))
    if isinstance(error, boto.ConnectionClosedError):
        return "the connection was closed before there was an answer"
    return _words(str(error)) or type(error).__name__
