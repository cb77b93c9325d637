"""The contenders against one sandbox: how each is started for the same calls."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.processes import environment, run

if TYPE_CHECKING:
    from tests.benchmarks.processes import Cost

HERE = Path(__file__).parent / "contenders"
PAGE_SIZE = 100
TOKEN = "sandbox-kavenegar-token"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


class Bench:
    """The contenders against one sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def ours(self, url: str, since: datetime, **more: Any) -> Cost:
        return run(self.our_command(url, since, **more))

    def our_command(self, url: str, since: datetime, **more: Any) -> list[str]:
        state = more.pop("state", None)
        config = {
            "start_date": f"{since:%FT%TZ}",
            "end_date": f"{NOW:%FT%TZ}",
            "kavenegar": {"api_url": url, "api_token": TOKEN, "page_size": PAGE_SIZE},
            **more,
        }
        command = [sys.executable, "-c", "from tap_callhistory.cli import run_tap; run_tap()"]
        command += ["--config", self._file("ours.json", config)]
        if state:
            command += ["--state", self._file("state.json", state)]
        return command

    def _span(self, since: datetime) -> tuple[str, str]:
        # The sandbox's Kavenegar keeps Tehran's time, UTC+03:30 all year.
        tehran = timedelta(hours=3, minutes=30)
        return f"{since + tehran:%FT%T}.000", f"{NOW + tehran:%FT%T}.000"

    def bare_loop(self, url: str, since: datetime) -> Cost:
        python = environment("bare", "requests", "orjson")
        script = str(HERE / "bare_loop.py")
        return run([str(python), script, url, TOKEN, *self._span(since), str(PAGE_SIZE)])

    def peer_config(self, url: str, since: datetime, *, conform: bool = True) -> str:
        begin, end = self._span(since)
        config: dict[str, Any] = {"api_url": url, "api_token": TOKEN, "conform": conform}
        config |= {"since": begin, "until": end}
        config |= {"page_size": PAGE_SIZE, "schema": str(HERE / "kavenegar_raw.json")}
        return self._file("peer.json", config)

    def plain_tap(self, url: str, since: datetime, *, conform: bool) -> Cost:
        return run(self.plain_command(url, since, conform=conform))

    def plain_command(self, url: str, since: datetime, *, conform: bool) -> list[str]:
        python = environment("plain", "singer-sdk[msgspec]==0.54.9", "requests", "orjson")
        config = self.peer_config(url, since, conform=conform)
        return [str(python), str(HERE / "plain_tap.py"), "--config", config]

    def airbyte(self, url: str, since: datetime) -> Cost:
        python = environment("airbyte", "airbyte-cdk==7.39.1")
        stream: dict[str, Any] = {"name": "kavenegar_calls", "json_schema": {}}
        stream["supported_sync_modes"] = ["full_refresh"]
        modes = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        catalog = {"streams": [{"stream": stream, **modes}]}
        command = [str(python.parent / "source-declarative-manifest"), "read"]
        command += ["--config", self.peer_config(url, since)]
        command += ["--catalog", self._file("catalog.json", catalog)]
        return run([*command, "--manifest-path", str(HERE / "manifest.yaml")])

    def dlt(self, url: str, since: datetime, *step: str) -> Cost:
        python = environment("dlt", "dlt[postgres,duckdb]==1.31.0", "duckdb==1.2.2")
        with tempfile.TemporaryDirectory() as pipelines:
            command = [str(python), str(HERE / "dlt_rest.py"), url, TOKEN, *self._span(since)]
            return run([*command, str(PAGE_SIZE), pipelines, *step])
