"""Numbers of strings."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Shape
from fastnn.layers.preprocessing.index_lookup import IndexLookup
from fastnn.layers.preprocessing.tokens import as_strings


class StringLookup(IndexLookup):
    """Turns strings into their numbers in a vocabulary, given or learned with `adapt`; or numbers into strings.

    It runs in front of a model, on NumPy arrays and lists. Strings come as `str` or as `bytes`; `invert` returns `str`.

    Args:
        max_tokens: The greatest size of the vocabulary, special tokens included; `None` for any.
        num_oov_indices: How many numbers unknown strings share: by their hashes, if more than one. With 0, an unknown
            string is an error.
        mask_token: A string for "nothing": number 0 in `"int"` mode, dropped in the others; `None` for none.
        oov_token: What `invert` returns for numbers of unknown strings.
        vocabulary: List or array of strings, or the path of a text file with one on each line.
        idf_weights: Inverse document frequencies, with a vocabulary and `output_mode="tf_idf"`.
        invert: Whether to turn numbers into strings.
        output_mode: `"int"`, `"one_hot"`, `"multi_hot"`, `"count"`, or `"tf_idf"`: counts times `idf_weights`.
        pad_to_max_tokens: Whether rows are `max_tokens` long though there are fewer.
        sparse: Not supported: `False`.
        encoding: How bytes are decoded.
        name: Its name.
        salt: One or two integers that make another hash for unknown strings.
        **kwargs: Arguments of `Layer`.

    Input shape: any. Output shape: that of the input; with `"one_hot"` a row for each string, else for each sample.

    Example:

    >>> layer = StringLookup()
    >>> layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'd', 'z', 'c', 'b', 'a']
    >>> layer([["a", "q"]])
    array([[5, 0]])
    >>> StringLookup(vocabulary=["a", "b"], invert=True)([2, 0])
    array(['b', '[UNK]'], dtype=object)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
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
            salt=salt,
            name=name,
            **kwargs,
        )

    def _read(self, x: Any, name: str) -> tuple[list[str], Shape]:
        return as_strings(x, name, self.encoding)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}
