"""A table of known tokens, and what is to become of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from fastnn.layers.layer import Shape
from fastnn.layers.preprocessing.encoding import as_whole, check_mode, encode, encoded_shape, refuse_sparse
from fastnn.layers.preprocessing.hashing import as_salt, hash_tokens
from fastnn.layers.preprocessing.in_front import InFront
from fastnn.layers.preprocessing.tokens import batches_of

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
DROPPED = np.iinfo(np.int64).max  # the number of a masked token where rows are encoded: it leaves no mark


class IndexLookup(InFront):
    """What `StringLookup` and `IntegerLookup` have in common.

    The table begins with the mask token (if there is one, and `output_mode` is `"int"`), then come the numbers of
    unknown tokens, then the vocabulary.
    """

    token_dtype: Any = object  # of what `invert` returns

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any = None,
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
        fixed = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        for ignored in ("vocabulary_size", "dtype"):  # in Keras's configurations
            kwargs.pop(ignored, None)
        super().__init__(name=name, **kwargs)
        refuse_sparse(sparse)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"Argument `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                "Argument `pad_to_max_tokens` goes with `max_tokens`. "
                f"Received: pad_to_max_tokens={pad_to_max_tokens}, max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                f"Argument `num_oov_indices` must not be negative. Received: num_oov_indices={num_oov_indices}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Argument `oov_method` must be 'floormod' or 'farmhash'. Received: oov_method={oov_method!r}"
            )
        self.output_mode = check_mode(output_mode, MODES)
        if invert and self.output_mode != "int":
            raise ValueError(
                f"Argument `output_mode` must be 'int' where `invert` is true. Received: output_mode={output_mode!r}"
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"Argument `idf_weights` goes with output_mode='tf_idf'. Received: output_mode={output_mode!r}"
            )
        self.max_tokens = max_tokens
        self.num_oov_indices = int(num_oov_indices)
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = bool(invert)
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.oov_method = oov_method
        self.salt = as_salt(salt)
        self._fixed = bool(fixed)  # the vocabulary was given, not learned
        self._has_vocabulary = False
        self._tokens: list[Any] = []  # without the special ones
        self._numbers: dict[Any, int] = {}
        self.idf_weights: np.ndarray | None = None
        self._start_counting()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # --- what the subclasses say ---

    def _read(self, x: Any, name: str) -> tuple[list[Any], Shape]:
        """The tokens in `x`, end to end, and its shape."""
        raise NotImplementedError

    def _bins(self, tokens: list[Any]) -> np.ndarray:
        """Which of several numbers an unknown token gets."""
        return (hash_tokens(tokens, self.salt) % np.uint64(self.num_oov_indices)).astype(np.int64)

    # --- the vocabulary ---

    @property
    def _masks(self) -> int:
        """How many numbers the mask token takes: 1 or 0."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _first(self) -> int:
        """The number of the first token of the vocabulary."""
        return self._masks + self.num_oov_indices

    def vocabulary_size(self) -> int:
        """Number of tokens, the special ones included."""
        return self._first + len(self._tokens)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, each at its number.

        Args:
            include_special_tokens: Whether to return the mask token and those for unknown tokens too.
        """
        special = [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices
        return [*special, *self._tokens] if include_special_tokens else list(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the vocabulary, in place of `adapt`.

        Args:
            vocabulary: List or array of tokens, with or without the special ones before them; or the path of a text
                file with a token on each line.
            idf_weights: Inverse document frequencies of the tokens, for `output_mode="tf_idf"`. Where those of the
                special tokens are not given, they are the mean of the others.

        Raises:
            ValueError: A token occurs twice, or a special one in the midst; or there are too many.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError(
                "Argument `idf_weights` must be given with a vocabulary where output_mode is 'tf_idf', and only there. "
                f"Received: idf_weights={idf_weights}, output_mode={self.output_mode!r}"
            )
        special = self.get_vocabulary()[: self._first]
        if isinstance(vocabulary, (str, Path)):
            tokens, _ = self._read(_lines(vocabulary), "vocabulary")
            has_special = False
        else:
            tokens, shape = self._read(vocabulary, "vocabulary")
            if len(shape) != 1 or not tokens:
                raise ValueError(f"Argument `vocabulary` must be a list of tokens, not empty. Received: shape={shape}")
            has_special = tokens[: self._first] == special
        given = len(tokens)
        if has_special:
            tokens = tokens[self._first :]
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(f"Argument `vocabulary` must hold every token once. Received: more of {repeated}")
        for what, token, counts in (("mask", self.mask_token, True), ("oov", self.oov_token, self.invert)):
            if counts and token is not None and token in tokens:
                raise ValueError(
                    f"Argument `vocabulary` must begin with the special tokens, {special}, or be without them. "
                    f"Received: {what}_token={token!r} among the others, at {tokens.index(token)}"
                )
        if self.max_tokens is not None and self._first + len(tokens) > self.max_tokens:
            raise ValueError(
                f"Argument `vocabulary` must have at most max_tokens={self.max_tokens} tokens, the special ones "
                f"included. Received: {self._first + len(tokens)}"
            )
        weights = None if idf_weights is None else self._weights_for(idf_weights, given, has_special)
        self._set_tokens(tokens)
        self.idf_weights = weights

    def _set_tokens(self, tokens: list[Any]) -> None:
        self._has_vocabulary = True
        self._tokens = tokens
        self._numbers = {token: self._first + i for i, token in enumerate(tokens)}

    def _weights_for(self, idf_weights: Any, given: int, has_special: bool) -> np.ndarray:
        weights = np.asarray(idf_weights, np.float64)
        if weights.shape != (given,):
            raise ValueError(
                f"Argument `idf_weights` must have a number for each of the {given} tokens of the vocabulary. "
                f"Received: shape={weights.shape}"
            )
        return self._padded(weights, 0 if has_special else self._first)

    def _padded(self, weights: np.ndarray, before: int) -> np.ndarray:
        """Weights of all numbers: their mean for special tokens, zero for numbers that no token has."""
        after = self.max_tokens - before - len(weights) if self.pad_to_max_tokens and self.max_tokens else 0
        mean = weights.mean() if before else 0.0
        return np.concatenate([np.full(before, mean), weights, np.zeros(after)]).astype(np.float32)

    # --- learning it ---

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: the tokens of `data`, the most frequent first (and of as frequent ones the greatest).

        Args:
            data: Array or list of tokens; or an iterable of batches of them. For `output_mode="tf_idf"` every sample
                is a document.
            steps: How many batches of an iterable to read.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            # A list or an array that has but one axis holds samples of one token; as a batch, it is one sample.
            whole = batch is data
            self._count(batch, samples=whole)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Counts the tokens of one more batch.

        Args:
            data: Array or list of tokens.

        Raises:
            ValueError: The layer was made with a vocabulary.
        """
        self._count(data, samples=False)

    def _count(self, data: Any, samples: bool) -> None:
        if self._fixed:
            raise ValueError(
                f"Layer '{self.name}' was made with a vocabulary, so there is none to learn: leave out `vocabulary`. "
                f"Received: data of type {type(data).__name__}"
            )
        tokens, shape = self._read(data, "data")
        self._counts.update(tokens)
        if self.output_mode == "tf_idf":
            documents = shape[0] if len(shape) > 1 or (samples and shape) else 1
            length = len(tokens) // max(documents, 1)
            for i in range(documents):
                self._document_counts.update(set(tokens[i * length : (i + 1) * length]))
            self._documents += documents

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted; the counts are forgotten."""
        if not self._counts:
            return
        for special in (self.mask_token, self.oov_token):
            self._counts.pop(special, None)
        tokens = sorted(self._counts, key=lambda token: (self._counts[token], token), reverse=True)
        self._set_tokens(tokens if self.max_tokens is None else tokens[: max(self.max_tokens - self._first, 0)])
        if self.output_mode == "tf_idf":
            holding = np.array([self._document_counts[token] for token in self._tokens], np.float64)
            self.idf_weights = self._padded(np.log(1 + self._documents / (1 + holding)), self._first)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets what was counted; a vocabulary stays."""
        if not self._fixed:
            self._start_counting()

    def _start_counting(self) -> None:
        self._counts: Counter[Any] = Counter()
        self._document_counts: Counter[Any] = Counter()  # in how many documents a token occurs
        self._documents = 0

    # --- looking up ---

    def call(self, inputs: Any) -> np.ndarray:
        if not self._has_vocabulary:
            raise RuntimeError(
                f"Layer '{self.name}' has no vocabulary yet: pass one as `vocabulary`, or let it learn one with "
                "`adapt(data)`. Received: a call before that"
            )
        if self.invert:
            return self._tokens_of(as_whole(inputs))
        tokens, shape = self._read(inputs, "inputs")
        numbers = self._numbers_of(tokens).reshape(shape)
        if self.output_mode != "tf_idf":
            return encode(numbers, self.output_mode, self._depth, np.int64)
        assert self.idf_weights is not None
        return encode(numbers, "count", self._depth, np.float32) * self.idf_weights

    @property
    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def _numbers_of(self, tokens: list[Any]) -> np.ndarray:
        numbers = np.fromiter(map(self._numbers.get, tokens, repeat(-1)), np.int64, len(tokens))
        if self.mask_token is not None:
            masked = np.fromiter((token == self.mask_token for token in tokens), bool, len(tokens))
            numbers[masked] = 0 if self._masks else DROPPED
        (unknown,) = np.nonzero(numbers < 0)
        if len(unknown):
            others = [tokens[i] for i in unknown]
            if self.num_oov_indices == 0:
                raise ValueError(
                    "Argument `inputs` must hold tokens of the vocabulary where num_oov_indices is 0. "
                    f"Received: {sorted(set(others))[:10]}"
                )
            numbers[unknown] = self._masks + (self._bins(others) if self.num_oov_indices > 1 else 0)
        return numbers

    def _tokens_of(self, numbers: np.ndarray) -> np.ndarray:
        table = np.full(self.vocabulary_size() + 1, self.oov_token, self.token_dtype)  # the last: numbers beyond
        table[self._first : -1] = self._tokens
        if self._masks:
            table[0] = self.mask_token
        known = (numbers >= 0) & (numbers < self.vocabulary_size())
        return table[np.where(known, numbers, -1)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self._depth)

    def get_config(self) -> dict[str, Any]:
        """Arguments from which `from_config` makes an equal layer: the vocabulary is among them."""
        weights = None if self.idf_weights is None else self.idf_weights[: self.vocabulary_size()].tolist()
        config = {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": weights,
            "vocabulary": self.get_vocabulary() if self._has_vocabulary else None,
            "oov_method": self.oov_method,
            "salt": None if self.salt is None else list(self.salt),
        }
        if self._has_vocabulary and not self._fixed:
            config["has_input_vocabulary"] = False  # learned: `adapt` may be called again
        return config


def _lines(path: str | Path) -> Sequence[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError as error:
        raise ValueError(
            f"Argument `vocabulary` must be a file that can be read: {error}. Received: {path!r}"
        ) from None
