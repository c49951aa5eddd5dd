"""What a person sees of a run."""

import io

from bundle_folder import Asked
from rich.console import Console

from bundlerun.runner.view import RunView, run_tree
from bundlerun.terminal import Terminal


def drawn(tree) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(tree)
    return out.getvalue()


def test_a_terminal_shows_the_tree_with_states_times_and_last_lines(bundle):
    bundle.job("child", "x: ok")
    bundle.job(
        "job",
        """
        a: {does: fail, max_retries: 1}
        b: {run_job_task: {job_id: '${resources.jobs.child.id}'}}
        c: {does: linger, timeout_seconds: 30, after: b}
        d: {does: ok, after: c}
        """,
    )
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    seen = []
    runner = bundle.runner()
    with RunView(Terminal("rich"), console) as view:

        def follow(event):
            view(event)
            if event["event"] == "task_ended" and event["task"] == "d":
                seen.append(drawn(view.tree()))

        record, _ = runner.run(runner.request("job", Asked()), follow)
    [shown] = seen
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0].startswith(f"job  run {record.run_id}  RUNNING  ")
    assert lines[1].startswith("├── ✗ a  FAILED  ")
    assert lines[1].endswith("attempt 2  ValueError: no luck")
    assert lines[2].startswith("├── ✓ b  SUCCESS  ")
    assert lines[3].startswith("│   └── child  run 2")
    assert lines[4].startswith("│       └── ✓ x  SUCCESS  ")
    assert lines[5].startswith("├── ✗ c  TIMEDOUT  ")
    assert lines[6] == "└── ✗ d  UPSTREAM_FAILED"
    assert "lingering" in out.getvalue()
    assert drawn(run_tree(record)).splitlines()[1:] == lines[1:]


def test_what_a_child_run_does_is_told_as_its_own(bundle, capsys):
    bundle.job("child", "x: ok")
    bundle.job("job", "a: {run_job_task: {job_id: '${resources.jobs.child.id}'}}")
    runner = bundle.runner()
    view = RunView(Terminal("plain"))
    runner.run(runner.request("job", Asked()), view)
    told = [line.partition(" · ")[0] for line in capsys.readouterr().err.splitlines()]
    assert told[1:-1] == [
        "▸ a",
        told[2],
        "▸ child: x",
        "✓ child: x: SUCCESS",
        told[5],
        "✓ a: SUCCESS",
    ]
    assert told[2].startswith("▸ child: run 2")
