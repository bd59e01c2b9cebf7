"""Where a queue service is: URLs for Amazon SQS and for what speaks its protocol.

Nothing here touches network or disk. Keys are in no URL: those are written down in too many places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from ecl_logging.errors import ConfigError

__all__ = ["SqsAddress", "address_of", "parse_url"]

_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_HOST = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_FORMS = "sqs://REGION, sqs://?endpoint_url=http://HOST:PORT, sqs://REGION?create=1"
_NO_KEYS = (
    "sqs://...: keys are in no URL; give them as aws_access_key_id and aws_secret_access_key,"
    " or where boto3 looks for them"
)


@dataclass(frozen=True, slots=True)
class SqsAddress:
    """A service that has been named, not yet reached."""

    region: str | None = None  # None: what boto3 is configured for
    endpoint_url: str | None = None  # None: Amazon's own
    create: bool = False  # queues that are missing

    @property
    def shown(self) -> str:
        """The URL; there is no secret in it."""
        options: dict[str, str] = {}
        if self.endpoint_url is not None:
            options["endpoint_url"] = self.endpoint_url
        if self.create:
            options["create"] = "1"
        return f"sqs://{self.region or ''}{'?' if options else ''}{urlencode(options, safe=':/[]')}"


def address_of(region: object, endpoint_url: object, *, create: object) -> SqsAddress:
    """Check the parts of an address; raise ConfigError for what cannot be one."""
    if region is not None and not (isinstance(region, str) and _REGION.fullmatch(region)):
        raise ConfigError(f"region: {region!r:.80} is none; write one such as 'eu-central-1'")
    if endpoint_url is not None and not _is_endpoint(endpoint_url):
        # It is not shown: it may have a password in it.
        raise ConfigError(
            "endpoint_url: write http://HOST:PORT or https://HOST[:PORT][/PATH], without user,"
            " password and options"
        )
    if not isinstance(create, bool):
        raise ConfigError(f"create: {create!r:.80} is neither True nor False")
    return SqsAddress(region, endpoint_url, create)  # type: ignore[arg-type]  # checked above


def _is_endpoint(url: object) -> bool:
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return False
    is_plain = not parts.query and not parts.fragment and "?" not in url and "#" not in url
    return parts.scheme in {"http", "https"} and bool(_HOST.fullmatch(parts.netloc)) and is_plain


def parse_url(url: object) -> SqsAddress:
    """Read `sqs://[REGION][?endpoint_url=URL][&create=1]`; raise ConfigError."""
    if not isinstance(url, str) or not url.startswith("sqs://"):
        raise ConfigError(f"queue: not a URL of SQS; write one of {_FORMS}")
    rest, _, query = url.removeprefix("sqs://").partition("?")
    region = rest.removesuffix("/")
    if "@" in region or ":" in region:
        raise ConfigError(f"queue: {_NO_KEYS}")
    if region and not _REGION.fullmatch(region):
        # It is not shown: nobody knows what it was to be.
        raise ConfigError(
            "queue: sqs://...: what follows the slashes is no region; write one of"
            f" {_FORMS}. A queue is named by the topic"
        )
    options = _options(query)
    create = options.get("create", "0")
    if create not in {"0", "1"}:
        raise ConfigError("queue: sqs://...: create is 0 or 1")
    return address_of(region or None, options.get("endpoint_url"), create=create == "1")


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if re.search("key|secret|token|password", name, re.IGNORECASE):
            raise ConfigError(f"queue: {_NO_KEYS}")
        if name not in {"endpoint_url", "create"}:
            raise ConfigError(
                f"queue: sqs://...: {name[:40]!r} is no option; there are endpoint_url and create"
            )
        if name in options:
            raise ConfigError(f"queue: sqs://...: {name} is there twice; write it once")
        options[name] = value
    return options
