"""Erasure: a person is taken out of files and tables, then out of what they were before.

Files come first, so that nothing brings the person back that is read again. Then rows are changed.
Their old files stay until the history that is kept has passed; when they are vacuumed and no byte
names the person any more, the request is ERASED. Until then, asking again goes on.
"""

import os
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyspark.sql import functions as F

from lyceum.care.consumers import hours_needed
from lyceum.care.files import KEY_FILE, Scan, find_files, rewrite_file, scan
from lyceum.care.ledger import ERASURES
from lyceum.care.maintain import present
from lyceum.care.person import People, Person, learners
from lyceum.care.settings import CareSettings, ErasureSettings
from lyceum.care.tables import find_rows, person_fields, rewrite_rows
from lyceum.errors import SettingsError, UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.reporter import Reporter
from lyceum.runs.run import Run
from pocketlake.redaction import remember_secret

JOB = "erase"


class LegalHoldError(UsageError):
    """A person who may not be erased."""


class NobodyError(UsageError):
    """Nobody to erase."""


@dataclass(frozen=True)
class Erasure:
    """What is asked for; without learners those of the settings are meant."""

    lake: Lakehouse
    reporter: Reporter
    learners: Sequence[str] = ()
    reason: str = ""
    dry_run: bool = False


def erase(asked: Erasure) -> None:
    """Erase the persons, or go on with it; each ends as PENDING_PURGE or ERASED in the ledger.

    Raises:
        NobodyError: No learner is given, nor in the settings.
        LegalHoldError: One of them may not be erased; then none is.
        LearnerError: An identifier is too short to find anybody by.
    """
    people = _people(asked)
    for person in people:
        remember_secret(person.id)
    if asked.dry_run:
        files = _counted(who for _, who in find_files(asked.lake, people))
        rows = _counted(found.counts for found in find_rows(asked.lake, people))
        counts = [(person.request_id, rows[person], files[person]) for person in people]
        asked.reporter.table("Would be erased", _COLUMNS, counts)
        return
    parameters = {"requests": [person.request_id for person in people]}
    with Run.of(asked.lake, JOB, parameters, reporter=asked.reporter) as run:
        _erase(asked, run, people)


def _counted(found: Iterable[Iterable[Person]]) -> Counter[Person]:
    """How often each is named: by sets of who is named, or by counts."""
    total: Counter[Person] = Counter()
    for one in found:
        total.update(one)
    return total


_COLUMNS = ["request", "rows", "files"]


def _people(asked: Erasure) -> People:
    settings = asked.lake.config.of(ErasureSettings)
    ids = [*asked.learners] or learners(settings.erase_learners)
    if not ids:
        message = "expected --learner ID or LYCEUM_ERASE_LEARNERS, found neither: say whom to erase"
        raise NobodyError(message)
    held = {one.upper() for one in learners(settings.legal_hold)}
    if "*" in held or held.intersection(one.upper() for one in ids):
        message = "expected nobody under a legal hold, found LYCEUM_LEGAL_HOLD to name one of them"
        raise LegalHoldError(f"{message}: none was erased")
    key = settings.erasure_key.get_secret_value() if settings.erasure_key else _key(asked.lake)
    fields = person_fields()
    return People(Person(one, key, fields) for one in dict.fromkeys(ids))


def _key(lake: Lakehouse) -> str:
    """The key of this home, made when it is needed first."""
    if not lake.config.has_local_home:
        message = "expected LYCEUM_ERASURE_KEY in the secret scope, found nothing: put one there"
        raise SettingsError(message)
    file = lake.config.home / KEY_FILE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{KEY_FILE}.{os.getpid()}")
        aside.touch(mode=0o600)
        aside.write_text(secrets.token_hex(32), encoding="utf-8")
        aside.replace(file)
    return file.read_text(encoding="utf-8")


def _erase(asked: Erasure, run: Run, people: People) -> None:
    lake = asked.lake
    with run.stage("rewrite_files", unit="files") as stage:
        files: Counter[Person] = Counter()
        for file, who in find_files(lake, people):
            rewrite_file(lake, file, people)
            files.update(who)
            asked.reporter.advance(stage, 1)
    with run.stage("rewrite_rows", unit="rows") as stage:
        rows: Counter[Person] = Counter()
        for found in find_rows(lake, people):
            if rewrite_rows(lake, people, found):
                rows.update(found.counts)
                asked.reporter.advance(stage, found.rows.num_rows)
    with run.stage("purge"):
        _purge(lake)
    with run.stage("scan", unit="files") as stage:
        seen = scan(lake, people)
        asked.reporter.advance(stage, seen.files)
    waiting = {person for person in people if rows[person]} | _recent(lake, people)
    if lake.config.is_local_disk:
        waiting.clear()
    reason, now = people.replaced(asked.reason) or None, datetime.now(UTC)
    ledger = [
        (
            person.request_id,
            "PENDING_PURGE" if seen.hits[person] or person in waiting else "ERASED",
            reason,
            rows[person],
            files[person],
            seen.files,
            seen.bytes,
            len(seen.hits[person]),
            run.id,
            now,
        )
        for person in people
    ]
    lake.append(ERASURES, lake.rows(ERASURES, ledger))
    shown = [(row[0], row[3], row[4], row[1], row[7]) for row in ledger]
    asked.reporter.table("Erasures", [*_COLUMNS, "status", "files that still name"], shown)
    if any(seen.hits.values()):
        asked.reporter.say(_pending(lake, seen))


def _recent(lake: Lakehouse, people: People) -> set[Person]:
    """Whose rows were changed so recently that what they were is still history.

    On a disk the scan tells; elsewhere nobody can look into the old files of tables.
    """
    since = datetime.now(UTC) - timedelta(hours=lake.config.of(CareSettings).history_hours)
    rows = lake.read(ERASURES).where("rows_rewritten > 0 AND status = 'PENDING_PURGE'")
    recent = rows.where(F.col("recorded_at") > F.lit(since)).select("request_id").distinct()
    ids = {row.request_id for row in recent.collect()}
    return {person for person in people if person.request_id in ids}


def _purge(lake: Lakehouse) -> None:
    """Vacuum every table, as far as the history that is kept allows; a workspace does it itself."""
    if lake.kind == "workspace":
        return
    hours, now = lake.config.of(CareSettings).history_hours, datetime.now(UTC)
    for table in present(lake):
        if not lake.exists(table) or lake.is_materialized(table):
            continue
        needed = hours_needed(lake, table, hours, now)
        if not lake.stale(table, retain_hours=needed).is_nothing:
            lake.vacuum(table, retain_hours=needed)


def _pending(lake: Lakehouse, seen: Scan) -> str:
    hours = lake.config.of(CareSettings).history_hours
    places = sorted({_place(lake, file) for files in seen.hits.values() for file in files})
    return (
        f"Still named in {', '.join(places)}: history is kept for {hours} hours; ask again when "
        "they have passed"
    )


def _place(lake: Lakehouse, file: Path) -> str:
    """The table or folder of a file; its name might name the person."""
    warehouse = Path(str(lake.warehouse)).resolve()
    if warehouse in file.parents:
        return ".".join(file.relative_to(warehouse).parts[:2])
    return str(file.parent)
