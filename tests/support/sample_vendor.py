"""A loopback server that answers with a vendor's documented sample: once, then with nothing."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES: Final = Path(__file__).parents[1] / "samples"
Query = dict[str, list[str]]


def sample(stream: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{stream}.json").read_text(encoding="utf-8"))
    return found


def _kavenegar(body: dict[str, Any], query: Query, _: Any) -> Any:
    records = body["result"]
    page = {"number": int(query["page"][0]), "size": 100, "total": len(records)}
    return {"page": page, "result": [] if page["number"] else records}


def _etelecom(body: dict[str, Any], _: Query, asked: Any) -> Any:
    since, until = asked["filter"]["date_from"], asked["filter"]["date_to"]
    found = [log for log in body["call_logs"] if since <= log["created_at"] < until]
    if asked["paging"]["after"]:
        found = []
    next_page = "next-page" if found else ""
    return {"call_logs": found, "paging": {**body["paging"], "limit": 1000, "next": next_page}}


def _twin(body: dict[str, Any], query: Query, _: Any) -> Any:
    return {"count": len(body["items"]), "items": body["items"][int(query["offset"][0]) :]}


def _cinnox(body: dict[str, Any], query: Query, _: Any) -> Any:
    return {**body, "result": body["result"][int(query["offset"][0]) :]}


def _utel(body: dict[str, Any], query: Query, _: Any) -> Any:
    page = int(query["page"][0])
    meta = {**body["meta"], "current_page": page, "last_page": 1, "total": len(body["data"])}
    return {**body, "data": [] if page > 1 else body["data"], "meta": meta}


PAGING: Final[dict[str, Callable[[dict[str, Any], Query, Any], Any]]] = {
    "kavenegar_calls": _kavenegar,
    "etelecom_call_logs": _etelecom,
    "twin_call_sessions": _twin,
    "cinnox_call_details": _cinnox,
    "utel_call_history": _utel,
}


@contextmanager
def sample_vendor(stream: str, body: dict[str, Any]) -> Iterator[str]:
    """Serves a body of records in the stream's paging; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            asked = json.loads(
                self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"0"
            )
            text = json.dumps(PAGING[stream](body, query, asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
