"""What all commands share: options, finding configuration and store, errors and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Self

from ecl_logging import __version__
from ecl_logging.definitions import wanted_definition
from ecl_logging.errors import ConfigError, EclError, StoreError, StoreUnavailable
from ecl_logging.problems import masked
from ecl_logging.settings import Config
from ecl_logging.settled import USUAL_FLUSH_SECONDS, settling_seconds
from ecl_logging.stores import open_chosen_store
from ecl_logging.stores.protocols import Definition, Store
from ecl_logging.stores.steps import united
from ecl_logging.tools.printable import printable

__all__ = ["Context", "Parser", "UsageError", "add_common_options", "open_context", "run", "say"]

_DEFAULT_FILE = "logging.yaml"

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130


class Parser(argparse.ArgumentParser):
    """A parser that shows no password: a URL can stand where something else was expected."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


class UsageError(EclError):
    """The command line asks for something that cannot be."""


@dataclass(frozen=True)
class Context:
    """The store that a command works on, and the groups of its configuration file.

    Also a context manager, which closes the store.
    """

    store: Store
    config: Config | None
    name: str = "ecl"  # of the command
    _told: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def definitions(self, asked_for: str | None = None) -> dict[str, Definition]:
        """The groups of the file and of the store, by name; the store knows more of each.

        One that cannot be read is passed over with a word, unless it is the one `asked_for`.
        """
        groups = self.config.groups if self.config else {}
        found = {name: wanted_definition(group) for name, group in groups.items()}
        for name in self.store.groups():
            stored = self.store.definition(name) if name == asked_for else self._stored(name)
            if stored is not None:
                found[name] = united(stored, found[name]) if name in found else stored
        return dict(sorted(found.items()))

    def definition(self, group: str) -> Definition:
        """The definition of one group; raises ConfigError naming those that there are."""
        definitions = self.definitions(group)
        if group not in definitions:
            known = (
                f"it has {', '.join(definitions)}" if definitions else "define it in a file (-c)"
            )
            raise ConfigError(f"{self.store.shown} knows no group {group!r}; {known}")
        return definitions[group]

    def settling_seconds(self, group: str) -> float:
        """How long after its end a bucket of the group settles, as far as the file says."""
        config = self.config.groups.get(group) if self.config else None
        own = config.sync_interval if config is not None else None
        return settling_seconds(max(USUAL_FLUSH_SECONDS, own or 0.0))

    def _stored(self, name: str) -> Definition | None:
        """The definition of a group of the store, which somebody else may have spoilt."""
        try:
            return self.store.definition(name)
        except StoreUnavailable:
            raise
        except StoreError as error:
            told = f"{error}; group {name} is passed over"
            if told not in self._told:
                self._told.add(told)
                say(self.name, told)
            return None


def add_common_options(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """Add -c, --store and --version, and CONFIG as the first argument where it may come."""
    if positional:
        parser.add_argument("config", nargs="?", metavar="CONFIG", help="a YAML file, as for -c")
    parser.add_argument(
        "-c",
        dest="config_option",
        metavar="FILE",
        help="configuration file (default: $ECL_CONFIG, else ./logging.yaml if it has our keys)",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        help="store to use (default: $ECL_STORE, else the file's, else the embedded one)",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def open_context(
    name: str, *, argument: str | None, option: str | None, store: str | None
) -> Context:
    """Return store and configuration of the command `name`; opens nothing yet.

    `argument` and `option` both name the file. Raises ConfigError.
    """
    if argument is not None and option is not None:
        raise UsageError(f"both -c {option} and {argument} name a configuration file; give one")
    path = argument or option or os.environ.get("ECL_CONFIG", "").strip() or None
    loaded = None
    if path is not None:
        from ecl_logging.config import read_config_file

        loaded = read_config_file(path)
        if loaded is None:
            raise ConfigError(f"{path}: has neither 'ecl' nor 'groups' at its top level")
    elif os.path.exists(_DEFAULT_FILE):
        loaded = _read_if_ours(name, _DEFAULT_FILE)
    configured, prefix = (loaded.store, loaded.prefix) if loaded else (None, "")
    return Context(open_chosen_store(store, configured, prefix=prefix), loaded, name)


def _read_if_ours(name: str, path: str) -> Config | None:
    """Read the file that just happens to be here: it may be anybody's, and of any form."""
    from ecl_logging.config import read_config_file
    from ecl_logging.documents import UnreadableFile

    try:
        return read_config_file(path)
    except UnreadableFile as error:
        print(f"{name}: {error}; the file is passed over\n", end="", file=sys.stderr)
        return None


def run(name: str, command: Callable[[], int]) -> int:
    """Run a command; return its exit status, with every expected error in a line on stderr."""
    _prepare_streams()
    try:
        status = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()  # whoever read our output has seen enough
        return 0
    except OSError as error:
        _give_up_stdout()
        return _failed(name, [f"cannot write: {error.strerror}"], FAILED)
    except UsageError as error:
        return _failed(name, [str(error)], USAGE)
    except ConfigError as error:
        return _failed(name, error.problems, FAILED)
    except StoreUnavailable as error:
        return _failed(
            name, [f"{error}; choose another store with --store or ECL_STORE"], UNREACHABLE
        )
    except EclError as error:
        return _failed(name, [str(error)], FAILED)
    return status


def _give_up_stdout() -> None:
    """Let what cannot be written go nowhere; Python would try, and complain, once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_streams() -> None:
    """Have streams that take any text, also where the caller has closed them."""
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(getattr(sys, stream), io.TextIOWrapper):
            getattr(sys, stream).reconfigure(errors="backslashreplace")


def _failed(name: str, problems: Iterable[str], status: int) -> int:
    for problem in problems:
        say(f"{name}: error", problem)
    return status


def say(name: str, text: str) -> None:
    """Tell the user a line; what a store has in it shows no password and drives no terminal."""
    print(f"{name}: {printable(masked(text))}\n", end="", file=sys.stderr, flush=True)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line, options and arguments in any order."""
    return parser.parse_intermixed_args(argv)
