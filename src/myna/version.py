"""Which Myna this is, and in which form it runs.

The number below is the only one: the build reads it from here.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pkgutil import iter_modules

version = "0.1.0"


def is_compiled() -> bool:
    """Whether wire, core and sockets run as C. A module that is interpreted all the same makes the answer no."""
    origins = list(_origins("myna.wire", "myna.core", "myna.sockets"))
    return bool(origins) and all(origin.endswith(tuple(EXTENSION_SUFFIXES)) for origin in origins)


def describe() -> str:
    """What `myna --version` prints."""
    return f"myna {version} ({'compiled' if is_compiled() else 'pure Python'})"


def _origins(*packages: str) -> Iterator[str]:
    """The files the packages and their modules are loaded from."""
    for package in packages:
        module = import_module(package)
        for name in [package, *(f"{package}.{info.name}" for info in iter_modules(module.__path__))]:
            spec = find_spec(name)
            yield spec.origin or "" if spec else ""
