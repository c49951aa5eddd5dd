"""Names of datasets: with schema, and with catalog if it is another than the pipeline's."""

import re
from dataclasses import dataclass

_PART = r"`[^`]+`|[\w-]+"
NAME = re.compile(rf"(?:{_PART})(?:\.(?:{_PART}))*")


@dataclass(frozen=True)
class Names:
    """How the names of a pipeline are completed."""

    catalog: str
    schema: str

    def full(self, name: str) -> str:
        """Schema and name, so that every way to write a dataset's name gives the same one.

        >>> Names("main", "silver").full("`main`.gold.kpi")
        'gold.kpi'
        >>> Names("main", "silver").full("events")
        'silver.events'
        >>> Names("main", "silver").full("LIVE.events")
        'silver.events'
        """
        parts = [part.strip("`") for part in re.findall(_PART, without_live(name))]
        if len(parts) == 1:
            return f"{self.schema}.{parts[0]}"
        if parts[0] == self.catalog and len(parts) == 3:
            return ".".join(parts[1:])
        return ".".join(parts)


def without_live(name: str) -> str:
    """The name without `LIVE.`, which older pipelines put before those of their own datasets."""
    return name[5:] if name[:5].upper() == "LIVE." else name


def short_name(name: str) -> str:
    """The last part of a name.

    >>> short_name("main.`gold`.`kpi`")
    'kpi'
    """
    return name.rpartition(".")[2].strip("`")
