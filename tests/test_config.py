"""What Keras keeps in `config`, `backend` and `random`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fastnn import Input, Model, Sequential, Variable, backend, config, initializers, layers, ops, optimizers, random
from fastnn.models import clone_model, load_model


@pytest.fixture(autouse=True)
def _back() -> Iterator[None]:
    yield
    config.set_floatx("float32")


def in_a_row() -> Model:
    return Sequential([layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dense(1)])


def as_a_graph() -> Model:
    x = Input((3,))
    return Model(x, layers.Dense(1)(layers.Dense(2)(x)))


def of_ids() -> Model:
    ids = Input((3,), dtype="int32")
    return Model(ids, layers.Dense(1)(layers.Flatten()(layers.Embedding(5, 2)(ids))))


@pytest.mark.parametrize("make", [in_a_row, as_a_graph, of_ids])
@pytest.mark.parametrize(("first", "then"), [("float32", "float64"), ("float64", "float32")])
def test_a_model_keeps_the_dtype_that_it_was_built_in(make: Callable[[], Model], first: str, then: str) -> None:
    x, y = np.ones((6, 3), int), np.ones((6, 1))
    config.set_floatx(first)
    model = make()
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    config.set_floatx(then)
    model.fit(x, y, verbose=0)
    assert {v.dtype.name for v in model.weights} == {model.predict(x, verbose=0).dtype.name} == {first}
    assert model.dtype == model(x).dtype == first


def test_copies_and_files_keep_float64(tmp_path: Any) -> None:
    config.set_floatx("float64")
    models = [make() for make in (as_a_graph, of_ids)]
    config.set_floatx("float32")
    for model in models:
        model.save(tmp_path / "model.safetensors")
        for copied in (clone_model(model), load_model(tmp_path / "model.safetensors")):
            assert copied.dtype == copied.predict(np.ones((2, 3), int), verbose=0).dtype == np.float64


def test_what_names_no_dtype_has_that_of_floatx() -> None:
    config.set_floatx("float64")
    assert config.floatx() == backend.floatx() == "float64"
    assert initializers.Zeros()((2,)).dtype == random.normal((2,)).dtype == layers.Dense(1)([[1.0]]).dtype == np.float64
    assert layers.Dense(1)(np.ones((1, 1), np.float32)).dtype == np.float64
    assert Variable([1.0]).dtype == Variable(initializers.Ones(), shape=(2,)).dtype == np.float64


def test_inputs_have_a_dtype() -> None:
    assert Input((2,)).dtype == np.float32
    assert Input((2,), dtype="int32").dtype == np.int32
    assert layers.Dense(1)(Input((2,), dtype="int32")).dtype == np.float32
    config.set_floatx("float64")
    x, ids = Input((2,)), Input((1,), dtype="int64")
    assert (x.dtype, ids.dtype, ops.exp(x).dtype) == (np.float64, np.int64, np.float64)
    config.set_floatx("float32")
    model = Model([x, ids], layers.Dense(1)(layers.Concatenate()([x, ids])))  # an input's dtype is its layers'
    assert model.predict([np.ones((3, 2)), np.ones((3, 1), int)], verbose=0).dtype == np.float64
    assert layers.Dense(1, dtype="float32").dtype == np.float32


@pytest.mark.parametrize("value", ["float16", None, 3])
def test_no_other_floatx(value: Any) -> None:
    with pytest.raises(ValueError, match=r"'float32' or 'float64'.* Received: "):
        config.set_floatx(value)
    assert config.floatx() == "float32"


def test_epsilon_is_fixed() -> None:
    config.set_epsilon(1e-7)
    assert config.epsilon() == backend.epsilon() == 1e-7
    with pytest.raises(NotImplementedError, match=r"Received: value=1e-05"):
        config.set_epsilon(1e-5)


DRAWN = {
    "normal": (lambda seed: random.normal((20_000,), 3.0, 2.0, seed=seed), 3.0, 2.0),
    "truncated_normal": (lambda seed: random.truncated_normal((20_000,), 3.0, 2.0, seed=seed), 3.0, 2 * 0.8796),
    "uniform": (lambda seed: random.uniform((20_000,), 1.0, 3.0, seed=seed), 2.0, 2 / 12**0.5),
    "randint": (lambda seed: random.randint((20_000,), 1, 5, seed=seed), 2.5, 1.25**0.5),
    "binomial": (lambda seed: random.binomial((20_000,), 10, 0.3, seed=seed), 3.0, 2.1**0.5),
    "gamma": (lambda seed: random.gamma((20_000,), 4.0, seed=seed), 4.0, 2.0),
    "beta": (lambda seed: random.beta((20_000,), 2.0, 2.0, seed=seed), 0.5, 0.05**0.5),
    "categorical": (lambda seed: random.categorical(np.log([[0.3, 0.7]]), 20_000, seed=seed)[0], 0.7, 0.21**0.5),
    "dropout": (lambda seed: random.dropout(np.ones(20_000, np.float32), 0.2, seed=seed), 1.0, 0.5),
}


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_are_drawn_as_they_should_be(name: str) -> None:
    draw, mean, deviation = DRAWN[name]
    values = draw(1)
    assert values.shape == (20_000,)
    assert values.dtype == ("int32" if name in ("randint", "categorical") else "float32")
    assert abs(values.mean() - mean) < 5 * deviation / 20_000**0.5
    assert abs(values.std() - deviation) < 0.05 * deviation
    np.testing.assert_array_equal(draw(1), values)
    generator = random.SeedGenerator(1)
    for other in (draw(2), draw(None), draw(generator)):
        assert (other != values).any()
    assert (draw(generator) != draw(generator)).any()


def test_shuffle_and_the_shape_of_noise() -> None:
    x = np.arange(12).reshape(3, 4)
    columns = random.shuffle(x, axis=1, seed=2)
    assert sorted(columns[0].tolist()) == x[0].tolist() != columns[0].tolist()
    np.testing.assert_array_equal(columns - columns[:1], x - x[:1])
    kept = random.dropout(np.ones((50, 3)), 0.5, noise_shape=(None, 1), seed=1)
    assert set(kept.sum(axis=1).tolist()) == {0.0, 6.0}
    with pytest.raises(ValueError, match=r"`rate`.*Received: rate=1"):
        random.dropout(x, 1)
    with pytest.raises(ValueError, match=r"`logits`.*Received: shape=\(3,\)"):
        random.categorical(x[:, 0], 1)


def test_metrics_are_not_added_to_layers() -> None:
    with pytest.raises(NotImplementedError, match=r"compile\(metrics=\.\.\.\)\. Received: add_metric of 'own'"):
        layers.Dense(1, name="own").add_metric(1.0, name="mean")


class Sampled(layers.Layer):
    """Its input, and normal numbers beside it."""

    def call(self, inputs: Any) -> Any:
        samples, width = ops.shape(inputs)
        seed = random.SeedGenerator(3)
        return ops.concatenate([inputs, random.normal((samples, 2 * width), 1.0, 0.5, seed=seed)], axis=-1)


def test_numbers_that_a_layer_draws() -> None:
    x = np.full((4000, 2), np.nan)
    x[::2] = 0.0
    model = Sequential([Input((2,), dtype="float64"), Sampled()])
    y = model.predict(x, verbose=0)
    np.testing.assert_array_equal(y[:, :2], x)
    assert abs(y[:, 2:].mean() - 1.0) < 0.03
    assert abs(y[:, 2:].std() - 0.5) < 0.02
    np.testing.assert_array_equal(model.predict(x, verbose=0), y)
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    first, *_, last = model.fit(np.nan_to_num(x), np.ones((4000, 1)), epochs=5, verbose=0).history["loss"]
    assert last < first


def test_uniform_numbers_that_a_layer_draws() -> None:
    class Kept(layers.Layer):
        def call(self, inputs: Any) -> Any:
            samples = ops.shape(inputs)[0]
            return ops.where(random.uniform((samples, 3), -1.0, 3.0, seed=4) < inputs, 1.0, 0.0)

    values = np.linspace(-1, 3, 9)
    below = Sequential([Input((3,)), Kept()])(np.repeat(values, 3000).reshape(-1, 3)).reshape(9, -1).mean(1)
    assert np.abs(below - np.linspace(0, 1, 9)).max() < 4 * 0.5 / np.sqrt(3000)
    assert below[0] == 0
    assert below[-1] == 1


def test_draws_differ_from_step_to_step() -> None:
    class Noise(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(ops.mean(random.normal(ops.shape(inputs))))
            return inputs

    model = Sequential([Input((3,)), Noise(), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mse")
    x = np.zeros((8, 3))
    losses = [model.train_on_batch(x, np.zeros((8, 1))) for _ in range(3)]
    assert len({round(float(loss), 6) for loss in losses}) == 3


def test_dropout_that_a_layer_does() -> None:
    class Dropped(layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return random.dropout(inputs, 0.25, seed=1) if training else inputs

    x = np.ones((500, 8), np.float32)
    layer = Dropped()
    np.testing.assert_array_equal(layer(x), x)
    dropped = layer(x, training=True)
    np.testing.assert_allclose(np.unique(dropped), [0, 4 / 3], rtol=1e-6)
    assert abs((dropped == 0).mean() - 0.25) < 0.03


def test_draws_of_a_batch_are_for_the_call_of_a_layer() -> None:
    with pytest.raises(ValueError, match=r"within the `call` of a layer, and only there\. Received: shape=\(None, 3\)"):
        random.normal((None, 3))

    class Whole(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + random.randint(ops.shape(inputs), 0, 3)

    with pytest.raises(NotImplementedError, match=r"no compiled step\. Received: shape=\(None, 3\)"):
        Whole()(np.ones((2, 3)))
