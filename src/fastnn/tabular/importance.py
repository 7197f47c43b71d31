"""How much each column matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.utils.axes import axes_or_new


class Importance:
    """How much worse the score becomes when a column is shuffled: what `importance` of an estimator returns.

    Args:
        names: Names of the columns.
        drops: How much the score fell, `(columns, repetitions)`.
        scoring: What the score is.

    Attributes:
        names: Names of the columns, the most important first.
        mean: The mean drop of each.
        std: Its standard deviation over the repetitions.

    >>> Importance(["a", "b"], np.array([[0.0, 0.0], [0.25, 0.75]]), "accuracy")
    Drop of accuracy where a column is shuffled:
      b  0.5 ± 0.25
      a    0 ± 0
    """

    def __init__(self, names: list[Any], drops: np.ndarray, scoring: str) -> None:
        mean, std = drops.mean(axis=1), drops.std(axis=1)
        order = np.argsort(-mean, kind="stable")
        self.names = [names[at] for at in order]
        self.mean = mean[order]
        self.std = std[order]
        self.scoring = scoring

    def __repr__(self) -> str:
        names = [str(name) for name in self.names]
        means = [f"{mean:.4g}" for mean in self.mean]
        rows = (
            f"  {name:<{max(map(len, names))}}  {mean:>{max(map(len, means))}} ± {std:.2g}"
            for name, mean, std in zip(names, means, self.std, strict=True)
        )
        return "\n".join([f"Drop of {self.scoring} where a column is shuffled:", *rows])

    def plot(self, ax: Any = None, most: int = 20) -> Any:
        """Draws the most important columns as bars, by matplotlib.

        Args:
            ax: Axes to draw on; by default new ones.
            most: So many columns.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.
        """
        ax = axes_or_new(ax, (6, 1 + 0.3 * min(most, len(self.names))))
        names = [str(name) for name in self.names[:most]]
        ax.barh(range(len(names)), self.mean[:most], xerr=self.std[:most], color="tab:blue", height=0.7)
        ax.set_yticks(range(len(names)), names, parse_math=False)  # a name with dollars is no formula
        ax.invert_yaxis()
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_xlabel(f"drop of {self.scoring} where the column is shuffled")
        return ax
