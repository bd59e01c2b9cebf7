r"""Masks: what varies in a message is replaced by marks, so that repeats of it look the same.

For programs that build their messages before they log them, as f-strings do. One regular
expression reads a text from the left to the right as a row of tokens; what is no word is replaced
by a mark of its kind. There is no digit in what comes out, and nothing that takes a mark into
account, which is why masking again changes nothing.

Every repetition is bounded or begins with a character that nothing before it could have taken; so
the time grows with the length of a text only, whatever is in it.
"""

from __future__ import annotations

import re

__all__ = ["CHARACTERS", "MARKS", "mask"]

CHARACTERS = 4096
"""So much of a message is looked at, and so much comes out at most."""

MARKS = ("addr", "hex", "id", "num", "path", "quoted", "time", "url", "uuid", "value")
"""What stands between `<` and `>` in the place of what varies."""

_CUT = "<cut>"  # stands for the rest, where marks are longer than what they stand for

_TOP_DOMAINS = "com|net|org|edu|gov|mil|int|info|biz|arpa|local|localdomain|internal|lan|test"
_UNITS = (  # with a space before them, too
    "[nuµμm]s|s|[nuµm]?secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?|[kKMGTPE]i?[bB]|bytes"
    "|[kMGT]?Hz|[munk]m|[kKMGT]?bps|[kKMGT]i?[bB]/s|%"
)
_LETTERS = "m|h|d|w|x|st|nd|rd|th|[bBkKMGTCWVAgj]|°C|px|pt"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAYS = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?[ ]"
_NOT_PLAIN = f"{_MONTHS}|Mon|Tue|Wed|Thu|Fri|Sat|Sun|localhost"
_SECONDS = r":\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?:[ ]?(?:Z|UTC|GMT|[AaPp][Mm]|[+-]\d\d:?\d\d))?(?!\w)"
_CLOCK = rf"\d{{1,2}}:\d\d(?:{_SECONDS})?{_ZONE}"
_L, _D = r"[^\W\d_]{1,32}+", r"\d{1,32}+"
_FILE = r"[\w.@%+=~,:-]"

# In this order: of those that fit at one place, the first one counts.
_TOKEN = re.compile(
    rf"""
    (?P<plain>   [ ]? (?: (?!(?:{_NOT_PLAIN})[a-z]{{0,6}}[ ,:])
                          [^\W\d]++ (?:[),;!?.:\]]?[ ]|$) )++ )
  | (?P<pad>     (?<=[ ])[ ]{{1,64}}(?=[+-]?\.?\d) )
  | (?![\s=(),;\]!?{{}}>|*&^\#$]) (?:
    (?P<mark>    (?:[A-Za-z][A-Za-z+]{{0,20}}+://)? <(?:{"|".join((*MARKS, "cut"))})> )
  | (?P<quoted>  (?:[bBfFrRuU]{{1,2}})?
                 (?: '[^'\\\n]*+(?:\\.[^'\\\n]*+){{0,20}}' | "[^"\\\n]*+(?:\\.[^"\\\n]*+){{0,20}}"
                   | `[^`\n]*` ) )
  | (?P<uuid>    (?:urn:uuid:)? [\da-fA-F]{{8}} (?:-[\da-fA-F]{{4}}){{3}} -[\da-fA-F]{{12}}
                 (?![\w<]) )
  | (?P<scheme>  [A-Za-z][A-Za-z\d+]{{0,20}}+:// ) [^\s<>"'`()\[\]{{}},;|\\]{{1,}} (?<![.:!?])
  | (?P<email>   [\w.+-]{{1,64}}+@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}} )
  | (?P<time>    \d{{4}}[-/]\d\d?[-/]\d\d? (?:(?:T|[ ]){_CLOCK} | T\d\d(?::?\d\d)?Z? | (?!\w) )
               | \d\d?[-/.](?:\d\d?|{_MONTHS})[-/.]\d{{4}} (?:[: T]{_CLOCK} | (?!\w) )
               | (?:{_DAYS})? (?:{_MONTHS})[a-z]{{0,6}}[ ]{{1,2}}\d\d? (?:,?[ ]\d{{4}})?
                 (?:[ ]{_CLOCK})? (?:[ ]\d{{4}})? (?!\w)
               | (?:{_DAYS})? \d\d?[ ](?:{_MONTHS})[a-z]{{0,6}} (?:[ ]\d{{4}})?
                 (?:[ ]{_CLOCK})? (?!\w)
               | \d{{1,2}}:\d\d{_SECONDS}{_ZONE} )
  | (?P<mac>     [\da-fA-F]{{2}} (?:(?::[\da-fA-F]{{2}}){{5}}|(?:-[\da-fA-F]{{2}}){{5}})
                 (?![\w:-]) )
  | (?P<addr>    [^\W\d]{{0,16}}+-?\d{{1,3}}(?:(?:\.\d{{1,3}}){{3}}|(?:-\d{{1,3}}){{3}})
                 (?:[.-][A-Za-z][\w-]{{0,62}}){{2,8}} (?::\d{{1,5}})? (?!\w)
               | /? \d{{1,3}}(?:\.\d{{1,3}}){{3}} (?::\d{{1,5}} | /\d{{1,2}})? (?![\w]|\.\d)
               | /?\[? (?=[\da-fA-F:]{{0,30}}\d) (?:[\da-fA-F]{{1,4}}:){{7}}[\da-fA-F]{{1,4}}
                 (?:%\w{{1,15}})? (?:\]:\d{{1,5}})? (?!\w)
               | /?\[? (?=[\da-fA-F:]{{0,30}}\d)
                 (?:[\da-fA-F]{{1,4}}(?::[\da-fA-F]{{1,4}}){{0,6}})?::
                 (?:[\da-fA-F]{{1,4}}(?::[\da-fA-F]{{1,4}}){{0,6}})?
                 (?:\.\d{{1,3}}){{0,3}} (?:%\w{{1,15}})? (?:\]:\d{{1,5}})? (?!\w)
               | (?:[A-Za-z\d_][\w-]{{0,62}}+\.){{1,8}} (?:{_TOP_DOMAINS})(?:\.[a-z]{{2}})?
                 (?::\d{{1,5}})? (?![\w<-]|\.[\w<])
               | (?:[A-Za-z\d_][\w-]{{0,62}}+\.){{1,8}}[A-Za-z]{{2,12}}:\d{{2,5}} (?![\w:])
               | localhost(?::\d{{1,5}})? (?![\w<-]) )
  | (?P<path>    (?<![\w>)\]]) (?:~|\.{{1,2}}|[A-Za-z]:)? (?:/{_FILE}{{1,255}}){{1,64}} /?
                 (?:\?[^\s<>"'`\\]{{0,999}}+)?
               | (?<![^\s]) /(?!\S)
               | (?:[A-Za-z]:|\\)\\[\w.@%+=~$\\-]{{1,999}}+ (?!["'`<])
               | (?:[\w.-]{{1,64}}+/){{1,16}}+[\w-]{{1,64}}\.[A-Za-z]\w{{0,7}} (?![\w</]) )
  | (?P<key>     [^\W\d]{{1,48}}+= ) [^\s<>"'`,;()\[\]{{}}=\\]{{1,}}
  | (?P<hex>     0[xX][\da-fA-F]+ (?!\w)
               | (?=[a-fA-F]{{0,63}}\d) (?=\d{{0,63}}[a-fA-F]) [\da-fA-F]{{8,}} (?!\w) )
  | (?P<id>      (?=[\w-]{{8}}) (?=[^\W\d_]{{0,32}}+\d)
                 (?:{_L}{_D}{_L}\d | {_D}{_L}{_D}[^\W\d_]) [^\W_]*
                 (?:[_-][^\W_]*\d[^\W_]*){{0,8}} )
  | (?P<num>     (?:\d{{1,9}}(?:[dhms]|ms)){{2,5}}+(?!\w)
               | (?:(?<![\w>)\]])[+-])? (?:\d+(?:[.,_]\d+)*|\.\d+) (?:[eE][+-]?\d+)?
                 (?:[ ]?(?:{_UNITS})(?![\w/])|(?:{_LETTERS})(?!\w))? )
  | (?P<word>    [^\W\d]+ (?:'[^\W\d]+)* '? ) )
    """,
    re.VERBOSE,
)

_MARK_OF = {"email": "<addr>", "mac": "<addr>", "pad": ""} | {name: f"<{name}>" for name in MARKS}
_DIGIT = re.compile(r"\d")
_KEPT = {"plain", "word", "mark"}
# In brackets: a list is the same however long it is.
_REPEATED = re.compile(r"(?<=[\[({])(<[a-z]+>(?:[:=] ?<[a-z]+>)?)(?:,[ ]?\1)+(?=[\])}])")


def mask(text: str) -> str:
    """Return the start of a text with marks in the place of what varies. Thread safe.

    A list of marks that are all the same has one of them. Masking again changes nothing.
    """
    masked = _TOKEN.sub(_marked, text[:CHARACTERS])
    if ",<" in masked or ", <" in masked:
        masked = _REPEATED.sub(r"\1", masked)
    return masked if len(masked) <= CHARACTERS else _cut(masked)


def _marked(found: re.Match[str]) -> str:
    kind = found.lastgroup
    if kind is None or kind in _KEPT:
        return found[0]
    if kind == "key":
        return found["key"] + "<value>"
    if kind == "scheme":
        scheme = found["scheme"]
        return "<url>" if _DIGIT.search(scheme) else scheme + "<url>"
    return _MARK_OF[kind]


def _cut(masked: str) -> str:
    """Return the start of a text that is too long, up to where a word or a mark begins."""
    room = CHARACTERS - len(_CUT)
    return masked[: max(masked.rfind(" ", 0, room + 1), masked.rfind("<", 0, room + 1))] + _CUT
