"""Reading a YAML file, with a word on what YAML itself would pass over in silence."""

from __future__ import annotations

import datetime
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ecl_logging.errors import ConfigError

if TYPE_CHECKING:
    import yaml

__all__ = ["MisreadNumber", "UnreadableFile", "as_written", "file_name", "read_yaml"]

_MAX_CHARACTERS = 10_000_000
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")


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


def file_name(path: str | os.PathLike[str]) -> str:
    """Return what messages call a file."""
    return os.path.basename(os.fspath(path)) or os.fspath(path)


def read_yaml(path: str | os.PathLike[str]) -> object:
    """Return what a file holds; raise UnreadableFile. Only plain values can come of it."""
    import yaml

    place = file_name(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(_MAX_CHARACTERS + 1)
        if len(text) > _MAX_CHARACTERS:
            raise yaml.MarkedYAMLError(problem=f"is longer than {_MAX_CHARACTERS} characters")
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a kind of SafeLoader
    except OSError as error:
        raise UnreadableFile(f"{os.fspath(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableFile(f"{place}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        # The whole error quotes the file, which can hold a password.
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "is not YAML"
        raise UnreadableFile(f"{place}: {line}{_without_quotes(problem)}") from None
    except RecursionError:
        raise UnreadableFile(f"{place}: is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise UnreadableFile(f"{place}: {error}; quote what is meant as text") from None


def _without_quotes(problem: str) -> str:
    """Leave out what an error quotes of the file, but for YAML's own words and marks."""
    return re.sub(r"'(?!<)[^']{4,}'", "'...'", problem)


@cache
def _loader() -> type[yaml.SafeLoader]:
    """The loader: made when it is needed, as yaml itself is imported."""
    import yaml
    from yaml.composer import ComposerError
    from yaml.constructor import ConstructorError

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in seen:
                        raise ComposerError(
                            None, None, f"the key {key.value} is there twice", key.start_mark
                        )
                    seen.add((key.tag, key.value))
            return node

        def construct_number(self, node: yaml.ScalarNode) -> int:
            number: int = self.construct_yaml_int(node)
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
