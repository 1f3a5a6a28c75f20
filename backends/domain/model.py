"""What a model is, read from its files without ever executing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from backends.domain.preprocessing import Preprocessing

# How the files of a model without trained weights say so, wherever they go. GGUF has it as its description.
SHAPE_ONLY_KEY = "edgewright_shape_only"
SHAPE_ONLY_WORDS = "Edgewright shape only: random weights, for speed and memory, never for quality."


class ModelFormat(StrEnum):
    GGUF = "gguf"
    HUGGING_FACE = "hf"  # a folder with config.json and *.safetensors
    ONNX = "onnx"
    OPENVINO = "openvino"  # model.xml with model.bin
    TFLITE = "tflite"
    MLX = "mlx"  # a folder written by mlx-lm: config.json with "quantization"
    QNN_CONTEXT = "qnn_context"  # an ONNX file that wraps a Hexagon context binary

    @property
    def label(self) -> str:
        """As people write it: "Hugging Face"."""
        return _FORMAT_LABELS[self]


_FORMAT_LABELS = {
    ModelFormat.GGUF: "GGUF",
    ModelFormat.HUGGING_FACE: "Hugging Face",
    ModelFormat.ONNX: "ONNX",
    ModelFormat.OPENVINO: "OpenVINO",
    ModelFormat.TFLITE: "TensorFlow Lite",
    ModelFormat.MLX: "MLX",
    ModelFormat.QNN_CONTEXT: "QNN context",
}


class ModelKind(StrEnum):
    LANGUAGE = "language"
    VISION = "vision"
    TENSOR = "tensor"  # anything else: named tensors in, named tensors out


@dataclass(frozen=True)
class TensorContents:
    """What is *really* in the weights file, counted tensor by tensor."""

    tensor_types: Mapping[str, int]  # type name -> number of tensors, for example {"Q4_K": 31, "F32": 11}
    parameters: int  # all weight elements
    weight_bytes: int
    bits_per_weight: float


@dataclass(frozen=True)
class TensorSpec:
    name: str
    dtype: str  # NumPy's name: "float32", "int64"
    shape: tuple[int | str, ...]  # a string names a dynamic dimension


@dataclass(frozen=True)
class ModelProfile:
    """The assessment of one model in one format."""

    path: Path
    format: ModelFormat
    kind: ModelKind
    architecture: str
    name: str
    size_bytes: int
    contents: TensorContents
    precision: str  # the label: "F16", "Q4_K_M", "FP32 + INT8"
    context_length: int | None = None
    layers: int | None = None
    hidden_size: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocabulary: int | None = None
    experts: int | None = None
    multimodal: bool = False
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    opset: int | None = None
    tokenizer: str = ""  # "sentencepiece", "bpe", "" when there is none
    licence: str = ""
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    shape_only: bool = False  # random weights in the right shapes: never scored for quality
    quantized_operators: Mapping[str, int] = field(default_factory=dict)  # operator -> count

    def kv_cache_bytes(self, context: int, bytes_per_element: float = 2.0) -> int | None:
        """2 · layers · kv_heads · head_dim · context · bytes, or ``None`` where the model does not tell."""
        if not (self.layers and self.kv_heads and self.head_dim):
            return None
        return int(2 * self.layers * self.kv_heads * self.head_dim * context * bytes_per_element)


@dataclass(frozen=True)
class SourceModel:
    """The model a person wants to ship: one or more forms of the same weights, and data to judge it."""

    name: str
    profile: ModelProfile  # of the form that was chosen
    forms: Mapping[ModelFormat, Path]
    bundled: bool = False
    tasks: Path | None = None  # JSONL multiple choice, or NPZ with images and labels
    evaluation: Path | None = None  # text for perplexity
    calibration: Path | None = None  # text or NPZ
    description: str = ""
    input_scale: Mapping[str, float] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None  # of images, where the user has set it
