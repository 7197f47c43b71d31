"""What notebooks show of models and histories: tables in HTML, in which all text stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from fastnn import Model, Sequential, callbacks, layers, losses

X, Y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)


class Reader(HTMLParser):
    """Reads a fragment as a browser would: rows of cells, the text outside of the table, and the tags there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.outside = ""
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "br":
            self.outside += "\n"
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        else:
            self.outside += data


def shown(thing: Model | callbacks.History) -> Reader:
    read = Reader(thing._repr_html_())
    assert read.tags <= {"div", "b", "table", "tr", "th", "td", "br"}
    return read


class TestModels:
    def test_layers_and_totals(self) -> None:
        model = Sequential([layers.Input((2,)), layers.Dense(3, name="first"), layers.Dense(1, name="last")], name="m")
        assert shown(model).rows == [
            ["Layer (type)", "Output Shape", "Param #"],
            ["first (Dense)", "(None, 3)", "9"],
            ["last (Dense)", "(None, 1)", "4"],
        ]
        assert "Model: m" in shown(model).outside
        assert "Total params: 13 (52.00 B)" in shown(model).outside
        assert "Compiled" not in shown(model).outside

    @pytest.mark.parametrize(
        ("loss", "named"),
        [("mse", "mse"), (losses.Huber(name="h"), "h"), (losses.hinge, "hinge"), (["mse"], "mse"), (None, "None")],
    )
    def test_what_it_was_compiled_with(self, loss: object, named: str) -> None:
        model = Sequential([layers.Input((2,)), layers.Dense(1)])
        model.compile("sgd", loss)
        assert shown(model).outside.endswith(f"Compiled with SGD, loss {named}")

    def test_connections(self) -> None:
        x = layers.Input((2,), name="x")
        y = layers.Dense(2, name="d")(x)
        model = Model(x, {"sum": x + y, "alone": y})
        model.compile("sgd", {"sum": "mse", "alone": "mae"})
        assert shown(model).rows[-1][-1] == "x[0][0], d[0][0]"
        assert shown(model).outside.endswith("loss sum: mse, alone: mae")

    def test_not_built(self) -> None:
        assert shown(Sequential([layers.Dense(1, name="d")])).rows[1:] == [["d (Dense)", "?", "0 (unbuilt)"]]
        assert shown(Sequential()).rows[1:] == []

    def test_text_stays_text(self) -> None:
        name = "<img src=x onerror=\"alert('&')\">"
        model = Sequential([layers.Input((2,)), layers.Dense(1, name=name)], name=name)
        assert shown(model).rows[1][0] == f"{name} (Dense)"
        assert f"Model: {name}" in shown(model).outside


class TestHistories:
    def test_epochs(self) -> None:
        model = Sequential([layers.Input((2,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(X, Y, validation_data=(X, Y), validation_freq=[2], epochs=3, verbose=0)
        loss, val_loss = history.history["loss"], history.history["val_loss"]
        assert shown(history).rows == [
            ["epoch", "loss", "val_loss"],
            ["1", f"{loss[0]:.4g}", ""],
            ["2", f"{loss[1]:.4g}", f"{val_loss[0]:.4g}"],
            ["3", f"{loss[2]:.4g}", ""],
        ]
        assert shown(history).outside == "History of 3 epochs"

    def test_many_epochs_are_not_all_shown(self) -> None:
        history = callbacks.History()
        for epoch in range(100):
            history.on_epoch_end(epoch, {"loss": float(epoch)})
        numbers = [row[0] for row in shown(history).rows[1:]]
        assert numbers == ["1", "2", "3", "…", *map(str, range(93, 101))]

    def test_trainings_one_after_another_are_counted_on(self) -> None:
        history = callbacks.History()
        for _ in range(2):
            history.on_train_begin()
            for epoch in range(2):
                history.on_epoch_end(epoch, {"loss": 0.5})
        assert [row[0] for row in shown(history).rows[1:]] == ["1", "2", "3", "4"]

    def test_values_that_were_put_in(self) -> None:
        history = callbacks.History()
        history.history["<loss>"] = [1, 2.5]
        assert shown(history).rows == [["epoch", "<loss>"], ["1", "1"], ["2", "2.5"]]

    def test_none(self) -> None:
        assert shown(callbacks.History()).rows == [["epoch"]]
