"""LoRA fine-tuning by mlx-lm's own trainer: train, fuse, and judge both by lines never trained on."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.optimizers as optimizers
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm import __version__ as mlx_lm_version
from mlx_lm.tokenizer_utils import load as load_tokenizer
from mlx_lm.tuner.callbacks import TrainingCallback
from mlx_lm.tuner.datasets import CacheDataset, create_dataset
from mlx_lm.tuner.trainer import TrainingArgs, evaluate, iterate_batches, train
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from mlx_lm.utils import dequantize_model, save_config

from backends.domain.artifact import Artifact
from backends.domain.errors import BadInput, JobFailed
from backends.domain.events import Log, Progress, Sample, Started
from backends.domain.finetuning import HELD_OUT, LOSS, TRAINING, FineTuned, LossPoint
from backends.domain.model import ModelFormat, ModelKind, TensorContents
from backends.frameworks import training_data
from backends.frameworks.base import FinetuneRequest, JobContext
from backends.frameworks.files import folder_bytes, writing
from backends.frameworks.mlx.folders import cast, device, load, save

ADAPTERS, MODEL = "adapters", "model"  # folders in the output
WEIGHTS, CONFIG = "adapters.safetensors", "adapter_config.json"  # names that mlx-lm looks for
EVALUATIONS = 10  # of the held-out lines while training
TRAINED_SHARE = 0.9  # of the progress; fusing and judging take the rest
LOST = 0.5  # of what was learned, in fusing: worth a word


class FinetuneRun:
    """One request from its lines to its fused model."""

    def __init__(self, request: FinetuneRequest, job: JobContext) -> None:
        self._request, self._settings, self._job = request, request.settings, job
        self._adapters = request.output / ADAPTERS
        examples = training_data.read_examples(request.data)
        training_data.check_settings(self._settings, examples.layout)
        training_data.check_template(request.source, examples.layout)
        self._lines = training_data.split(examples, self._settings, request.data.name)
        self._warnings: list[str] = []
        if examples.repeated:
            self._warn(f"{examples.repeated} lines say what another says; they are left out.")

    def go(self) -> FineTuned:
        began = time.perf_counter()
        self._job.emit(Started(f"Fine-tuning {self._request.name or self._request.source.name} with MLX"))
        mx.random.seed(self._settings.seed)
        np.random.seed(self._settings.seed)  # mlx-lm shuffles its batches with this one
        model, config = self._base()
        training, held_out = self._datasets()
        before = self._loss(model, held_out)
        trained = self._add_adapters(model)
        mx.reset_peak_memory()
        follower = _Follower(self._settings.iterations, self._job)
        self._train(model, training, held_out, follower)
        peak = int(mx.get_peak_memory())
        self._job.emit(Progress(TRAINED_SHARE, "Judging by the lines held out"))
        adapted = self._loss(model, held_out)
        del model
        mx.clear_cache()
        artifact = self._fuse(config, began)
        after = self._loss(self._read(artifact.path), held_out)
        if adapted < before and after - adapted > LOST * (before - adapted):
            self._warn(
                f"Fusing lost what was learned: the loss is {adapted:.3f} with adapters beside, "
                f"{after:.3f} fused. Fuse into an unquantized model instead."
            )
        return FineTuned(
            artifact=artifact,
            adapters=self._adapters,
            settings=self._settings,
            loss_before=before,
            loss_adapted=adapted,
            loss_after=after,
            curve=tuple(follower.curve),
            training_lines=len(self._lines.training),
            held_out_lines=len(self._lines.held_out),
            trained_tokens=follower.tokens,
            trained_parameters=trained,
            adapter_bytes=folder_bytes(self._adapters),
            peak_bytes=peak,
            took_s=time.perf_counter() - began,
            warnings=tuple(self._warnings),
        )

    def _base(self) -> tuple[Any, dict[str, Any]]:
        model, config = load(self._request.source, lazy=False)
        if self._settings.layers > len(model.layers):
            raise BadInput(
                f"{self._settings.layers} layers cannot be trained: the model has {len(model.layers)}.",
                "Take fewer, or 0 for all.",
            )
        return _computable(model), config

    def _read(self, folder: Path) -> Any:
        return _computable(load(folder, lazy=False)[0])

    def _datasets(self) -> tuple[Any, Any]:
        """Training and held-out lines as token ids, all of them now, so that a bad one is heard at once."""
        tokenizer = self._tokenizer()
        options = SimpleNamespace(mask_prompt=self._settings.mask_prompt)
        made = []
        for lines in (self._lines.training, self._lines.held_out):
            dataset = CacheDataset(create_dataset([dict(line) for line in lines], tokenizer, options))
            try:
                lengths = [len(dataset[at][0]) for at in range(len(dataset))]
            except Exception as error:  # a chat template is a program; it fails with whatever it likes
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
                raise BadInput(
                    f"The lines cannot be laid out for this model: {reason}",
                    "See what its chat template expects.",
                ) from error
            self._check_lengths(lengths)
            made.append(dataset)
        return made[0], made[1]

    def _tokenizer(self) -> Any:
        try:
            return load_tokenizer(self._request.source, {"trust_remote_code": False})
        except Exception as error:  # transformers says of a tokenizer that will not do whatever it likes
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise BadInput(
                f"The tokenizer of “{self._request.source}” cannot be loaded: {reason}",
                "Copy the model again; code that comes with it is never run.",
            ) from error

    def _check_lengths(self, lengths: Sequence[int]) -> None:
        """One token alone has nothing to be learned from; too many are cut."""
        if min(lengths) < 2:
            raise BadInput("A line has fewer than two tokens for this model.", "Take it out.")
        long = sum(length > self._settings.sequence_tokens for length in lengths)
        if long:
            self._warn(
                f"{long} of {len(lengths)} lines are longer than {self._settings.sequence_tokens} tokens "
                "and are cut."
            )

    def _add_adapters(self, model: Any) -> int:
        """How many parameters will be trained."""
        model.freeze()
        linear_to_lora_layers(model, self._layers, self._parameters)
        count = sum(array.size for _, array in tree_flatten(model.trainable_parameters()))
        if not count:
            raise BadInput("This architecture has no layers that LoRA could be put beside.")
        return int(count)

    @property
    def _layers(self) -> int:
        return self._settings.layers or -1  # mlx-lm's word for all

    @property
    def _parameters(self) -> dict[str, Any]:
        chosen = self._settings
        return {"rank": chosen.rank, "scale": chosen.scale, "dropout": chosen.dropout}

    def _train(self, model: Any, training: Any, held_out: Any, follower: _Follower) -> None:
        self._adapters.mkdir()
        chosen = self._settings
        options = TrainingArgs(
            batch_size=chosen.batch_size,
            iters=chosen.iterations,
            val_batches=-1,
            steps_per_report=1,
            steps_per_eval=math.ceil(chosen.iterations / EVALUATIONS),
            steps_per_save=chosen.iterations + 1,  # once, at the end
            max_seq_length=chosen.sequence_tokens,
            adapter_file=str(self._adapters / WEIGHTS),
        )
        with writing(self._adapters):
            train(
                model,
                optimizers.Adam(learning_rate=chosen.learning_rate),
                training,
                held_out,
                options,
                iterate_batches=functools.partial(_batches, self._job),
                training_callback=follower,
            )
            settings = {"fine_tune_type": "lora", "num_layers": self._layers}
            save_config({**settings, "lora_parameters": self._parameters}, self._adapters / CONFIG)

    def _fuse(self, config: dict[str, Any], began: float) -> Artifact:
        """Into a fresh copy of the base at its own precision; training may have computed at another."""
        request = self._request
        self._job.emit(Progress(TRAINED_SHARE, "Fusing"))
        model, _ = load(request.source, lazy=True)
        load_adapters(model, str(self._adapters))
        model.update_modules(
            tree_unflatten(
                [
                    (name, module.fuse(dequantize=request.dequantize))
                    for name, module in model.named_modules()
                    if hasattr(module, "fuse")
                ]
            )
        )
        if request.dequantize and "quantization" in config:
            model = dequantize_model(model)
            config = {key: value for key, value in config.items() if not key.startswith("quantization")}
        folder = request.output / MODEL
        folder.mkdir()
        save(model, config, request.source, folder)
        quantized = "quantization" in config
        return Artifact(
            name=f"{request.name or request.source.name} fine-tuned",
            framework="mlx",
            precision="",  # read from the files by who asked
            # Without quantization the folder is what it was: an ordinary Hugging Face folder.
            format=ModelFormat.MLX if quantized else ModelFormat.HUGGING_FACE,
            kind=ModelKind.LANGUAGE,
            path=folder,
            size_bytes=folder_bytes(folder),
            contents=TensorContents({}, 0, 0, 0.0),
            source=request.source,
            warnings=tuple(self._warnings),
            options={"rank": self._settings.rank, "iterations": self._settings.iterations},
            versions={"mlx": mx.__version__, "mlx-lm": mlx_lm_version},
            took_s=time.perf_counter() - began,
        )

    def _loss(self, model: Any, lines: Any) -> float:
        """Over every line, one at a time, each token counting alike; in nats a token."""
        found = float(
            evaluate(
                model,
                lines,
                batch_size=1,
                num_batches=-1,
                max_seq_length=self._settings.sequence_tokens,
                iterate_batches=functools.partial(_batches, self._job),
            )
        )
        if not math.isfinite(found):
            raise JobFailed(
                "The loss of the lines held out is no number.", "Take a smaller learning rate, or check them."
            )
        return found

    def _warn(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self._job.emit(Log(sentence))


class _Follower(TrainingCallback):  # type: ignore[misc]
    """Tells every loss as it comes, keeps it, and stops a training that has run away."""

    def __init__(self, iterations: int, job: JobContext) -> None:
        self._iterations, self._job = iterations, job
        self._began = time.perf_counter()
        self.curve: list[LossPoint] = []
        self.tokens = 0

    def on_train_loss_report(self, train_info: dict[str, Any]) -> None:
        done = int(train_info["iteration"])
        self.tokens = int(train_info["trained_tokens"])
        self._add(TRAINING, done, float(train_info["train_loss"]))
        left = (time.perf_counter() - self._began) / done * (self._iterations - done)
        what = f"Iteration {done} of {self._iterations}"
        self._job.emit(Progress(TRAINED_SHARE * done / self._iterations, what, left))
        self._job.check_cancelled()

    def on_val_loss_report(self, val_info: dict[str, Any]) -> None:
        self._add(HELD_OUT, int(val_info["iteration"]), float(val_info["val_loss"]))

    def _add(self, series: str, iteration: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise JobFailed(
                f"The loss is no number any more after {iteration} iterations.",
                "Take a smaller learning rate.",
            )
        self.curve.append(LossPoint(series, iteration, loss))
        self._job.emit(Sample(series, LOSS, time.perf_counter() - self._began, loss, iteration))


def _batches(job: JobContext, *arguments: Any, **options: Any) -> Iterator[Any]:
    """mlx-lm's own, with an ear for a cancel before each."""
    for batch in iterate_batches(*arguments, **options):
        job.check_cancelled()
        yield batch


def _computable(model: Any) -> Any:
    """16-bit floats are many times slower on processors, and as inexact as elsewhere."""
    if device() == "CPU":
        cast(model, mx.float32)
    return model
