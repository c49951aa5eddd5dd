"""Settings of care."""

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import SystemSettings


class CareSettings(SystemSettings):
    """How long what was replaced can still be read, in hours."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LYCEUM_")

    history_hours: int = Field(default=168, ge=0)
