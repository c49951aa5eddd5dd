"""Parts of `dbutils`, each of which refuses by name what it does not have."""

from typing import ClassVar, NoReturn

from bundlerun.notebook.errors import NotOfferedError


class Part:
    """A part of dbutils."""

    _name: ClassVar[str] = "dbutils"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        missing = f"{self._name}.{name}"
        raise NotOfferedError(missing)
