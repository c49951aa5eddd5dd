"""What a warehouse on a local disk holds, told by its files alone: no Spark, no query."""

from pathlib import Path

from lyceum.config import Config


def tables_on_disk(config: Config) -> list[tuple[str, str]]:
    """Schema and name of every Delta table, sorted; none if the warehouse is elsewhere."""
    if not config.is_local_disk:
        return []
    logs = Path(str(config.warehouse)).glob("*/*/_delta_log")
    return sorted((log.parent.parent.name, log.parent.name) for log in logs)


def version_on_disk(config: Config, schema: str, name: str) -> int | None:
    """The latest version of a table; None if it has none, or the warehouse is elsewhere."""
    if not config.is_local_disk:
        return None
    commits = Path(str(config.warehouse), schema, name, "_delta_log").glob("*.json")
    return max((int(c.stem) for c in commits if c.stem.isdigit()), default=None)


def is_untouched(config: Config, schema: str, name: str) -> bool:
    """True if no row was ever written to a table; False too if the warehouse is elsewhere."""
    if not config.is_local_disk:
        return False
    files = Path(str(config.warehouse), schema, name).iterdir()
    return all(file.name == "_delta_log" for file in files)


def bytes_on_disk(config: Config, schema: str, name: str) -> int | None:
    """The size of all files of a table, old ones too; None if the warehouse is elsewhere."""
    if not config.is_local_disk:
        return None
    files = Path(str(config.warehouse), schema, name).rglob("*.parquet")
    return sum(file.stat().st_size for file in files)
