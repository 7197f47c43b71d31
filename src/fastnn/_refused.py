"""The names of Keras that fastnn has not, each with what to use instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_AUDIO = "It is for audio: use Keras."
_IMAGES = "It is for images: extract features elsewhere, and train the dense part here."
_MASKS = "It is for masks of images: use Keras."
_SEQUENCES = "It is for sequences: use Keras; over embeddings, `GlobalAveragePooling1D`."
_OTHER_FRAMEWORKS = "It wraps another framework's module: train that part there, and give its outputs to a model here."

_ONE_BACKEND = "There is one backend here: NumPy's arrays, and compiled steps."
_OF_NUMPY = "Arrays here are NumPy's: use its functions, `numpy.linalg`, `numpy.fft`; or SciPy's."
_CONTROL = "Loops and `if` of a `call` are gone through once, when it is traced: choose between values by `where`."
_FILES = "Read files by what reads them well (pandas, Polars, PyTables): arrays, frames and sequences are data here."
_QUANTIZED = "Weights and arithmetic are of float32 or float64: `dtype=...`, or `config.set_floatx`."
_SCOPES = "Programs are compiled from layers by themselves: there is nothing to set up around them."
_AS_IN_NUMPY = "Ask NumPy: `numpy.dtype(x).name`, `numpy.issubdtype`, `numpy.result_type`."

# module -> names, separated by spaces -> what to use instead
_TABLES: dict[str, dict[str, str]] = {
    "fastnn.backend": {
        "backend": _ONE_BACKEND,
        "get_uid": "Layers and models number their names themselves.",
        "image_data_format set_image_data_format": _IMAGES,
        "is_float_dtype is_int_dtype result_type standardize_dtype": _AS_IN_NUMPY,
        "is_keras_tensor": "What is symbolic has the attribute `node`.",
    },
    "fastnn.callbacks": {
        "OrbaxCheckpoint": "Use `ModelCheckpoint`.",
        "RemoteMonitor": "Send what is wanted from `LambdaCallback(on_epoch_end=...)`.",
    },
    "fastnn.config": {
        "backend set_backend is_nnx_enabled": _ONE_BACKEND,
        "image_data_format set_image_data_format": _IMAGES,
        "disable_flash_attention enable_flash_attention is_flash_attention_enabled": _SEQUENCES,
        "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled": (
            "Give `verbose=...` to `fit`, `evaluate` and `predict`."
        ),
        "disable_traceback_filtering enable_traceback_filtering is_traceback_filtering_enabled": (
            "Tracebacks are shown whole."
        ),
        "dtype_policy set_dtype_policy": "Use `set_floatx`: what is stored and what is computed have one dtype.",
        "enable_unsafe_deserialization": "No code is read from files: give `custom_objects=...` to `load_model`.",
        "max_epochs max_steps_per_epoch set_max_epochs set_max_steps_per_epoch": (
            "Give `epochs=...` and `steps_per_epoch=...` to `fit`."
        ),
    },
    "fastnn.initializers": {"STFT STFTInitializer stft": _AUDIO},
    "fastnn.layers": {
        "Lambda": "Subclass `Layer` with `call`, or with `forward` and `backward` in NumPy.",
        "Masking": "Give the rows that are not to count `sample_weight=0`.",
        (
            "AdaptiveAveragePooling1D AdaptiveMaxPooling1D AdditiveAttention Attention AveragePooling1D AvgPool1D "
            "Bidirectional Conv1D Conv1DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D "
            "Convolution1DTranspose Cropping1D DepthwiseConv1D GRU GRUCell "
            "GroupQueryAttention LSTM LSTMCell MaxPool1D MaxPooling1D MultiHeadAttention RNN ReversibleEmbedding "
            "SeparableConv1D SeparableConvolution1D SimpleRNN SimpleRNNCell StackedRNNCells TextVectorization "
            "UpSampling1D ZeroPadding1D"
        ): _SEQUENCES,
        (
            "AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AugMix "
            "AutoContrast AveragePooling2D AveragePooling3D AvgPool2D AvgPool3D CenterCrop "
            "ContrastLimitedAdaptiveHistogramEqualization Conv2D Conv2DTranspose Conv3D Conv3DTranspose "
            "Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping2D Cropping3D CutMix "
            "DepthwiseConv2D Equalization GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool2D "
            "GlobalAvgPool3D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling2D GlobalMaxPooling3D MaxNumBoundingBoxes "
            "MaxPool2D MaxPool3D MaxPooling2D MaxPooling3D MixUp RandAugment RandomBrightness "
            "RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing "
            "RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective "
            "RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation "
            "RandomZoom Resizing SeparableConv2D SeparableConvolution2D Solarization SpatialDropout2D "
            "SpatialDropout3D UpSampling2D UpSampling3D ZeroPadding2D ZeroPadding3D"
        ): _IMAGES,
        "MelSpectrogram STFTSpectrogram": _AUDIO,
        "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper": _OTHER_FRAMEWORKS,
        "InputSpec": "A built layer checks by itself the shapes that it is given.",
        "Pipeline": "Put preprocessing layers into a `Sequential`.",
        "SpectralNormalization": "Bound the kernel: `kernel_constraint=constraints.MaxNorm(...)`.",
        "TimeDistributed": "It is not needed: `Dense` keeps every axis but the last, as do element-wise layers.",
        "Wrapper": "Hold the inner layer as an attribute of a `Layer` or `Model` of your own.",
    },
    "fastnn.losses": {
        "CTC ctc": _SEQUENCES,
        "Circle circle": "It compares the rows of a batch: write a function that returns losses and gradient.",
        "Dice Tversky dice tversky": _MASKS,
    },
    "fastnn.ops": {
        (
            "angle bartlett bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
            "bitwise_xor blackman cdist cholesky cholesky_inverse conj conjugate correlate cross det diagflat dsplit "
            "dstack dtype eig eigh empty empty_like erf erfc erfinv fabs fft fft2 fliplr flipud fmax fmin fmod gcd "
            "geomspace hamming hanning heaviside hsplit hypot i0 ifft2 imag inv irfft isneginf isposinf isreal kaiser "
            "kron lcm ldexp left_shift linalg logaddexp2 logdet logical_xor logspace lstsq lu_factor matrix_rank "
            "nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod "
            "nanquantile nanstd nansum nanvar nextafter nn numpy pinv polar ptp qr real rfft right_shift rot90 "
            "saturate_cast select signbit sinc slogdet solve solve_triangular svd trapezoid unravel_index unstack "
            "vander view view_as_complex view_as_real vsplit amax amin"
        ): _OF_NUMPY,
        ("associative_scan cond fori_loop map scan switch vectorize vectorized_map while_loop"): _CONTROL,
        "custom_gradient jvp": "Write a `Layer` with `forward` and `backward`; `model.jacobian(x)` differentiates one.",
        (
            "scatter scatter_update segment_max segment_min segment_prod segment_sum slice_update"
        ): "Of arrays, use `numpy.add.at` and indices; in a model, `Embedding` gathers, and pooling sums up.",
        (
            "adaptive_average_pool adaptive_max_pool average_pool conv conv_transpose depth_to_space depthwise_conv "
            "fold image max_pool psnr separable_conv space_to_depth unfold"
        ): _IMAGES,
        "ctc_decode ctc_loss dot_product_attention extract_sequences": _SEQUENCES,
        "istft stft": _AUDIO,
        "batch_normalization layer_normalization rms_normalization": "Use the layer of that name.",
        "get_item slice": "Use brackets: `x[:, 1:3]`.",
        "in_top_k": "Use `metrics.sparse_top_k_categorical_accuracy`.",
        "moments": "Use `mean` and `var`.",
        "multi_hot": 'Use `layers.CategoryEncoding(output_mode="multi_hot")`.',
        "rearrange": "Use `reshape` and `transpose`.",
        "sparsemax": "Use `activations.sparsemax`.",
    },
    "fastnn.optimizers": {
        "LossScaleOptimizer": "It is for float16, which nothing is trained in here: use the inner optimizer by itself.",
        "MultiOptimizer OptimizerMap": "Give weights learning rates and decays of their own by `optimizer.set_group`.",
        "legacy": "Use the optimizers of `fastnn.optimizers`.",
    },
    "fastnn.saving": {
        "KerasFileEditor": "Arrays of files are read by `model.load_weights` and `safetensors`.",
        "deserialize_keras_object serialize_keras_object": (
            "Each module has its own `serialize` and `deserialize`; models have `to_json`."
        ),
    },
    "fastnn.utils": {
        ("array_to_img bounding_boxes image_dataset_from_directory img_to_array load_img save_img"): _IMAGES,
        "Config": "Use a dictionary.",
        "FeatureSpace": "Use `fastnn.tabular`, or preprocessing layers.",
        "audio_dataset_from_directory": _AUDIO,
        "deserialize_keras_object serialize_keras_object": (
            "Each module has its own `serialize` and `deserialize`; models have `to_json`."
        ),
        "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled": (
            "Give `verbose=...` to `fit`, `evaluate` and `predict`."
        ),
        "get_file": "Nothing is fetched from the network here.",
        "get_source_inputs": "Use `model.inputs`.",
        "is_keras_tensor": "Use `ops.is_tensor`.",
        "legacy": "Use what is in `fastnn.utils`.",
        "model_to_dot": "Use `plot_model`, which returns a figure of matplotlib.",
        "pad_sequences text_dataset_from_directory timeseries_dataset_from_array": _SEQUENCES,
        "standardize_dtype": _AS_IN_NUMPY,
    },
    "fastnn": {
        "DTypePolicy FloatDTypePolicy Quantizer dtype_policies mixed_precision quantizers": _QUANTIZED,
        "Function KerasTensor Operation": "Tensors come from `Input`; functions of them are `Model` and `ops`.",
        "InputSpec": "A built layer checks by itself the shapes that it is given.",
        "RematScope StatelessScope SymbolicScope device name_scope remat": _SCOPES,
        "applications": _IMAGES,
        "datasets": _FILES,
        "preprocessing": _FILES,
        "distillation": "Predict with the teacher, and train the student on what it says as its targets.",
        "distribution": "One process on one machine trains here; several models train in several processes.",
        "export": "Use `model.export(path)`, for ONNX and C.",
        "legacy": "Use what is in `fastnn`.",
        "src": "Use the public names.",
        "tree": "Use `jax.tree` or `optree`; models take and return lists and dictionaries themselves.",
        "version": "Use `fastnn.__version__`.",
        "visualization": _IMAGES,
    },
}

REFUSED: dict[str, dict[str, str]] = {
    module: {name: hint for names, hint in table.items() for name in names.split()} for module, table in _TABLES.items()
}


def refuser(module: str) -> Callable[[str], Any]:
    """Returns the `__getattr__` of a module, which says of each refused name what to use instead.

    It raises `ImportError`, also where the name is an attribute: `from ... import` would hide an `AttributeError`.

    Args:
        module: Name of the module, such as `"fastnn.layers"`.

    >>> refuser("fastnn.layers")("Masking")
    Traceback (most recent call last):
        ...
    ImportError: fastnn.layers has no Masking. Give the rows that are not to count `sample_weight=0`.
    """

    def missing(name: str) -> Any:
        hint = REFUSED[module].get(name)
        if hint is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise ImportError(f"{module} has no {name}. {hint}", name=module)

    return missing


def refuse_module(name: str) -> None:
    """Raises `ImportError` for a module of Keras's that is refused, with what to use instead.

    Args:
        name: Its whole name.

    >>> refuse_module("fastnn.export")
    Traceback (most recent call last):
        ...
    ImportError: fastnn has no export. Use `model.export(path)`, for ONNX and C.
    """
    package, _, last = name.rpartition(".")
    if package == "fastnn" and last in REFUSED[package]:
        raise ImportError(f"{package} has no {last}. {REFUSED[package][last]}", name=name)
