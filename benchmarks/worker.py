"""A peer's process that stays: its session is started and warm, and it works on demand."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from measure import Record, peer_command, staying, tree_cpu_seconds


class Worker:
    """A process that answers a JSON object a line with one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, question: Record) -> Record:
        """The answer, and the CPU seconds that it cost; raises RuntimeError if the process ends."""
        before = tree_cpu_seconds(self._process.pid)
        answer = self._answer(json.dumps(question))
        return answer | {"cpu": tree_cpu_seconds(self._process.pid) - before}

    def _answer(self, line: str) -> Record:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        for said in self._process.stdout:
            if said.startswith("{"):
                answer: Record = json.loads(said)
                return answer
        message = f"expected an answer of {self._process.args!r}, found that it ended"
        raise RuntimeError(message)


@contextmanager
def started_worker(
    script: str, environment: Mapping[str, str], **options: object
) -> Iterator[Worker]:
    """A script of `peers/` with these options, from its start to its end."""
    with staying(peer_command(script, **options), environment) as process:
        yield Worker(process)
