"""What becomes of a batch of records or of messages, and texts on their way there."""

from __future__ import annotations

from collections.abc import Sequence

from ecl_logging.stores.keeping import Receipt
from ecl_logging.stores.protocols import APPLIED, DUPLICATE, GAP
from ecl_logging.stores.redis.replies import text_of

__all__ = ["as_bytes", "receipt_of"]


def receipt_of(answer: Sequence[bytes]) -> Receipt:
    """What put.lua or say.lua answers to a batch."""
    status, *words = map(text_of, answer)
    if status == GAP:
        number, total = map(int, words)
        return Receipt(GAP, number, total)
    if status not in {APPLIED, DUPLICATE}:
        raise ValueError(f"{status!r} is nothing that becomes of a batch")
    number, total, pushed_out, late, ahead, other = map(int, words[:6])
    token, *bad = words[6:]
    return Receipt(status, number, total, pushed_out, late, ahead, other, token, tuple(bad))


def as_bytes(text: str) -> bytes:
    """Encode a text. What UTF-8 does not have becomes a question mark: it must not stop others."""
    return text.encode("utf-8", "replace")
