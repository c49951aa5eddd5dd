"""Each task has a process of its own: what it does there reaches nobody else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundle_folder import ENGINE, log, states

from bundlerun.runner.errors import JobError
from bundlerun.runner.stop import Clock
from bundlerun.workers.worker import TaskStopped


def seconds_until(condition) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < 20
        time.sleep(0.02)
    return time.monotonic() - started


def running(text: str) -> list[int]:
    """The processes whose command line has the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, UnicodeDecodeError):
            continue
        if text in command and state != "Z":
            found.append(int(folder.name))
    return found


def test_a_task_that_heeds_nothing_is_killed_with_all_that_it_started(bundle):
    bundle.job("job", "{a: {does: hang, timeout_seconds: 3}}")
    record = bundle.run(clock=Clock())
    assert states(record) == {"a": "TIMEDOUT"}
    # Within two seconds on a quiet machine; others may keep this one from looking.
    assert record.last()["a"].seconds < 3 + 5
    assert sorted(log(record, "a").split()) == ["child", "hanging"]
    assert not running("print('child', flush=True); time.sleep(60)")


def test_a_crash_takes_nothing_along(bundle):
    record = bundle.job("job", "{a: crash, b: ok, c: {does: ok, after: b}}").run()
    assert states(record) == {"a": "FAILED", "b": "SUCCESS", "c": "SUCCESS"}
    assert record.last()["a"].error == "its process was killed by SIGSEGV"
    assert log(record, "a") == "about to crash\n"


def test_what_a_task_changes_in_its_process_is_its_own(bundle, monkeypatch):
    monkeypatch.setenv("TRIED", "from outside")
    (bundle.folder / "change.py").write_text(
        "import os, sys, json\n"
        "os.environ['TRIED'], json.dumps, sys.modules['csv'] = 'changed', None, None\n"
        "os.chdir('/')\n"
    )
    (bundle.folder / "look.py").write_text(
        "import os, sys, json, csv\n"
        "print(os.environ.get('TRIED'), json.dumps(1), csv.__name__, os.getcwd())\n"
    )
    tasks = """
        change: {spark_python_task: {python_file: ./change.py}}
        look: {spark_python_task: {python_file: ./look.py}, after: change}
    """
    record = bundle.job("job", tasks).run()
    assert states(record) == {"change": "SUCCESS", "look": "SUCCESS"}
    assert log(record, "look") == f"from outside 1 csv {bundle.folder}\n"


def test_a_file_has_spark_and_dbutils_and_its_neighbours(bundle):
    (bundle.folder / "src").mkdir()
    (bundle.folder / "src/beside.py").write_text("def one(spark): return spark.range(1).count()\n")
    (bundle.folder / "src/main.py").write_text(
        "from beside import one\n"
        "dbutils.jobs.taskValues.set('n', one(spark))\n"
        "print(open('beside.py').read().startswith('def one'), __name__)\n"
    )
    tasks = """
        a: {spark_python_task: {python_file: ./src/main.py}}
        b: {does: 'ok {{tasks.a.values.n}}', after: a}
    """
    record = bundle.job("job", tasks).run()
    assert log(record, "a") == "True __main__\n"
    assert log(record, "b") == "args: 1\n"


def test_a_log_has_what_children_print_and_no_secrets(bundle, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2hunter2")
    (bundle.folder / "say.py").write_text(
        "import os, subprocess, sys\n"
        "print('mine', os.environ['SHOP_PASSWORD'], flush=True)\n"
        "subprocess.run(['sh', '-c', 'echo child $SHOP_PASSWORD; echo warned >&2'])\n"
        "os.write(2, b'raw \\xff\\n')\n"
    )
    record = bundle.job("job", "a: {spark_python_task: {python_file: ./say.py}}").run()
    assert log(record, "a") == "mine ***\nchild ***\nwarned\nraw \ufffd\n"


def test_a_task_that_ends_its_process_says_how(bundle):
    (bundle.folder / "leave.py").write_text("import os, sys\nos._exit(int(sys.argv[1]))\n")
    tasks = "a: {spark_python_task: {python_file: ./leave.py, parameters: ['3']}}"
    record = bundle.job("job", tasks).run()
    assert record.last()["a"].error == "its process ended by itself, with exit code 3"


@pytest.mark.skipif(ENGINE != "embedded", reason="Spark's server is a process of Java")
def test_a_server_that_died_is_replaced_for_the_next_task(bundle):
    script = "import os\nprint(spark.range(3).count(), os.environ['SPARK_REMOTE'])\n"
    (bundle.folder / "count.py").write_text(script)
    bundle.job("job", "a: {spark_python_task: {python_file: ./count.py}, max_retries: 1}")
    first = log(bundle.run(), "a").split()
    port = first[1].rpartition(":")[2]
    [server] = {pid for pid in _children_of_fork_servers() if _listens(pid, int(port))}
    os.kill(server, signal.SIGKILL)
    again = log(bundle.run(), "a").split()[-2:]
    assert (first[0], again[0]) == ("3", "3")
    assert again[1] != first[1]


def _children_of_fork_servers() -> list[int]:
    return [pid for pid in running("bundlerun.workers.fork_server") if pid != os.getpid()]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return "closed meanwhile"


def _listens(pid: int, port: int) -> bool:
    """Whether a process has a socket that listens on the port."""
    wanted = f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[1].endswith(wanted) and row[3] == "0A"}
    links = {_target(link) for link in Path("/proc").glob(f"{pid}/fd/*")}
    return any(f"socket:[{inode}]" in links for inode in inodes)


def test_tasks_end_with_a_runner_that_is_killed(bundle):
    bundle.job("job", "{a: hang, b: linger}").write()
    paths = [str(bundle.folder.parent / "site"), str(Path(__file__).parent)]
    mark = f"TRIED_MARK={bundle.folder}"
    process = subprocess.Popen(
        [sys.executable, "-m", "bundlerun", "--home", str(bundle.config.home), "run", "job"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TRIED_MARK": str(bundle.folder)},
        cwd=bundle.folder,
        stderr=subprocess.DEVNULL,
    )
    logs = bundle.config.home / "runs"
    seconds_until(lambda: len([f for f in logs.glob("*/logs/*.log") if f.read_text()]) == 2)
    assert len(_marked(mark)) >= 4, "the runner, the fork server, the engine, two tasks"
    process.kill()
    process.wait()
    assert seconds_until(lambda: not _marked(mark)) < 5


def _marked(mark: str) -> list[int]:
    """The processes that were started with a variable."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_no_handler_of_a_task_swallows_its_end():
    assert not issubclass(TaskStopped, Exception)
    with pytest.raises(TaskStopped):
        raise TaskStopped


def test_paths_of_the_workspace_lead_to_the_bundle_and_the_home(bundle):
    (bundle.folder / "src").mkdir()
    (bundle.folder / "src/main.py").write_text("import sys\nprint(*sys.argv[1:])\n")
    files = (
        "['/Volumes/c/s/v/x', 'in=dbfs:/Volumes/c', s3://b/Volumes/x, '${workspace.file_path}/y']"
    )
    task = f"{{python_file: '${{workspace.file_path}}/src/main.py', parameters: {files}}}"
    record = bundle.job("job", f"a: {{spark_python_task: {task}}}").run()
    home = bundle.config.home / "files/Volumes"
    assert log(record, "a").split() == [
        f"{home}/c/s/v/x", f"in={home}/c", "s3://b/Volumes/x", f"{bundle.folder}/y",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/Workspace/Shared/x", "/Workspace/Shared/x is of a workspace: name a file of the bundle"),
        ("x ${resources.jobs.job.id}", "${resources.jobs.job} is known in a workspace alone"),
        ("${var.warehouse}", "${lookup.warehouse"),
    ],
)
def test_what_only_a_workspace_knows_reaches_no_task(bundle, value, message):
    bundle.extra = {"variables": {"warehouse": {"lookup": {"warehouse": "Small"}}}}
    bundle.job("job", "a: ok")
    bundle.jobs["job"]["tasks"][0]["python_wheel_task"]["parameters"] = [value]
    with pytest.raises(JobError) as refused:
        bundle.run()
    assert message in str(refused.value)


def test_a_task_knows_the_run_of_an_earlier_one(bundle):
    tasks = "{a: ok, b: {does: 'ok {{tasks.a.run_id}} {{tasks.a.result_state}}', after: a}}"
    record = bundle.job("job", tasks).run()
    assert log(record, "b") == f"args: {record.last()['a'].facts['task_run_id']} success\n"


def test_a_sql_file_has_widgets_and_both_kinds_of_parameters(bundle):
    (bundle.folder / "ask.sql").write_text(
        "CREATE WIDGET TEXT day DEFAULT 'monday';\n"
        "CREATE WIDGET TEXT size DEFAULT '1';\n"
        "SELECT :day AS day, {{ n }} + 1 AS n, :size AS size;\n"
    )
    file = "{file: {path: ./ask.sql}, warehouse_id: w, parameters: {day: tuesday, n: 41}}"
    record = bundle.job("job", f"a: {{sql_task: {file}}}").run()
    assert record.last()["a"].facts["output"]["rows"] == [{"day": "tuesday", "n": 42, "size": "1"}]


def test_a_missing_task_value_is_a_value_error(bundle):
    (bundle.folder / "ask.py").write_text(
        "try:\n    dbutils.jobs.taskValues.get('a', 'nothing')\n"
        "except ValueError as error:\n    print(type(error).__name__)\n"
    )
    record = bundle.job("job", "a: {spark_python_task: {python_file: ./ask.py}}").run()
    assert log(record, "a") == "TaskValueError\n"


@pytest.mark.skipif(ENGINE != "embedded", reason="Spark does these right")
@pytest.mark.parametrize(
    ("write", "found"),
    [
        ("rows.write.mode('overwrite').option('replaceWhere', \"k = 'b'\").saveAsTable('silver.t')", "replaceWhere"),
        ("rows.write.mode('append').options(txnAppId='a', txnVersion=1).saveAsTable('silver.t')", "txnAppId"),
        ("rows.writeTo('silver.t').overwrite(F.col('k') == 'b')", "overwrite with a condition"),
        ("spark.sql(\"INSERT INTO silver.t REPLACE WHERE k = 'b' SELECT 'b', 9\")", "INSERT … REPLACE WHERE"),
    ],
)  # fmt: skip
def test_a_write_that_sail_would_get_wrong_is_refused(bundle, write, found):
    (bundle.folder / "write.py").write_text(
        "from pyspark.sql import functions as F\n"
        "spark.sql('CREATE TABLE silver.t (k STRING, v INT)')\n"
        "spark.sql(\"INSERT INTO silver.t VALUES ('a', 1), ('b', 2), (NULL, 3)\")\n"
        "rows = spark.createDataFrame([('b', 9)], 'k STRING, v INT')\n"
        f"try:\n    {write}\n"
        "finally:\n    print(spark.table('silver.t').count())\n"
    )
    record = bundle.job("job", "a: {spark_python_task: {python_file: ./write.py}}").run()
    assert record.last()["a"].error == (
        f"expected a write that the embedded engine gets right, found {found}: "
        'set engine = "spark" in bundlerun.toml'
    )
    assert log(record, "a").startswith("3\n")
