"""What fastnn says besides results: warnings of classes of its own, and records for `logging`."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import Sequential, callbacks, layers, saving
from fastnn.warnings import DataWarning, FastnnWarning, FileWarning, TrainingWarning

PACKAGE = Path(fastnn.__file__).parent
X, Y = np.ones((8, 2), np.float32), np.ones((8, 1), np.float32)


def compiled(units: int = 1) -> Sequential:
    model = Sequential([layers.Input((2,)), layers.Dense(units)], name="small")
    model.compile("sgd", "mse")
    return model


class TestWarnings:
    def test_each_is_of_a_class_of_ours(self) -> None:
        """No other module calls `warnings.warn`; `warn` without a class is a `FastnnWarning`."""
        for path in PACKAGE.rglob("*.py"):
            if path.name != "warnings.py":
                calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
                assert not [call for call in calls if ast.unparse(call.func) == "warnings.warn"], path

    @pytest.mark.parametrize("category", [DataWarning, FileWarning, TrainingWarning])
    def test_they_are_warnings_for_users(self, category: type[Warning]) -> None:
        assert issubclass(category, FastnnWarning)
        assert issubclass(category, UserWarning)

    def test_a_callback_warns_of_the_line_that_trains(self) -> None:
        with pytest.warns(TrainingWarning, match="val_loss") as caught:
            compiled().fit(X, Y, callbacks=[callbacks.EarlyStopping()], verbose=0)
        assert [warning.filename for warning in caught] == [__file__]

    def test_a_file_warns_of_the_line_that_loads(self, tmp_path: Path) -> None:
        path = str(tmp_path / "w.safetensors")
        compiled(2).save_weights(path)
        with pytest.warns(FileWarning, match="left out") as caught:
            compiled(3).load_weights(path, skip_mismatch=True)
        assert caught[0].filename == __file__

    def test_an_estimator_warns_of_the_line_that_fits(self) -> None:
        from sklearn.exceptions import ConvergenceWarning

        from fastnn.sklearn import MLPRegressor

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            MLPRegressor(hidden_layer_sizes=(2,), batch_size=100, max_iter=1).fit(X, Y[:, 0])
        assert [warning.category for warning in caught] == [DataWarning, ConvergenceWarning]
        assert {warning.filename for warning in caught} == {__file__}

    def test_one_filter_is_for_all(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", FastnnWarning)
            compiled().fit(X, Y, callbacks=[callbacks.EarlyStopping()], verbose=0)

    def test_the_module_is_a_name_of_the_package_but_not_of_its_star(self) -> None:
        assert fastnn.warnings.FastnnWarning is FastnnWarning
        assert "warnings" not in fastnn.__all__  # it would hide Python's own


class TestLogging:
    def test_epochs(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "fastnn")
        history = compiled().fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
        expected = [
            f"epoch {epoch + 1} of 2: loss={history['loss'][epoch]:.6g}, val_loss={history['val_loss'][epoch]:.6g}"
            for epoch in range(2)
        ]
        assert [record.getMessage() for record in caplog.records] == expected
        assert {(record.name, record.levelname, record.module) for record in caplog.records} == {
            ("fastnn", "INFO", "loop")
        }

    def test_a_stop(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "fastnn")
        stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True))
        model = compiled()
        model.fit(X, Y, epochs=5, callbacks=[stop], verbose=0)
        assert caplog.messages[-1] == "training was stopped after epoch 1 of 5"

    def test_programs(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, "fastnn")
        compiled().fit(X, Y, batch_size=4, verbose=0)
        assert any(message.startswith("compiled a program of ") for message in caplog.messages)
        assert "for 4 samples at once" in caplog.text

    def test_files(self, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
        caplog.set_level(logging.INFO, "fastnn")
        path = tmp_path / "m.safetensors"
        compiled().save(path)
        model = saving.load_model(path)
        model.load_weights(path)
        assert caplog.messages == [f"wrote {path}", f"reading a model from {path}", f"reading weights from {path}"]

    def test_a_backup(self, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
        def break_off(epoch: int, logs: object) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

        breaking = callbacks.LambdaCallback(on_epoch_begin=break_off)
        with pytest.raises(KeyboardInterrupt):
            compiled().fit(X, Y, epochs=4, callbacks=[callbacks.BackupAndRestore(tmp_path), breaking], verbose=0)
        caplog.set_level(logging.INFO, "fastnn")
        compiled().fit(X, Y, epochs=4, callbacks=[callbacks.BackupAndRestore(tmp_path)], verbose=0)
        assert caplog.messages[0].startswith("training goes on from epoch 3, batch 0, as ")

    def test_nothing_is_imported_or_printed_for_it(self) -> None:
        code = (
            "import sys, numpy; from fastnn import layers, models; m = models.Sequential([layers.Dense(1)]); "
            "m.compile('sgd', 'mse'); x = numpy.ones((4, 1)); m.fit(x, x, epochs=2, verbose=0); "
            "print('logging' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("False\n", "")
