"""A small world of events, delivered as files, and what silver and gold should make of it."""

import gzip
import os
from pathlib import Path

from bundlerun.pipelines.event_log import event_log
from lyceum.lakehouse import Lakehouse
from lyceum.quality.quarantine import QUARANTINE
from lyceum.runs.reporter import Reporter
from lyceum.systems.events.gold import EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI
from lyceum.systems.events.job import EventsJob, run
from lyceum.systems.events.pipeline import TABLES
from lyceum.systems.events.silver.lm_events import LM_EVENTS
from lyceum.systems.events.silver.lm_participants import LM_PARTICIPANTS

PIPELINE_EVENTS = event_log("ops.pipeline_events")
OUTPUTS = (LM_EVENTS, LM_PARTICIPANTS, EVENT_PERFORMANCE_KPI, PRODUCT_PERFORMANCE_KPI)

EVENTS = "event_id,event_name,event_date,brand_id,indication_id,oasis_modified_date\n"
PARTICIPANTS = "participant_id,event_id,mdm_id,participant_type,attended,modified_date\n"

CLEAN = {
    "events/all.csv": EVENTS
    + 'E1,"Talk, new",2026-03-01,B1,I1,2026-02-02\nE2,Café,2026-03-01,B2,I1,2026-02-01\n'
    + "E3,Late,2026-03-05,B9,,2026-02-01\n",
    "participants/all.csv": PARTICIPANTS
    + "P1,E1,M1,HCP,true,2026-02-02\nP2,E1,M2,HCP,false,2026-02-01\nP3,E2,M4,HCP,true,2026-02-01\n"
    + "P4,E3,,Staff,,2026-02-01\nP5,E9,M1,HCP,true,2026-02-01\nP6,E2,X1,HCP,true,2026-02-01\n",
    "brands/all.csv": "brand_id,brand_name\nB1,Cardivo\nB2,Pulmora\n",
    "indications/all.csv": "indication_id,indication_name\nI1,Asthma\n",
    "mdm/all.csv": "mdm_id,final_mdm_id\nM1,M2\nM2,M3\nX1,X2\nX2,X1\n",
}

DELIVERIES: tuple[dict[str, str | bytes], ...] = (
    # Participants before their events, an old version among them, and half of a chain.
    {
        "participants/one.csv": PARTICIPANTS.upper()
        + "p1 ,e1,m1,HCP,no,2026-02-01\nP2,E1,M2,HCP,N,2026-02-01\nP3,E2,M4,HCP,Y,02/01/2026\n",
        "mdm/one.csv": "final_mdm_id;mdm_id\nM2;M1\nX2;X1\n",
    },
    # The events, one yet without its brand; the participants again, under another name.
    {
        "events/one.csv": (
            EVENTS
            + "E1,Talk,2026-03-01,B1,I1,2026-02-01\nE2,Caf\u00e9,2026-03-01,B2,I1,2026-02-01\n"
        ).encode("cp1252"),
        "participants/again.csv": PARTICIPANTS
        + "P1,E1,M1,HCP,no,2026-02-01\nP2,E1,M2,HCP,N,2026-02-01\nP3,E2,M4,HCP,Y,2026-02-01\n",
        "brands/one.csv.gz": gzip.compress("brand_id\tbrand_name\nB1\tCardivo\n".encode("utf-16")),
        "indications/one.json": '{"indication_id":"I1","indication_name":"Asthma"}\n',
    },
    # Corrections under a new name, with a column that nobody knows.
    {
        "events/two.csv": "venue," + EVENTS + 'Rome,E1,"Talk, new",2026-03-01,B1,I1,2026-02-02\n',
        "participants/two.jsonl": '{"participant_id":"P1","event_id":"E1","mdm_id":"M1",'
        '"participant_type":"HCP","attended":true,"modified_date":"2026-02-02T00:00:00Z"}\n',
        "mdm/two.csv": "mdm_id,final_mdm_id\nM2,M3\nX2,X1\n",
    },
    # Malformed: a file that breaks off, ragged rows, a row without id, a date that is none.
    {
        "events/three.csv.gz": gzip.compress(EVENTS.encode() * 9)[:-8],
        "participants/three.csv": PARTICIPANTS
        + "P4,E3,,Staff,,2026-02-01\nP5,E9,M1,HCP,1,2026-02-01\nP7,E1\n,E1,M1,HCP,1,2026-02-01\n"
        + "P8,E1,M1,HCP,1,soon\nP6,E2,X1,HCP,1,2026-02-01\n",
    },
    # Late: the brand, the event, the broken file made whole, and an old version of a participant.
    {
        "brands/two.csv": "brand_id,brand_name\nB2,Pulmora\n",
        "events/three.csv.gz": gzip.compress(
            (EVENTS + "E3,Late,2026-03-05,B9,,2026-02-01\n").encode()
        ),
        "participants/four.csv": PARTICIPANTS + "P1,E2,M4,HCP,0,2026-01-01\n",
    },
)

OPEN_IN_THE_END = [
    ("guessed_encoding", "events/one.csv"),
    ("malformed_row", "participants/three.csv"),
    ("mdm_circle", "participants/three.csv"),
    ("row_without_id", "participants/three.csv"),
    ("unknown_brand", "events/three.csv.gz"),
    ("unknown_event", "participants/three.csv"),
    ("unreadable_participant_modified_date", "participants/three.csv"),
]
"""Rule and file of what stays in quarantine after the five deliveries."""


def deliver(lake: Lakehouse, files: dict[str, str | bytes], day: int = 1) -> EventsJob:
    """Drop the files into the landing folder, modified on that day of January."""
    landing = lake.config.home / "landing"
    for name, content in files.items():
        path = Path(landing, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (1767225600 + day * 86400,) * 2)
    return EventsJob(lake, landing, Reporter())


def process(lake: Lakehouse, files: dict[str, str | bytes], day: int = 1) -> None:
    """Deliver files and run the pipeline."""
    run(deliver(lake, files, day))


def outputs(lake: Lakehouse) -> dict[str, list[tuple[object, ...]]]:
    """All rows of silver and gold."""
    return {
        table.name: sorted(map(tuple, lake.read(table).collect()), key=str) for table in OUTPUTS
    }


def in_quarantine(lake: Lakehouse, where: str = "resolved_at IS NULL") -> list[tuple[str, str]]:
    """Rule and source of what stands there."""
    rows = lake.read(QUARANTINE).where(where).select("rule", "source_key").collect()
    return sorted(map(tuple, rows))


def versions(lake: Lakehouse) -> dict[str, object]:
    """The present version of every table of the pipeline, of its quarantine and its event log."""
    return {table.name: lake.version(table) for table in (*TABLES, QUARANTINE, PIPELINE_EVENTS)}
