"""The pipeline of the warehouse in a workspace: an update is started there, and waited for."""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lyceum.errors import LyceumError, UsageError
from lyceum.systems.warehouse.updates import TableUpdate, Updated

_OVER = ("COMPLETED", "FAILED", "CANCELED")
_POLL_SECONDS = 5.0


class PipelineIdError(UsageError):
    """Nobody said which pipeline updates the tables."""


class UpdateFailedError(LyceumError):
    """The update did not complete."""


def update_in_workspace(
    pipeline_id: str, tables: Collection[str], *, poll_seconds: float = _POLL_SECONDS
) -> Updated:
    """Update some tables, all if none are named, and count what its event log says of them.

    Args:
        pipeline_id: The pipeline.
        tables: Schema and name of each.
        poll_seconds: How often to ask whether the update is over.

    Raises:
        PipelineIdError: There is no pipeline id.
        UpdateFailedError: The update failed or was cancelled.
    """
    if not pipeline_id:
        message = "expected OLTP_PIPELINE_ID in a workspace, found none"
        raise PipelineIdError(f"{message}: set it to the id of the pipeline `warehouse`")
    from databricks.sdk import WorkspaceClient  # noqa: TID251 - starting an update is its API

    api = WorkspaceClient().api_client
    path = f"/api/2.0/pipelines/{pipeline_id}"
    selection = {"refresh_selection": sorted(tables)} if tables else {}
    update_id = _asked(api, "POST", f"{path}/updates", body=selection)["update_id"]
    while (state := _state(api, f"{path}/updates/{update_id}")) not in _OVER:
        time.sleep(poll_seconds)
    counts = dict(_flows(api, f"{path}/events", update_id))
    if state != "COMPLETED":
        found = next((one.error for one in counts.values() if one.error), state)
        raise UpdateFailedError(f"expected update {update_id} to complete, found: {found}")
    return Updated(counts, None)


def _state(api: Any, path: str) -> str:  # noqa: ANN401 - untyped client
    return str(_asked(api, "GET", path)["update"]["state"])


def _flows(api: Any, path: str, update_id: str) -> Iterator[tuple[str, TableUpdate]]:  # noqa: ANN401
    """How each table fared, from the last event of its flow."""
    query: dict[str, object] = {"filter": f"update_id = '{update_id}'", "max_results": 250}
    seen: set[str] = set()
    while True:
        page = _asked(api, "GET", path, query=query)
        for event in page.get("events", []):
            progress = event.get("details", {}).get("flow_progress", {})
            metrics = progress.get("metrics", {})
            name = _short(event.get("origin", {}))
            is_over = progress.get("status") in ("COMPLETED", "FAILED")
            if is_over and name not in seen:  # the newest come first
                seen.add(name)
                upserted = metrics.get("num_upserted_rows") or metrics.get("num_output_rows") or 0
                error = event.get("message") if progress["status"] == "FAILED" else None
                deleted = metrics.get("num_deleted_rows") or 0
                yield name, TableUpdate(int(upserted), 0, int(deleted), error)
        if not page.get("next_page_token"):
            return
        query["page_token"] = page["next_page_token"]


def _short(origin: Mapping[str, str]) -> str:
    """Schema and name of the table of an event."""
    name = origin.get("dataset_name") or origin.get("flow_name") or ""
    return ".".join(name.split(".")[-2:])


def _asked(api: Any, method: str, path: str, **options: object) -> Mapping[str, Any]:  # noqa: ANN401
    answer: Mapping[str, Any] = api.do(method, path, **options)
    return answer
