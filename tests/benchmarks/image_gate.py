"""``python -m tests.benchmarks.image_gate``: the accuracy gate of an INT8 image model on 1,000 images.

ResNet20 for CIFAR-10 (from the shared test data) is quantized to INT8 and judged on 1,000 labelled images by
the product's own comparison. The verdict has to follow from the interval, and to be one that the sample-size
plan allows: where the plan says that the images are enough, it must not end "inconclusive".
Exit code 0: both hold.

Takes about three minutes on two quiet cores.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backends.actions.bench import bench
from backends.actions.preprocessing import Asked
from backends.actions.quantize import quantize
from backends.assessment.source import source_model
from backends.domain.gate import GateResult, Verdict
from backends.domain.result import ConfigurationResult, QualityScore
from backends.quality.answers import SamplePlan, plan_from
from backends.storage.history import History
from tests.benchmarks import turns
from tests.conftest import SHARED_DATA

RESNET = SHARED_DATA / "resnet20-cifar10" / "resnet20_cifar10.onnx"
IMAGES = SHARED_DATA / "cifar10-sample"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what ResNet20 was trained with


@dataclass(frozen=True)
class Judged:
    score: QualityScore
    gate: GateResult
    plan: SamplePlan

    @property
    def follows(self) -> bool:
        """The verdict is the one its interval demands."""
        value = self.gate.value
        return value is not None and self.gate.verdict == self.gate.gate.judge(value)

    @property
    def is_planned(self) -> bool:
        """Too few images may end either way; enough must decide."""
        return not self.plan.enough or self.gate.verdict != Verdict.INCONCLUSIVE


def judged(result: ConfigurationResult) -> Judged:
    gate = next(one for one in result.gates if one.gate.name == "accuracy")
    assert result.quality is not None
    plan = plan_from(result.quality, gate.gate.threshold)
    assert plan is not None
    return Judged(result.quality, gate, plan)


def measure(framework: str, precision: str) -> Judged:
    with tempfile.TemporaryDirectory(prefix="edgewright-gate-") as folder:
        artifact, job = Path(folder) / "int8", turns.quiet_job()
        turns.say(f"quantizing to {precision} with {framework}")
        quantize(source_model(RESNET), framework, precision, artifact, job)
        turns.say("measuring, then judging on the images")
        history = History(Path(folder) / "history.sqlite")
        record = bench([RESNET, artifact], job, history, data=IMAGES, images=Asked(MEAN, STD), energy="off")
    return judged(record.results[1])


def main() -> int:
    parser = turns.parser(__doc__)
    parser.add_argument("--framework", default="onnxruntime")
    parser.add_argument("--precision", default="INT8_DYNAMIC")
    asked = parser.parse_args()
    if not RESNET.is_file() or not IMAGES.is_dir():
        turns.say(f"skipped: {RESNET} or {IMAGES} is not there")
        return 2
    found = measure(asked.framework, asked.precision)
    ratio = found.score.ratio_to_original
    assert ratio is not None
    agrees = found.follows and found.is_planned
    document = {
        "items": found.score.items,
        "accuracy": found.score.accuracy.estimate,
        "ratio": [ratio.estimate, ratio.low, ratio.high],
        "flipped": found.score.flipped,
        "verdict": str(found.gate.verdict),
        "plan": found.plan.sentence,
        "agrees": agrees,
    }
    if asked.json:
        print(json.dumps(document, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in document.items()))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
