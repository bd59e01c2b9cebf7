"""Reading a YAML file, with a word on what YAML itself would pass over in silence."""

from __future__ import annotations

import datetime
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ecl_logging.errors import ConfigError
from ecl_logging.problems import printable

if TYPE_CHECKING:
    import yaml

__all__ = [
    "MisreadNumber",
    "UnreadableFile",
    "as_written",
    "file_name",
    "read_otherwise",
    "read_yaml",
]

_MAX_BYTES = 10_000_000
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_SURPRISING = re.compile(r"[-+]?(0[0-7_]+|[0-9_]+(:[0-9_]+)+)")  # octal, and to the base of 60


class UnreadableFile(ConfigError):  # noqa: N818 - what the file is
    """The file cannot be read as YAML, so nobody knows whether it has our keys."""


class MisreadNumber(int):
    """A number that was not written as one: YAML 1.1 reads `12:30` as 750 and `010` as 8."""

    written: str


def as_written(value: object) -> str:
    """Return the text that YAML has read as something else; empty where it has not.

    For what has not come from a file, it is a guess.
    """
    if isinstance(value, MisreadNumber):
        return value.written
    if value is None or isinstance(value, bool):
        return {True: "on", False: "off", None: "null"}[value]
    return str(value) if isinstance(value, float | datetime.date) else ""


def read_otherwise(value: object) -> str:
    """Return what to say of a number that YAML reads as another than was meant; empty if none.

    Of `0x10` and `1_000` it is not said: they are what they look like.
    """
    if isinstance(value, MisreadNumber) and _SURPRISING.fullmatch(value.written):
        return f"'{value.written}' is read as {int(value)}; write a decimal number"
    return ""


def file_name(path: str | os.PathLike[str]) -> str:
    """Return what messages call a file."""
    return printable(os.path.basename(os.fspath(path)) or os.fspath(path))


def read_yaml(path: str | os.PathLike[str]) -> object:
    """Return what a file holds; raise UnreadableFile. Only plain values can come of it."""
    import yaml

    place = file_name(path)
    text = _text_of(path, place)
    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a kind of SafeLoader
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = ascii(text[error.position])
        raise UnreadableFile(
            f"{place}: line {line}: has the character {character}, which YAML does not take"
        ) from None
    except yaml.YAMLError as error:
        # The whole error quotes the file, which can hold a password.
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "is not YAML"
        raise UnreadableFile(f"{place}: {at}{_without_quotes(problem)}") from None
    except RecursionError:
        raise UnreadableFile(f"{place}: is nested too deeply") from None
    except ValueError as error:
        raise UnreadableFile(f"{place}: {error}; quote what is meant as text") from None


def _text_of(path: str | os.PathLike[str], place: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(f"{printable(os.fspath(path))}: {error.strerror}") from None
    except ValueError:
        raise UnreadableFile(f"{place}: is no name that a file can have") from None
    if len(content) > _MAX_BYTES:
        raise UnreadableFile(f"{place}: is longer than {_MAX_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"{place}: line {line}: is not UTF-8 text") from None


def _without_quotes(problem: str) -> str:
    """Leave out what an error quotes of the file, but for YAML's own words and marks."""
    return re.sub(r"'(?!<)[^']{4,}'", "'...'", problem)


def _repeated_key(node: yaml.MappingNode) -> yaml.ScalarNode | None:
    seen = set()
    for key, _ in node.value:
        if key.id == "scalar":
            if (key.tag, key.value) in seen:
                repeated: yaml.ScalarNode = key
                return repeated
            seen.add((key.tag, key.value))
    return None


@cache
def _loader() -> type[yaml.SafeLoader]:
    """The loader: made when it is needed, as yaml itself is imported."""
    import yaml
    from yaml.composer import ComposerError
    from yaml.constructor import ConstructorError

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            if (key := _repeated_key(node)) is not None:
                problem = f"the key {key.value} is there twice"
                raise ComposerError(None, None, problem, key.start_mark)
            return node

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            super().flatten_mapping(node)
            # Older PyYAML keeps each copy of what a merge brings in: some lines make a billion.
            last = {id(pair[0]): pair for pair in reversed(node.value)}
            node.value = [*reversed(last.values())]

        def construct_number(self, node: yaml.ScalarNode) -> int:
            try:
                number = int(self.construct_yaml_int(node))
            except ValueError:
                problem = f"a number of {len(node.value)} digits; quote what is meant as text"
                raise ConstructorError(None, None, problem, node.start_mark) from None
            if _DECIMAL.fullmatch(node.value):
                return number
            misread = MisreadNumber(number)
            misread.written = node.value
            return misread

        def construct_date(self, node: yaml.ScalarNode) -> object:
            try:
                return self.construct_yaml_timestamp(node)
            except ValueError as error:
                problem = f"{error}; quote what is meant as text"
                raise ConstructorError(None, None, problem, node.start_mark) from None

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_number)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_date)
    return Loader
