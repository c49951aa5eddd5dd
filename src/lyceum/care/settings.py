"""Settings of care."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import FROM_SCOPE, SystemSettings


class CareSettings(SystemSettings):
    """For how many hours what was replaced in tables can still be read."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LYCEUM_")

    history_hours: int = Field(default=168, ge=0)


class ErasureSettings(SystemSettings):
    """Whom to erase, whom never, as identifiers between commas; the key of their pseudonyms."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LYCEUM_")

    erasure_key: SecretStr | None = None
    erase_learners: Annotated[str, FROM_SCOPE] = ""
    legal_hold: Annotated[str, FROM_SCOPE] = ""
