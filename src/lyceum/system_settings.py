"""The settings of a system: one class in its room, one field a variable.

A class is filled by `Settings.of`, which knows the environment; made by hand it reads nothing.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lyceum.errors import SettingsError
from pocketlake.redaction import remember_secret

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

Scope = Callable[[str], str | None]
FROM_SCOPE = "from the secret scope"
"""Marks a field that is no secret and comes from the scope too: `Annotated[str, FROM_SCOPE]`."""

_ENVIRON: ContextVar[Mapping[str, str]] = ContextVar("environ")
_SCOPE: ContextVar[Scope] = ContextVar("scope")


class SystemSettings(BaseSettings):
    """Settings whose variables are `env_prefix` and the field's name, in capitals.

    An empty value counts as none. A SecretStr that the environment lacks comes from the secret
    scope of the workspace.

    Raises:
        SettingsError: A value is missing or wrong, in one line that names its variable.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - whatever the fields are
        try:
            super().__init__(**given)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            raise SettingsError(_one_line(type(self), problem)) from None

    def model_post_init(self, _context: object, /) -> None:
        """Hide the secrets from now on, wherever they turn up."""
        for value in (getattr(self, name) for name in type(self).model_fields):
            if isinstance(value, SecretStr):
                remember_secret(value.get_secret_value())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - reads the process's own
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment that `Settings` has read and the secret scope."""
        return init_settings, _Read(settings_cls)

    @classmethod
    def variable(cls, field: str) -> str:
        """The name of the variable that sets a field."""
        alias = cls.model_fields[field].validation_alias
        return str(alias or f"{cls.model_config.get('env_prefix', '')}{field}").upper()


T = TypeVar("T", bound=SystemSettings)


def read_settings(
    kind: type[T], environ: Mapping[str, str], scope: Scope, given: Mapping[str, object]
) -> T:
    """The settings of a class, by an environment; what is `given` and not None comes first."""
    tokens = _ENVIRON.set(environ), _SCOPE.set(scope)
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    finally:
        _ENVIRON.reset(tokens[0])
        _SCOPE.reset(tokens[1])


class _Read(PydanticBaseSettingsSource):
    """Every variable of the environment, and the secrets that it lacks from the scope."""

    def get_field_value(self, field: "FieldInfo", field_name: str) -> tuple[Any, str, bool]:
        """The text that sets a field; None if nothing does."""
        kind: type[SystemSettings] = self.settings_cls  # type: ignore[assignment]
        name = kind.variable(field_name)
        value: str | None = _ENVIRON.get({}).get(name) or None
        if value is None and (field.annotation is SecretStr or FROM_SCOPE in field.metadata):
            value = _SCOPE.get(_no_scope)(name)
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The texts by field, of the fields that nobody has given."""
        missing = {
            name: field
            for name, field in self.settings_cls.model_fields.items()
            if name not in self.current_state
        }
        found = {name: self.get_field_value(field, name)[0] for name, field in missing.items()}
        return {name: value for name, value in found.items() if value is not None}


def _no_scope(_variable: str) -> None:
    return None


def _one_line(kind: type[SystemSettings], problem: "ErrorDetails") -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    fields = [f for f, info in kind.model_fields.items() if name in (f, info.validation_alias)]
    variable = kind.variable(fields[0]) if fields else name.upper()
    if problem["type"] == "missing":
        return f"expected {variable} in the environment, found nothing: set it and run again"
    context = problem.get("ctx", {})
    if problem["type"] == "greater_than_equal":
        return f"expected {variable} to be at least {context['ge']}, found {problem['input']!r}"
    if problem["type"] == "value_error":
        return f"expected {variable} to be {context['error']}"
    return f"expected {variable} to be right, found {problem['input']!r}: {problem['msg']}"
