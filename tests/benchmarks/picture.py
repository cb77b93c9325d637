"""Draws the costs per call as bars: picture.py costs.json picture.svg."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from matplotlib import pyplot as plt

OURS, OTHERS = "#2563eb", "#9ca3af"


def main(figures: Path, picture: Path) -> None:
    costs = json.loads(figures.read_text())
    names = sorted(costs, key=lambda name: -costs[name])
    fig, axes = plt.subplots(figsize=(8, 2.9))
    colours = [OURS if name == "tap-callhistory" else OTHERS for name in names]
    bars = axes.barh(names, [costs[name] for name in names], color=colours, height=0.62)
    axes.bar_label(bars, fmt=" %.0f", fontsize=9)
    axes.set_xlabel("processor time per call, microseconds", fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, labelsize=9)
    fig.tight_layout()
    fig.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
