"""dlt's rest_api source with its fast options: into files, typed or not, or into a database.

dlt_rest.py URL TOKEN SINCE UNTIL PAGE_SIZE FOLDER extract|normalise|postgres|duckdb [DATABASE]
"""

from __future__ import annotations

import os
import sys
from typing import Any

# Whole batches in memory, no compression of the files between its steps, nothing sent home.
os.environ |= {
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}

import dlt
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from dlt.sources.rest_api import rest_api_source


def source_of(url: str, token: str, since: str, until: str, page_size: int) -> Any:
    return rest_api_source({
        "client": {"base_url": url, "auth": {"type": "bearer", "token": token}},
        "resources": [
            {
                "name": "kavenegar_calls",
                "primary_key": "id",
                "write_disposition": "merge",
                "max_table_nesting": 0,
                "endpoint": {
                    "path": "calls",
                    "params": {"since": since, "until": until, "size": page_size},
                    "data_selector": "result",
                    "paginator": PageNumberPaginator(base_page=0, total_path=None),
                },
            }
        ],
    })


def main(folder: str, step: str, *database: str, source: Any) -> None:
    made = getattr(dlt.destinations, step, None)
    destination = made(*database) if made else "filesystem"
    pipeline = dlt.pipeline(
        "callhistory_benchmark",
        destination=destination,
        dataset_name="callhistory",
        pipelines_dir=folder,
    )
    if made:
        # PostgreSQL takes files of CSV by COPY, DuckDB those of Parquet or JSON.
        options = {"loader_file_format": "csv"} if step == "postgres" else {}
        pipeline.run(source, **options)
        return
    pipeline.extract(source)
    if step == "normalise":
        pipeline.normalize()


if __name__ == "__main__":
    url, token, since, until, page_size, *rest = sys.argv[1:]
    main(*rest, source=source_of(url, token, since, until, int(page_size)))
