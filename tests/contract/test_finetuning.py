"""Fine-tuning with MLX, really done: the loss goes down, and what was learned is in the fused model."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backends import cli
from backends.actions.artifacts import load_artifact
from backends.actions.finetune import RECORD, finetune
from backends.assessment.source import source_model
from backends.domain.errors import BadInput, JobCancelled
from backends.domain.events import Event, Sample
from backends.domain.finetuning import HELD_OUT, LOSS, TRAINING, FineTuned, FinetuneSettings
from backends.domain.model import ModelFormat, ModelKind
from backends.jobs.context import Context
from tests.contract.managed import Framework, bundled_language_model, quiet, stop_at
from tests.unit.cli.test_cli import check

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = FinetuneSettings(iterations=8, batch_size=2, learning_rate=3e-4, rank=4)
SHORT = replace(SETTINGS, iterations=3, layers=1)
SENTENCES = [
    f"The {color} robot {does} the {thing} every day."
    for color in ("red", "blue", "green")
    for does in ("sees", "finds", "takes")
    for thing in ("lamp", "cup")
]
# A model's own template, as chat models have one; the bundled model has none.
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


@pytest.fixture
def mlx(tmp_path: Path) -> Framework:
    return Framework("mlx", tmp_path)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(json.dumps({"text": sentence}) for sentence in SENTENCES))
    return path


def tune(base: Path, data: Path, out: Path, settings: FinetuneSettings, **more: bool) -> FineTuned:
    return finetune(source_model(base), data, out, quiet(), settings, **more)


def test_the_loss_goes_down_and_the_fused_model_has_it(mlx: Framework, lines: Path, tmp_path: Path) -> None:
    heard: list[Event] = []
    out = tmp_path / "tuned"
    tuned = finetune(source_model(bundled_language_model()), lines, out, Context(heard.append), SETTINGS)
    assert tuned.loss_after < 0.8 * tuned.loss_before
    assert tuned.loss_after == pytest.approx(tuned.loss_adapted, abs=0.02)
    assert (tuned.training_lines, tuned.held_out_lines) == (16, 2)
    samples = [event for event in heard if isinstance(event, Sample)]
    assert [(s.series, s.step, s.value) for s in samples if s.metric == LOSS] == [
        (point.series, point.iteration, point.loss) for point in tuned.curve
    ]
    assert [p.iteration for p in tuned.curve if p.series == TRAINING] == list(range(1, 9))
    assert next(p for p in tuned.curve if p.series == HELD_OUT).iteration == 0
    assert tuned.trained_parameters > 0
    assert tuned.adapter_bytes == sum(file.stat().st_size for file in tuned.adapters.iterdir())
    assert json.loads((out / RECORD).read_text())["loss_after"] == tuned.loss_after
    artifact = load_artifact(out)
    assert (artifact.format, artifact.path) == (ModelFormat.HUGGING_FACE, (out / "model").resolve())
    assert artifact.precision == "F16 + LoRA"
    assert artifact.hashes
    with mlx.open(artifact) as engine:
        assert engine.tokenize(["The red robot"])[0]


def test_a_quantized_base_stays_quantized_or_not_as_asked(
    mlx: Framework, lines: Path, tmp_path: Path
) -> None:
    base = mlx.optimize(bundled_language_model(), ModelKind.LANGUAGE, "4bit").path
    kept = tune(base, lines, tmp_path / "kept", SHORT)
    assert (kept.artifact.format, kept.artifact.precision) == (ModelFormat.MLX, "INT4 group 64 + LoRA")
    assert kept.artifact.contents.bits_per_weight < 5
    freed = tune(base, lines, tmp_path / "freed", SHORT, dequantize=True)
    assert freed.artifact.format is ModelFormat.HUGGING_FACE
    assert freed.artifact.contents.bits_per_weight >= 16
    assert freed.loss_after == pytest.approx(freed.loss_adapted, abs=0.05)


def test_a_chat_is_laid_out_by_the_models_own_template(mlx: Framework, tmp_path: Path) -> None:
    base = tmp_path / "chat"
    shutil.copytree(bundled_language_model(), base)
    (base / "chat_template.jinja").write_text(TEMPLATE)
    data = tmp_path / "chat.jsonl"
    data.write_text("\n".join(json.dumps({"prompt": s[:15], "completion": s[15:]}) for s in SENTENCES))
    tuned = tune(base, data, tmp_path / "out", replace(SHORT, mask_prompt=True))
    assert math.isfinite(tuned.loss_after)
    assert (tuned.artifact.path / "chat_template.jinja").is_file()
    with pytest.raises(BadInput, match="chat template"):
        tune(bundled_language_model(), data, tmp_path / "refused", SHORT)
    assert not (tmp_path / "refused").exists()


def test_a_cancel_while_training_leaves_nothing(mlx: Framework, lines: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(JobCancelled):
        finetune(
            source_model(bundled_language_model()),
            lines,
            tmp_path / "tuned",
            stop_at("Iteration 2"),
            replace(SETTINGS, iterations=500),
        )
    assert set(tmp_path.iterdir()) == before


def test_a_tokenizer_with_code_of_its_own_is_refused(mlx: Framework, lines: Path, tmp_path: Path) -> None:
    base, ran = tmp_path / "evil", tmp_path / "ran"
    shutil.copytree(bundled_language_model(), base)
    for name in ("tokenizer.json", "tokenizer.model"):
        (base / name).unlink()
    config = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (base / "tokenizer_config.json").write_text(json.dumps(config))
    (base / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass")
    with pytest.raises(BadInput):
        tune(base, lines, tmp_path / "tuned", SHORT)
    assert not ran.exists()


def test_more_layers_than_there_are_is_said(mlx: Framework, lines: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the model has 5"):
        tune(bundled_language_model(), lines, tmp_path / "tuned", replace(SETTINGS, layers=9))


def test_the_command_keeps_its_schema(
    mlx: Framework, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["finetune", str(bundled_language_model()), "--data", str(lines), "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--iters", "2", "--layers", "1", "--batch", "2", "--json"]) == 0
    document = check("finetune", capsys.readouterr().out)
    assert document["settings"]["iterations"] == 2
    assert document["comparison"] is None
