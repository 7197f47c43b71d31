"""The worker pool: results do not depend on it, and it survives what processes and threads do."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops, optimizers
from fastnn.models import Model, Sequential
from fastnn.utils import set_random_seed

# JAX, where the parity tests have brought it in, minds forks. These children do without it.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")


@pytest.fixture
def threads():
    """Sets the number of threads, and brings back the number there was."""
    before = fastnn.get_num_threads()
    yield fastnn.set_num_threads
    fastnn.set_num_threads(before)


def trained(seed=0, epochs=2, dtype="float32"):
    """Weights and losses of a network that is large enough to be shared out."""
    set_random_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(333, 70))
    y = rng.integers(0, 5, 333)
    model = Sequential(
        [
            layers.Dense(150, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(130, activation="gelu"),
            layers.Dense(5, activation="softmax"),
        ],
        dtype=dtype,
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=epochs, batch_size=113, verbose=0)
    return [*model.get_weights(), np.array(history.history["loss"]), model.predict(x, verbose=0)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def classifier(*hidden, dtype=None):
    return Sequential([*hidden, layers.Dense(5, activation="softmax")], dtype=dtype)


def dense(units, activation="relu", **kwargs):
    return layers.Dense(units, activation=activation, **kwargs)


def branches():
    x = layers.Input((70,))
    a, b = dense(130)(x), dense(130, "tanh")(x)
    y = layers.Concatenate()([layers.Add()([a, b]), layers.Multiply()([a, b]), dense(40)(a)])
    return Model(x, layers.Dense(5, activation="softmax")(y))


class Doubled(layers.Layer):
    """A step written in Python, which stands between two stages."""

    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


# Each large enough to be shared out: see SHARED_FLOPS in run.c.
NETS = {
    "all kinds": lambda: classifier(
        dense(150, kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dropout(0.3), dense(130, "gelu")
    ),
    "float64": lambda: classifier(
        dense(150), layers.BatchNormalization(), layers.Dropout(0.3), dense(130, "tanh"), dtype="float64"
    ),
    "deep": lambda: classifier(*(dense(61, "silu") for _ in range(9))),
    "dropout": lambda: classifier(dense(257), layers.Dropout(0.5), dense(66, "elu"), layers.Dropout(0.1)),
    "batch normalization": lambda: classifier(
        layers.BatchNormalization(), dense(200), layers.BatchNormalization(), dense(99), layers.BatchNormalization()
    ),
    "wide": lambda: classifier(dense(700, "sigmoid"), dense(611)),
    "regularized": lambda: classifier(
        dense(201, kernel_regularizer="l1", bias_regularizer="l2", activity_regularizer="l2"), dense(90)
    ),
    "constrained": lambda: classifier(dense(201, kernel_constraint="max_norm"), dense(90, kernel_constraint="non_neg")),
    "branches": branches,
    "rows normalized": lambda: classifier(
        dense(150), layers.LayerNormalization(), dense(130, "selu"), layers.RMSNormalization(), layers.PReLU()
    ),
    "noise": lambda: classifier(
        layers.GaussianNoise(0.1), dense(150), layers.GaussianDropout(0.2), dense(130), layers.AlphaDropout(0.1)
    ),
    "looked up": lambda: classifier(
        layers.Discretization([-1.0, 0.0, 1.0]), layers.Embedding(5, 9), layers.Flatten(), dense(90)
    ),
    "Python": lambda: classifier(dense(150), Doubled(), dense(130)),
    "members": lambda: classifier(layers.RepeatVector(3), dense(150), dense(90), layers.GlobalAveragePooling1D()),
}
OPTIMIZERS = {
    "adam": lambda: "adam",
    "clipnorm": lambda: optimizers.Adam(1e-2, clipnorm=0.01),
    "global_clipnorm": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=0.01),
    "clipvalue": lambda: optimizers.RMSprop(1e-3, clipvalue=1e-4),
}


def fitted(net, optimizer, batch_size=203):
    """Weights, losses and predictions of a network after a few steps, the last of them on fewer rows."""
    set_random_seed(3)
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(500, 70)), rng.integers(0, 5, 500)
    model = NETS[net]()
    model.compile(OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, batch_size=batch_size, verbose=0)
    losses = np.array(history.history["loss"])
    assert np.isfinite(losses).all()
    return [*model.get_weights(), losses, model.predict(x, verbose=0)]


@pytest.mark.parametrize(
    "net, optimizer", [*((net, "adam") for net in NETS), *(("all kinds", name) for name in OPTIMIZERS)]
)
def test_the_same_bits_for_any_number_of_threads(threads, net, optimizer):
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        results.append(fitted(net, optimizer))
    for other in results[1:]:
        assert same(results[0], other)


def test_the_same_bits_of_steps_that_take_so_long_that_signals_are_listened_for(threads):
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        results.append(fitted("wide", "adam", batch_size=450))  # LISTENED_FLOPS in run_rows.c, and shared by columns
    for other in results[1:]:
        assert same(results[0], other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "rows, inputs, units",
    [(40, 300, 257), (300, 260, 65), (5, 700, 1025), (900, 301, 33), (2100, 500, 501)],  # the last is over 1 GFLOP
)
def test_a_product_has_the_same_bits_for_any_number_of_threads(threads, rows, inputs, units, dtype):
    rng = np.random.default_rng(0)
    x, w, dy = (rng.normal(size=shape).astype(dtype) for shape in ((rows, inputs), (inputs, units), (rows, units)))
    results = []
    for count in (1, 2, 3, 8):
        threads(count)
        results.append([ops.linear(x, w), *ops.linear_backward(dy, x, w)])
    for other in results[1:]:
        assert same(results[0], other)


def test_one_output_column_whatever_the_blocks(threads):
    x = np.random.default_rng(0).normal(size=(2049, 64)).astype("float32")
    set_random_seed(0)
    model = Sequential([layers.Dense(300, activation="tanh"), layers.Dense(1)])
    model.build((None, 64))
    whole = []
    for count in (1, 2, 3, 8):
        threads(count)
        model.pop(), model.add(layers.Dense(1, kernel_initializer="ones"))
        whole.append(model.predict(x, verbose=0))
    assert all(np.array_equal(whole[0], other) for other in whole[1:])
    assert np.array_equal(whole[0][:1], model.predict(x[:1], verbose=0))


def _send(queue):
    queue.put(trained())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_trains_after_its_parent_did(threads, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    threads(2)
    expected = trained()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_send, args=(queue,))
    child.start()
    received = queue.get(timeout=60)
    child.join(timeout=60)
    assert child.exitcode == 0
    assert same(expected, received)
    assert same(expected, trained())  # the parent goes on


def test_a_child_trains_while_a_thread_of_its_parent_does(threads):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    threads(2)
    stop = threading.Event()
    other = threading.Thread(target=_fit_until, args=(stop,))
    expected = trained()
    other.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(5):
            queue = context.Queue()
            child = context.Process(target=_send, args=(queue,))
            child.start()
            received = queue.get(timeout=60)
            child.join(timeout=60)
            assert child.exitcode == 0
            assert same(expected, received)
    finally:
        stop.set()
        other.join()


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are not counted on this system")
def test_callers_share_the_workers_there_are():
    code = """if True:
        import os, threading, numpy as np, fastnn
        fastnn.set_num_threads(3)
        model = fastnn.Sequential([fastnn.layers.Dense(300), fastnn.layers.Dense(5)])
        x = np.zeros((600, 70), "float32")
        count = lambda: len(os.listdir("/proc/self/task"))
        model.predict(x[:1], verbose=0)
        counts = [count()]
        model.predict(x, verbose=0)
        counts.append(count())
        inside = threading.Barrier(7)

        class Counting(fastnn.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                inside.wait()  # until all have trained for an epoch
                inside.wait()  # until threads are counted

        def fit():
            own = fastnn.models.clone_model(model)
            own.compile("sgd", "mse")
            own.fit(x, x[:, :5], batch_size=200, verbose=0, epochs=1, callbacks=[Counting()])

        trainers = [threading.Thread(target=fit) for _ in range(6)]
        for trainer in trainers: trainer.start()
        inside.wait()
        counts.append(count() - len(trainers))
        inside.wait()
        for trainer in trainers: trainer.join()
        print(*(n - counts[0] for n in counts))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", "2", "2"]  # whoever calls works, too


def _fit_until(stop):
    x = np.zeros((400, 70), "float32")
    model = Sequential([layers.Dense(150), layers.Dense(5)])
    model.compile("sgd", "mse")
    while not stop.is_set():
        model.fit(x, x[:, :5], epochs=2, batch_size=200, verbose=0)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_models_trained_by_joblib(threads, backend):
    joblib = pytest.importorskip("joblib")
    threads(2)
    expected = fit_of_its_own(7)
    with joblib.parallel_config(backend=backend):
        received = joblib.Parallel(n_jobs=2)(joblib.delayed(fit_of_its_own)(seed) for seed in (7, 8, 7, 9))
    assert same(expected, received[0])
    assert same(expected, received[2])
    assert not same(expected, received[1])


def _threads_here():
    return fastnn.get_num_threads()


@pytest.mark.parametrize("inner", [1, 3])
def test_joblib_says_how_many_threads_its_processes_have(inner):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="loky", inner_max_num_threads=inner):
        counts = joblib.Parallel(n_jobs=2)(joblib.delayed(_threads_here)() for _ in range(2))
    assert counts == [inner, inner]


def fit_of_its_own(seed):
    """Weights after a training that draws from no generator it shares with others."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(300, 70)), rng.integers(0, 5, 300)
    model = Sequential([layers.Dense(150, activation="relu"), layers.Dense(5, activation="softmax")])
    model.build((None, 70))
    model.set_weights([rng.normal(size=weights.shape) * 0.1 for weights in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, batch_size=150, shuffle=False, verbose=0)
    return model.get_weights()


def test_several_python_threads_train_at_once(threads):
    threads(3)
    expected = [fit_of_its_own(seed) for seed in range(6)]
    received = {}

    def fit_and_keep(seed):
        received[seed] = fit_of_its_own(seed)

    for _ in range(3):
        run_at_once(fit_and_keep, range(6))
        for seed in range(6):
            assert same(expected[seed], received[seed])


def run_at_once(function, arguments):
    workers = [threading.Thread(target=function, args=(argument,)) for argument in arguments]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_idle_models_use_no_time(threads):
    threads(8)
    fitted("wide", "adam")
    time.sleep(0.05)  # workers spin for a fraction of a millisecond
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1  # a single worker that spins uses the whole half second


def test_a_process_ends_while_its_threads_train():
    code = """if True:
        import threading, time, numpy as np, fastnn
        fastnn.set_num_threads(4)
        model = fastnn.Sequential([fastnn.layers.Dense(300), fastnn.layers.Dense(300)])
        model.compile("sgd", "mse")
        x = np.zeros((3000, 300), "float32")
        model.fit(x, x, verbose=0)
        options = {"epochs": 10**6, "batch_size": 300, "verbose": 0}
        for _ in range(2):
            threading.Thread(target=model.fit, args=(x, x), kwargs=options, daemon=True).start()
        time.sleep(0.2)
        print("done")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")


@pytest.mark.parametrize(
    "variables, count",
    [
        ({"FASTNN_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"FASTNN_NUM_THREADS": "0", "OMP_NUM_THREADS": "6"}, 6),
    ],
    ids=str,
)
def test_the_environment_says_how_many_threads(variables, count):
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")} | variables
    code = "import fastnn; print(fastnn.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert int(done.stdout) == count


@pytest.mark.parametrize("imports", ["import fastnn, threadpoolctl", "import threadpoolctl, fastnn"])
def test_threadpoolctl_limits_threads(imports):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if not hasattr(threadpoolctl, "register"):
        pytest.skip("threadpoolctl 3.2 is the first that can be told of others")
    code = f"""if True:
        import importlib.util
        importlib.util.find_spec("threadpoolctl")  # looking for it is not importing it
        {imports}
        fastnn.set_num_threads(4)
        with threadpoolctl.threadpool_limits(1):
            print(fastnn.get_num_threads())
        with threadpoolctl.threadpool_limits(2, user_api="fastnn"):
            print(fastnn.get_num_threads())
        print(fastnn.get_num_threads(), len(threadpoolctl.ThreadpoolController().select(user_api="fastnn").info()))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "2", "4", "1"]


def test_one_model_serves_many_threads(threads):
    threads(2)
    x = np.random.default_rng(0).normal(size=(64, 9)).astype("float32")
    model = Sequential([layers.Dense(16, activation="tanh"), layers.Dense(3)])
    expected = model(x)
    wrong = []

    def serve(row):
        for _ in range(200):
            if not np.array_equal(model(x[row : row + 1]), expected[row : row + 1]):
                wrong.append(row)

    run_at_once(serve, range(8))
    assert not wrong


def test_one_model_serves_threads_that_ask_for_few_rows_and_many(threads):
    threads(2)
    x = np.random.default_rng(0).normal(size=(3000, 9)).astype("float32")
    model = Sequential([layers.Dense(70, activation="tanh"), layers.Dense(70, activation="gelu"), layers.Dense(3)])
    expected = model(x)
    wrong = []

    def serve(thread):
        rows = (1, 2, 64, 65, 200, 3000)[thread % 6]
        out = np.empty((rows, 3), "float32")
        for turn in range(40):
            first = 37 * turn * thread % (3001 - rows)
            mine = x[first : first + rows]
            y = (model(mine), model(mine.astype("float64")), model(mine, out=out), model.predict(mine, verbose=0))
            wrong.extend((thread, turn) for part in y if not np.array_equal(part, expected[first : first + rows]))

    run_at_once(serve, range(12))
    assert not wrong


def test_a_child_uses_the_models_that_threads_of_its_parent_were_using(threads):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    threads(2)
    x = np.random.default_rng(0).normal(size=(3000, 9)).astype("float32")
    model = Sequential([layers.Dense(70, activation="tanh"), layers.Dense(3)])
    model.compile("sgd", "mse")
    expected = model(x)
    stop = threading.Event()

    def busy(use):
        while not stop.is_set():
            use()

    def fit():
        model.fit(x, expected, epochs=3, batch_size=1000, verbose=0)  # nothing to learn

    uses = (fit, fit, lambda: model(x), lambda: model(x[:1]), lambda: model(x[:100]))
    workers = [threading.Thread(target=busy, args=(use,)) for use in uses]
    for worker in workers:
        worker.start()
    try:
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=_use, args=(model, x, expected))
            child.start()
            child.join(timeout=60)
            assert child.exitcode == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def _use(model, x, expected):
    for rows in (1, 100, 3000):
        assert np.allclose(model(x[:rows]), expected[:rows], atol=1e-5)
    model.fit(x, expected, batch_size=1000, verbose=0)
    assert np.isfinite(model.evaluate(x, expected, verbose=0))


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_threads_that_cannot_be(count):
    with pytest.raises(ValueError, match="threads"):
        fastnn.set_num_threads(count)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_no_more_threads_than_its_affinity_lets_a_process_use():
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    code = """if True:
        import os
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        import fastnn
        print(fastnn.get_num_threads())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert int(done.stdout) == 1


def test_no_more_threads_than_this_process_may_use():
    if not hasattr(os, "sched_getaffinity") or any(
        name in os.environ for name in ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS")
    ):
        pytest.skip("the number is given by the environment")
    assert 1 <= fastnn.get_num_threads() <= len(os.sched_getaffinity(0))
