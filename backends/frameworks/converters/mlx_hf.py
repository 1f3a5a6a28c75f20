"""MLX to Hugging Face: the quantized weights restored to FP32, as they were rounded, and no more."""

from __future__ import annotations

import shutil
from importlib import metadata

from backends.domain.errors import BadInput
from backends.domain.events import Progress
from backends.frameworks.base import JobContext
from backends.frameworks.converters.base import Converted, ConvertRequest
from backends.frameworks.files import writing
from backends.frameworks.tokenizers import COMPANIONS


def convert(request: ConvertRequest, job: JobContext) -> Converted:
    """Raises BadInput for a folder that mlx-lm cannot read."""
    import mlx.core as mx
    from mlx.utils import tree_map
    from mlx_lm.utils import dequantize_model, load_model, save_config, save_model

    job.emit(Progress(None, "Reading the model"))
    try:
        model, config = load_model(request.source, lazy=True, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, FileNotFoundError) as error:
        raise BadInput(f"MLX cannot read “{request.source}”: {error}", "Copy or make it again.") from error
    model = dequantize_model(model)
    model.update(tree_map(lambda array: array.astype(mx.float32), model.parameters()))
    kept = {name: value for name, value in config.items() if not name.startswith("quantization")}
    job.check_cancelled()
    job.emit(Progress(0.6, "Writing safetensors"))
    with writing(request.output, request.needed_bytes):
        save_model(request.output, model, donate_model=True)
        save_config({**kept, "dtype": "float32"}, request.output / "config.json")
        for name in COMPANIONS:
            if (request.source / name).is_file():
                shutil.copyfile(request.source / name, request.output / name)
    return Converted(request.output, {name: metadata.version(name) for name in ("mlx", "mlx-lm")})
