"""What a task prints, kept in a file."""

from pathlib import Path
from threading import Lock

from pocketlake.redaction import redacted


class TaskLog:
    """A file of the task's lines; the latest one is remembered for whoever watches."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.path = file
        self.last_line = ""
        self._file = file.open("a", encoding="utf-8", errors="replace")
        self._guard = Lock()

    def write(self, text: str) -> None:
        """Append text without secrets; what comes after the end of the task goes nowhere."""
        text = str(redacted(text))
        with self._guard:
            if not self._file.closed:
                self._file.write(text)
                self._file.flush()
            self.last_line = (text.strip().splitlines() or [self.last_line])[-1]

    def close(self) -> None:
        """End the log."""
        with self._guard:
            self._file.close()
