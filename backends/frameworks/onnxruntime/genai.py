"""A language model run by onnxruntime-genai: Microsoft's generator over the same graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.domain.artifact import Artifact, LoadOptions
from backends.domain.errors import BadInput, FrameworkUnavailable
from backends.domain.metric import TokenMeasurement
from backends.frameworks.base import JobContext
from backends.frameworks.generation import check_context, greedy

CONFIG = "genai_config.json"
LEVELS = {
    "off": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


class GenaiSession:
    """A :class:`~backends.frameworks.base.LanguageSession`; tokens are chosen here, as for every engine.

    Raises BadInput for a model without its configuration, FrameworkUnavailable without the package.
    """

    device = "CPU"
    warnings: tuple[str, ...] = ()

    def __init__(
        self,
        artifact: Artifact,
        options: LoadOptions,
        threads: int,
        tokenize: Callable[[], Callable[[str], list[int]]],
    ) -> None:
        library = _library()
        if options.device.upper() != "CPU":
            raise BadInput(f"onnxruntime-genai runs on the CPU here, not on “{options.device}”.")
        if not (artifact.path.parent / CONFIG).is_file():
            raise BadInput(
                f"onnxruntime-genai needs a {CONFIG} beside “{artifact.path}”.",
                "Convert the model from its Hugging Face folder, or leave the option “generator” out.",
            )
        self._context = max(1, options.context)
        try:
            self._generator = _generator(library, artifact, options, threads, self._context)
        except (RuntimeError, ValueError) as error:
            raise BadInput(f"onnxruntime-genai cannot open “{artifact.path}”: {error}") from error
        self._load_tokenizer = tokenize
        self._tokenize: Callable[[str], list[int]] | None = None
        self.threads = threads
        self.details: tuple[str, ...] = (
            f"Generator: onnxruntime-genai {library.__version__}",
            f"Threads: {threads}",
            f"Graph optimization: {options.options.get('optimization', 'all')}",
        )
        self.vocabulary = int(self.logits((0,)).shape[1])
        element_bytes = self._generator.get_output("logits").itemsize  # the cache is kept as logits are
        self.kv_bytes_per_token = cache_bytes_per_token(artifact.path.parent / CONFIG, element_bytes)

    def tokenize(self, text: str) -> list[int]:
        if self._tokenize is None:
            self._tokenize = self._load_tokenizer()
        return self._tokenize(text)

    def generate(self, token_ids: tuple[int, ...], new_tokens: int, job: JobContext) -> TokenMeasurement:
        self._begin(len(token_ids) + new_tokens)

        def forward(ids: Any) -> NDArray[np.float32]:
            self._generator.append_tokens(np.array(ids, np.int32))
            last: NDArray[np.float32] = self._generator.get_logits()[0, -1]
            return last

        return greedy(forward, token_ids, new_tokens, job)

    def logits(self, token_ids: tuple[int, ...]) -> NDArray[np.float32]:
        self._begin(len(token_ids))
        self._generator.append_tokens(np.array(token_ids, np.int32))
        rows: NDArray[np.float32] = self._generator.get_output("logits")[0].astype(np.float32)
        return rows

    def _begin(self, length: int) -> None:
        check_context(length, self._context)
        self._generator.rewind_to(0)


def cache_bytes_per_token(config: Path, element_bytes: int) -> float | None:
    """2 · layers · kv_heads · head_dim · bytes; ``None`` where the configuration does not tell."""
    decoder = json.loads(config.read_text(encoding="utf-8"))["model"]["decoder"]
    names = ("num_hidden_layers", "num_key_value_heads", "head_size")
    shape = [decoder.get(name) for name in names]
    return 2.0 * prod(shape) * element_bytes if all(shape) else None


def _library() -> Any:
    try:
        import onnxruntime_genai
    except ImportError as error:
        raise FrameworkUnavailable(
            f"onnxruntime-genai is not installed: {error}.",
            "Repair Olive, in whose environment it lives, or leave the option “generator” out.",
        ) from error
    return onnxruntime_genai


def _generator(library: Any, artifact: Artifact, options: LoadOptions, threads: int, context: int) -> Any:
    config = library.Config(str(artifact.path.parent))
    session = {
        "intra_op_num_threads": threads,
        "inter_op_num_threads": int(options.options.get("inter_op_threads", 1)),
        "graph_optimization_level": LEVELS[str(options.options.get("optimization", "all"))],
        "session.intra_op.allow_spinning": "1" if options.options.get("spinning") else "0",
    }
    decoder = {"filename": artifact.path.name, "session_options": session}
    config.overlay(json.dumps({"model": {"decoder": decoder}}))
    model = library.Model(config)
    params = library.GeneratorParams(model)
    params.set_search_options(max_length=context, do_sample=False)
    return library.Generator(model, params)
