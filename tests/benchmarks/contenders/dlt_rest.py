"""dlt's rest_api source, extracted and normalised: typed records in files, ready to be loaded."""

from __future__ import annotations

import sys

import dlt
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from dlt.sources.rest_api import rest_api_source


def main(url: str, token: str, since: str, until: str, page_size: int, folder: str) -> None:
    source = rest_api_source({
        "client": {"base_url": url, "auth": {"type": "bearer", "token": token}},
        "resources": [
            {
                "name": "kavenegar_calls",
                "primary_key": "id",
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
    pipeline = dlt.pipeline("callhistory_benchmark", destination="filesystem", pipelines_dir=folder)
    pipeline.extract(source)
    if sys.argv[7:] == ["normalise"]:
        pipeline.normalize()


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), sys.argv[6])
