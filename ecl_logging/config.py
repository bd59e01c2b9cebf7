"""The configuration: YAML or a mapping in, a frozen `Config` out.

What each key means and which values it takes is checked in `validation`; here is where
the section comes from. What comes out is in `settings`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ecl_logging.errors import ConfigError
from ecl_logging.settings import Config, GroupConfig, RuleConfig, find_interval
from ecl_logging.validation import check_section

__all__ = [
    "Config",
    "GroupConfig",
    "RuleConfig",
    "UnreadableFile",
    "config_from",
    "find_interval",
    "plain",
    "read_config_file",
]


class UnreadableFile(ConfigError):  # noqa: N818 - what the file is
    """The file cannot be read as YAML, so nobody knows whether it has our keys."""


def config_from(
    source: object = None,
    *,
    groups: object = None,
    rules: object = None,
    place: str = "ecl",
) -> Config:
    """Return the Config of a mapping with our keys, or of a YAML file's path.

    `groups` and `rules` go before what `source` has. Raises ConfigError with every
    problem there is. A path is read; nothing else is touched.
    """
    section: object = {}
    if isinstance(source, str | os.PathLike):
        place, section = _place(source), _section_of_file(source)
        if section is None:
            raise ConfigError(f"{place}: has neither 'ecl' nor 'groups' at its top level")
    elif source is not None:
        section = plain(source)
    if not isinstance(section, dict):
        raise ConfigError(f"{place}: is {type(section).__name__}, not a mapping of our keys")
    given = {"groups": groups, "rules": rules}
    section = section | {key: plain(value) for key, value in given.items() if value is not None}
    return check_section(section, place=place)


def read_config_file(path: str | os.PathLike[str]) -> Config | None:
    """Return the Config in a YAML file; None where the file has none of our keys.

    Raises ConfigError where the file cannot be read or its content is wrong.
    """
    section = _section_of_file(path)
    return None if section is None else check_section(section, place=_place(path))


def _place(path: str | os.PathLike[str]) -> str:
    return os.path.basename(os.fspath(path)) or os.fspath(path)


def _section_of_file(path: str | os.PathLike[str]) -> dict[object, object] | None:
    """Return our section of a file: `ecl:`, or all of it in the form that has `groups`."""
    if "://" in os.fspath(path):
        raise ConfigError("a URL is no configuration file; a store is given with --store or store=")
    document = _read_yaml(path)
    if not isinstance(document, dict):
        return None
    if "ecl" not in document:
        return document if "groups" in document else None
    section = document["ecl"]
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"{_place(path)}: ecl: is {type(section).__name__}, not a mapping")
    return section


def _read_yaml(path: str | os.PathLike[str]) -> object:
    import yaml

    place = _place(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            return yaml.safe_load(file)
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
    except ValueError as error:  # YAML has read a date that no calendar has
        raise UnreadableFile(f"{place}: {error}; quote what is meant as text") from None


def _without_quotes(problem: str) -> str:
    """Leave out what an error quotes of the file, but for YAML's own words and marks."""
    return re.sub(r"'(?!<)[^']{4,}'", "'...'", problem)


def plain(value: object) -> object:
    """Return `value` with every mapping and sequence in it as a plain dict or list.

    dictConfig hands over containers of its own, which resolve `cfg://` on access and can be
    neither copied nor pickled.
    """
    if isinstance(value, Mapping):
        return {key: plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [plain(value[index]) for index in range(len(value))]
    return value
