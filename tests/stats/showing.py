"""What formats write, read again as others read it."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

from ecl_logging.stats import formats

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SEEN_TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")) | st.just("\n")
)


class Page(HTMLParser):
    """Elements with their classes, and the texts in them; a `<br>` is a line's end."""

    VOID = frozenset({"br", "input", "meta"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[int] = []
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.handle_data("\n")
            return
        self.tags.append(tag)
        self.attributes.append(dict(attrs))
        self.texts.append("")
        if tag not in self.VOID:
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.tags[self.open.pop()] == tag, "elements end in the order of their beginnings"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] += data

    def of_class(self, name: str) -> list[str]:
        return [
            text
            for text, attributes in zip(self.texts, self.attributes, strict=True)
            if attributes.get("class") == name
        ]

    def of_tag(self, tag: str) -> list[str]:
        return [text for text, called in zip(self.texts, self.tags, strict=True) if called == tag]


def html_of(*args: Any, **kwargs: Any) -> str:
    """What `html_format` writes. It can always be sent."""
    output = io.StringIO()
    assert formats.html_format(output, *args, **kwargs) is None
    assert output.getvalue().encode("utf-8")
    return output.getvalue()


def page_of(*args: Any, **kwargs: Any) -> Page:
    return Page(html_of(*args, **kwargs))


def header_of(*args: Any, **kwargs: Any) -> str:
    output = io.StringIO()
    formats.html_header(output, *args, **kwargs)
    assert output.getvalue().encode("utf-8")
    return output.getvalue()


def json_text_of(*args: Any, **kwargs: Any) -> str:
    output = io.StringIO()
    formats.json_format(output, *args, **kwargs)
    return output.getvalue()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def json_of(*args: Any, **kwargs: Any) -> Any:
    """What `json_format` writes, read as strictly as JSON is meant to be."""
    return json.loads(json_text_of(*args, **kwargs), parse_constant=_refuse)
