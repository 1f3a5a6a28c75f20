"""``python -m tests.benchmarks.same_twice``: the same artifact against itself, while something else works.

Twenty comparisons of a bundled model with itself by the product's own protocol, while a process started here
takes a core in bursts of random length. Whatever is claimed ("faster" or "slower") is false: at most one of
twenty comparisons may claim anything. Exit code 0: at most one in twenty did.

One comparison of the language model takes about 50 s, of the digits about 70 s: twenty 17 or 24 minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backends.actions.engines import opener
from backends.actions.measuring import processor_seconds
from backends.actions.modes import real_sampler, subject_of
from backends.benchmarking.bench import Surface
from backends.benchmarking.clock import RealClock
from backends.benchmarking.conductor import run
from backends.benchmarking.protocol import QUICK, STANDARD, Plan, Protocol
from backends.domain.gate import Verdict
from backends.domain.metric import Workload
from backends.domain.result import Comparison
from backends.storage.paths import resources
from tests.benchmarks import turns

MODELS = {"language": "edgewright-lm", "digits": "edgewright-digits"}
LOAD = """
import random, time
draw = random.Random(1)
while True:
    until = time.monotonic() + draw.uniform(0.1, 3.0)
    while time.monotonic() < until:
        pass
    time.sleep(draw.uniform(0.1, 3.0))
"""


@dataclass(frozen=True)
class Trial:
    """``claims``: sentences that are all false. ``flagged``: share of the readings."""

    number: int
    ratios: dict[str, tuple[float, float, float]]
    claims: tuple[str, ...]
    flagged: float


@contextmanager
def load(wanted: bool) -> Iterator[None]:
    """A process that takes a core in bursts; ended with this one's work."""
    process = subprocess.Popen([sys.executable, "-c", LOAD]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def claims_of(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    decided = [one for one in comparisons if one.verdict != Verdict.INCONCLUSIVE]
    return tuple(
        f"{one.metric}: {'faster' if one.verdict == Verdict.PASS else 'slower'}, "
        f"{one.ratio.low:.3f} to {one.ratio.high:.3f}"
        for one in decided
    )


def trial(number: int, plan: Plan) -> Trial:
    job = turns.quiet_job()
    surface = Surface(opener(job), RealClock(), real_sampler(), job, cpu_time=processor_seconds)
    outcome = run(plan, surface)
    found = outcome.results[1].comparisons
    flagged = sum(bool(reading.flags) for reading in outcome.readings) / max(1, len(outcome.readings))
    ratios = {one.metric: (one.ratio.estimate, one.ratio.low, one.ratio.high) for one in found}
    return Trial(number, ratios, claims_of(found), flagged)


def plan_of(model: str, protocol: Protocol, threads: int, scratch: Path) -> Plan:
    """The model against itself; each trial gets a seed, so another order of turns."""
    subject = subject_of(resources() / "models" / MODELS[model], turns.quiet_job(), threads)
    with subject.opened() as engine:
        work: Workload = subject.work(engine, scratch)
    same = replace(subject.configuration, artifact=replace(subject.artifact, original=True))
    return Plan(same, (same,), work, protocol, thresholds=(1.0,), memory=False)


def main() -> int:
    parser = turns.parser(__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--model", choices=tuple(MODELS), default="language")
    parser.add_argument("--depth", choices=("quick", "standard"), default="quick")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="without the load")
    asked = parser.parse_args()
    protocol = {"quick": QUICK, "standard": STANDARD}[asked.depth]
    trials = []
    with tempfile.TemporaryDirectory(prefix="edgewright-twice-") as scratch, load(not asked.quiet):
        plan = plan_of(asked.model, protocol, asked.threads, Path(scratch))
        for number in range(asked.times):
            trials.append(trial(number, replace(plan, protocol=replace(protocol, seed=number))))
            last = trials[-1]
            shown = ", ".join(f"{name} {low:.3f}–{high:.3f}" for name, (_, low, high) in last.ratios.items())
            turns.say(
                f"{number + 1} of {asked.times}: {shown}; {last.flagged:.0%} flagged; "
                + ("; ".join(last.claims) or "no claim")
            )
    false = sum(bool(one.claims) for one in trials)
    allowed = max(1, asked.times // 20)
    if asked.json:
        document = {"trials": [asdict(one) for one in trials], "false_claims": false, "allowed": allowed}
        print(json.dumps(document, indent=1))
    else:
        print(
            f"{false} of {asked.times} comparisons of a model with itself claimed something; {allowed} may."
        )
    return 0 if false <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
