"""The event pipeline in a process that stays: it runs whenever something was delivered."""

import time
from collections.abc import Sequence

from lyceum.systems.events.job import EventsJob, run
from lyceum.systems.events.source import Delivery, deliveries


def watch(
    job: EventsJob, *, seconds: float, full_refresh: bool = False, refresh: Sequence[str] = ()
) -> None:
    """Run, then run again whenever the landing folder has changed, looked at every `seconds`.

    Ctrl-C between two runs ends it.
    """
    seen = deliveries(job.landing, quiet=0)
    run(job, full_refresh=full_refresh, refresh=refresh)
    while (found := _awaited(job, seen, seconds)) is not None:
        seen = found
        run(job)


def _awaited(job: EventsJob, seen: list[Delivery], seconds: float) -> list[Delivery] | None:
    """What is in the landing folder as soon as that is other than what was seen; None at Ctrl-C."""
    try:
        job.reporter.say(f"Watching {job.landing} for deliveries; Ctrl-C ends it")
        while (found := deliveries(job.landing, quiet=0)) == seen:
            time.sleep(seconds)
    except KeyboardInterrupt:
        return None
    return found
