"""In a workspace the pipeline is updated there: the documented calls, against a server of them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lyceum.systems.warehouse.updates import TableUpdate
from lyceum.systems.warehouse.workspace import (
    PipelineIdError,
    UpdateFailedError,
    update_in_workspace,
)


def event(name, status, message="", **metrics):
    progress = {"status": status, "metrics": metrics}
    return {
        "event_type": "flow_progress",
        "message": message,
        "origin": {"dataset_name": name, "update_id": "u1"},
        "details": {"flow_progress": progress},
    }


@pytest.fixture
def workspace(monkeypatch):
    """A server that answers what it was told to, and keeps what it was asked."""
    answers, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self):
            size = int(self.headers.get("Content-Length") or 0)
            path = self.path.partition("?")[0]
            asked.append((self.command, self.path, json.loads(self.rfile.read(size) or b"{}")))
            found = answers.get((self.command, path), {})
            body = json.dumps(found.pop(0) if isinstance(found, list) else found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the server's names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "of-a-test")
    answers["POST", "/api/2.0/pipelines/p1/updates"] = {"update_id": "u1"}
    yield answers, asked
    server.shutdown()


def test_an_update_of_a_selection_is_waited_for_and_counted(workspace):
    answers, asked = workspace
    states = [{"update": {"state": state}} for state in ("QUEUED", "RUNNING", "COMPLETED")]
    answers["GET", "/api/2.0/pipelines/p1/updates/u1"] = states
    answers["GET", "/api/2.0/pipelines/p1/events"] = [
        {
            "events": [
                event(
                    "main.silver.user_latest", "COMPLETED", num_upserted_rows=3, num_deleted_rows=1
                ),
                event("main.silver.user_latest", "RUNNING", num_upserted_rows=2),
            ],
            "next_page_token": "more",
        },
        {"events": [event("main.bronze.oltp_users", "COMPLETED", num_output_rows=4)]},
    ]
    tables = ["silver.user_latest", "bronze.oltp_users"]
    found = update_in_workspace("p1", tables, poll_seconds=0)
    assert found.tables == {
        "silver.user_latest": TableUpdate(3, 0, 1),
        "bronze.oltp_users": TableUpdate(4, 0, 0),
    }
    started = [body for method, path, body in asked if method == "POST" and "updates" in path]
    assert started == [{"refresh_selection": sorted(tables)}]


def test_an_update_that_fails_says_why(workspace):
    answers, _ = workspace
    answers["GET", "/api/2.0/pipelines/p1/updates/u1"] = {"update": {"state": "FAILED"}}
    answers["GET", "/api/2.0/pipelines/p1/events"] = {
        "events": [event("main.gold.dim_user", "FAILED", "a column is missing")]
    }
    with pytest.raises(UpdateFailedError, match="found: a column is missing"):
        update_in_workspace("p1", [], poll_seconds=0)


def test_without_a_pipeline_it_is_said_what_to_set():
    with pytest.raises(PipelineIdError, match="expected OLTP_PIPELINE_ID in a workspace"):
        update_in_workspace("", [])
