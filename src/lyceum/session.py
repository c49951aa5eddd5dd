"""The session to compute with: embedded, a Spark Connect server's, or the workspace's own."""

from typing import TYPE_CHECKING

from lyceum.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def new_session(config: Settings) -> "SparkSession":
    """A session of the configured engine, which the first call of a process starts."""
    from pocketlake import sessions

    if config.engine == "workspace":
        return sessions.workspace_session()
    if config.engine == "embedded":
        return sessions.embedded_session(catalog=config.catalog, address=config.remote)
    if config.remote:
        return sessions.connected_session(config.remote)
    from pocketlake.reference.session import reference_session

    return reference_session(config.cache_folder, java_home=config.java_home)
