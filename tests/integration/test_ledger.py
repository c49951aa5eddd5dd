"""The run ledger, on a local disk and where no disk of ours outlives the process."""

from dataclasses import replace

import pytest

from lyceum.ops.ledger import ETL_JOB_RUNS, ETL_JOB_STATUS, Run, _event, _record, recorded_run
from lyceum.ops.outbox import Outbox
from tables import assert_rows


@pytest.fixture(params=["local disk", "elsewhere"])
def house(request, lake):
    """A lakehouse; elsewhere means that its warehouse is named by a URI, as in a cloud."""
    if request.param == "elsewhere":
        lake.config = replace(lake.config, warehouse=f"file://{lake.config.warehouse}")
        assert not lake.config.is_local_disk
    return lake


def test_a_run_buries_the_one_that_died_before_it(house):
    """Each state is in the table once, whoever looks meanwhile; a run that failed is no dead one."""
    died = Run("sales", {"months": ["2026-01"]})
    house.ensure(ETL_JOB_RUNS)
    _record(house, died, [_event(died, "RUNNING")])
    with recorded_run(house, "sales", {}, run_id="next") as run:
        run.rows_processed = 7
    with pytest.raises(ZeroDivisionError), recorded_run(house, "sales", {}, run_id="fails"):
        raise ZeroDivisionError("no months")
    with recorded_run(house, "lms", {}, run_id="other"):
        pass

    assert house.read(ETL_JOB_RUNS).groupBy("status").count().orderBy("status").collect() == [
        ("FAILED", 2), ("RUNNING", 4), ("SUCCESS", 2)
    ]  # fmt: skip
    assert_rows(
        house.view(ETL_JOB_STATUS).replace(died.id, "died"),
        """
        id    | job_name | status  | rows_processed | error_message                      | parameters
        died  | sales    | FAILED  | 0              | its process died; found by run next | {"months": ["2026-01"]}
        next  | sales    | SUCCESS | 7              | NULL                               | {}
        fails | sales    | FAILED  | 0              | no months                          | {}
        other | lms      | SUCCESS | 0              | NULL                               | {}
        """,
    )


def test_a_state_waits_in_the_outbox_if_its_append_fails(lake, monkeypatch):
    """The run says that it failed to; the next one, or a reader, brings the state to the table."""
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "land", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError), recorded_run(lake, "sales", {}, run_id="one"):
            pass
    with recorded_run(lake, "sales", {}, run_id="two"):
        pass
    states = lake.view(ETL_JOB_STATUS).select("id", "status").orderBy("id").collect()
    assert states == [("one", "SUCCESS"), ("two", "SUCCESS")]
