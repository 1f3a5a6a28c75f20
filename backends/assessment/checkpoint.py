"""The weights of a folder with ``config.json`` and safetensors files, gathered over all shards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.assessment.facts import (
    CONFIG,
    Facts,
    asks_for_code,
    built_in_types,
    facts,
    needs_code,
    refuse_remote_code,
)
from backends.assessment.folder import damaged, file_size, files_in, inside, printable, read_json
from backends.assessment.pickles import refuse_pickles_of
from backends.assessment.safetensors import StoredTensor, read_header, read_metadata
from backends.assessment.tokenizer import Tokenizer, check_vocabulary, tokenizer_files, tokenizer_in
from backends.domain.errors import BadInput

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_ADAPTER = "adapter_model.safetensors"
_NUMBERED = re.compile(r".*-(\d{5})-of-(\d{5})\.safetensors")
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|wte|tok_embeddings|word_embeddings)\.weight$")
_EXTRA_FILES = ("generation_config.json", "chat_template.jinja", _INDEX)


@dataclass(frozen=True)
class Checkpoint:
    """A model folder, read but not yet counted."""

    folder: Path
    config: Mapping[str, Any]
    facts: Facts
    tensors: Mapping[str, StoredTensor]
    tokenizer: Tokenizer
    files: tuple[Path, ...]
    metadata: Mapping[str, str]  # what whoever wrote the first file of the weights said of them
    brings_code: bool = False  # Python of its own, which it does not need

    @property
    def size_bytes(self) -> int:
        return sum(file_size(path) for path in self.files)


def load(folder: Path) -> Checkpoint:
    """Read configuration, tokenizer and the headers of all shards. Raises BadInput."""
    config_path = inside(folder, CONFIG, folder / CONFIG)
    config = read_json(config_path)
    refuse_remote_code(config, config_path)
    tokenizer = tokenizer_in(folder)
    brings_code = _tokenizer_asks_for_code(folder, config, tokenizer) or asks_for_code(config)
    shards, tensors = _weights(folder)
    shape = facts(config, config_path)
    check_vocabulary(tokenizer, shape["vocabulary"])
    _check_layers(config_path, shape["layers"], tensors)
    extras = tuple(inside(folder, n, config_path) for n in _EXTRA_FILES if (folder / n).is_file())
    files = (config_path, *shards, *extras, *tokenizer_files(folder))
    metadata = read_metadata(shards[0])
    return Checkpoint(folder, config, shape, tensors, tokenizer, files, metadata, brings_code)


def has_weights(folder: Path) -> bool:
    """Whether ``folder`` can be read as a checkpoint: a configuration and safetensors files."""
    names = {path.name for path in files_in(folder)}
    return CONFIG in names and any(n.endswith(".safetensors") or n == _INDEX for n in names)


def check_embedding(checkpoint: Checkpoint) -> None:
    """Raise BadInput where the embedding has not the shape of the configuration. For unpacked weights."""
    rows, hidden = checkpoint.facts["vocabulary"], checkpoint.facts["hidden_size"]
    found = next((t for name, t in checkpoint.tensors.items() if _EMBEDDING.search(name)), None)
    if found is None or rows is None or len(found.shape) != 2 or not found.dtype.startswith(("F", "BF")):
        return
    if found.shape[0] != rows:
        raise damaged(
            checkpoint.folder / CONFIG, f"it claims {rows:,} tokens, the weights have {found.shape[0]:,}"
        )
    if hidden is not None and found.shape[1] > hidden:
        raise damaged(
            checkpoint.folder / CONFIG, f"it claims rows of {hidden:,}, the weights have {found.shape[1]:,}"
        )


def _tokenizer_asks_for_code(folder: Path, config: Mapping[str, Any], tokenizer: Tokenizer) -> bool:
    """Raises BadInput where there is no other: the type is not built in, or no file can be read without."""
    name = "tokenizer_config.json"
    if not (folder / name).is_file():
        return False
    path = inside(folder, name, folder / name)
    asks = asks_for_code(read_json(path))
    if asks and not (tokenizer.kind and str(config.get("model_type")) in built_in_types()):
        raise needs_code(path)
    return asks


def _weights(folder: Path) -> tuple[list[Path], dict[str, StoredTensor]]:
    names = [path.name for path in files_in(folder) if path.suffix == ".safetensors"]
    if _INDEX in (path.name for path in files_in(folder)):
        return _indexed(folder)
    if _SINGLE in names:
        names = [_SINGLE]
    if names == [_ADAPTER]:
        raise BadInput(f"{folder} holds a LoRA adapter, not a model.", "Fuse it with its base model first.")
    if not names:
        refuse_pickles_of(folder)
        raise BadInput(f"{folder} has no safetensors weights.", "Download model.safetensors into it.")
    _check_numbers(folder, names)
    shards = [inside(folder, name, folder / CONFIG) for name in names]
    return shards, _gather(shards)


def _indexed(folder: Path) -> tuple[list[Path], dict[str, StoredTensor]]:
    index = inside(folder, _INDEX, folder / _INDEX)
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise damaged(index, "it has no weight_map")
    shards = [inside(folder, name, index) for name in sorted(set(places.values()))]
    tensors = _gather(shards)
    absent = [name for name in places if name not in tensors]
    if absent:
        raise damaged(index, f"tensor {printable(absent[0])!r} is in none of its files")
    return shards, tensors


def _gather(shards: list[Path]) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for shard in shards:
        found = read_header(shard)
        twice = tensors.keys() & found.keys()
        if twice:
            raise damaged(shard, f"tensor {printable(min(twice))!r} is also in another file")
        tensors |= found
    return tensors


def _check_numbers(folder: Path, names: list[str]) -> None:
    """Without an index, the numbers in the names tell whether all shards are there."""
    numbered = [match for name in names if (match := _NUMBERED.fullmatch(name))]
    if numbered and len(numbered) < int(numbered[0][2]):
        raise BadInput(
            f"{folder} has {len(numbered)} of {int(numbered[0][2])} safetensors files.",
            "Download the missing ones.",
        )


def _check_layers(config: Path, said: int | None, tensors: Mapping[str, StoredTensor]) -> None:
    numbers = {int(match[1]) for name in tensors if (match := _LAYER.search(name))}
    if said is not None and numbers and len(numbers) < said:
        raise damaged(config, f"it claims {said} layers, the weights have {len(numbers)}")
