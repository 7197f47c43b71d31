"""Writes the ONNX files in `data` anew, with the PyTorch that is installed: both of its exporters, a few networks."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from torch import nn

DATA = Path(__file__).parent / "data"
BATCH = torch.export.Dim("batch")


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = nn.functional.silu(self.first(x))
        return nn.functional.gelu(self.third(nn.functional.mish(gate + self.second(x))), approximate="tanh")


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.norm(torch.tanh(self.first(x)) + x))


class Recommender(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.items, self.first, self.last = nn.Embedding(9, 3), nn.Linear(10, 6), nn.Linear(6, 1)

    def forward(self, ids: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.first(torch.cat([self.items(ids).flatten(1), x], 1))))


def networks() -> dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    mlp = nn.Sequential(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(8, 5, bias=False),
        nn.LayerNorm(5),
        nn.GELU(),
        nn.Linear(5, 3),
        nn.Softmax(-1),
    )
    statistics = mlp[1].state_dict()
    statistics["running_mean"].normal_()
    statistics["running_var"].uniform_(0.5, 2)
    x = torch.randn(4, 6)
    return {
        "mlp": (mlp, (x,)),
        "gated": (Gated(), (x,)),
        "residual": (Residual(), (x,)),
        "recommender": (Recommender(), (torch.randint(0, 9, (4, 2)), torch.randn(4, 4))),
    }


def write() -> None:
    torch.manual_seed(0)
    DATA.mkdir(exist_ok=True)
    for name, (module, x) in networks().items():
        module.eval()
        names = [f"input_{at}" for at in range(len(x))]
        axes = {each: {0: "batch"} for each in names}
        for suffix, opset in (("legacy", 17), ("legacy_opset11", 11)):
            torch.onnx.export(
                module,
                x,
                DATA / f"{name}_{suffix}.onnx",
                dynamo=False,
                opset_version=opset,
                input_names=names,
                dynamic_axes=axes,
            )
        shapes = tuple({0: BATCH} for _ in x)
        program = torch.onnx.export(module, x, dynamo=True, input_names=names, dynamic_shapes=shapes)
        proto = program.model_proto
        for node in proto.graph.node:  # where in whose folders PyTorch's own files lie
            del node.metadata_props[:]
            node.doc_string = ""
        del proto.graph.metadata_props[:], proto.metadata_props[:]
        onnx.save(proto, DATA / f"{name}_dynamo.onnx")


if __name__ == "__main__":
    write()
