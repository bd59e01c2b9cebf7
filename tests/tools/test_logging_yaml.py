"""The logging.yaml that we print."""

from __future__ import annotations

import runpy
from importlib.resources import files
from pathlib import Path

import pytest

from ecl_logging.config import read_config_file

TOP_LEVEL = Path(__file__).parents[2] / "logging.yaml"


def test_the_package_holds_the_file_of_the_top_level():
    packaged = files("ecl_logging.tools").joinpath("logging.yaml")

    assert packaged.read_bytes() == TOP_LEVEL.read_bytes()


def test_the_module_prints_it(capsys):
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ecl_logging", run_name="__main__")

    assert ended.value.code == 0
    assert capsys.readouterr() == (TOP_LEVEL.read_text("utf-8"), "")


def test_it_is_a_configuration():
    config = read_config_file(TOP_LEVEL)

    assert config is not None
    assert config.store is None  # the embedded one
    assert config.groups
    assert config.rules
