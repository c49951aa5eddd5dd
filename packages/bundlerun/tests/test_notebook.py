"""Notebooks without Spark: their files, cells, dbutils, errors and what is saved."""

import json
import sys
import textwrap
import threading
from pathlib import Path
from threading import Event

import nbformat
import pytest

from bundlerun.notebook import (
    EnvironmentSecrets,
    NotebookCancelledError,
    NotebookContext,
    NotebookFileError,
    UnsupportedCellError,
    check_notebook,
    run_notebook,
)
from bundlerun.notebook.source import read_notebook

SEPARATOR = "\n\n# COMMAND ----------\n\n"


def no_spark():
    pytest.fail("a notebook that does not use Spark started it")


def write(folder: Path, *cells: str, name: str = "it.py") -> Path:
    parts = [textwrap.dedent(cell).strip("\n") for cell in cells]
    file = folder / name
    file.write_text("# Databricks notebook source\n" + SEPARATOR.join(parts) + "\n")
    return file


@pytest.fixture
def run(tmp_path):
    """Write a notebook of cells, run it, and return its result and what was saved."""

    def run(*cells, parameters=None, file=None, **context):
        notebook = file or write(tmp_path, *cells)
        context.setdefault("save_to", tmp_path / "saved")
        place = NotebookContext(no_spark, **context)
        result = run_notebook(notebook, parameters=parameters or {}, context=place)
        saved = nbformat.read(result.saved_to, as_version=4) if result.saved_to else None
        if saved:
            nbformat.validate(saved)
        return result, saved

    return run


def text(cell) -> str:
    """Everything that a cell put out, as plain text."""
    plain = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "".join(plain)


def test_a_source_file_is_read_as_cells(tmp_path):
    file = write(
        tmp_path,
        "# MAGIC %md # Title\n# MAGIC of two lines",
        "# DBTITLE 1,First step\nx = 1",
        "# MAGIC %sql\n# MAGIC SELECT 1",
        "# MAGIC %run ./other $a=\"1 2\" $b='3'",
    )
    cells = read_notebook(file).cells
    assert [(c.number, c.kind, c.source, c.line, c.title) for c in cells] == [
        (1, "markdown", "# Title\nof two lines", 2, ""),
        (2, "python", "x = 1", 8, "First step"),
        (3, "sql", "SELECT 1", 13, ""),
        (4, "run", "./other $a=\"1 2\" $b='3'", 17, ""),
    ]


def test_an_sql_file_is_a_notebook_whose_cells_are_sql(tmp_path):
    file = tmp_path / "it.sql"
    file.write_text(
        "-- Databricks notebook source\nSELECT 1\n\n-- COMMAND ----------\n\n-- MAGIC %python\n-- MAGIC x = 1\n"
    )
    assert [(c.kind, c.source) for c in read_notebook(file).cells] == [
        ("sql", "SELECT 1"),
        ("python", "x = 1"),
    ]


def test_cells_share_names_and_show_their_last_expression(run):
    _, saved = run(
        "def twice(n):\n    return 2 * n", "a = twice(21)\na", "print(a)\nprint('!')\n'x'"
    )
    assert [text(cell) for cell in saved.cells] == ["", "42", "42\n!\n'x'"]
    assert [cell.execution_count for cell in saved.cells] == [1, 2, 3]
    assert saved.cells[1].outputs[0].output_type == "execute_result"
    assert set(saved.cells[0].metadata.execution) == {"iopub.execute_input", "shell.execute_reply"}
    assert saved.metadata.bundlerun.state == "SUCCESS"


def test_an_ipynb_runs_too(run, tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell("%pip install anything\nx = 20 + 1"),
        nbformat.v4.new_code_cell("x / 0"),
    ]
    file = tmp_path / "it.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)
    result, saved = run(file=file)
    assert [cell.cell_type for cell in saved.cells] == ["markdown", "code", "code"]
    assert text(saved.cells[1]) == "not run on this machine: %pip install anything\n"
    assert f'"{file}, cell 3", line 1' in result.error.trace
    assert "x / 0" in result.error.trace


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("# MAGIC %sh rm -rf /", "%sh"),
        ("# MAGIC %scala\n# MAGIC val x = 1", "%scala"),
        ("# MAGIC %r\n# MAGIC x <- 1", "%r"),
        ("# MAGIC %python\n# MAGIC !ls", "!ls"),
        ("# MAGIC %%bash\n# MAGIC ls", "%bash"),
    ],
)
def test_a_cell_that_cannot_run_is_refused_before_any_cell_runs(run, tmp_path, cell, found):
    with pytest.raises(UnsupportedCellError, match=rf"in cell 2 of .*it.py, found {found}"):
        run(f"open({str(tmp_path / 'ran')!r}, 'w')", cell)
    assert not (tmp_path / "ran").exists()


def test_a_cell_of_an_included_notebook_is_refused_too(tmp_path):
    write(tmp_path, "# MAGIC %sh ls", name="other.py")
    with pytest.raises(UnsupportedCellError, match=r"cell 1 of .*other.py"):
        check_notebook(write(tmp_path, "# MAGIC %run ./other"))


def test_a_circle_of_includes_is_refused(tmp_path):
    write(tmp_path, "# MAGIC %run ./it", name="other.py")
    with pytest.raises(UnsupportedCellError, match=r"found .*it.py in a circle"):
        check_notebook(write(tmp_path, "# MAGIC %run ./other"))


def test_a_missing_notebook_and_a_file_that_is_none_are_named(tmp_path):
    with pytest.raises(NotebookFileError, match=r"expected a notebook at .*gone, found none"):
        check_notebook(tmp_path / "gone")
    (tmp_path / "script.py").write_text("print(1)\n")
    with pytest.raises(NotebookFileError, match="its first line must be '# Databricks notebook"):
        check_notebook(tmp_path / "script.py")


def test_an_error_ends_the_notebook_and_is_saved_with_its_own_frames_alone(run, tmp_path):
    result, saved = run(
        "import json\n\ndef parsed(text):\n    return json.loads(text)", "parsed('{')", "print('x')"
    )
    assert result.error.kind == "JSONDecodeError"
    assert str(result.error).startswith("cell 2 of it.py: JSONDecodeError: Expecting property name")
    error = saved.cells[1].outputs[-1]
    frames = [line.strip() for line in error.traceback if line.startswith("  File")]
    assert frames == [
        f'File "{tmp_path}/it.py", line 9, in <module>',
        f'File "{tmp_path}/it.py", line 5, in parsed',
    ]
    assert saved.cells[2].execution_count is None
    assert saved.metadata.bundlerun.state == "FAILED"


@pytest.mark.parametrize("code", ["x = (", "import sys\nsys.exit(3)", "raise ValueError"])
def test_every_way_to_fail_is_an_error(run, code):
    result, _ = run(code)
    assert result.error.cell == 1


def test_widgets_give_parameters_before_defaults(run):
    result, _ = run(
        """
        dbutils.widgets.text("day", "2026-01-01")
        dbutils.widgets.dropdown("stage", "dev", ["dev", "prod"])
        dbutils.widgets.combobox("size", "1", ["1", "2"])
        dbutils.widgets.multiselect("tags", "a", ["a", "b"])
        found = [dbutils.widgets.get("day"), dbutils.widgets.get("undefined_but_given")]
        dbutils.widgets.remove("size")
        found += [getArgument("size", "gone"), sorted(dbutils.widgets.getAll())]
        dbutils.notebook.exit(found)
        """,
        parameters={"day": "2026-02-02", "undefined_but_given": "u"},
    )
    assert result.exit_value == (
        "['2026-02-02', 'u', 'gone', ['day', 'stage', 'tags', 'undefined_but_given']]"
    )


def test_an_unknown_widget_is_named_with_those_that_are_there(run):
    result, _ = run("dbutils.widgets.text('a', '')\ndbutils.widgets.get('b')")
    assert "expected a parameter or widget b, found a: give or define it" in str(result.error)


def test_exit_ends_the_notebook_even_inside_a_handler(run):
    result, saved = run(
        "try:\n    dbutils.notebook.exit('done')\nexcept Exception:\n    pass", "print('x')"
    )
    assert (result.exit_value, result.error) == ("done", None)
    assert text(saved.cells[0]) == "Notebook exited: done"
    assert saved.cells[1].execution_count is None


def test_task_values_are_set_and_those_of_earlier_tasks_read(run):
    result, _ = run(
        """
        values = dbutils.jobs.taskValues
        values.set("rows", [1, {"a": None}])
        values.set(key="name", value=values.get("before", "name") + "!")
        values.set("missing", values.get(taskKey="before", key="gone", default=0, debugValue=9))
        values.get("before", "gone")
        """,
        task_values={"before": {"name": "ann"}},
    )
    assert result.task_values == {"rows": [1, {"a": None}], "name": "ann!", "missing": 0}
    assert "expected task before to have set gone, found nothing" in str(result.error)


def test_outside_a_job_the_debug_value_counts(run):
    result, _ = run("dbutils.notebook.exit(dbutils.jobs.taskValues.get('a', 'b', debugValue=7))")
    assert result.exit_value == "7"


def test_a_task_value_that_is_no_json_is_refused(run):
    result, _ = run("dbutils.jobs.taskValues.set('a', object())")
    assert "expected task value a to be JSON, found object" in str(result.error)


def test_fetched_secrets_never_reach_the_saved_notebook_or_the_error(run):
    result, saved = run(
        """
        password = dbutils.secrets.get("lms", "client-secret")
        print("is", password[:3], end="")
        print(password[3:])
        displayHTML(f"<b>{password}</b>")
        [dbutils.secrets.getBytes("lms", "client-secret"), dbutils.secrets.list("lms")]
        """,
        "raise ValueError(f'cannot log in with {password}')",
        secrets=EnvironmentSecrets({"LMS_CLIENT_SECRET": "hunter2!", "OTHER": "x"}),
    )
    assert "hunter2!" not in result.saved_to.read_text()
    assert text(saved.cells[0]).endswith("[b'[REDACTED]', ['client_secret']]")
    assert str(result.error).endswith("ValueError: cannot log in with [REDACTED]")
    assert "hunter2!" not in result.error.trace
    assert result.error.__cause__ is None


def test_a_missing_secret_names_its_variable(run):
    result, _ = run("dbutils.secrets.get('a-b', 'c.d')")
    assert "expected the secret a-b/c.d in A_B_C_D, found nothing" in str(result.error)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("dbutils.data.summarize(1)", "dbutils.data"),
        ("dbutils.fs.mount('a', 'b')", "fs.mount"),
        ("dbutils.secrets.listScopes()", "dbutils.secrets.listScopes"),
    ],
)
def test_what_is_not_offered_is_named(run, call, name):
    result, _ = run(call)
    assert f"{name} is not offered on this machine" in str(result.error)


def test_files_are_this_machine_s_or_below_the_root(run, tmp_path):
    result, _ = run(
        """
        fs, here = dbutils.fs, dbutils.widgets.get("here")
        fs.mkdirs("/Volumes/main/bronze/landing")
        fs.put("dbfs:/Volumes/main/bronze/landing/a.txt", "héllo")
        fs.cp("/Volumes/main/bronze/landing/a.txt", f"file:{here}/b.txt")
        fs.mv(f"{here}/b.txt", "/Volumes/main/bronze/landing")
        fs.cp("/Volumes/main/bronze", "/Volumes/main/silver", recurse=True)
        listed = [(f.path, f.name, f.size) for f in fs.ls("/Volumes/main/bronze/landing/")]
        fs.rm("/Volumes/main/bronze", True)
        dbutils.notebook.exit([listed, fs.head("/Volumes/main/silver/landing/b.txt", 3)])
        """,
        parameters={"here": str(tmp_path)},
        files_root=tmp_path / "root",
    )
    folder = "/Volumes/main/bronze/landing"
    files = [(f"{folder}/a.txt", "a.txt", 6), (f"{folder}/b.txt", "b.txt", 6)]
    assert result.exit_value == str([files, "hé"])
    assert not (tmp_path / "root/Volumes/main/bronze").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ls('/Volumes/gone')", "expected a file or folder at /Volumes/gone, found none"),
        ("ls('dbfs:/../../etc')", "expected a path inside the workspace's files"),
        ("head('s3://bucket/a')", "expected an absolute path, or one with file: or dbfs:"),
        ("put('dbfs:/a', 'x') and dbutils.fs.put('dbfs:/a', 'y')", "set overwrite=True"),
        ("put('dbfs:/f/a', 'x') and dbutils.fs.rm('dbfs:/f')", "set recurse=True"),
    ],
)
def test_a_wrong_path_is_named(run, tmp_path, call, message):
    result, _ = run(f"dbutils.fs.{call}", files_root=tmp_path / "root")
    assert message in str(result.error)


def test_an_included_notebook_shares_names_and_gets_arguments(run, tmp_path):
    (tmp_path / "lib").mkdir()
    write(tmp_path, "# MAGIC %run ./inner", name="lib/outer.py")
    write(tmp_path, "who = dbutils.widgets.get('who')\nprint('hi', who)", name="lib/inner.py")
    _, saved = run('# MAGIC %run ./lib/outer $who="ann b"', "who")
    assert [text(cell) for cell in saved.cells] == ["hi ann b\n", "'ann b'"]


def test_another_notebook_runs_on_its_own_and_gives_its_exit_value(run, tmp_path):
    write(tmp_path, "x = 2\ndbutils.notebook.exit(dbutils.widgets.get('n'))", name="other.py")
    write(tmp_path, "1 / 0", name="bad.py")
    result, saved = run(
        "x = 1\ngot = [dbutils.notebook.run('other', t, {'n': 5}) for t in (0, 60)]\n(got, x)",
        "dbutils.notebook.run('./bad', 0)",
    )
    assert text(saved.cells[0]) == "(['5', '5'], 1)"
    assert "bad failed: cell 1 of bad.py: ZeroDivisionError" in str(result.error)
    names = sorted(file.name for file in (tmp_path / "saved").iterdir())
    assert names == ["bad.ipynb", "it.ipynb", "other-2.ipynb", "other.ipynb"]


def test_another_notebook_that_takes_too_long_is_cancelled(run, tmp_path):
    write(tmp_path, "import time\ntime.sleep(0.5)", "print('x')", name="slow.py")
    result, _ = run("dbutils.notebook.run('slow', 0.1)")
    assert "expected slow to end within 0.1 s" in str(result.error)


def test_a_module_beside_the_notebook_can_be_imported_while_it_runs(run, tmp_path):
    (tmp_path / "beside_the_notebook.py").write_text("VALUE = 3\n")
    path = list(sys.path)
    _, saved = run("import sys\nfrom beside_the_notebook import VALUE\n(VALUE, sys.path[0])")
    assert text(saved.cells[0]) == str((3, str(tmp_path)))
    assert sys.path == path


def test_names_of_the_workspace_s_own_modules_are_there(run):
    _, saved = run(
        "from databricks.sdk.runtime import *\nfrom databricks.sdk.runtime import dbutils as d\n"
        "from pyspark.dbutils import DBUtils\nDBUtils().widgets is d.widgets"
    )
    assert text(saved.cells[0]) == "True"


def test_a_cancelled_notebook_ends_before_its_next_cell(run, tmp_path):
    cancelled = Event()
    cancelled.set()
    with pytest.raises(NotebookCancelledError, match=r"it\.py was cancelled before cell 1"):
        run("print(1)", cancelled=cancelled)
    assert (
        json.loads((tmp_path / "saved/it.ipynb").read_text())["metadata"]["bundlerun"]["state"]
        == "CANCELED"
    )


def test_an_interrupted_notebook_is_saved(run, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run("print('before')", "raise KeyboardInterrupt")
    saved = nbformat.read(tmp_path / "saved/it.ipynb", as_version=4)
    nbformat.validate(saved)
    assert text(saved.cells[0]) == "before\n"
    assert saved.cells[1].outputs[0].ename == "KeyboardInterrupt"


def test_notebooks_at_once_keep_their_output_apart(tmp_path, capsys):
    file = write(
        tmp_path,
        """
        import time
        who = dbutils.widgets.get("who")
        for _ in range(20):
            print(who)
            time.sleep(0.001)
        """,
    )
    results = {}

    def work(who):
        context = NotebookContext(no_spark, save_to=tmp_path / who)
        results[who] = run_notebook(file, parameters={"who": who}, context=context)

    threads = [threading.Thread(target=work, args=(who,)) for who in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for who, result in results.items():
        saved = nbformat.read(result.saved_to, as_version=4)
        assert text(saved.cells[0]) == f"{who}\n" * 20
    assert capsys.readouterr().out == ""


def test_pandas_is_shown_as_a_table_with_its_text_escaped(run):
    _, saved = run("import pandas as pd\npd.DataFrame({'a<b': ['<i>', None], 'n': [1, 2]})")
    data = saved.cells[0].outputs[0].data
    assert "<th>a&lt;b</th><th>n</th>" in data["text/html"]
    assert "<td>&lt;i&gt;</td><td>1</td>" in data["text/html"]
    assert data["text/plain"] == "a<b  | n\n<i>  | 1\nnull | 2"
