"""What `lyceum stream run` puts together: source, figures, HTTP, loop."""

import logging
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import datetime
from pathlib import Path
from threading import Event

from lyceum.errors import UsageError
from lyceum.lakehouse import Lakehouse
from lyceum.runs.logs import open_logs
from lyceum.runs.reporter import Reporter
from lyceum.settings import Settings
from lyceum.systems.stream.service.loop import stopped_by_signals, work
from lyceum.systems.stream.service.monitor import Monitor
from lyceum.systems.stream.service.server import served
from lyceum.systems.stream.settings import BrokerSettings, ServiceSettings
from lyceum.systems.stream.source.broker import EARLIEST, LATEST, BrokerSource
from lyceum.systems.stream.source.files import FileSource


class StartError(UsageError):
    """The begin is none."""


def run_service(
    config: Settings,
    lakehouse: Callable[[], Lakehouse],
    reporter: Reporter,
    *,
    once: bool,
    start: str = EARLIEST,
    files: Path | None = None,
) -> None:
    """Run until a signal, or with `once` until what is there now is processed.

    Args:
        config: Where the settings of broker and service come from.
        lakehouse: Opens the tables; called after everything else has been checked.
        reporter: Where the result goes.
        once: End when there is nothing new; without HTTP.
        start: Where a first run begins: earliest, latest or a time in ISO 8601.
        files: Folder of JSON lines to read instead of a broker.
    """
    settings = config.of(ServiceSettings)
    # A service tells standard error what it does, as containers expect.
    open_logs(config, to_stderr=not once)
    logging.getLogger("lyceum").setLevel(settings.log_level)
    stop = Event()
    monitor = Monitor(settings.flush_interval_seconds, settings.highest_rejected)
    http = nullcontext("") if once else served(monitor, settings.http_host, settings.http_port)
    with closing(_source(config, files, start, stop)) as source, http as address:
        lake = lakehouse()
        if address:
            reporter.say(f"Healthy? {address}/health; figures: {address}/metrics")
        with stopped_by_signals(stop):
            work(lake, source, settings, reporter, monitor=monitor, stop=stop, once=once)


def _source(
    config: Settings, files: Path | None, start: str, stop: Event
) -> BrokerSource | FileSource:
    if files is not None:
        return FileSource(files, stop)
    broker = config.of(BrokerSettings)
    topic, group = broker.topic_events_raw, broker.consumer_group
    return BrokerSource(broker.client(), topic, group, start=_checked(start), stop=stop)


def _checked(start: str) -> str:
    if start in (EARLIEST, LATEST):
        return start
    try:
        if datetime.fromisoformat(start).tzinfo is not None:
            return start
    except ValueError:
        pass
    message = f"expected --from earliest, latest or a time like 2026-03-02T10:00Z, found {start!r}"
    raise StartError(message)
