"""A GGUF file loaded by llama.cpp: opening it with a sentence for each way that fails, and its vocabulary."""

from __future__ import annotations

import ctypes
from functools import cached_property
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput, JobFailed
from backends.frameworks.llamacpp.devices import Device
from backends.frameworks.llamacpp.loadlog import read_report
from backends.frameworks.llamacpp.log import NativeLog
from backends.frameworks.llamacpp.options import OpenOptions

MAGIC = b"GGUF"
_SENTENCEPIECE, _UNIGRAM = 1, 4  # enum llama_vocab_type: the kinds that fall back to single bytes
_SPACE = "\u2581"  # how these write a space
_LOAD_MODES = {
    # (mmap, mlock) -> enum llama_load_mode
    (False, False): "LLAMA_LOAD_MODE_NONE",
    (True, False): "LLAMA_LOAD_MODE_MMAP",
    (False, True): "LLAMA_LOAD_MODE_MLOCK",
    (True, True): "LLAMA_LOAD_MODE_MMAP_MLOCK",
}


def check_gguf(path: Path) -> None:
    """Raises BadInput where there is no GGUF file. What is wrong inside one, llama.cpp tells."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except FileNotFoundError as error:
        raise BadInput(f"There is no file “{path}”.", "Choose another.") from error
    except OSError as error:
        raise BadInput(
            f"The file “{path}” cannot be read: {error.strerror}.", "Choose a GGUF file."
        ) from error
    if magic != MAGIC:
        raise BadInput(
            f"The file “{path}” is no GGUF file.", "Choose a GGUF file, or convert the model first."
        )


class Model:
    """Weights in memory. Raises BadInput for a file llama.cpp does not take."""

    def __init__(self, api: Any, log: NativeLog, path: Path, options: OpenOptions, device: Device) -> None:
        check_gguf(path)
        self._api = api
        params = _model_params(api, options, device)
        with log.collected() as pieces:
            self.pointer = api.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            raise _load_failure(path, read_report(pieces).error)
        self.vocab = api.llama_model_get_vocab(self.pointer)
        self.vocabulary: int = api.llama_vocab_n_tokens(self.vocab)

    def close(self) -> None:
        self._api.llama_model_free(self.pointer)

    @property
    def trained_context(self) -> int:
        length: int = self._api.llama_model_n_ctx_train(self.pointer)
        return length

    @property
    def bos_id(self) -> int | None:
        """What stands before a text, where the model was trained so."""
        if not self._api.llama_vocab_get_add_bos(self.vocab):
            return None
        token: int = self._api.llama_vocab_bos(self.vocab)
        return token if token >= 0 else None

    @property
    def experts(self) -> int:
        return int(self.metadata(f"{self.metadata('general.architecture')}.expert_count") or 0)

    def metadata(self, key: str) -> str:
        """A value of the file's metadata as text, "" where there is none."""
        room = ctypes.create_string_buffer(256)
        length = self._api.llama_model_meta_val_str(self.pointer, key.encode(), room, len(room))
        return room.value.decode(errors="replace") if length >= 0 else ""

    def cache_elements(self, context: int) -> tuple[int, int]:
        """Of keys and of values of a full context: layers · kv_heads · head_dim · context, each."""
        api, architecture = self._api, self.metadata("general.architecture")
        usual = api.llama_model_n_embd(self.pointer) // max(1, api.llama_model_n_head(self.pointer))
        key = int(self.metadata(f"{architecture}.attention.key_length") or usual)
        value = int(self.metadata(f"{architecture}.attention.value_length") or usual)
        rows = api.llama_model_n_layer(self.pointer) * api.llama_model_n_head_kv(self.pointer) * context
        return rows * key, rows * value

    def tokenize(self, text: str) -> list[int]:
        """Ids without special tokens. Raises BadInput for a character the vocabulary cannot write."""
        self._check_writable(text)
        data = text.encode()
        room = len(data) + 16
        ids = (ctypes.c_int32 * room)()
        count = self._api.llama_tokenize(self.vocab, data, len(data), ids, room, False, False)
        if count < 0:
            raise JobFailed(f"llama.cpp wants {-count} tokens for {len(data)} bytes of text.")
        return ids[:count]

    def _check_writable(self, text: str) -> None:
        """llama.cpp aborts the whole process at a character for which there is neither token nor bytes."""
        if not self._lacks_bytes:
            return
        for character in sorted(set(text.replace(" ", _SPACE))):
            if character not in self._pieces and not all(map(self._has_byte, character.encode())):
                raise BadInput(
                    f"The model's vocabulary cannot write “{character}”: it has no token for single bytes.",
                    "Leave the character out, or use a model whose tokenizer falls back to bytes.",
                )

    @cached_property
    def _lacks_bytes(self) -> bool:
        kind = self._api.llama_vocab_type(self.vocab)
        return kind in (_SENTENCEPIECE, _UNIGRAM) and not all(map(self._has_byte, range(256)))

    def _has_byte(self, byte: int) -> bool:
        return f"<0x{byte:02X}>" in self._pieces or (byte < 128 and chr(byte) in self._pieces)

    @cached_property
    def _pieces(self) -> frozenset[str]:
        texts = (self._api.llama_vocab_get_text(self.vocab, token) for token in range(self.vocabulary))
        return frozenset(text.decode(errors="replace") for text in texts if text)


def repacks(api: Any, options: OpenOptions) -> bool:
    """Whether weights are laid out anew for special kernels: llama.cpp's default, but not in builds with AMX.

    There the kernels end the process with an illegal instruction at the first prompt: gcc 12 drops the stores
    of the tile configuration (https://github.com/ggml-org/llama.cpp/pull/26954, seen here on a Sapphire
    Rapids with 0.3.36). Nothing tells a good build from a bad one beforehand.
    """
    if options.repack is not None:
        return options.repack
    return "AMX_INT8 = 1" not in api.llama_print_system_info().decode()


def _model_params(api: Any, options: OpenOptions, device: Device) -> Any:
    params = api.llama_model_default_params()
    params.use_extra_bufts = repacks(api, options)
    params.load_mode = getattr(api, _LOAD_MODES[options.mmap, options.mlock])
    layers = options.n_gpu_layers
    params.n_gpu_layers = (-1 if layers is None else layers) if device.is_gpu else 0
    # An empty list keeps every GPU out; left alone, llama.cpp would hand large batches to one unasked.
    chosen = (ctypes.c_void_p * 2)(device.handle if device.is_gpu else None, None)
    params.devices = ctypes.cast(chosen, ctypes.c_void_p)
    params._keep = chosen
    return params


def _load_failure(path: Path, reason: str) -> BadInput | JobFailed:
    if "alloc" in reason or "memory" in reason:
        return JobFailed(
            f"Memory ran out while loading “{path.name}”: {reason}.",
            "Close other programs, or choose a smaller precision.",
        )
    because = f": {reason}" if reason else ""
    return BadInput(
        f"llama.cpp cannot load “{path}”{because}.",
        "The file may be damaged, or of a model it does not know.",
    )
