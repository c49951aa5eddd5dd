"""The load by dlt: its rest_api source, a dependent resource, Delta tables on the local disk."""

import argparse
import json
import time

import dlt
from dlt.sources import DltSource
from dlt.sources.rest_api import rest_api_source


def lms_source(url: str) -> DltSource:
    """The events list and, for each event, its session details."""
    return rest_api_source(
        {
            "client": {
                "base_url": f"{url}/api/v1/",
                "auth": {
                    "type": "oauth2_client_credentials",
                    "access_token_url": f"{url}/oauth/token",
                    "client_id": "lyceum",
                    "client_secret": "lyceum-secret",
                },
            },
            "resource_defaults": {"write_disposition": "replace", "table_format": "delta"},
            "resources": [
                {
                    "name": "events",
                    "endpoint": {
                        "path": "events",
                        "params": {"page_size": 100},
                        "data_selector": "data",
                        "paginator": {
                            "type": "page_number",
                            "base_page": 1,
                            "total_path": None,
                            "has_more_path": "has_more_data",
                        },
                    },
                },
                {
                    "name": "session_details",
                    "parallelized": True,
                    "endpoint": {
                        "path": "events/{resources.events.id}/session-details",
                        "data_selector": "data",
                        "paginator": "single_page",
                    },
                },
            ],
        }
    )


def main() -> None:
    """Load into a folder; print the seconds of the extraction and of the whole as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--home", required=True)
    given = parser.parse_args()
    pipeline = dlt.pipeline(
        pipeline_name="lms",
        pipelines_dir=f"{given.home}/pipelines",
        destination=dlt.destinations.filesystem(f"file://{given.home}/lake"),
        dataset_name="lms",
    )
    began = time.perf_counter()
    pipeline.extract(lms_source(given.url))
    extracted = time.perf_counter()
    pipeline.normalize()
    pipeline.load(raise_on_failed_jobs=True)
    ended = time.perf_counter()
    print(json.dumps({"api_seconds": extracted - began, "whole_seconds": ended - began}))


if __name__ == "__main__":
    main()
