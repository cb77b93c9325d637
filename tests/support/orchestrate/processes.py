"""Whether a process that was started is still there."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    try:
        # A dead one that nobody has waited for yet is there as well.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
