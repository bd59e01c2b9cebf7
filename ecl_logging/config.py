"""The configuration: YAML or a mapping in, a frozen `Config` out.

What each key means and which values it takes is checked in `validation`; here is where
the section comes from. What comes out is in `settings`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ecl_logging.documents import file_name, read_yaml
from ecl_logging.errors import ConfigError
from ecl_logging.settings import Config, GroupConfig, RuleConfig, find_interval
from ecl_logging.validation import check_section

__all__ = [
    "Config",
    "GroupConfig",
    "RuleConfig",
    "config_from",
    "find_interval",
    "plain",
    "read_config_file",
]


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
        if source == "":
            raise ConfigError("config: is empty; write a file's path, or cfg://ecl for the section")
        if not os.path.exists(source) and str(source).isidentifier():
            raise ConfigError(
                f"config: there is no file {source}; write cfg://{source} for the section"
            )
        place, section = file_name(source), _section_of_file(source)
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
    return None if section is None else check_section(section, place=file_name(path))


def _section_of_file(path: str | os.PathLike[str]) -> dict[object, object] | None:
    """Return our section of a file: `ecl:`, or all of it in the form that has `groups`."""
    if "://" in os.fspath(path):
        raise ConfigError("a URL is no configuration file; a store is given with --store or store=")
    document = read_yaml(path)
    if not isinstance(document, dict):
        return None
    if "ecl" not in document:
        return document if "groups" in document else None
    section = document["ecl"]
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"{file_name(path)}: ecl: is {type(section).__name__}, not a mapping")
    return section


def plain(value: object) -> object:
    """Return `value` with every mapping and sequence in it as a plain dict or list.

    dictConfig hands over containers of its own, which resolve `cfg://` on access and can be
    neither copied nor pickled.
    """
    return _plain(value, {})


def _plain(value: object, made: dict[int, tuple[object, object]]) -> object:
    # What is there several times (YAML's aliases) is made once; it can even hold itself.
    if id(value) in made:
        return made[id(value)][1]
    if isinstance(value, Mapping):
        mapping: dict[object, object] = {}
        made[id(value)] = value, mapping
        mapping.update((key, _plain(value[key], made)) for key in value)
        return mapping
    if isinstance(value, list | tuple):
        sequence: list[object] = []
        made[id(value)] = value, sequence
        sequence.extend(_plain(value[index], made) for index in range(len(value)))
        return sequence
    return value
