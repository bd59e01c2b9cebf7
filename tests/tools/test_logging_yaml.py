"""The logging.yaml that we print."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ecl_logging import __version__
from ecl_logging.__main__ import main as print_it
from ecl_logging.config import read_config_file
from tests.stores.programs import run_python

TOP_LEVEL = Path(__file__).parents[2] / "logging.yaml"


def test_the_package_holds_the_file_of_the_top_level():
    packaged = files("ecl_logging.tools").joinpath("logging.yaml")

    assert packaged.read_bytes() == TOP_LEVEL.read_bytes()


def test_the_module_prints_it():
    ended = run_python("import runpy; runpy.run_module('ecl_logging', run_name='__main__')")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == TOP_LEVEL.read_text("utf-8")


def test_it_is_a_configuration():
    config = read_config_file(TOP_LEVEL)

    assert config is not None
    assert config.store is None  # the embedded one
    assert config.groups
    assert config.rules


def test_the_module_has_the_options_of_a_command(ran):
    assert ran(print_it, "--version") == (0, f"ecl_logging {__version__}\n", "")
    assert ran(print_it, "-h")[1].startswith("usage: python -m ecl_logging")
    assert ran(print_it, "more")[0] == 2
