"""One answer about a tree of statistics: what is found, in the format that is asked for."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from ecl_logging import notices
from ecl_logging.stats import formats
from ecl_logging.web.paths import found_at

__all__ = ["failure", "page_of", "plain"]

_FORMATS = ("html", "json", "prettyjson")


def page_of(
    tree: Mapping[Any, Any],
    path: str,
    wishes: Mapping[str, str],
    *,
    server_name: str,
    links: str,
) -> Response:
    """Return what is at a path, by the parameters of a URL. `links` is the URL of the tree."""
    wanted = wishes.get("format", "html")
    query = wishes.get("query", "").strip() or None
    if wanted not in _FORMATS:
        return plain(400, f"there is no such format; give one of {', '.join(_FORMATS)}")
    is_html = wanted == "html"
    names: tuple[str, ...] = ()

    def refused(status: int, reason: str) -> Response:
        """Say why below the heading of a page, which has the form; or in a line of text."""
        if not is_html:
            return plain(status, reason)
        message = f'<p role="alert">{html.escape(reason)}</p>\n'
        return _answer(status, "text/html", head() + message)

    def head() -> str:
        output = io.StringIO()
        formats.html_header(output, f"/{path}", server_name, query, path_parts=names, prefix=links)
        return output.getvalue()

    try:
        names, found = found_at(tree, path)
    except LookupError:
        return refused(404, "there is nothing at this path")
    body = io.StringIO()
    try:
        if is_html:
            formats.html_format(body, names, found, query, prefix=links, has_links=True)
        else:
            formats.json_format(body, found, query, pretty=wanted == "prettyjson")
    except ValueError as error:
        if query is None:
            raise
        return refused(400, str(error))
    if is_html:
        return _answer(200, "text/html", head() + body.getvalue())
    return _answer(200, "application/json", body.getvalue())


def plain(status: int, reason: str) -> Response:
    """Return an answer of one line, in the form that refusals of the gate have."""
    line = " ".join(reason.split())
    return _answer(status, "text/plain", f"{status} {HTTPStatus(status).phrase}: {line}\n")


def failure(error: Exception) -> Response:
    """Return an answer that says what kind of error came, and tell the operator all of it."""
    kind = type(error).__name__
    notices.warn(f"a status page could not be made: {kind}: {error}")
    return plain(500, f"the page could not be made: {kind}")


def _answer(status: int, kind: str, text: str) -> Response:
    # Names of files can have what is no text: shown as escapes, for nothing else is UTF-8.
    content = text.encode("utf-8", "backslashreplace")
    return Response(content, status, content_type=f"{kind}; charset=utf-8")
