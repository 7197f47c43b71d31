"""Numbers of integers: codes, years, identifiers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.layer import Shape
from fastnn.layers.preprocessing.encoding import as_whole
from fastnn.layers.preprocessing.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """Turns integers into their numbers in a vocabulary, given or learned with `adapt`; or back.

    It runs in front of a model, on NumPy arrays and lists.

    Args:
        max_tokens: The greatest size of the vocabulary, special tokens included; `None` for any.
        num_oov_indices: How many numbers unknown integers share; with 0, an unknown one is an error.
        mask_token: An integer for "nothing": number 0 in `"int"` mode, dropped in the others; `None` for none.
        oov_token: What `invert` returns for numbers of unknown integers.
        vocabulary: List or array of integers, or the path of a text file with one on each line.
        vocabulary_dtype: `"int64"`.
        idf_weights: Inverse document frequencies, with a vocabulary and `output_mode="tf_idf"`.
        invert: Whether to turn numbers into the vocabulary's integers.
        output_mode: `"int"`, `"one_hot"`, `"multi_hot"`, `"count"`, or `"tf_idf"`: counts times `idf_weights`.
        sparse: Not supported: `False`.
        pad_to_max_tokens: Whether rows are `max_tokens` long though there are fewer.
        oov_method: How unknown integers share several numbers: `"floormod"`, by their remainder, or `"farmhash"`.
        salt: One or two integers that make another hash, with `"farmhash"`.
        name: Its name.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input; with `"one_hot"` a row for each integer, else for each sample.

    Example:

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer([[12, 1138], [42, 7]])
    array([[1, 3],
           [4, 0]])
    """

    token_dtype = np.int64

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"Argument `vocabulary_dtype` must be 'int64'. Received: vocabulary_dtype={vocabulary_dtype!r}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                f"Argument `salt` goes with oov_method='farmhash'. Received: salt={salt}, oov_method={oov_method!r}"
            )
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name,
            **kwargs,
        )

    def _read(self, x: Any, name: str) -> tuple[list[int], Shape]:
        if name == "vocabulary" and isinstance(x, list) and x and isinstance(x[0], str):  # the lines of a file
            try:
                x = [int(line) for line in x]
            except ValueError as error:
                raise ValueError(f"Argument `vocabulary` must hold an integer on each line: {error}") from None
        whole = as_whole(x, name)
        return whole.ravel().tolist(), whole.shape

    def _bins(self, tokens: list[Any]) -> np.ndarray:
        if self.oov_method == "farmhash":
            return super()._bins(tokens)
        return np.array(tokens, np.int64) % self.num_oov_indices

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": "int64"}
