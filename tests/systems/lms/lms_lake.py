"""Helpers of the tests that load a simulated LMS into a lakehouse over real HTTP."""

from lyceum.lakehouse import Lakehouse
from lyceum.model.table import Table
from lyceum.runs.reporter import Reporter
from lyceum.systems.lms.job import LmsJob
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS
from lyceum_lab.lms import Simulator, SimulatorConfig


def lms_job(lake: Lakehouse, lms: Simulator, **settings: object) -> LmsJob:
    """The LMS job against a simulator, with retries that do not wait long."""
    client = lms.config
    reached = {"base_url": lms.url, "client_id": client.client_id}
    given = reached | {"client_secret": client.client_secret, "backoff_base": 0.01}
    return LmsJob(lake, Reporter(), given | {"backoff_cap": 0.1} | settings)


def small_lms(**options: object) -> Simulator:
    return Simulator(SimulatorConfig(**{"events": 20, "seed": 7} | options))


def sessions_of(lms: Simulator) -> dict[str, str]:
    """Title of every session that the LMS has."""
    return {
        session["id"]: session["title"]
        for details in lms.lms.details.values()
        for session in details["sessions"]
    }


def sessions_in(lake: Lakehouse) -> dict[str, str]:
    """Title of every session in silver that is not removed."""
    rows = lake.read(EVENT_SESSION_DETAILS).where("removed_at IS NULL").collect()
    return {row.session_id: row.session_title for row in rows}


def version(lake: Lakehouse, table: Table) -> int:
    """Number of the table's latest version."""
    found = lake.version(table)
    assert found is not None, f"{table.name} is not there"
    return found.number


def landed(lake: Lakehouse) -> list[str]:
    """The folders of loads in the landing volume."""
    return [path.name for path in (lake.config.home / "landing" / "lms").glob("*")]
