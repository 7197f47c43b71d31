"""Pictures of models: what is drawn, where it stands, and what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from fastnn import layers
from fastnn.models import Model, Sequential
from fastnn.utils import plot_model
from fastnn.utils.model_layout import boxes_of, laid_out


def _texts(figure: Any) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def _siamese() -> Any:
    """A shared nested model, a skip connection over several ranks, and two outputs."""
    inner = Sequential([layers.Input((8,)), layers.Dense(6, "relu"), layers.Dense(4, trainable=False)], name="encoder")
    left, right, extra = (layers.Input((n,), name=name) for n, name in ((8, "left"), (8, "right"), (3, "extra")))
    difference = layers.Subtract(name="difference")([inner(left), inner(right)])
    joined = layers.Concatenate(name="joined")([difference, extra, left])
    outputs = [layers.Dense(1, "sigmoid", name="p")(joined), layers.Dense(3, "softmax", name="q")(joined)]
    return Model([left, right, extra], outputs)


def test_every_layer_is_drawn_with_what_was_asked_for(tmp_path: Path) -> None:
    model = _siamese()
    figure = plot_model(
        model,
        tmp_path / "model.png",
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
        dpi=50,
    )
    assert (tmp_path / "model.png").read_bytes()[1:4] == b"PNG"
    texts = _texts(figure)
    for layer in model.layers:
        assert texts.count(f"{layer.name} ({type(layer).__name__})") == 1
    for line in ("output: (None, 15)", "input: [(None, 4), (None, 3), (None, 8)]", "dtype: float32"):
        assert line in texts
    for line in ("activation: softmax", "activation: sigmoid", "trainable"):
        assert line in texts
    assert _texts(plot_model(model, None, dpi=50)).count("Dense") == 2


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_nested_models_may_be_opened(rankdir: str, tmp_path: Path) -> None:
    model = _siamese()
    figure = plot_model(model, tmp_path / "model.svg", rankdir=rankdir, expand_nested=True, show_trainable=True, dpi=50)
    texts = _texts(figure)
    assert texts.count("Dense") == 4
    assert texts.count("encoder") == 1
    assert texts.count("not trainable") == 1
    assert "Sequential" not in texts
    assert (tmp_path / "model.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("sideways", [False, True])
@pytest.mark.parametrize("expand_nested", [False, True])
def test_boxes_do_not_overlap_and_edges_go_one_way(expand_nested: bool, sideways: bool) -> None:
    boxes = boxes_of(_siamese(), expand_nested)
    for number, box in enumerate(boxes):
        box.width, box.height = 1 + number % 3, 0.5 + 0.1 * (number % 2)
    layout = laid_out(boxes, sideways, 0.3)
    for a, b in itertools.combinations(layout.boxes, 2):
        beside = abs(a.x - b.x) >= (a.width + b.width) / 2 - 1e-9
        assert beside or abs(a.y - b.y) >= (a.height + b.height) / 2 - 1e-9
    assert len(layout.edges) == sum(len(box.parents) for box in boxes) == (10 if expand_nested else 8)
    along = 0 if sideways else 1
    for points in layout.edges:
        for before, after in itertools.pairwise(points):
            assert after[along] >= before[along] - 1e-9
        for box in boxes:  # an edge goes through no box
            for x, y in points[1:-1]:
                assert abs(x - box.x) >= box.width / 2 - 1e-9 or abs(y - box.y) >= box.height / 2 - 1e-9
    for box in layout.boxes:
        assert box.width / 2 - 1e-9 <= box.x <= layout.width - box.width / 2 + 1e-9
        assert box.height / 2 - 1e-9 <= box.y <= layout.height - box.height / 2 + 1e-9
    assert list(layout.frames) == (["encoder"] if expand_nested else [])


def test_a_layer_that_feeds_itself_by_way_of_others() -> None:
    shared = layers.Dense(4)
    x = layers.Input((4,))
    model = Model(x, shared(layers.ReLU()(shared(x))))
    assert plot_model(model, None, show_layer_names=True, dpi=50) is not None


def test_deep_and_subclassed_models() -> None:
    deep = Sequential([layers.Input((4,)), *(layers.Dense(2) for _ in range(300))])
    assert len(boxes_of(deep, True)) == 301

    class Own(Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    with pytest.raises(ValueError, match="must be a built model"):
        plot_model(model)
    model.build((None, 3))
    assert _texts(plot_model(model, None, show_layer_names=True, show_shapes=True, dpi=50)) == [
        "own (Own)",
        "input: (None, 3)",
        "output: (None, 1)",
    ]


def test_what_is_refused() -> None:
    model = Sequential([layers.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"`rankdir` must be one of .* Received: rankdir='XY'"):
        plot_model(model, None, rankdir="XY")
    with pytest.raises(ValueError, match="Unknown arguments"):
        plot_model(model, None, layer_range=["a", "b"])
    with pytest.raises(ValueError, match="must be a built model"):
        plot_model(layers.Dense(3), None)


def test_a_picture_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    model = Sequential([layers.Input((4,)), layers.Dense(2)])
    plot_model(model, tmp_path / "model", dpi=50)
    old = (tmp_path / "model").read_bytes()
    assert old.startswith(b"\x89PNG")

    def half(figure: Any, file: Any, **options: Any) -> None:
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="full"):
        plot_model(model, tmp_path / "model", dpi=50)
    assert (tmp_path / "model").read_bytes() == old
    with pytest.raises(ValueError, match=r"must end in .*\.png.*Received: '.*model\.xyz'"):
        plot_model(model, tmp_path / "model.xyz")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
