"""GGUF to Hugging Face: Transformers reads the weights, restored to FP32, and makes the tokenizer anew."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.converters.explaining import explain
from backends.frameworks.converters.running import OFFLINE
from backends.frameworks.files import writing

TITLE = "Transformers"
_PART = re.compile(r"-\d{5}-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE)


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for an architecture or tokenizer that Transformers does not read from GGUF.

    Also for a model in several files: Transformers would read the first alone.
    """
    _refuse_parts(request.source)
    os.environ.update(OFFLINE)
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    job.emit(Progress(None, "Reading the model"))
    named = {"gguf_file": request.source.name, "local_files_only": True, "trust_remote_code": False}
    with writing(request.output, request.needed_bytes):
        try:
            config = transformers.AutoConfig.from_pretrained(request.source.parent, **named)
            _drop_padding_beyond(config)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                request.source.parent, config=config, dtype=torch.float32, **named
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(request.source.parent, **named)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
            raise _refusal(error) from error
        job.check_cancelled()
        job.emit(Progress(0.6, "Writing safetensors"))
        model.save_pretrained(request.output)
        tokenizer.save_pretrained(request.output)
    return Converted(request.output, {name: metadata.version(name) for name in ("torch", "transformers")})


def _refuse_parts(source: Path) -> None:
    match = _PART.search(source.name)
    if match and int(match["count"]) > 1:
        raise BadInput(
            f"“{source.name}” is one of {int(match['count'])} files, and {TITLE} reads GGUF from one only.",
            "Join them with llama.cpp's llama-gguf-split --merge, or start from the Hugging Face folder.",
        )


def _drop_padding_beyond(config: Any) -> None:
    """Some files say 4294967295 for "no padding token", and an embedding is made with that as a row."""
    if config.pad_token_id is not None and not 0 <= config.pad_token_id < config.vocab_size:
        config.pad_token_id = None


def _refusal(error: Exception) -> BadInput:
    """The library's reason; it raises whatever came up where an architecture or tokenizer is not known."""
    found = explain(TITLE, 1, str(error))
    if isinstance(found, BadInput):
        return found
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return BadInput(
        f"{TITLE} cannot read this GGUF file: {reason.rstrip('.')}.",
        "Start from the Hugging Face folder that it was made from, or stay with llama.cpp.",
    )
