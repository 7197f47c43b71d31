"""A layer of your own: one that multiplies.

A dense layer adds up its inputs and bends the sum; products of inputs are hard for it. The cross layer (Wang et al.,
"DCN V2", 2020) has them built in: y = x0 · (x W + b) + x, and a stack of two holds every product of up to three inputs.

`build` makes the weights, once the width of the input is known; `call` composes symbolic tensors, `ops` and weights. It
is traced once into the compiled program, gradient included. `get_config` lets a model with this layer be copied.
"""

import numpy as np

from fastnn import Input, Model, Sequential, layers, ops, utils


class Cross(layers.Layer):
    """y = x0 · (x W + b) + x, element by element, of two inputs [x0, x] of the same width."""

    def __init__(self, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = kernel_initializer

    def build(self, input_shape):
        width = input_shape[0][-1]
        self.kernel = self.add_weight(shape=(width, width), initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")

    def call(self, inputs):
        x0, x = inputs
        return x0 * (ops.matmul(x, self.kernel) + self.bias) + x

    def compute_output_shape(self, input_shape):
        return input_shape[1]

    def get_config(self):
        return {**super().get_config(), "kernel_initializer": self.kernel_initializer}


rng = np.random.default_rng(0)
x = rng.normal(size=(4000, 6))
y = x[:, 0] * x[:, 1] + 2 * x[:, 2] * x[:, 3] * x[:, 4] - x[:, 5]
x_train, y_train, x_test, y_test = x[:3000], y[:3000], x[3000:], y[3000:]

utils.set_random_seed(0)
inputs = Input((6,))
crossed = Cross()([inputs, inputs])
crossed = Cross()([inputs, crossed])
cross = Model(inputs, layers.Dense(1)(crossed))
dense = Sequential(
    [Input((6,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)]
)

errors = {}
for name, model in (("two cross layers", cross), ("two dense layers", dense)):
    model.compile(optimizer="adam", loss="mse")
    model.fit(x_train, y_train, epochs=100, batch_size=32, verbose=0)
    errors[name] = model.evaluate(x_test, y_test, verbose=0)
    print(f"{name} of {model.count_params():5,} weights: mean squared error {errors[name]:.5f} of {y_test.var():.2f}")

assert errors["two cross layers"] < 0.01, f"expected an error below 0.01, got {errors['two cross layers']:.4f}"
assert errors["two cross layers"] < errors["two dense layers"], "expected products to be harder for dense layers"
