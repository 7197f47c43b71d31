"""Gradients by the inputs, against what JAX finds for the same model of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beside import DTYPES, close, fastnn, floatx, jax, keras
from steps import randomized

ROWS = 6


def deep(library: Any, dtype: str) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            layers.Input((5,), dtype=dtype),
            layers.Dense(9, "gelu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(7, "selu"),
            layers.LayerNormalization(),
            layers.Dense(4, "softmax"),
        ]
    )


def wide(library: Any, dtype: str) -> Any:
    layers = library.layers
    a, b = layers.Input((5,), dtype=dtype), layers.Input((3, 2), dtype=dtype)
    hidden = layers.Concatenate()([layers.Dense(6, "tanh")(a), layers.Flatten()(b)])
    p = layers.Dense(2, "sigmoid")(layers.Add()([layers.Dense(4)(hidden), layers.Dense(4, "elu")(hidden)]))
    q = layers.Multiply()([layers.Dense(3)(hidden), layers.Dense(3, "softplus")(a)])
    return library.Model([a, b], [p, q])


def made(make: Any, dtype: str) -> tuple[Any, Any]:
    with floatx(dtype):
        theirs = make(keras, dtype)
    randomized(theirs)
    ours = make(fastnn, dtype)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def function_of(theirs: Any) -> Any:
    state = [v.value for v in theirs.trainable_variables], [v.value for v in theirs.non_trainable_variables]
    return lambda *x: theirs.stateless_call(*state, list(x) if len(x) > 1 else x[0], training=False)[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_jacobian_and_gradients_of_losses(dtype: str) -> None:
    ours, theirs = made(deep, dtype)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(ROWS, 5)).astype(dtype), rng.integers(0, 4, ROWS)
    call = function_of(theirs)
    with floatx(dtype):
        of_one = jax.jit(jax.vmap(jax.jacrev(lambda one: call(one[None])[0])))
        loss = keras.losses.SparseCategoricalCrossentropy(reduction="sum")
        of_loss = jax.jit(jax.grad(lambda x: loss(labels, call(x))))
        expected, by_loss = np.asarray(of_one(x)), np.asarray(of_loss(x))
    close(ours.jacobian(x), expected, dtype, 20)
    close(ours.input_gradient(x, labels), expected[np.arange(ROWS), labels], dtype, 20)
    ours.compile("sgd", "sparse_categorical_crossentropy")
    close(ours.input_gradient(x, y=labels), by_loss, dtype, 20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_inputs_and_outputs(dtype: str) -> None:
    ours, theirs = made(wide, dtype)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(ROWS, *shape)).astype(dtype) for shape in ((5,), (3, 2))]
    call = function_of(theirs)
    with floatx(dtype):
        one = jax.jacrev(lambda a, b: [y[0] for y in call(a[None], b[None])], argnums=(0, 1))
        expected = jax.jit(jax.vmap(one))(*x)
    received = ours.jacobian(x)
    for of_output, wanted in zip(received, expected, strict=True):
        for by_input, one_wanted in zip(of_output, wanted, strict=True):
            close(by_input, one_wanted, dtype, 20)
