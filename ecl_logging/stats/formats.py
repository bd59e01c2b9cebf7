r"""The tree as pages show it: HTML to look at, JSON for programs, and a filter for both.

What comes from the tree is data. In HTML all of it is escaped, and characters that cannot be
seen or that turn what is around them (controls, marks of writing direction, halves of surrogate
pairs) are shown as `\x1b` and `\u202e`. There is no script and no style but STYLE, so a page
may have a content security policy that allows nothing but the digest of STYLE.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from ecl_logging.stats.json_values import json_text, json_value
from ecl_logging.stats.looks import Look
from ecl_logging.stats.objects import get_stats
from ecl_logging.stats.queries import run_query
from ecl_logging.stats.reading import TOO_DEEP, is_branch, is_collapsed
from ecl_logging.stats.scalars import number_of, sort_key, text_of

__all__ = ["STYLE", "html_format", "html_header", "json_format", "run_query"]

_DIGITS = 10  # of a float that is shown as it is
_LONG = 1e15

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --number: #0645ad; --text: #17631d;
  --faint: #63666a; --line: #d5d7da; --wrong: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --paper: #16181a; --number: #8ab4f8; --text: #87cf8c; --faint: #9aa0a6;
    --line: #3c4043; --wrong: #f2b8b5 }
}
body { margin: 1rem auto; max-width: 70rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.4rem }
h1, .path { unicode-bidi: isolate }
.path, .none { margin: 0; color: var(--faint) }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: 1rem 0;
  padding-bottom: 1rem; border-bottom: 1px solid var(--line) }
input { flex: 0 1 20rem; min-width: 0 }
input, button { font: inherit; padding: .2rem .5rem }
ul { margin: 0; padding: 0; list-style: none }
ul ul { margin-left: .3rem; padding-left: 1.2rem; border-left: 1px solid var(--line) }
.key { font-weight: bold }
.key, .number, .text { unicode-bidi: isolate; white-space: pre-wrap }
.number, .text { font-family: ui-monospace, monospace; color: var(--text) }
.number { color: var(--number); font-variant-numeric: tabular-nums }
a { color: var(--number); text-underline-offset: .15em }
.open, .path a { color: inherit; text-decoration-color: var(--line) }
a:hover { text-decoration-color: currentcolor }
[role=alert] { color: var(--wrong) }
"""
"""The style of the pages: what stands in their one `<style>` element, to the letter."""

_PLANES = "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(1, 17))
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    rf"\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff{_PLANES}]"
)


class Output(Protocol):
    """Where text is written to."""

    def write(self, text: str, /) -> object:
        """Take a piece of text."""


def html_header(  # noqa: PLR0913
    output: Output,
    path: str,
    server_name: str,
    query: str | None = None,
    *,
    path_parts: Sequence[str] = (),
    prefix: str | None = None,
) -> None:
    """Write the beginning of a page, up to where `html_format` goes on: title, style and filter.

    All may be any text. The page has no end tags of its own to write; HTML needs none. With a
    `prefix`, which is the URL of the whole tree, the path leads back to each of `path_parts`,
    there is a link to the JSON of the page, and browsers are told that there is no icon.
    """
    name, where = _escaped(server_name), _escaped(path)
    is_root = path in ("", "/")
    title = f"{name} - Status" if is_root else f"{name} - Status: {where}"
    shown_path = "/" if is_root else _shown(path)
    icon = json = ""
    if prefix is not None:
        icon = '<link rel="icon" href="data:,">\n'
        wishes = "?format=prettyjson" + (f"&query={_segment(query)}" if query else "")
        json = f'<a href="{_escaped(wishes)}">JSON</a>\n'
        shown_path = _way_back(path, path_parts, prefix)
    output.write(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{icon}<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{_shown(server_name)}</h1>\n<p class="path">{shown_path}</p>\n'
        '<form method="get">\n<label for="query">Filter</label>\n'
        '<input type="search" id="query" name="query" placeholder="errors &gt; 5"'
        f' value="{_escaped(query or "")}">\n<button>Show</button>\n{json}</form>\n'
    )


def _way_back(path: str, path_parts: Sequence[str], prefix: str) -> str:
    """Return the names of a path, each but the last as a link."""
    if path in ("", "/"):
        return "/"
    here = prefix.rstrip("/")
    way = f'<a href="{_escaped(prefix)}">/</a> '
    for part in path_parts[:-1]:
        here = f"{here}/{_segment(part)}"
        way += f'<a href="{_escaped(here)}">{_shown(part)}</a> / '
    return way + _shown(path_parts[-1] if path_parts else path.removeprefix("/"))


def html_format(  # noqa: PLR0913
    output: Output,
    path_parts: Sequence[str] = (),
    stat_dict: Mapping[Any, Any] | Any = None,
    query: str | None = None,
    prefix: str = "/status/",
    *,
    has_links: bool = False,
) -> None:
    """Write a branch of the tree, or one value, as HTML; the whole tree where none is given.

    Names are in order, collapsed containers at the end as links, which consist of `prefix`,
    `path_parts` (the names on the way to what is given, as they are) and the container's name;
    each is quoted, by UTF-8 and `surrogatepass`. With `has_links` the names of other containers
    are links as well. With a query only what `run_query` finds is
    written, which raises ValueError for one that means nothing, before anything is written.
    """
    shown = _wanted(stat_dict, query)
    if not is_branch(shown):
        output.write(f"<p>{_value(shown)}</p>\n")
    else:
        here = f"{prefix.rstrip('/')}/{''.join(f'{_segment(part)}/' for part in path_parts)}"
        _write_branch(output, shown, _Links(here, has_links=has_links), Look())


def json_format(
    output: Output,
    stat_dict: Mapping[Any, Any] | Any = None,
    query: str | None = None,
    pretty: bool = False,  # noqa: FBT001, FBT002 - as in scales
) -> None:
    """Write a branch of the tree, or one value, as a line of JSON; with `pretty` as many lines.

    The whole tree where none is given. Names have the order that they have in the tree, and
    collapsed containers in it are left out. It is ASCII, and JSON whatever is in the tree: NaN and
    infinite numbers become null, and what JSON has not becomes text, which keys are always. With
    a query only what `run_query` finds is written; its ValueError comes before anything is.
    """
    value = json_value(_wanted(stat_dict, query), is_shown=_is_open)
    output.write(f"{json_text(value, indent=2 if pretty else None)}\n")


def _is_open(value: Any) -> bool:
    return not is_collapsed(value)


def _wanted(stat_dict: Any, query: str | None) -> Any:
    shown = get_stats() if stat_dict is None else Look().value_of(stat_dict)
    return run_query(shown, query) if query and not query.isspace() else shown


# --- HTML


def _write_branch(output: Output, branch: Mapping[Any, Any], here: _Links, above: Look) -> None:
    look = above.into(branch)
    items = TOO_DEEP if look is None else look.items_in(branch)
    if look is None or not isinstance(items, list):
        output.write(_value(items))
        return
    if not items:
        output.write('<span class="none">nothing</span>')
        return
    links = []
    output.write("<ul>\n")
    for key, given in sorted(items, key=lambda item: sort_key(item[0])):
        value = look.value_of(given)
        name = text_of(key)
        if is_collapsed(value) and here.can_have(name):
            links.append(f"<li>{here.link(name)}</li>\n")
            continue
        shown = here.name(name) if is_branch(value) else _key(name)
        output.write(f"<li>{shown} ")
        if is_branch(value):
            _write_branch(output, value, here.below(name), look)
        else:
            output.write(_value(value))
        output.write("</li>\n")
    output.write(f"{''.join(links)}</ul>\n")


class _Links:
    """Links to what is in a branch."""

    def __init__(self, here: str, *, has_links: bool) -> None:
        """`here` is the branch's own, with a slash at the end."""
        self._here = here
        self._has_links = has_links

    def below(self, name: str) -> _Links:
        return _Links(f"{self._here}{_segment(name)}/", has_links=self._has_links)

    def can_have(self, name: str) -> bool:
        return name not in (".", "..")  # to which a browser goes no link

    def link(self, name: str, css_class: str = "key") -> str:
        href = _escaped(self._here + _segment(name))
        return f'<a class="{css_class}" href="{href}">{_shown(name)}</a>'

    def name(self, name: str) -> str:
        """Return the name of what is shown below it."""
        is_link = self._has_links and self.can_have(name)
        return self.link(name, "key open") if is_link else _key(name)


def _key(name: str) -> str:
    return f'<span class="key">{_shown(name)}</span>'


def _value(value: Any) -> str:
    kind = "text" if number_of(value) is None else "number"
    text = _short(value) if type(value) is float else text_of(value)
    return f'<span class="{kind}">{_shown(text)}</span>'


def _short(number: float) -> str:
    """Return a float in no more digits than one reads; JSON has all of them."""
    text = repr(number)
    if len(text) <= _DIGITS or not math.isfinite(number):
        return text
    return f"{number:.3f}" if 1000 <= abs(number) < _LONG else f"{number:.6g}"


def _segment(name: str) -> str:
    """Return a name as a part of a URL's path."""
    return quote(name, safe="", errors="surrogatepass")


def _shown(text: str) -> str:
    """Return text as an element shows it, in as many lines as it has."""
    return _escaped(text).replace("\n", "<br>")


def _escaped(text: str) -> str:
    """Return text as it may stand in a title or in a quoted attribute."""
    return html.escape(_UNSEEN.sub(_visible, text))


def _visible(match: re.Match[str]) -> str:
    """Return what stands for a character that nobody can see."""
    number = ord(match[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
