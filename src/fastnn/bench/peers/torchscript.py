"""TorchScript: the network traced, frozen and optimized for inference."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..cases import Case
from .torch import model_of


class Predictor:
    within = torch.inference_mode

    def __init__(self, case: Case) -> None:
        torch.set_flush_denormal(True)
        self.model = model_of(case).eval()

    def prepare(self, x: np.ndarray) -> torch.Tensor:
        given = torch.from_numpy(x)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is something newer
            self.frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(self.model, given)))
            for _ in range(8):  # it compiles when it has seen enough
                self.frozen(given)
        return given

    def calls(self) -> dict[str, Callable[[Any], Any]]:
        return {"model(x)": self.frozen}
