"""Settings of care."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import FROM_SCOPE, SystemSettings


class CareSettings(SystemSettings):
    """History that is kept, in hours; whom to erase and whom never, identifiers between commas."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="LYCEUM_")

    history_hours: int = Field(default=168, ge=0)
    erasure_key: SecretStr | None = None
    erase_learners: Annotated[str, FROM_SCOPE] = ""
    legal_hold: Annotated[str, FROM_SCOPE] = ""
