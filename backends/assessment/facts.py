"""The shape of a language model as its configuration tells it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypedDict

from backends.assessment.folder import damaged, printable
from backends.domain.errors import BadInput
from backends.domain.model import ModelKind

CONFIG = "config.json"
CODE_IS_NOT_RUN = (
    "The folder brings code of its own; it is not run: Transformers has this architecture built in."
)
_CODE = "auto_map"  # what Transformers would import from the folder, by the name of its own class


class Facts(TypedDict, total=False):
    """The fields of a ModelProfile that a configuration fills; ``None`` where it does not tell."""

    context_length: int | None
    layers: int | None
    hidden_size: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    vocabulary: int | None
    experts: int | None


# The names that transformers' configurations use for the same thing, most common first.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "context_length": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers"),
    "hidden_size": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "decoder_attention_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "head_dim": ("head_dim", "kv_channels", "attention_head_dim"),
    "vocabulary": ("vocab_size", "padded_vocab_size"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
}
_OTHER_SENSES = ("vision_config", "audio_config", "vision_tower", "speech_config", "image_token_id")
_MAKES_TEXT = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
_ENCODES = ("encoder_layers", "num_decoder_layers", "decoder_ffn_dim")  # only encoder-decoders have these
_SEES = ("ForImageClassification", "ForObjectDetection", "ForSemanticSegmentation", "ForDepthEstimation")


def facts(config: Mapping[str, Any], path: Path) -> Facts:
    """Facts from a ``config.json``; those of the text part where the model has several."""
    text = config.get("text_config")
    source = text if isinstance(text, dict) else config
    found = {field: _number(source, names, path) for field, names in _NAMES.items()}
    hidden, heads = found["hidden_size"], found["heads"]
    return Facts(
        context_length=found["context_length"],
        layers=found["layers"],
        hidden_size=hidden,
        heads=heads,
        kv_heads=found["kv_heads"] or heads,
        head_dim=found["head_dim"] or (hidden // heads if hidden and heads else None),
        vocabulary=found["vocabulary"],
        experts=found["experts"] or None,
    )


def genai_facts(model: Mapping[str, Any], path: Path) -> Facts:
    """Facts from the "model" part of onnxruntime-genai's ``genai_config.json``."""
    decoder = model.get("decoder")
    decoder = decoder if isinstance(decoder, dict) else {}
    heads = _number(decoder, ("num_attention_heads",), path)
    return Facts(
        context_length=_number(model, ("context_length",), path),
        layers=_number(decoder, ("num_hidden_layers",), path),
        hidden_size=_number(decoder, ("hidden_size",), path),
        heads=heads,
        kv_heads=_number(decoder, ("num_key_value_heads",), path) or heads,
        head_dim=_number(decoder, ("head_size",), path),
        vocabulary=_number(model, ("vocab_size",), path),
        experts=None,
    )


def architecture(config: Mapping[str, Any]) -> str:
    """The class that the configuration names, or its model type."""
    named = config.get("architectures")
    first = named[0] if isinstance(named, list) and named else config.get("model_type")
    return printable(first) if isinstance(first, str) else ""


def kind(config: Mapping[str, Any]) -> ModelKind:
    """What the model does, told by the name of its class."""
    name = architecture(config)
    if name.endswith(_MAKES_TEXT):
        return ModelKind.LANGUAGE
    return ModelKind.VISION if name.endswith(_SEES) else ModelKind.TENSOR


def is_multimodal(config: Mapping[str, Any]) -> bool:
    """Whether the model takes images or sound beside text."""
    return any(config.get(key) for key in _OTHER_SENSES)


def text_types() -> frozenset[str]:
    """The model types of ``resources/rules/text_models.toml``."""
    return built_in_types() | frozenset(_text_models()["mlx_lm"])


def built_in_types() -> frozenset[str]:
    """The model types that Transformers runs as decoders of text with classes of its own."""
    return frozenset(_text_models()["transformers"])


@cache
def _text_models() -> dict[str, list[str]]:
    table: dict[str, list[str]] = tomllib.loads(
        (files("resources") / "rules" / "text_models.toml").read_text(encoding="utf-8")
    )
    return table


def refuse_what_is_no_decoder(config: Mapping[str, Any], path: Path) -> None:
    """Raise BadInput for a model that makes text, but not as a decoder that is run alone."""
    name = architecture(config)
    if not name.endswith("ForConditionalGeneration"):
        return
    if config.get("is_encoder_decoder") or any(key in config for key in _ENCODES):
        raise BadInput(
            f"{path.parent.name} is an encoder-decoder ({name}), which no framework here runs: its "
            "decoder needs what its encoder made of a text, an image or sound.",
            "Choose a language model that is a decoder alone (…ForCausalLM), or export encoder and decoder "
            "to ONNX and take each as a tensor model.",
        )
    if config.get("model_type") not in text_types():
        raise BadInput(
            f"{path.parent.name} takes images or sound ({name}), and neither Transformers nor mlx-lm runs "
            "its text part alone.",
            "Choose the language model that it was built on, or its GGUF file where there is one.",
        )


def without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the Python that it names."""
    return {key: value for key, value in config.items() if key != _CODE}


def asks_for_code(config: Mapping[str, Any]) -> bool:
    """Whether a configuration names Python of the model's own."""
    return _CODE in config


def refuse_remote_code(config: Mapping[str, Any], path: Path) -> None:
    """Raise BadInput for a model that needs its own Python: it would run with the user's rights.

    Of a model type that Transformers has built in, the code is left alone and not needed.
    """
    if asks_for_code(config) and str(config.get("model_type")) not in built_in_types():
        raise needs_code(path)


def needs_code(path: Path) -> BadInput:
    return BadInput(
        f"{path.name} says that the model needs its own Python code (remote code), which is refused.",
        "Use a version of the model for a built-in architecture.",
    )


def _number(config: Mapping[str, Any], names: tuple[str, ...], path: Path) -> int | None:
    """The first of ``names`` that is there; the largest where each layer has its own."""
    for name in names:
        value = config.get(name)
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            value = max(value)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
            raise damaged(path, f"its {name} is {printable(str(value))}")
        return value
    return None
