"""Restore: a table as it was, and which tables are computed from it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import functions as F

from lyceum.care.ledger import ERASURES
from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.model.declared import system_of, tables_of
from lyceum.model.table import LAYERS, Table
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from pocketlake import Commit

JOB = "restore"
_COMMITS = 10_000


class RestoreError(UsageError):
    """A version that cannot be restored."""


@dataclass(frozen=True)
class Dependents:
    """The system of a table, and its tables that come after it; empty for those of `ops`."""

    system: str
    tables: tuple[Table, ...]


def restore(
    lake: Lakehouse,
    table: Table,
    reporter: Reporter,
    *,
    version: int | None = None,
    at: datetime | None = None,
) -> Dependents:
    """Make the version, or the one of that instant, the present one; says what depends on it.

    Raises:
        RestoreError: There is no such version any more, or persons were erased since.
    """
    if (version is None) == (at is None):
        message = "expected a version or a time, found "
        raise RestoreError(message + ("neither" if at is None else "both") + ": give one of them")
    if not lake.exists(table):
        raise RestoreError(f"expected {table.name} to be there, found no such table")
    if lake.is_materialized(table):
        message = f"expected a table, found {table.name} to be a materialized view"
        raise RestoreError(f"{message}: its pipeline computes it again")
    wanted = _commit(lake, table, version, at)
    _check_erasures(lake, table, wanted)
    parameters = {"table": table.name, "version": wanted.version}
    with (
        Run.of(lake, JOB, parameters, reporter=reporter) as run,
        run.stage("restore_table", key=table.name) as stage,
    ):
        lake.restore(table, version=wanted.version)
        stage.note = f"version {wanted.version} of {wanted.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    found = dependents(table)
    rows = [(one.name, one.grain) for one in found.tables]
    if rows:
        reporter.table("Come after it", ["table", "a row is"], rows)
    return found


def dependents(table: Table) -> Dependents:
    """The tables of its system in later layers: data flows one way, so no other depends on it."""
    system, layer = system_of(table), LAYERS.index(table.layer)
    of_system = tables_of(system) if system else ()
    return Dependents(system, tuple(one for one in of_system if LAYERS.index(one.layer) > layer))


def _commit(lake: Lakehouse, table: Table, version: int | None, at: datetime | None) -> Commit:
    """The commit of the version, or the last one up to the instant."""
    commits = lake.history(table, limit=_COMMITS)
    for commit in commits:
        if commit.version == version or (at is not None and commit.timestamp <= at):
            return commit
    first, last = commits[-1], commits[0]
    message = f"expected {table.name} as of {'that time' if version is None else version}"
    raise RestoreError(
        f"{message}, found versions {first.version} to {last.version}, the first of "
        f"{first.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    )


def _check_erasures(lake: Lakehouse, table: Table, wanted: Commit) -> None:
    """A version from before an erasure may name who was erased since."""
    since = lake.read(ERASURES).where(F.col("recorded_at") > F.lit(wanted.timestamp))
    last = since.where("rows_rewritten > 0").agg(F.max("recorded_at")).collect()[0][0]
    if last is not None and table.name != ERASURES.name:
        moment = f"{last.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        message = f"expected a version of {table.name} since the erasure of {moment} UTC"
        raise RestoreError(f"{message}, found an older one: it might bring somebody back")
