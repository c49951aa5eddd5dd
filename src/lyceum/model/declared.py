"""Every declared table, view and folder: found where it stands, so that no list has to be kept."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import TypeVar

from lyceum.errors import UsageError
from lyceum.model.files import Files
from lyceum.model.table import LAYERS, Table, View

_ROOMS = ("systems", "runs", "quality", "exports", "care")
_WITHOUT_DECLARATIONS = ("commands", "service", "source")


T = TypeVar("T", Table, View, Files)


class UnknownTableError(UsageError):
    """There is no table of that name."""


def tables() -> tuple[Table, ...]:
    """Every declared table, layer by layer, by name."""
    return tuple(sorted(_found(Table), key=_place))


def tables_of(system: str) -> tuple[Table, ...]:
    """The tables of a system's bronze, silver and gold, layer by layer, by name."""
    prefix = f"lyceum.systems.{system}."
    path = importlib.import_module(prefix.rstrip(".")).__path__
    layers = [f"{prefix}{layer}" for layer in LAYERS]
    modules = [name for name in _within(path, prefix) if name.startswith(tuple(layers))]
    declarations = [one for name in modules for one in _of_module(name)]
    found = {one.name: one for one in declarations if isinstance(one, Table)}
    return tuple(sorted(found.values(), key=_place))


def views() -> tuple[View, ...]:
    """Every declared view, by name."""
    return tuple(sorted(_found(View), key=_place))


def system_of(table: Table) -> str:
    """The system that declares a table in bronze, silver or gold; empty for those of all."""
    rooms = pkgutil.iter_modules(importlib.import_module("lyceum.systems").__path__)
    return next((room.name for room in rooms if table in tables_of(room.name)), "")


def folders() -> tuple[Files, ...]:
    """Every declared folder of files, by name."""
    return tuple(sorted(_found(Files), key=lambda one: one.folder))


def declared(name: str) -> Table:
    """The declaration of a table, by its full name or by its name within the layer."""
    found = [table for table in tables() if name in (table.name, table.short_name)]
    if not found:
        names = ", ".join(table.name for table in tables())
        message = f"expected the name of a table, found {name!r}: one of {names}"
        raise UnknownTableError(message)
    return found[0]


def _found(kind: type[T]) -> list[T]:
    return [one for one in _declarations() if isinstance(one, kind)]


def _place(one: Table | View) -> tuple[int, str]:
    return LAYERS.index(one.layer), one.name


@cache
def _declarations() -> tuple[Table | View | Files, ...]:
    found = {one.name: one for module in modules() for one in _of_module(module)}
    return tuple(found.values())


def _of_module(name: str) -> Iterator[Table | View | Files]:
    """What stands in a module by itself or in a mapping of it."""
    for value in vars(importlib.import_module(name)).values():
        several = value.values() if isinstance(value, dict) else (value,)
        yield from (one for one in several if isinstance(one, Table | View | Files))


def modules() -> Iterator[str]:
    """The names of the modules in which something may be declared."""
    for room in _ROOMS:
        package = importlib.import_module(f"lyceum.{room}")
        yield from _within(package.__path__, f"{package.__name__}.")


def _within(path: object, prefix: str) -> Iterator[str]:
    for module in pkgutil.iter_modules(path, prefix):  # type: ignore[arg-type]
        if module.name.rpartition(".")[2] in _WITHOUT_DECLARATIONS:
            continue
        yield module.name
        if module.ispkg:
            yield from _within(importlib.import_module(module.name).__path__, f"{module.name}.")
