"""Models of the right shape without a model: the catalogue of shapes, and the folders made from them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput
from backends.domain.model import (
    SHAPE_ONLY_KEY,
    SHAPE_ONLY_WORDS,
    ModelFormat,
    ModelKind,
    ModelProfile,
    TensorContents,
)
from backends.sources.architectures import DecoderShape, decoder_shape
from backends.sources.tokens import BEGIN, END, UNKNOWN, made_tokenizer
from backends.sources.weights import DTYPES, ELEMENT_BYTES, Report, header, write_weights

SPREAD = 0.02  # of weights as training starts, where a configuration names no "initializer_range"
_TORCH_NAMES = {"F16": "float16", "BF16": "bfloat16"}
_NOT_OURS = ("_name_or_path", "torch_dtype", "transformers_version", "pad_token_id")
_TOKENIZER = {
    "tokenizer_class": "LlamaTokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "add_bos_token": True,
    "add_eos_token": False,
    "legacy": True,
    "clean_up_tokenization_spaces": False,
}


@dataclass(frozen=True)
class Shape:
    """A model's configuration and what follows from it. ``source``: where the configuration is published."""

    name: str
    config: Mapping[str, Any]
    source: str = ""

    @property
    def decoder(self) -> DecoderShape:
        return decoder_shape(self.config)

    def profile(self, dtype: str = "F16") -> ModelProfile:
        """What an assessment would say of it, before there is a file."""
        shape = self.decoder
        tensors = list(shape.tensors())
        parameters = sum(tensor.elements for tensor in tensors)
        size = parameters * ELEMENT_BYTES
        return ModelProfile(
            path=Path(self.name),
            format=ModelFormat.HUGGING_FACE,
            kind=ModelKind.LANGUAGE,
            architecture=shape.architecture,
            name=self.name,
            size_bytes=size,
            contents=TensorContents({dtype: len(tensors)}, parameters, size, 8.0 * ELEMENT_BYTES),
            precision=dtype,
            context_length=shape.context,
            layers=shape.layers,
            hidden_size=shape.hidden,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            vocabulary=shape.vocabulary,
            shape_only=True,
        )


def read_catalogue(path: Path) -> tuple[Shape, ...]:
    """The shapes of ``resources/rules/shapes.toml``, the smallest first."""
    with path.open("rb") as file:
        content = tomllib.load(file)
    return tuple(_shape(entry, content["families"]) for entry in content["shapes"])


def _shape(entry: Mapping[str, Any], families: Mapping[str, Mapping[str, Any]]) -> Shape:
    about = ("name", "family", "parameters", "source")
    own = {key: value for key, value in entry.items() if key not in about}
    return Shape(entry["name"], {**families[entry["family"]], **own}, entry["source"])


def write_folder(folder: Path, shape: Shape, dtype: str, report: Report) -> None:
    """A Hugging Face folder with random weights and a made tokenizer. The same every time.

    ``report`` hears of the bytes written. Raises BadInput where the shape cannot be made, OSError.
    """
    if dtype not in DTYPES:
        raise BadInput(f"Weights cannot be made as {dtype}.", f"Choose one of: {', '.join(DTYPES)}.")
    decoder = shape.decoder
    tensors = list(decoder.tensors())
    (folder / "tokenizer.model").write_bytes(made_tokenizer(decoder.vocabulary))
    _write_json(folder / "tokenizer_config.json", {**_TOKENIZER, "model_max_length": decoder.context})
    _write_json(folder / "config.json", _config(shape, dtype))
    _write_json(folder / "generation_config.json", {"bos_token_id": BEGIN, "eos_token_id": END})
    (folder / "README.md").write_text(_words(shape), encoding="utf-8")
    with (folder / "model.safetensors").open("wb") as file:
        file.write(header(tensors, dtype, {"format": "pt", SHAPE_ONLY_KEY: SHAPE_ONLY_WORDS}))
        write_weights(file, tensors, dtype, _spread(shape.config), decoder.layers, report)


def _config(shape: Shape, dtype: str) -> dict[str, Any]:
    """The model's own, with the ids of the made tokenizer, and the mark."""
    kept = {key: value for key, value in shape.config.items() if key not in _NOT_OURS}
    return {
        **kept,
        "tie_word_embeddings": shape.decoder.tied,
        "dtype": _TORCH_NAMES[dtype],
        "unk_token_id": UNKNOWN,
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "pad_token_id": END,  # a family's own default may lie beyond a smaller vocabulary
        SHAPE_ONLY_KEY: SHAPE_ONLY_WORDS,
    }


def _spread(config: Mapping[str, Any]) -> float:
    value = config.get("initializer_range")
    return value if isinstance(value, float) and 0.0 < value <= 0.1 else SPREAD


def _words(shape: Shape) -> str:
    origin = f" Its dimensions are those of {shape.source}." if shape.source else ""
    return (
        f"# {shape.name}, shape only\n\n"
        f"Random weights and a made vocabulary in the right shapes.{origin} "
        "Good for measuring speed and memory; it has learned nothing, and what it writes means nothing.\n"
    )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
