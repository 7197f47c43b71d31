"""The weights of a model: taken and given, written to while it lives, and kept from training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastnn.callbacks import Callback
from fastnn.layers import BatchNormalization, Dense, Input
from fastnn.models import Sequential
from fastnn.random import set_random_seed
from small_models import blobs, classifier

pytestmark = pytest.mark.usefixtures("repeatable")


def test_get_and_set_weights(rng: np.random.Generator) -> None:
    model = Sequential([Input((4,)), Dense(3), BatchNormalization(), Dense(2, use_bias=False)])
    names = [variable.path for variable in model.weights]
    assert names == [
        "dense/kernel", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta",
        "batch_normalization/moving_mean", "batch_normalization/moving_variance", "dense_1/kernel",
    ]  # fmt: skip
    wanted = [rng.normal(size=variable.shape).astype(np.float32) for variable in model.weights]
    model.set_weights(wanted)
    for given, got in zip(wanted, model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, got)
    model.get_weights()[0][...] = 0  # a copy
    np.testing.assert_array_equal(model.get_weights()[0], wanted[0])
    assert [variable.path for variable in model.non_trainable_weights] == names[4:6]
    assert len(model.trainable_weights) == 5
    model.layers[1].set_weights([np.ones(3), np.zeros(3), np.zeros(3), np.ones(3)])
    np.testing.assert_array_equal(model.get_weights()[2], np.ones(3))


def test_weights_are_live(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, verbose=0)
    layer = model.layers[-1]
    view = layer.kernel.value
    before = model.predict(x, verbose=0)
    layer.kernel[...] = 0
    layer.bias[...] = [0, 1, 0]
    expected = np.tile(np.exp([0, 1, 0]) / np.exp([0, 1, 0]).sum(), (100, 1))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model(x), expected, rtol=1e-6)
    assert not np.allclose(before, expected)
    layer.kernel += 1  # all classes alike: nothing moves
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    model.fit(x, y, verbose=0)
    assert view is layer.kernel.value
    assert not np.array_equal(view, np.ones_like(view))
    loss = model.evaluate(x, y, verbose=0)[0]
    hidden = model.layers[0].kernel
    hidden[0] *= 5
    assert model.evaluate(x, y, verbose=0)[0] != loss


def test_weights_written_between_batches_count(rng: np.random.Generator) -> None:
    class Zero(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for variable in self.model.weights:
                variable[...] = 0

    x, y = blobs(rng)
    model = classifier()
    logs = model.fit(x, y, verbose=0, callbacks=[Zero()], shuffle=False).history
    first = classifier()
    set_random_seed(3)
    assert all(not weights.any() for weights in model.get_weights())
    assert first.count_params() == model.count_params()
    expected = [np.log(3)] * 3  # with zeros, every class has the same probability
    assert logs["loss"][0] * 100 - 32 * expected[0] * 2 - 4 * expected[0] > 0


def test_trainable(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = classifier()
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.array_equal(before[2], after[2])
    assert [variable.path for variable in model.trainable_weights] == ["dense_1/kernel", "dense_1/bias"]
    assert next(variable.path for variable in model.weights) == "dense/kernel"
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(after[0], model.get_weights()[0])
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 4
    with pytest.raises(ValueError, match="no trainable weights"):
        model.fit(x, y, verbose=0)
    assert len(model.evaluate(x, y, verbose=0)) == 2
