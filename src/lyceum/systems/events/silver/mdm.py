"""Resolution of MDM identifiers through chains of any length.

A chain is a graph to be walked, which no fixed number of joins does: joins that double their
reach also double their plan, and a recursive query runs one job a link. So one Python function
walks the links that lead to further links; all others, nearly all, are a plain join.
"""

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf
from pyspark.sql.types import ArrayType, BooleanType, StringType, StructType

from lyceum.systems.events.silver.deliveries import latest_master
from lyceum.systems.events.silver.standard import identifier
from lyceum.systems.events.source.entities import MDM

# A DDL string would be analysed, which a pipeline's definition may not ask for.
_RESOLVED = ArrayType(
    StructType()
    .add("mdm_id", StringType())
    .add("final_mdm_id", StringType())
    .add("is_circular", BooleanType())
)


def mdm_links(landing_mdm: DataFrame) -> DataFrame:
    """Every MDM id that leads to another, `next_id`, as the latest mapping has it."""
    links = latest_master(landing_mdm, entity=MDM).select(
        "mdm_id", identifier(F.col("final_mdm_id")).alias("next_id")
    )
    return links.where(F.col("next_id").isNotNull() & (F.col("next_id") != F.col("mdm_id")))


def final_mdm_ids(links: DataFrame) -> DataFrame:
    """Every MDM id of the links, where its chain ends, and whether it runs in a circle instead.

    A chain that leads into a circle has no end either.
    """
    targets = links.select(F.col("mdm_id").alias("next_id"), F.col("next_id").alias("second_id"))
    looked_up = links.join(targets, on="next_id", how="left")
    is_end = F.col("second_id").isNull()
    direct = looked_up.where(is_end).select(
        "mdm_id", F.col("next_id").alias("final_mdm_id"), F.lit(False).alias("is_circular")
    )
    triples = F.struct("mdm_id", "next_id", "second_id")
    all_of_them = looked_up.where(~is_end).agg(F.collect_list(triples).alias("triples"))
    resolved = arrow_udf(_walked, _RESOLVED)("triples")  # type: ignore[call-overload]
    return direct.unionByName(all_of_them.select(F.inline(resolved)))


def chain_ends(links: Mapping[str, str]) -> dict[str, str | None]:
    """Where each id ends up if its links are followed; None if they run in a circle.

    >>> chain_ends({"a": "b", "b": "c", "x": "y", "y": "x", "z": "x"})
    {'a': 'c', 'b': 'c', 'x': None, 'y': None, 'z': None}
    """
    ends: dict[str, str | None] = {}
    for start in links:
        path: dict[str, None] = {}
        at = start
        while at in links and at not in ends and at not in path:
            path[at] = None
            at = links[at]
        end = None if at in path else ends.get(at, at)
        ends.update(dict.fromkeys(path, end))
    return {start: ends[start] for start in links}


def _walked(lists: pa.Array) -> pa.Array:
    """The ends of chains of at least two links, from lists of ids and their next two."""
    return pa.array([_ends(triples) for triples in lists.to_pylist()], _ARROW)


def _ends(triples: list[dict[str, str]]) -> list[dict[str, str | bool | None]]:
    links = {t["next_id"]: t["second_id"] for t in triples}
    links |= {t["mdm_id"]: t["next_id"] for t in triples}
    ends = chain_ends(links)
    found = ((t["mdm_id"], ends[t["mdm_id"]]) for t in triples)
    return [
        {"mdm_id": mdm_id, "final_mdm_id": end, "is_circular": end is None} for mdm_id, end in found
    ]


_ARROW = pa.list_(
    pa.struct({"mdm_id": pa.string(), "final_mdm_id": pa.string(), "is_circular": pa.bool_()})
)
