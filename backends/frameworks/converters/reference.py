"""Logits of a Hugging Face folder by transformers itself: what a conversion is held against."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Progress
from backends.domain.metric import LogitsRef
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Reference, ReferenceRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.running import OFFLINE
from backends.frameworks.generation import physical_cores

SPARE = 0.8  # share of the free memory that weights in FP32 may take

RAISED = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    AssertionError,
)


def reference(request: ReferenceRequest, job: JobContext) -> Reference:
    """Raises BadInput where transformers cannot run the folder without its own code."""
    os.environ.update(OFFLINE)
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(physical_cores())
    job.emit(Progress(None, "Running the source model"))
    tokens = _tokens(request, transformers)
    own = tuple(window for window in (tokens[: request.window], request.drawn_ids) if window)
    windows = request.windows or own
    model = _model(request.source, torch, transformers)
    logits = tuple(_logits(model, windows, request.output, torch, job))
    return Reference(tokens, windows, logits, transformers.__version__)


def _tokens(request: ReferenceRequest, transformers: Any) -> tuple[int, ...]:
    """None where there is no tokenizer: the ids drawn at random need none."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            request.source, local_files_only=True, trust_remote_code=False
        )
        return tuple(tokenizer(request.text, add_special_tokens=False)["input_ids"])
    except Exception:  # noqa: BLE001 - tokenizers raise what they like, and all of it means the same here
        return ()


def _model(source: Path, torch: Any, transformers: Any) -> Any:
    """In FP32 where memory allows: BF16 sums of its own would count as differences of the conversion."""
    stored = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    roomy = 2 * stored < SPARE * psutil.virtual_memory().available
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            dtype=torch.float32 if roomy else "auto",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except RAISED as error:
        raise refusal(source, error) from error
    return model.eval()


def reason_of(error: Exception) -> str:
    """The first line of what a library says, to stand within a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")


def refusal(source: Path, error: Exception) -> BadInput | JobFailed:
    """What the library says, in a sentence: it raises whatever came up where it does not know a model."""
    found = explain("Transformers", 1, f"{type(error).__name__}: {error}")
    if isinstance(found, BadInput):
        return found
    return JobFailed(
        f"Transformers cannot load “{source}”: {reason_of(error)}.",
        "Without it a conversion has nothing to be held against; download it again, or choose another model.",
        str(error),
    )


def _logits(
    model: Any, windows: tuple[tuple[int, ...], ...], folder: Path, torch: Any, job: JobContext
) -> Iterator[LogitsRef]:
    for number, ids in enumerate(windows):
        job.check_cancelled()
        with torch.inference_mode():
            rows = model(torch.tensor([ids])).logits[0].float().numpy()
        path = folder / f"reference-{number}.npy"
        np.save(path, rows, allow_pickle=False)
        yield LogitsRef(path, *rows.shape)
