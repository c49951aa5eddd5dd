"""Notebooks on Spark: %sql, display, and the notebook that analysts get."""

from pathlib import Path

import nbformat
import pytest

from bundlerun.notebook import NotebookContext, run_notebook
from lyceum.quality.quarantine import QUARANTINE
from lyceum.systems.lms.audit import LMS_AUDIT_LOG
from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from tables import draw

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SESSIONS = """
    session_id | event_id | session_title | product_name | start_time          | end_time            | timezone      | updated_at:timestamp
    s1         | e1       | One <b>       | Alpha        | 2026-01-05 09:00    | 2026-01-05 10:30    | Europe/Berlin | 2026-01-01 00:00:00
    s2         | e1       | Two           | Beta         | 2026-02-01T09:00:00 | 2026-02-01T09:30:00 | nowhere       | 2026-01-01 00:00:00
"""


def outputs(cell):
    """Kind of every output of a cell with its plain text."""
    return [(o.output_type, o.get("text") or o.data["text/plain"]) for o in cell.outputs]


@pytest.fixture
def run(lake, tmp_path):
    def run(path, **parameters):
        context = NotebookContext(lambda: lake.spark, save_to=tmp_path / "saved")
        result = run_notebook(path, parameters=parameters, context=context)
        return result, nbformat.read(result.saved_to, as_version=4)

    return run


def test_sql_cells_take_parameters_and_leave_their_last_result(run, tmp_path):
    """One notebook, so that few queries are run: its cells and what each shows."""
    file = tmp_path / "it.py"
    file.write_text(
        "# Databricks notebook source\n"
        + "\n# COMMAND ----------\n".join(
            [
                "dbutils.widgets.text('n', '3')",
                "# MAGIC %sql\n# MAGIC SELECT ';' AS a, int(:n) + 1 AS b, ':n' AS c; -- end\n# MAGIC SELECT x, x AS x FROM VALUES (1), (NULL) t(x);",
                "_sqldf.count()",
                "spark.range(2)",
                "display(spark.range(1001).selectExpr('id AS `<id>`', 'struct(id) AS s', \"timestamp'2026-01-01 00:00:00' AS t\"))",
                "display(spark.range(3).toPandas())",
                "# MAGIC %sql SELECT gone FROM VALUES (1) t(x)",
            ]
        )
    )
    result, saved = run(file, n=4)
    assert outputs(saved.cells[1]) == [
        ("display_data", "a | b | c\n; | 5 | :n"),
        ("display_data", "x    | x\n1    | 1\nnull | null"),
    ]
    assert outputs(saved.cells[2]) == [("execute_result", "2")]
    assert outputs(saved.cells[3]) == [("execute_result", "DataFrame[id: bigint]")]
    [many] = saved.cells[4].outputs
    assert many.data["text/html"].count("<tr>") == 1001
    assert "<th>&lt;id&gt;</th>" in many.data["text/html"]
    assert (
        "<td>999</td><td>{&quot;id&quot;:999}</td><td>2026-01-01 00:00:00</td>"
        in many.data["text/html"]
    )
    assert many.data["text/plain"].endswith("… 980 more rows\nonly the first 1,000 rows")
    assert outputs(saved.cells[5]) == [("display_data", "id\n0\n1\n2")]
    assert result.error.kind == "AnalysisException"
    assert "gone" in str(result.error)


def test_the_analysts_notebook_shows_the_lms_tables(run, lake):
    details, *others = EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS, QUARANTINE, LMS_AUDIT_LOG
    types = {field.name: field.dataType.simpleString() for field in lake.read(details).schema}
    drawn = draw(lake.spark, SESSIONS, types)
    missing = [f"CAST(NULL AS {types[c]}) AS {c}" for c in types if c not in drawn.columns]
    lake.append(details, drawn.selectExpr("*", *missing))
    lake.ensure(*others)
    lake.attach(lake.tables())
    result, saved = run(NOTEBOOKS / "lms_sessions.py", product="alp")
    assert result.error is None
    assert result.exit_value == "2"
    shown = [
        output.data["text/html"]
        for cell in saved.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert "<td>One &lt;b&gt;</td>" in shown[0]
    assert "Two" not in shown[0]
    assert "<td>2026-01-01</td><td>1</td><td>0</td><td>90.0</td>" in shown[1]
    assert len(shown) == 5
