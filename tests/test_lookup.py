"""Lookups and hashes: what they learn and return, with numbers that Keras 3 gave (TensorFlow backend)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastnn import Sequential, _kernels, layers
from fastnn.layers import CategoryEncoding, HashedCrossing, Hashing, IntegerLookup, StringLookup

WORDS = ["a", "b"]


def same(got: np.ndarray, wanted: Any, dtype: Any) -> None:
    np.testing.assert_array_equal(got, np.array(wanted, dtype), strict=True)


# --- hashes --------------------------------------------------------------------------------------------------------

# What TensorFlow gave for the first n bytes of 0, 7, 14 ... (mod 256), modulo 2**61 - 1: lengths of all formulas.
FINGERPRINTS = {
    0: 1936946117179621459,
    1: 2188844998935006041,
    3: 919192356075488299,
    4: 365121004050576997,
    7: 1123016345076934235,
    8: 2037891737372276653,
    16: 1995785141541547426,
    17: 386070902467919993,
    32: 764915578794662492,
    33: 1964684508825067598,
    64: 19261069045856657,
    65: 1750252573709625707,
    128: 555550388376880256,
    129: 914896450263437922,
    200: 1800212452726993940,
}


def reference_siphash(message: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 from its paper, in Python's own integers."""
    mask = (1 << 64) - 1
    v = [key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D, key[0] ^ 0x6C7967656E657261]
    v.append(key[1] ^ 0x7465646279746573)

    def rotate(x: int, by: int) -> int:
        return (x << by | x >> (64 - by)) & mask

    def rounds(times: int) -> None:
        for _ in range(times):
            v[0], v[2] = (v[0] + v[1]) & mask, (v[2] + v[3]) & mask
            v[1], v[3] = rotate(v[1], 13) ^ v[0], rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & mask, (v[0] + v[3]) & mask
            v[1], v[3] = rotate(v[1], 17) ^ v[2], rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_siphash_is_that_of_its_paper() -> None:
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert int(_kernels.hash_bytes([bytes(range(15))], key)[0]) == 0xA129CA6149BE45E5  # the paper's appendix A
    messages = [bytes(range(n)) for n in (0, 1, 7, 8, 9, 63, 64, 200)]
    wanted = [reference_siphash(message, key) for message in messages]
    assert _kernels.hash_bytes(messages, key).tolist() == wanted


def test_fingerprints_are_those_of_farmhash() -> None:
    messages = [bytes(7 * i % 256 for i in range(n)) for n in FINGERPRINTS]
    assert (_kernels.hash_bytes(messages) % np.uint64(2**61 - 1)).tolist() == list(FINGERPRINTS.values())


def test_hashes_take_lists_of_bytes() -> None:
    assert _kernels.hash_bytes([]).shape == (0,)
    with pytest.raises(TypeError, match="'a'"):
        _kernels.hash_bytes(["a"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "inputs, settings, wanted",
    [
        ([["A"], ["B"], ["C"], ["D"], ["E"]], {"num_bins": 3}, [[1], [0], [1], [1], [2]]),
        ([["A"], ["B"], [""], ["C"], ["D"]], {"num_bins": 3, "mask_value": ""}, [[1], [1], [0], [2], [2]]),
        ([["A"], ["B"], ["C"], ["D"], ["E"]], {"num_bins": 3, "salt": [133, 137]}, [[1], [2], [1], [0], [2]]),
        ([["A"], ["B"], ["C"], ["D"], ["E"]], {"num_bins": 3, "salt": 133}, [[0], [0], [2], [1], [0]]),
        (np.array([[1], [2], [-5]]), {"num_bins": 30}, [[9], [19], [6]]),
        (np.array([[1.5], [2.9], [-5.7]]), {"num_bins": 30}, [[9], [19], [6]]),
        (np.array([True, False]), {"num_bins": 30}, [0, 17]),
        (np.array([[1], [2], [-5]]), {"num_bins": 30, "mask_value": 2}, [[18], [0], [16]]),
        (np.array([[1], [2]]), {"num_bins": 1, "mask_value": 2}, [[0], [0]]),
        ("A", {"num_bins": 3}, 1),
    ],
)
def test_hashing_gives_the_bins_of_keras(inputs: Any, settings: dict[str, Any], wanted: Any) -> None:
    same(Hashing(**settings)(inputs), wanted, np.int64)
    same(Hashing(**settings, dtype="int32")(inputs), wanted, np.int32)


@pytest.mark.parametrize("mode, wanted", [("one_hot", [[[0, 1, 0], [1, 0, 0]]]), ("count", [[1, 1, 0]])])
def test_hashing_encodes(mode: str, wanted: Any) -> None:
    same(Hashing(num_bins=3, output_mode=mode)([["A", "B"]]), wanted, np.float32)
    assert Hashing(num_bins=3, output_mode=mode).compute_output_shape((None, 2)) == (None, *np.shape(wanted)[1:])


def test_crossing_gives_the_bins_of_keras() -> None:
    letters, numbers = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    same(HashedCrossing(5)((letters, numbers)), [1, 4, 1, 1, 3], np.int64)
    same(HashedCrossing(5)((letters[:, None], numbers[:, None])), [[1], [4], [1], [1], [3]], np.int64)
    same(HashedCrossing(500)((letters, numbers, letters)), [295, 364, 295, 161, 279], np.int64)
    same(HashedCrossing(500)((-numbers, numbers)), [411, 411, 411, 175, 175], np.int64)
    same(HashedCrossing(500)([letters, letters]), [228, 188, 228, 188, 228], np.int64)
    same(HashedCrossing(5)(("A", 101)), 1, np.int64)
    one_hot = HashedCrossing(5, output_mode="one_hot")((letters, numbers))
    same(one_hot, np.eye(5)[[1, 4, 1, 1, 3]], np.float32)


# --- lookups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inputs, settings, wanted",
    [
        ([["a", "c"], ["b", "a"]], {}, [[1, 0], [2, 1]]),
        ("b", {}, 2),
        (["b", "a"], {}, [2, 1]),
        ([["a", "c"], ["b", "a"]], {"output_mode": "one_hot"}, [[[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 0]]]),
        ([["b"], ["a"]], {"output_mode": "one_hot"}, [[0, 0, 1], [0, 1, 0]]),
        ([["a", "c"], ["b", "a"]], {"output_mode": "multi_hot"}, [[1, 1, 0], [0, 1, 1]]),
        (["b", "a"], {"output_mode": "multi_hot"}, [0, 1, 1]),
        ([["a", "a"], ["c", "a"]], {"output_mode": "count"}, [[0, 2, 0], [1, 1, 0]]),
        ([["b", "m"], ["a", "q"]], {"mask_token": "m"}, [[3, 0], [2, 1]]),
        ([["b", "m"], ["a", "q"]], {"mask_token": "m", "output_mode": "count"}, [[0, 0, 1], [1, 1, 0]]),
        (
            [["b", "m"]],
            {"output_mode": "count", "max_tokens": 5, "pad_to_max_tokens": True},
            [[1, 0, 1, 0, 0]],
        ),
        ([["a", "zz", "q", "", "é"]], {"num_oov_indices": 3}, [[3, 1, 2, 2, 1]]),
        ([["a", "zz", "q", "", "é"]], {"num_oov_indices": 3, "salt": 7}, [[3, 2, 0, 1, 2]]),
    ],
)
def test_strings_get_the_numbers_of_keras(inputs: Any, settings: dict[str, Any], wanted: Any) -> None:
    layer = StringLookup(vocabulary=WORDS, **settings)
    for data in (inputs, np.array(inputs), np.array(inputs, object), np.char.encode(np.array(inputs), "utf-8")):
        same(layer(data), wanted, np.int64)
    if np.ndim(inputs):
        assert layer.compute_output_shape(np.shape(inputs)) == np.shape(wanted)


@pytest.mark.parametrize(
    "inputs, settings, wanted",
    [
        ([[5, 6, 7]], {}, [[1, 0, 2]]),
        (np.array([[5.0, 6.0, 7.0]]), {}, [[1, 0, 2]]),
        ([[5, 6, 7, -1, 100]], {"num_oov_indices": 3}, [[3, 0, 4, 2, 1]]),
        ([[5, 6, 7, -1, 100]], {"num_oov_indices": 3, "oov_method": "farmhash"}, [[3, 2, 4, 0, 0]]),
        ([[5, 6, 7, -1, 100]], {"num_oov_indices": 3, "oov_method": "farmhash", "salt": (3, 4)}, [[3, 0, 4, 1, 1]]),
        ([[0, 1, 5, 9]], {"mask_token": 0}, [[0, 1, 2, 1]]),
        ([[5], [9]], {"output_mode": "one_hot"}, [[0, 1, 0], [1, 0, 0]]),
        ([[0, 1, 2, 9]], {"invert": True}, [[-1, 5, 7, -1]]),
        ([[0, 1, 2, 9]], {"invert": True, "mask_token": 0}, [[0, -1, 5, -1]]),
    ],
)
def test_integers_get_the_numbers_of_keras(inputs: Any, settings: dict[str, Any], wanted: Any) -> None:
    same(IntegerLookup(vocabulary=[5, 7], **settings)(inputs), wanted, np.int64)


def test_numbers_become_strings_again() -> None:
    same(StringLookup(vocabulary=WORDS, invert=True)([[1, 2], [0, 5]]), [["a", "b"], ["[UNK]", "[UNK]"]], object)
    masked = StringLookup(vocabulary=WORDS, invert=True, mask_token="")
    same(masked([[1, 2], [0, 5]]), [["[UNK]", "a"], ["", "[UNK]"]], object)


@pytest.mark.parametrize("data", [["a", "b", "a"], np.array(["a", "b", "a"]), iter([["a"], np.array(["b", "a"])])])
def test_the_most_frequent_come_first(data: Any) -> None:
    layer = StringLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    assert layer.vocabulary_size() == 3


def test_ties_are_broken_by_the_tokens_the_greatest_first() -> None:
    layer = StringLookup(max_tokens=4)
    layer.adapt([["a", "c", "é", "d"], ["d", "z", "b", "b"]])
    assert layer.get_vocabulary() == ["[UNK]", "d", "b", "é"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["d", "b", "é"]


def test_special_tokens_are_not_learned_and_steps_end_an_endless_iterable() -> None:
    def endless() -> Any:
        while True:
            yield [3, 3, 9, 0, -1]

    layer = IntegerLookup(mask_token=0, num_oov_indices=2)
    layer.adapt(endless(), steps=2)
    assert layer.get_vocabulary() == [0, -1, -1, 3, 9]
    layer.adapt([1, 2])
    assert layer.get_vocabulary() == [0, -1, -1, 2, 1]


def test_the_verbs_of_adapt_one_by_one() -> None:
    layer = StringLookup()
    layer.update_state(["a", "b"])
    layer.reset_state()
    layer.update_state(["b", "c"])
    layer.update_state("c")
    layer.finalize_state()
    assert layer.get_vocabulary() == ["[UNK]", "c", "b"]
    layer.finalize_state()  # nothing new: the vocabulary stays
    assert layer.get_vocabulary() == ["[UNK]", "c", "b"]


def test_tf_idf_learned_is_that_of_keras() -> None:
    data = [["a", "c", "a"], ["b", "a", "[UNK]"]]
    layer = StringLookup(output_mode="tf_idf")
    layer.adapt(data)
    assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    wanted = np.array([0.63237333, 0.51082563, 0.6931472, 0.6931472])
    np.testing.assert_allclose(layer.idf_weights, wanted, rtol=1e-6)
    got = layer(["q", "a", "a"])
    np.testing.assert_allclose(got, wanted * [1, 2, 0, 0], rtol=1e-6)
    assert got.dtype == np.float32
    padded = StringLookup(output_mode="tf_idf", max_tokens=6, pad_to_max_tokens=True)
    padded.adapt(data)
    np.testing.assert_allclose(padded.idf_weights, [*wanted, 0, 0], rtol=1e-6)
    documents = StringLookup(output_mode="tf_idf")
    documents.adapt(["a", "c", "a"])  # three documents of a token each
    np.testing.assert_allclose(documents.idf_weights, [0.804719, 0.6931472, 0.91629076], rtol=1e-6)


def test_tf_idf_given() -> None:
    data = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
    layer = StringLookup(output_mode="tf_idf")
    layer.set_vocabulary(["a", "b", "c", "d"], idf_weights=[0.25, 0.75, 0.6, 0.4])
    np.testing.assert_allclose(layer(data), [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]], rtol=1e-6)
    layer.set_vocabulary(["[UNK]", "a", "b", "c", "d"], idf_weights=[0.9, 0.25, 0.75, 0.6, 0.4])
    np.testing.assert_allclose(layer(data), [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]], rtol=1e-6)


def test_a_vocabulary_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("x\né\nz\n", encoding="utf-8")
    (tmp_path / "codes.txt").write_text("30\n10\n", encoding="utf-8")
    same(StringLookup(vocabulary=str(tmp_path / "words.txt"))(["é", "q"]), [2, 0], np.int64)
    same(IntegerLookup(vocabulary=str(tmp_path / "codes.txt"))([10, 30, 7]), [2, 1, 0], np.int64)
    with pytest.raises(ValueError, match="`vocabulary` must be a file that can be read"):
        StringLookup(vocabulary=str(tmp_path / "none.txt"))
    with pytest.raises(ValueError, match="an integer on each line"):
        IntegerLookup(vocabulary=str(tmp_path / "words.txt"))


def learned(layer: Any, data: Any) -> Any:
    layer.adapt(data)
    return layer


@pytest.mark.parametrize(
    "layer, inputs",
    [
        (StringLookup(vocabulary=WORDS, num_oov_indices=2, salt=3, mask_token=""), ["a", "", "x", "y"]),
        (learned(StringLookup(), [["p", "q"]]), ["p", "z"]),
        (learned(StringLookup(output_mode="tf_idf", max_tokens=5, pad_to_max_tokens=True), [["p", "q"]]), ["p", "z"]),
        (IntegerLookup(vocabulary=[4, 2], output_mode="count"), [[4, 4], [2, 9]]),
        (Hashing(7, mask_value="x", salt=(1, 2), output_mode="one_hot"), ["x", "y"]),
        (HashedCrossing(7, dtype="int32"), (["x", "y"], [1, 2])),
        (CategoryEncoding(3, output_mode="count"), [[0, 2]]),
    ],
)
def test_layers_come_back_equal(layer: Any, inputs: Any) -> None:
    wanted = layer(inputs)
    for again in (
        layers.deserialize(layers.serialize(layer)),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
    ):
        same(again(inputs), wanted, wanted.dtype)
        assert again.get_config() == layer.get_config()


def test_a_learned_vocabulary_may_be_learned_again_after_it_came_back() -> None:
    again = StringLookup.from_config(learned(StringLookup(), ["a"]).get_config())
    assert isinstance(again, StringLookup)
    again.adapt(["b"])
    assert again.get_vocabulary() == ["[UNK]", "b"]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: StringLookup()(["a"]), ["no vocabulary yet", "adapt"]),
        (lambda: StringLookup(output_mode="count")(["a"]), ["no vocabulary yet"]),
        (lambda: StringLookup(vocabulary=WORDS, num_oov_indices=0)(["a", "c"]), ["num_oov_indices", "['c']"]),
        (lambda: StringLookup(vocabulary=WORDS)([1, 2]), ["strings", "int64"]),
        (lambda: StringLookup(vocabulary=WORDS)(np.array(["a", None], object)), ["strings", "None"]),
        (lambda: StringLookup(vocabulary=WORDS)([["a"], ["a", "b"]]), ["`inputs`", "list"]),
        (lambda: StringLookup(vocabulary=WORDS).adapt(["a"]), ["made with a vocabulary"]),
        (lambda: StringLookup(vocabulary=["a", "a"]), ["`vocabulary`", "once", "['a']"]),
        (lambda: StringLookup(vocabulary=["a", "m"], mask_token="m"), ["mask_token='m'", "at 1"]),
        (lambda: StringLookup(vocabulary=["a", "[UNK]"], invert=True), ["oov_token", "at 1"]),
        (lambda: StringLookup(vocabulary=["a", "b", "c"], max_tokens=3), ["max_tokens=3", "4"]),
        (lambda: StringLookup(vocabulary=[]), ["`vocabulary`", "empty"]),
        (lambda: StringLookup(max_tokens=1), ["`max_tokens`"]),
        (lambda: StringLookup(pad_to_max_tokens=True), ["`pad_to_max_tokens`"]),
        (lambda: StringLookup(num_oov_indices=-1), ["`num_oov_indices`"]),
        (lambda: StringLookup(output_mode="hot"), ["`output_mode`", "'hot'"]),
        (lambda: StringLookup(output_mode="count", invert=True), ["`output_mode`", "`invert`"]),
        (lambda: StringLookup(idf_weights=[1.0]), ["`idf_weights`", "tf_idf"]),
        (lambda: StringLookup(vocabulary=WORDS, output_mode="tf_idf"), ["`idf_weights`"]),
        (lambda: StringLookup(sparse=True), ["`sparse`", "Embedding"]),
        (lambda: IntegerLookup(vocabulary=[1], salt=3), ["`salt`", "farmhash"]),
        (lambda: IntegerLookup(vocabulary_dtype="int32"), ["`vocabulary_dtype`"]),
        (lambda: IntegerLookup(vocabulary=[1])([np.nan]), ["`inputs`", "NaN"]),
        (lambda: IntegerLookup(vocabulary=[1])(["a"]), ["`inputs`", "<U1"]),
        (lambda: IntegerLookup(oov_method="md5"), ["`oov_method`", "'md5'"]),
        (lambda: Hashing(0), ["`num_bins`", "0"]),
        (lambda: Hashing(3, salt=(1, 2, 3)), ["`salt`"]),
        (lambda: Hashing(3, dtype="float32"), ["`dtype`", "int64"]),
        (lambda: HashedCrossing(3)(["a"]), ["two or more"]),
        (lambda: HashedCrossing(3)((["a", "b"], ["a"])), ["one shape", "(2,)"]),
        (lambda: HashedCrossing(3)((["a"], [1.5])), ["strings or integers", "float64"]),
        (lambda: CategoryEncoding(), ["`num_tokens`", "IntegerLookup"]),
        (lambda: CategoryEncoding(3)([[3]]), ["0 to 2", "3"]),
        (lambda: CategoryEncoding(3)([[-1]]), ["0 to 2", "-1"]),
        (lambda: CategoryEncoding(3)([[1]], count_weights=[[1.0]]), ["`count_weights`", "'multi_hot'"]),
        (lambda: Sequential([layers.Input((2,)), StringLookup(vocabulary=WORDS)]), ["in front of a model"]),
        (lambda: Hashing(3)(layers.Input((2,))), ["in front of a model"]),
        (lambda: HashedCrossing(3)((layers.Input((1,)), layers.Input((1,)))), ["in front of a model"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make: Callable[[], Any], words: list[str]) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError, NotImplementedError)) as raised:
        make()
    message = str(raised.value)
    assert "Received" in message
    for word in words:
        assert word in message
