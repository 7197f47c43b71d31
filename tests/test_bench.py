"""The benchmark suite's own logic: what it asks for, how it sums up and shows what came of it. Nothing is timed."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import __main__ as command_line
from fastnn import _kernels
from fastnn.bench import child, command, figures, inference, kernels, memory, peak, process_memory, startup, training
from fastnn.bench.cases import CASES, PREDICTED, VARIANTS, Case
from fastnn.bench.kernel_pairs import DTYPES, UPDATES, pairs
from fastnn.bench.peers import PEERS, PREDICTORS, TRAINERS
from fastnn.bench.session import Failure, NotInstalled, NotSupported, OutOfTime, Session

PEAK = {"one_core": 100.0, "all_cores": 200.0}


def runs_of(*us: float) -> list[dict[str, Any]]:
    return [{"us_per_step": u, "first_epoch_seconds": 0.1, "loss_before": 2.0, "loss_after_one_epoch": 1.0} for u in us]


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


# --- figures ---------------------------------------------------------------------------------------------------------


def test_rounds_become_a_median() -> None:
    assert figures.of_rounds("us", [5.0, 1.0, 3.0, 2.0]) == {"us": 2.5, "us_of_rounds": [5.0, 1.0, 3.0, 2.0]}
    assert figures.median([1.23456789]) == 1.235


@pytest.mark.parametrize(
    ("rounds", "steady", "shown"),
    [([10.0, 10.4, 11.0], True, "10.4"), ([10.0, 15.0], True, "12.5"), ([10.0, 12.0, 15.1], False, "10 – 15.1")],
)
def test_rounds_that_disagree_are_a_range(rounds: list[float], steady: bool, shown: str) -> None:
    found = figures.of_rounds("us", rounds)
    assert figures.steady(found, "us") is steady
    assert figures.figure(found, "us") == shown
    own = figures.of_rounds("us", [5.0])
    assert (figures.ratio(found, own, "us") is None) is not steady
    assert (figures.ratio(own, found, "us") is None) is not steady


def test_columns_line_up() -> None:
    lines = figures.columns([("", "µs", "×"), ("fastnn", "1.5", "1"), ("NumPy", "1,500", "1,000")])
    assert lines == ["           µs      ×", "fastnn    1.5      1", "NumPy   1,500  1,000"]


# --- trainings -------------------------------------------------------------------------------------------------------


def test_a_case_is_summed_up() -> None:
    case = CASES["mnist"]
    runs = {"numpy": runs_of(9000.0, 10000.0, 11000.0), "fastnn": runs_of(1100.0, 1000.0, 900.0)}
    found = training.summary(case, runs, {"numpy": 2, "fastnn": 2}, [PEAK, {"one_core": 80.0, "all_cores": 160.0}])
    assert found["peak_gflops"] == {"one_core": 90.0, "all_cores": 180.0}
    own, other = found["results"]
    assert (own["peer"], own["us_per_step"], own["times_fastnn"]) == ("fastnn", 1000.0, 1.0)
    assert (other["peer"], other["us_per_step"], other["times_fastnn"]) == ("numpy", 10000.0, 10.0)
    work = 784 * 512 + 512 * 256 + 256 * 10
    flops = 6 * 10_000 * work - 2 * 10_000 * 784 * 512
    assert found["flops_per_epoch"] == flops
    assert own["gflops"] == pytest.approx(flops / case.steps / 1000.0 / 1e3, rel=1e-3)
    assert own["share_of_peak"] == pytest.approx(own["gflops"] / 180.0, rel=1e-3)
    assert json.loads(json.dumps(found)) == found


def test_the_table_of_a_case() -> None:
    runs = {"fastnn": runs_of(10.0, 11.0), "numpy": runs_of(100.0, 400.0), "jax": runs_of(31.5, 31.5)}
    case = training.summary(CASES["seed"], runs, dict.fromkeys(runs, 1), [PEAK])
    lines = training.lines([case])
    assert lines[1] == "seed: 8-10-1, bce, batch 32, 1,000 samples, peak 200 GFLOP/s, one core 100"
    rows = {line.split("  ")[0]: line.split() for line in lines[3:]}
    assert rows["fastnn"][1:3] == ["10.5", "1"]
    assert rows["JAX"][1:3] == ["31.5", "3"]
    assert rows["NumPy"][1:5] == ["100", "–", "400", "–"]  # a range, compared with nothing


def test_cases_of_other_kinds_say_so() -> None:
    assert [case.setting for case in CASES.values()] == [""] * len(CASES)
    assert VARIANTS["float64"].setting == "float64"
    assert VARIANTS["normalization"].setting == "batch normalization"
    assert CASES["deep"].network == "128×9-10"


@pytest.mark.parametrize("case", [*CASES.values(), *VARIANTS.values()], ids=lambda case: case.name)
def test_cases_survive_json(case: Case) -> None:
    assert Case.of(json.loads(json.dumps(vars(case)))) == case


def test_the_loss_falls_from_noise_to_knowledge() -> None:
    case = CASES["rl"]
    x, y = case.data()
    weights = case.weights()
    assert weights[0].dtype == x.dtype == y.dtype == np.float32
    perfect = np.mean(y**2)  # of zero weights
    assert case.mean_loss([np.zeros_like(w) for w in weights], x, y) == pytest.approx(perfect, rel=1e-5)


def test_memory_that_is_needed() -> None:
    case = Case("any", (3, 4, 2), 5, 100, "mse")
    parameters = 3 * 4 + 4 + 4 * 2 + 2
    assert case.parameters == parameters
    assert case.least_bytes == 4 * (parameters * (2 + 2) + 5 * (3 + 4 + 2))


# --- other tables ----------------------------------------------------------------------------------------------------


def test_the_table_of_kernels_names_the_slower() -> None:
    row = {"kernel": "linear relu", "dtype": "float32", "numpy": 3.0}
    lines = kernels.lines(
        [
            row | {"size": "64x64x64", "fastnn": 1.0},
            row | {"size": "64x64x64", "fastnn": 2.0},
            row | {"size": "2048x2048x2048", "fastnn": 2.0},
            row | {"size": "8x8x8", "fastnn": 4.0},
        ]
    )
    assert [line.split()[-1] for line in lines[1:5]] == ["3.00", "2", "1.50", "SLOWER"]
    assert lines[-1] == "1 of 4 slower than NumPy"


def test_the_other_tables() -> None:
    own, other = {"peer": "fastnn", "times_fastnn": 1.0}, {"peer": "torch", "times_fastnn": 4.0}

    def both(key: str) -> list[dict[str, Any]]:
        return [own | figures.of_rounds(key, [2.0]), other | figures.of_rounds(key, [8.0])]

    start = {"network": "8-10-1", "results": [r | figures.of_rounds("import_seconds", [1.0]) for r in both("seconds")]}
    assert startup.lines(start)[-1].split() == ["PyTorch", "8", "4", "1"]
    table = {"name": "mnist", "network": "1-1", "batch": 1, "least_megabytes": 2.0, "data_megabytes": 1.0}
    assert memory.lines([table | {"results": both("megabytes")}])[-1].split() == ["PyTorch", "8", "4", "4"]
    assert "Linux" in memory.lines([table | {"results": []}])[-1]
    calls = [r | {"call": "model(x)", "threads": 1} for r in both("us")]
    shown = inference.lines([{"network": "1-1", "activation": "tanh", "rows": 1, "results": calls}])
    assert shown[1] == "1-1, tanh, one sample"
    assert shown[-1].split() == ["PyTorch", "model(x)", "8", "4", "1"]
    tables = {"startup": startup.lines(start), "memory": memory.lines([table | {"results": both("megabytes")}])[2:]}
    tables |= {"inference": shown[2:]}
    for name, table_lines in tables.items():
        heads = [cell.split(",")[0] for cell in re.split(r" {2,}", table_lines[1 if name == "startup" else 0].strip())]
        assert {*heads} - {"call"} <= {figure for figure, _ in command.SECTIONS[name].meanings}
    assert peak.lines({"float32": PEAK}) == ["float32: one core 100 GFLOP/s, all 200"]


# --- words -----------------------------------------------------------------------------------------------------------


def test_what_is_measured_by_default() -> None:
    session, groups = command.session_of(parse())
    assert set(groups) == set(command.SECTIONS) - {"variants"}
    assert (session.rounds, session.seconds, session.quick) == (command.ROUNDS, command.SECONDS, False)
    assert tuple(session.peers) == tuple(PEERS)
    assert set(command.SHARES) == set(command.SECTIONS)


def test_cases_and_kernels_choose_their_groups() -> None:
    assert command.session_of(parse("--cases", "seed"))[1] == ("training",)
    assert command.session_of(parse("--cases", "seed", "gelu"))[1] == ("training", "variants")
    assert command.session_of(parse("--kernels", "tanh"))[1] == ("kernels",)
    assert command.session_of(parse("--group", "peak", "--kernels", "tanh"))[1] == ("peak",)


def test_peers_may_have_a_python_of_their_own() -> None:
    one, other = sys.executable, "/bin/sh"
    words = parse("--python", f"keras,jax={one}", "--python", f"torch={other}")
    assert command.session_of(words)[0].pythons == {"keras": one, "jax": one, "torch": other}


@pytest.mark.parametrize(
    "words",
    [
        ["--cases", "nonsense"],
        ["--peers", "nonsense"],
        ["--group", "nonsense"],
        ["--rounds", "0"],
        ["--seconds", "-1"],
        ["--seconds", "nan"],
        ["--seconds", "inf"],
        ["--python", "keras=/not/there"],
        ["--python", "nonsense=/bin/sh"],
        ["--python", "keras"],
        ["--python", "keras="],
    ],
)
def test_unknown_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line.main(["bench", *words])
    assert exit_.value.code == 2
    assert words[-1].split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--json", "no/where.json"), "--json must name a file in a folder that is there. Received: --json no/where"),
        (("--json", "folder"), "--json must name a file"),
        (("--plots", "no/where"), "--plots must name a folder"),
        (("--plots", "text"), "--plots must name a folder"),
        (("--kernels", "relu", "nonsense"), "sigmoid backward, sigmoid_binary"),
        (("--kernels", "relu", "nonsense"), "Received: nonsense"),
        (("--show", "none.json"), "none.json"),
        (("--show", "folder"), "folder"),
        *(
            (("--show", name), f"The file '{name}' cannot be loaded: it is no result that --json wrote")
            for name in ("text", "list", "empty", "deep")
        ),
    ],
)
def test_mistakes_are_one_line_before_anything_is_measured(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, content in (("text", "\xff"), ("list", "[1]"), ("empty", "{}"), ("deep", "[" * 100_000)):
        Path(name).write_text(content, encoding="latin-1")
    before = os.listdir()
    assert command_line.main(["bench", *words]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fastnn: error: ")
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert os.listdir() == before


def test_no_memory_is_measured_where_it_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process_memory, "STATUS", tmp_path / "none")
    with pytest.raises(NotImplementedError, match="Linux"):  # which leaves a table empty, and ends nothing
        process_memory.forget_peak()


@pytest.mark.skipif(not os.access(process_memory.FORGET, os.W_OK), reason="this system lets no peak be forgotten")
def test_memory_is_measured() -> None:
    before = process_memory.forget_peak()
    held = np.ones(1 << 21)
    held[:] = 2
    del held
    assert process_memory.peak() - before > 0.9 * (8 << 21)


# --- sessions --------------------------------------------------------------------------------------------------------


def test_peers_take_turns() -> None:
    session = Session(peers=("numpy", "torch"), rounds=3)
    orders = [[peer.name for peer in peers] for _, peers in session.turns(TRAINERS, "anything")]
    assert orders == [["fastnn", "numpy", "torch"], ["numpy", "torch", "fastnn"], ["torch", "fastnn", "numpy"]]
    session.skipped["torch"] = "why"
    assert all("torch" not in [peer.name for peer in peers] for _, peers in session.turns(TRAINERS, "anything"))


def test_a_peer_that_fails_is_left_out_of_that_case_alone() -> None:
    session = Session(peers=("numpy",), rounds=2)
    seen = []
    for case in ("one", "other"):
        for _, peers in session.turns(TRAINERS, case):
            seen.append([peer.name for peer in peers])
            session.broken.add("numpy")
    assert seen == [["fastnn", "numpy"], ["fastnn"], ["fastnn", "numpy"], ["fastnn"]]


def test_what_goes_wrong_is_told_and_left_out() -> None:
    session = Session()

    def raising(error: Exception) -> Any:
        def measure() -> None:
            raise error

        return measure

    assert session.attempt(PEERS["numpy"], "a case", raising(NotSupported("no such layer"))) is None
    assert session.attempt(PEERS["numpy"], "a case", raising(OutOfTime("late"))) is None
    assert session.skipped == {}
    assert session.unfinished == {"a case": ["NumPy"]}
    assert session.attempt(PEERS["torch"], "a case", raising(NotInstalled("not installed: no module torch"))) is None
    assert session.attempt(PEERS["jax"], "a case", raising(Failure("exit code 1"))) is None
    assert session.skipped == {"torch": "not installed: no module torch"}
    assert session.failures == ["JAX, a case: exit code 1"]
    with pytest.raises(SystemExit, match="a case"):
        session.attempt(PEERS["fastnn"], "a case", raising(Failure("exit code 1")))
    assert session.attempt(PEERS["fastnn"], "a case", lambda: 7) == 7


def test_no_process_starts_when_time_is_up() -> None:
    session = Session(time_left=0.0)
    with pytest.raises(OutOfTime):
        session.run("start", 1, PEERS["fastnn"], case=CASES["seed"])


def test_limited_time_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("fastnn.bench.session.time.monotonic", lambda: clock[0])
    session = Session(time_left=100.0)
    session.allow(0.6)
    deadlines = []
    for _ in session.shared("abc"):
        deadlines.append(session.deadline)
        clock[0] += 10.0  # half of the first's part is left to the others
    assert deadlines == [20.0, 35.0, 60.0]
    session.allow(0.5)
    assert session.deadline == 65.0
    assert list(Session().shared("ab")) == ["a", "b"]


def test_the_faster_number_of_threads_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastnn.bench.session.cores", lambda: 8)
    found = {1: 3.0, 8: 2.0}
    assert Session().best_threads(PEERS["numpy"], 1.0, found.__getitem__) == 8
    assert Session().best_threads(PEERS["numpy"], 1.0, {1: 1.0, 8: 2.0}.__getitem__) == 1
    assert Session(quick=True).best_threads(PEERS["numpy"], 1e9, {}.__getitem__) == 8
    assert Session(quick=True).best_threads(PEERS["numpy"], 1e3, {}.__getitem__) == 1
    assert Session().best_threads(PEERS["fastnn"], 1e3, {}.__getitem__) == 8


def test_a_child_without_the_peer_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(child, "load", absent)
    assert child.main({"peer": "torch", "task": "train"}) == 3
    assert "no module torch" in capsys.readouterr().err


def test_a_result_is_shown_as_it_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "result.json"
    words = ["bench", "--quick", "--cases", "seed", "--peers", "numpy", "--seconds", "0.01", "--json", str(file)]
    assert command_line.main(words) == 0
    measured = capsys.readouterr().out
    assert "NumPy" in measured
    result = json.loads(file.read_text(encoding="utf-8"))
    (case,) = result["training"]
    assert [r["peer"] for r in case["results"]] == ["fastnn", "numpy"]
    assert all(r["loss_after_one_epoch"] < r["loss_before"] for r in case["results"])
    assert command_line.main(["bench", "--show", str(file)]) == 0
    assert capsys.readouterr().out == measured


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from fastnn.bench import plots

    case = training.summary(
        CASES["seed"], {"fastnn": runs_of(10.0, 20.0), "numpy": runs_of(50.0)}, {"fastnn": 1, "numpy": 1}, [PEAK]
    )
    result = {"training": [case], "peers": {name: {"label": name} for name in ("fastnn", "numpy")}}
    (file,) = plots.draw(result, tmp_path / "pictures")
    assert file.read_bytes().startswith(b"\x89PNG")


# --- kernels, peers, and the rest of the package ---------------------------------------------------------------------


def test_kernels_come_in_pairs() -> None:
    names = {pair.kernel for pair in pairs()}
    assert names >= {"linear", "relu", "relu backward", "softmax", "mean_squared_error", *UPDATES}
    assert {pair.dtype for pair in pairs()} == set(DTYPES)
    assert len({pair.id for pair in pairs()}) == len(list(pairs()))


def test_a_pair_that_disagrees_is_refused() -> None:
    pair = next(pairs())
    numpy, fastnn = pair.checked()
    np.testing.assert_allclose(numpy(), fastnn(), rtol=1e-5, atol=1e-6)
    wrong = type(pair)("linear", "float32", "8x8x8", lambda: (lambda: np.ones(3), lambda: np.zeros(3)))
    with pytest.raises(AssertionError):
        wrong.checked()


def test_peers_say_how_they_are_run() -> None:
    assert set(TRAINERS) | set(PREDICTORS) == set(PEERS)
    assert all(peer.how for peer in PEERS.values())
    assert PREDICTED.samples >= max(inference.ROWS)


def test_the_peak_is_a_rate() -> None:
    assert _kernels.multiply_add_rate("float32", 1e-4) > 1e6
    with pytest.raises(TypeError, match="Received"):
        _kernels.multiply_add_rate("int32", 1e-4)


def test_import_does_not_see_the_suite() -> None:
    code = "import sys, fastnn, fastnn.models; print([name for name in sys.modules if 'bench' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
