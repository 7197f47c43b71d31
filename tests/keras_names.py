"""Every public name of Keras 3 that a dense-network user may meet, and what fastnn makes of it.

Each name is in exactly one table of its module: `same` (checked here against Keras itself), `differs` (so but for the
reason given) or the package's own table of what is refused, with what to use instead. `docs/keras.md` is written from
these tables, and no Keras is needed to read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fastnn._refused import REFUSED


@dataclass(frozen=True)
class Names:
    """What fastnn makes of the names of one module of Keras.

    Args:
        module: The module's name within Keras; nothing for Keras itself.
        same: Names, separated by spaces, that are checked here against Keras.
        differs: The same of those that differ, each group with its reason.
        coming: Which of both are not written yet.
    """

    module: str
    same: str
    differs: dict[str, str] = field(default_factory=dict)
    coming: str = ""

    @property
    def package(self) -> str:
        """The module of fastnn that holds them."""
        return f"fastnn.{self.module}" if self.module else "fastnn"

    def tables(self) -> Iterator[tuple[str, str, str]]:
        """All names, each with the table that it is in and the reason given there."""
        for name in self.same.split():
            yield name, "same", ""
        for names, reason in self.differs.items():
            for name in names.split():
                yield name, "differs", reason
        for name, hint in REFUSED.get(self.package, {}).items():
            yield name, "refused", hint

    def expected(self) -> list[str]:
        """The names that fastnn must have by now."""
        late = set(self.coming.split())
        return [name for name, table, _ in self.tables() if table != "refused" and name not in late]


MODULES = (
    Names(
        "activations",
        same=(
            "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear "
            "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
            "sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink threshold "
            "get serialize deserialize"
        ),
        differs={
            "sparsemax": "rows sum to 1; those of Keras 3.15 do not, for it adds up the wrong partial sums",
        },
    ),
    Names(
        "losses",
        same=(
            "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy "
            "CategoricalGeneralizedCrossEntropy CategoricalHinge CosineSimilarity Hinge Huber KLDivergence LogCosh "
            "MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
            "SparseCategoricalCrossentropy SquaredHinge "
            "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
            "categorical_generalized_cross_entropy categorical_hinge cosine_similarity hinge huber kl_divergence "
            "log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
            "mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge "
            "get serialize deserialize"
        ),
        differs={
            "Loss": (
                "a subclass that is trained with defines `loss_and_gradient(y_true, y_pred)`, for nothing here finds "
                "gradients by itself; `call` alone serves eager use"
            ),
        },
    ),
    Names(
        "metrics",
        same=(
            "AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy "
            "CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives "
            "FalsePositives Hinge IoU KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError "
            "MeanIoU MeanMetricWrapper MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU "
            "PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall RecallAtPrecision "
            "RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy "
            "SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum TopKCategoricalAccuracy "
            "TrueNegatives TruePositives "
            "binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy "
            "categorical_crossentropy categorical_focal_crossentropy categorical_hinge concordance_correlation hinge "
            "huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error "
            "mean_squared_logarithmic_error pearson_correlation poisson sparse_categorical_accuracy "
            "sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge "
            "top_k_categorical_accuracy "
            "get serialize deserialize"
        ),
    ),
    Names(
        "initializers",
        same=(
            "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer "
            "LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform "
            "TruncatedNormal VarianceScaling Zeros "
            "constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform ones "
            "orthogonal random_normal random_uniform truncated_normal variance_scaling zeros "
            "get serialize deserialize"
        ),
    ),
    Names(
        "regularizers",
        same="L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer get serialize deserialize",
        differs={
            "Regularizer": "a subclass works by itself; in training it needs a method `gradient(x)`, over NumPy arrays",
        },
    ),
    Names(
        "constraints",
        same=(
            "Constraint MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm "
            "get serialize deserialize"
        ),
    ),
    Names(
        "optimizers",
        same=(
            "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion Muon Nadam RMSprop SGD ScheduleFreeAdamW "
            "schedules get serialize deserialize"
        ),
        differs={
            "Optimizer": (
                "`update_step` of a subclass sees NumPy arrays; `weight_decay` may be a schedule; `set_group` gives "
                "some weights a learning rate and a decay of their own"
            ),
        },
    ),
    Names(
        "optimizers.schedules",
        same=(
            "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule "
            "PiecewiseConstantDecay PolynomialDecay serialize deserialize"
        ),
    ),
    Names(
        "layers",
        same=(
            "Activation ActivityRegularization Add AlphaDropout Average BatchNormalization CategoryEncoding "
            "Concatenate Dense Discretization Dot Dropout ELU EinsumDense Embedding Flatten GaussianDropout "
            "GaussianNoise GlobalAveragePooling1D GlobalAvgPool1D GlobalMaxPool1D GlobalMaxPooling1D "
            "GroupNormalization Identity Input InputLayer LayerNormalization LeakyReLU Maximum Minimum Multiply "
            "Normalization PReLU Permute RMSNormalization ReLU RepeatVector Rescaling Reshape Softmax SpatialDropout1D "
            "Subtract UnitNormalization "
            "add average concatenate dot maximum minimum multiply subtract serialize deserialize"
        ),
        differs={
            "HashedCrossing Hashing IntegerLookup StringLookup": (
                "it runs on NumPy arrays in front of a model, not inside it; numbers are int64 and those of Keras, "
                "hashes included, and `invert` returns `str`"
            ),
            "Layer": (
                "a layer of your own has a `call` that composes layers and `fastnn.ops`, or `forward` and `backward` "
                "in NumPy, and is then called once in a model that trains"
            ),
        },
    ),
    Names(
        "callbacks",
        same=(
            "BackupAndRestore CSVLogger Callback CallbackList EarlyStopping History LambdaCallback "
            "LearningRateScheduler ModelCheckpoint ProgbarLogger ReduceLROnPlateau SwapEMAWeights TerminateOnNaN"
        ),
        differs={
            "TensorBoard": (
                "writes Keras's scalars, histograms and graph without TensorFlow; images of weights, profiles and "
                "embeddings are refused"
            ),
        },
    ),
    Names(
        "models",
        same="Model Sequential clone_model load_model model_from_json save_model",
    ),
    Names(
        "ops",
        same=(
            "abs absolute add append average broadcast_to cast celu clip concatenate convert_to_numpy "
            "convert_to_tensor cos cosh cumsum diff divide divide_no_nan elu equal exp exp2 expand_dims eye flip full "
            "glu greater greater_equal hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh hstack is_tensor "
            "leaky_relu less less_equal linspace log log10 log1p log2 log_sigmoid log_softmax logaddexp logical_and "
            "logical_not logical_or logsumexp max maximum mean min minimum moveaxis multiply negative norm normalize "
            "not_equal one_hot ones ones_like pad power prod reciprocal relu relu6 repeat reshape roll rsqrt selu "
            "shape sigmoid sign silu sin sinh soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid split "
            "sqrt square squareplus squeeze stack std stop_gradient subtract sum swapaxes swish take tan tanh "
            "tanh_shrink threshold tile top_k transpose tril triu true_divide var where zeros zeros_like"
        ),
        differs={
            "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy": (
                "returns the loss of each row and its gradient; the functions of `fastnn.losses` return losses alone"
            ),
            "gelu": "is exact unless `approximate=True`, like `activations.gelu`",
            "all any argmax argmin": "of symbolic tensors is in the model's dtype, along one axis of a sample",
            "dot": "of symbolic tensors with a variable or a matrix on its right",
            "matmul": "of symbolic tensors with a variable or a matrix on its right, or of the matrices of two",
            (
                "allclose arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argpartition argsort array "
                "array_split bincount cbrt ceil copy corrcoef count_nonzero cumprod deg2rad diag diagonal digitize "
                "einsum expm1 floor floor_divide full_like histogram identity inner isclose isfinite isin isinf isnan "
                "median meshgrid mod nan_to_num ndim nonzero outer percentile quantile rad2deg ravel round "
                "searchsorted size sort take_along_axis tensordot trace tri trunc unique vdot vstack"
            ): "is NumPy's own function: on arrays, not on symbolic tensors",
        },
    ),
    Names(
        "random",
        same=("SeedGenerator beta binomial categorical dropout gamma normal randint shuffle truncated_normal uniform"),
    ),
    Names(
        "saving",
        same=(
            "CustomObjectScope custom_object_scope get_custom_objects get_registered_name get_registered_object "
            "load_model load_weights register_keras_serializable save_model save_weights"
        ),
    ),
    Names(
        "utils",
        same=(
            "CustomObjectScope Progbar PyDataset Sequence clear_session custom_object_scope get_custom_objects "
            "get_registered_name get_registered_object normalize pack_x_y_sample_weight register_keras_serializable "
            "set_random_seed split_dataset to_categorical unpack_x_y_sample_weight"
        ),
        differs={"plot_model": "draws by matplotlib, not Graphviz, and returns the figure"},
    ),
    Names("config", same="epsilon floatx set_epsilon set_floatx"),
    Names("backend", same="clear_session epsilon floatx set_epsilon set_floatx"),
    Names("wrappers", same="SKLearnClassifier SKLearnRegressor SKLearnTransformer"),
    Names(
        "",
        same=(
            "Initializer Input Layer Loss Metric Model Optimizer Regularizer Sequential activations backend "
            "callbacks config constraints initializers layers losses metrics models ops optimizers random regularizers "
            "saving utils wrappers"
        ),
        differs={"Variable": "holds a NumPy array, which is live; what places it on devices is left out"},
    ),
)

# What differs beyond names: the numbers and lines that are the same are in the suite.
BEHAVIOUR = {
    "`fit(class_weight=..., sample_weight=...)`": "the two are multiplied; Keras refuses them together",
    "`axis` of `CategoricalCrossentropy`, `CosineSimilarity` and `SparseCategoricalCrossentropy` as metrics": (
        "must be the last one"
    ),
    "`axis` of `UnitNormalization`, `GroupNormalization`": "names the last; `Permute` brings others there",
    "a model without anything to learn": "is refused by `fit`; Keras goes through the data",
    "`metrics_names`": "the names that `evaluate` returns; Keras returns `['loss', 'compile_metrics']`",
    "a list that `evaluate` returns": (
        "has each number once; Keras repeats those of a metric that is both in `metrics` and in `weighted_metrics`"
    ),
    "`layer(x, training=False)` in a functional model": (
        "holds in `fit`, too, as for a frozen model that is made trainable again; in Keras `fit` overrides it"
    ),
    "classes of one's own without `get_config`": (
        "are made again from what they were given, models too, if it is numbers and strings; in Keras layers alone"
    ),
    "`validation_data` of a generator that does not end": (
        "goes on in each epoch where it stopped; Keras may begin with batches that it has kept"
    ),
    "`weights` of a model that is not built": "are refused with a hint; those of Keras's are an empty list",
    "`weight.path`": "does not begin with the name of a model: `dense/kernel`",
    "activations in NumPy": "train where they have an attribute `derivative`; Keras has its backend differentiate",
    "`Embedding(mask_zero=True)`": "is refused: an id for the padding learns to be ignored",
    "a name that is unknown to `compile`": "is refused at once; Keras waits for the first `fit`",
    "a model without a loss": "is refused by `fit`; Keras trains it on penalties alone",
    "`train_step`, `compute_loss` and the like of a model": "are refused by `compile`; Keras trains by them",
    "`.keras` files of layers that compute in 16 bits": "are loaded as float32, with a warning",
    "float64": "is float64 throughout; Keras on JAX rounds some results to float32",
    "rates of `Dropout`, `SpatialDropout1D`, `GaussianDropout`": "may be schedules, by the number of the batch",
    "`add_loss`": "is called in `call`, with what `ops.mean` or `ops.sum` makes of the whole batch; it has a gradient",
    "`ops.mean(x)` and `ops.sum(x)` of a whole batch": (
        "are taken last, in losses and `add_loss` alone: only sums and multiples can be made of them; with sample "
        "weights each sample's share is weighed, where Keras weighs the whole"
    ),
    "variables in a `call`": (
        "go with what comes from the inputs: `inputs * w`, `matmul(inputs, w)`, `take(w, ids, axis=0)`; a function of "
        "variables alone is refused"
    ),
    "`random.normal`, `random.uniform` and `random.dropout` in a `call`": (
        "draw anew in each step of training; in inference always alike"
    ),
    "`SwapEMAWeights`": "`fit` ends with the running means if it stops early, too; `predict` leaves the weights alone",
    "NaN and infinity in data": "are refused before training: `check_finite=False` lets them in",
}

PAGE = Path(__file__).parents[1] / "docs" / "keras.md"
_WORDS = {"same": "the same", "differs": "differs: ", "refused": "refused. "}
_HEAD = """\
# Keras name → fastnn

What fastnn makes of the public names of Keras 3. *The same* is held against Keras itself, on its JAX backend, by
`tests/parity`: values and gradients agree to rounding, in float32 and in float64. Where a name is *refused*, the error
says what this page says; what is in modules of Keras that are refused whole has no counterpart.

Written by `python tests/keras_names.py`; change the tables there, not this page.
"""


def page() -> str:
    """The page of the docs that these tables make."""
    parts = [_HEAD]
    for module in MODULES:
        late = set(module.coming.split())
        grouped: dict[str, list[str]] = {}
        for name, table, reason in module.tables():
            what = "not yet" if name in late else f"{_WORDS[table]}{reason}"
            grouped.setdefault(what, []).append(f"`{name}`")
        rows = "\n".join(f"| {', '.join(names)} | {what} |" for what, names in grouped.items())
        title = f"keras.{module.module}" if module.module else "keras"
        parts.append(f"## {title}\n\n| Keras | fastnn |\n| --- | --- |\n{rows}\n")
    rows = "\n".join(f"| {what} | {how} |" for what, how in BEHAVIOUR.items())
    parts.append(f"## What else differs\n\n| | |\n| --- | --- |\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
