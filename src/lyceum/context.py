"""What every command shares: the general options, and what they open."""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.runs.reporter import Reporter, Style
from lyceum.settings import Settings

if TYPE_CHECKING:
    from lyceum.lakehouse import Lakehouse


@dataclass(frozen=True, eq=False)
class Context:
    """The general options of a call; Spark starts when a lakehouse is asked for."""

    home: Path | None
    as_json: bool
    quiet: bool
    debug: bool
    settings: str = ""

    @cache  # noqa: B019 - one context a call
    def config(self) -> Settings:
        """The configuration of this call."""
        return Settings.load(self.home, settings=self.settings)

    @cache  # noqa: B019 - one context a call
    def reporter(self) -> Reporter:
        """Where progress and results go."""
        return Reporter(self._style())

    @cache  # noqa: B019 - one context a call
    def lakehouse(self) -> "Lakehouse":
        """The lakehouse of this call; starts the engine."""
        from lyceum.lakehouse import Lakehouse
        from lyceum.session import new_session

        config = self.config()
        try:
            return Lakehouse(new_session(config), config)
        except Exception as error:
            # Without an engine there is no ledger: the log is all that can tell.
            from lyceum.runs.logs import get_logger, open_logs

            open_logs(config)
            get_logger(__name__).error("the engine does not start", reason=str(error))
            raise

    def _style(self) -> Style:
        if self.as_json:
            return "json"
        if self.quiet:
            return "quiet"
        return "rich" if sys.stderr.isatty() else "plain"
