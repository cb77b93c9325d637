"""The floor: one session, one page after another, parse, write. No types, no state, no retries."""

from __future__ import annotations

import sys

import orjson
import requests


def main(url: str, token: str, since: str, until: str, page_size: int) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    out = sys.stdout.buffer
    page = 0
    while True:
        params = {"since": since, "until": until, "page": str(page), "size": str(page_size)}
        answer = session.get(f"{url}/calls", params=params, timeout=60)
        answer.raise_for_status()
        calls = orjson.loads(answer.content)["result"]
        if not calls:
            return
        for call in calls:
            out.write(
                orjson.dumps({"type": "RECORD", "stream": "kavenegar_calls", "record": call})
                + b"\n"
            )
        page += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
