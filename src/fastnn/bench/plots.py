"""Pictures of a result: how long a step of training and a prediction take, by peer. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

from fastnn.utils.axes import write_picture

from .figures import short, steady

COLOURS = {
    "fastnn": "#c1272d",
    "numpy": "#4d77cf",
    "torch": "#ee8a3c",
    "torch_compile": "#b5651d",
    "torchscript": "#e0b050",
    "jax": "#7a51a1",
    "keras": "#d05ea0",
    "sklearn": "#3b9e74",
    "onnxruntime": "#6b7280",
}
OTHER = "#999999"


def _panel(axes: Any, title: str, bars: Iterable[tuple[str, str, dict[str, Any]]], key: str) -> None:
    """One bar for each (peer, label, figures), the longest below; a whisker from the least round to the greatest."""
    shown = sorted(bars, key=lambda bar: bar[2][key])
    for i, (peer, _, found) in enumerate(shown):
        value, rounds = found[key], found[f"{key}_of_rounds"]
        axes.barh(i, value, color=COLOURS.get(peer, OTHER), height=0.7)
        axes.plot([min(rounds), max(rounds)], [i, i], color="black", linewidth=1)
        text = f" {short(value)}" if steady(found, key) else f" {short(min(rounds))} – {short(max(rounds))}"
        axes.text(max(value, *rounds), i, text, va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [label for _, label, _ in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    low, high = (choose(found[key] for _, _, found in shown) for choose in (min, max))
    axes.set_xlim(low / 2, high * 6)
    axes.set_title(title, fontsize=9)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _save(panels: list[tuple[str, list[tuple[str, str, dict[str, Any]]]]], key: str, title: str, path: Path) -> Path:
    across = min(len(panels), 3)
    down = -(-len(panels) // across)
    figure, grid = plt.subplots(down, across, figsize=(3.9 * across, 2.5 * down + 0.4), squeeze=False)
    for axes, (name, bars) in zip(grid.flat, panels, strict=False):
        _panel(axes, name, bars, key)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    write_picture(figure, path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return path


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Draws what a result holds of trainings and predictions.

    Args:
        result: What the suite measured.
        folder: Where the pictures go; made if it is not there.

    Returns:
        The files.
    """
    folder.mkdir(exist_ok=True)
    labels = {name: about["label"] for name, about in result["peers"].items()}
    files = []
    for name in ("training", "variants"):
        panels = [
            (
                ", ".join(text for text in (case["network"], case.get("setting"), f"batch {case['batch']}") if text),
                [(r["peer"], labels[r["peer"]], r) for r in case["results"]],
            )
            for case in result.get(name, [])
            if case["results"]
        ]
        if panels:
            title = "Microseconds of a training step (logarithmic; shorter is better)"
            files.append(_save(panels, "us_per_step", title, folder / f"{name}.png"))
    panels = [
        (
            f"{table['network']}, {table['rows']:,} sample{'s' if table['rows'] > 1 else ''}",
            [(r["peer"], f"{labels[r['peer']]} {r['call']}", r) for r in table["results"]],
        )
        for table in result.get("inference", [])
        if table["results"]
    ]
    if panels:
        title = "Microseconds of a prediction (logarithmic; shorter is better)"
        files.append(_save(panels, "us", title, folder / "inference.png"))
    return files
