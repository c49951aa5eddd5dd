"""What there is to set about the learner stream."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from lyceum.system_settings import FROM_SCOPE, SystemSettings


class BrokerSettings(SystemSettings):
    """The broker and the topic; names of variables are those of the old service."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str
    topic_events_raw: str = "events_raw"
    consumer_group: str = "lyceum"
    """The group that the offsets are published to; the truth is in the tables."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: Annotated[str | None, FROM_SCOPE] = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: str | None = None
    """File of the authority's certificate; the system's authorities if none is given."""

    def client(self) -> dict[str, object]:
        """How a client of librdkafka connects."""
        secret = self.sasl_password and self.sasl_password.get_secret_value()
        is_sasl = self.security_protocol.startswith("SASL")
        found = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "ssl.ca.location": self.ssl_ca_location,
            "sasl.mechanism": self.sasl_mechanism if is_sasl else None,
            "sasl.username": self.sasl_username if is_sasl else None,
            "sasl.password": secret if is_sasl else None,
        }
        return {name: value for name, value in found.items() if value is not None}


class ServiceSettings(SystemSettings):
    """How the service works and where it answers."""

    batch_size: int = Field(10_000, ge=1)
    """Messages of a batch at most."""
    flush_interval_seconds: float = Field(300, gt=0)
    """After which a batch is processed, however small it is."""
    parquet_compression: Literal["none", "snappy", "gzip", "zstd", "lz4"] = "snappy"
    """Of the file through which a batch goes to the engine."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Of the lines in the log file, on standard error and in ops.pipeline_logs."""
    http_host: str = Field("127.0.0.1", validation_alias="STREAM_HTTP_HOST")
    http_port: int = Field(8080, ge=0, le=65_535, validation_alias="STREAM_HTTP_PORT")
    """0 takes a free port."""
    highest_rejected: float = Field(0.1, validation_alias="STREAM_HIGHEST_REJECTED", gt=0, le=1)
    """Share of rejected messages above which the service is not healthy."""
