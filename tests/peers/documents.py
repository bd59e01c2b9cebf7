"""Documents that are not ours to give away: SOURCE_DOCUMENTS names a folder with their texts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["document_with", "of_documents"]

FOLDER = os.environ.get("SOURCE_DOCUMENTS", "")

of_documents = [
    pytest.mark.once,
    pytest.mark.skipif(not FOLDER, reason="SOURCE_DOCUMENTS names no folder with documents"),
]
"""The marks of tests that need them."""


def document_with(words: str) -> str:
    """The text of the one document that has these words."""
    [text] = [text for path in Path(FOLDER).glob("*.txt") if words in (text := path.read_text())]
    return text
