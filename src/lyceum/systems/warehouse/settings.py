"""What there is to set about the warehouse and its source."""

from typing import ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import SystemSettings


class WarehouseSettings(SystemSettings):
    """The OLTP database, and where its rows are landed."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="OLTP_")

    database_url: SecretStr
    """Address with user and password of a role that only reads."""
    schema_name: str = Field("public", validation_alias="OLTP_SCHEMA")
    """The schema of the tables in the source."""
    connections: int = Field(4, ge=1)
    """Connections that read side by side."""
    timeout_seconds: int = Field(1_800, ge=1)
    """After which the database gives a query up."""
    pipeline_id: str = ""
    """In a workspace: the pipeline that updates bronze and dimensions."""
