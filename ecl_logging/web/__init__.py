"""Pages over HTTP: what may be asked for, and the server that answers.

Nothing is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecl_logging.extras import missing_one
from ecl_logging.lazy_names import loader_of

if TYPE_CHECKING:
    from ecl_logging.web.background import BackgroundServer, serve_in_background
    from ecl_logging.web.pages import create_app

__all__ = ["BackgroundServer", "create_app", "serve_in_background"]

_MODULE_OF = {
    "BackgroundServer": "background",
    "create_app": "pages",
    "serve_in_background": "background",
}
_NEEDED = {"flask", "waitress"}


def _load(name: str) -> object:
    try:
        return _loaded(name)
    except ModuleNotFoundError as error:
        missing = missing_one(error, _NEEDED)
        raise ModuleNotFoundError(
            f"ecl_logging.web needs {missing}: pip install 'ecl-logging[web]'", name=error.name
        ) from None


_loaded = loader_of(__name__, _MODULE_OF)
if not TYPE_CHECKING:  # a type checker is to say of a misspelt name that it is none
    __getattr__ = _load


def __dir__() -> list[str]:
    return [*__all__]
