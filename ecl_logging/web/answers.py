"""One answer about a tree of statistics: what is found, in the format that is asked for."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from flask import Response

from ecl_logging import notices
from ecl_logging.stats import formats
from ecl_logging.web.paths import found_at

__all__ = ["Site", "answer_about", "failure", "line"]

_FORMATS = ("html", "json", "prettyjson")
_NONE_FOUND = '<p class="none">nothing matches; names match as a whole, and capitals matter</p>\n'


class Site(NamedTuple):
    """What all pages have in common."""

    server_name: str
    links: str
    """The URL of the tree, from the first slash to the last."""


@dataclass(frozen=True)
class Wanted:
    """What a request asks for. Raises ValueError, in one line, for a format that there is not."""

    path: str
    """Below the tree's root, without a slash before it."""
    query: str | None
    format: str

    def __post_init__(self) -> None:
        if self.format not in _FORMATS:
            raise ValueError(f"there is no such format; give one of {', '.join(_FORMATS)}")

    @classmethod
    def by(cls, path: str, parameters: Mapping[str, str]) -> Self:
        """Read the parameters of a URL."""
        query = parameters.get("query", "").strip()
        return cls(path, query or None, parameters.get("format", "html"))

    @property
    def is_html(self) -> bool:
        """Whether a page is wanted, and not JSON."""
        return self.format == "html"


def answer_about(
    tree: Mapping[Any, Any], path: str, parameters: Mapping[str, str], site: Site
) -> Response:
    """Return what is at a path of a tree, as the parameters of a URL want it."""
    try:
        wanted = Wanted.by(path, parameters)
    except ValueError as error:
        return line(400, str(error))
    try:
        names, found = found_at(tree, path)
    except LookupError:
        return _refused(wanted, site, (), 404, "there is nothing at this path")
    if wanted.query is not None:
        try:
            found = formats.run_query(found, wanted.query)
        except ValueError as error:
            return _refused(wanted, site, names, 400, str(error))
    body = io.StringIO()
    found = _nothing if found is None else found
    if wanted.is_html and wanted.query is not None and found == {}:
        return _answer(200, "text/html", _head(wanted, site, names) + _NONE_FOUND)
    if wanted.is_html:
        formats.html_format(body, names, found, prefix=site.links, has_links=True)
        return _answer(200, "text/html", _head(wanted, site, names) + body.getvalue())
    formats.json_format(body, found, pretty=wanted.format == "prettyjson")
    return _answer(200, "application/json", body.getvalue())


def _nothing() -> None:
    """Be a gauge whose value is None, which formats take for the whole tree otherwise."""


def _refused(
    wanted: Wanted, site: Site, names: tuple[str, ...], status: int, reason: str
) -> Response:
    """Say why below the heading of a page, which has the form; or in a line of text."""
    if not wanted.is_html:
        return line(status, reason)
    message = f'<p role="alert">{html.escape(reason)}</p>\n'
    return _answer(status, "text/html", _head(wanted, site, names) + message)


def _head(wanted: Wanted, site: Site, names: tuple[str, ...]) -> str:
    output = io.StringIO()
    where = f"/{wanted.path}"
    formats.html_header(
        output, where, site.server_name, wanted.query, path_parts=names, prefix=site.links
    )
    return output.getvalue()


def line(status: int, reason: str) -> Response:
    """Return an answer of one line, in the form that refusals of the gate have."""
    text = " ".join(reason.split())
    return _answer(status, "text/plain", f"{status} {HTTPStatus(status).phrase}: {text}\n")


def failure(error: Exception) -> Response:
    """Return an answer that says what kind of error came, and tell the operator all of it."""
    kind = type(error).__name__
    notices.warn(f"a status page could not be made: {kind}: {error}")
    return line(500, f"the page could not be made: {kind}")


def _answer(status: int, kind: str, text: str) -> Response:
    # Names of files can have what is no text: shown as escapes, for nothing else is UTF-8.
    content = text.encode("utf-8", "backslashreplace")
    return Response(content, status, content_type=f"{kind}; charset=utf-8")
