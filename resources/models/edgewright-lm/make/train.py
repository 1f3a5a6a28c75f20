"""Train the model within a wall-clock budget.

    python train.py --work WORK --minutes 60

Reads WORK/train.txt and WORK/tokenizer.model; writes WORK/checkpoint.pt and WORK/training.json. The learning
rate follows elapsed time, not steps, so a slow or shared machine still ends the schedule properly. Same seed
and same number of steps give the same weights; the number of steps depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from model import Llama, Shape
from tasks import Item, accuracy_table, choice_score, load_items
from torch import Tensor
from torch.nn import functional as F

SEED = 20261121
TOKENS_PER_STEP = 4096
# Windows are short at first: what belongs together is easier to find among fewer positions.
SHORT, LONG, LONG_FROM = 256, 512, 0.7
MUON_LR, EMBED_LR, ADAM_LR, WEIGHT_DECAY = 0.012, 0.01, 2e-3, 0.1
WARM_UP, DECAY_FROM = 0.02, 0.3
ANSWER_WEIGHT = 8.0
EVAL_SECONDS, EVAL_ITEMS, LOG_STEPS = 180.0, 300, 50
MODEL_DIR = Path(__file__).resolve().parent.parent


def encode_corpus(text: str, tokenizer: sentencepiece.SentencePieceProcessor) -> np.ndarray:
    """Tokenize into one long row of ids; each piece of one to three lines stands between bos and eos."""
    rng, lines, ids, at = random.Random(SEED), text.splitlines(), [], 0
    while at < len(lines):
        count = rng.randint(1, 3)
        ids += [tokenizer.bos_id(), *tokenizer.encode("\n".join(lines[at : at + count])), tokenizer.eos_id()]
        at += count
    return np.array(ids, dtype=np.int64)


def answer_weights(ids: np.ndarray, tokenizer: sentencepiece.SentencePieceProcessor) -> np.ndarray:
    """Give every id its weight in the loss: more for the ids after "Answer:" up to the full stop.

    Most of the text is chance (names, numbers); the answers are what can be learned, and they are few.
    """
    answer, colon, stop = (tokenizer.piece_to_id(piece) for piece in ("▁Answer", ":", "."))
    weights = np.ones(len(ids), dtype=np.float32)
    for at in np.flatnonzero((ids[:-1] == answer) & (ids[1:] == colon)) + 2:
        end = at
        while end < len(ids) and ids[end] != stop:
            end += 1
        weights[at : end + 1] = ANSWER_WEIGHT
    return weights


class Windows:
    """Hands out the text in its own order, over and over.

    The documents are random already, and the text begins with the easy ones.
    """

    def __init__(self, ids: np.ndarray, weights: np.ndarray) -> None:
        self.ids, self.weights, self.at = ids, weights, 0

    def draw(self, length: int) -> tuple[Tensor, Tensor]:
        """Return ids and loss weights, (TOKENS_PER_STEP / length, length + 1) each."""
        if self.at + TOKENS_PER_STEP >= len(self.ids):
            self.at = 0
        starts = np.arange(self.at, self.at + TOKENS_PER_STEP, length)
        self.at += TOKENS_PER_STEP
        index = starts[:, None] + np.arange(length + 1)
        return torch.from_numpy(self.ids[index]), torch.from_numpy(self.weights[index])


def orthogonalise(matrices: Tensor) -> Tensor:
    """Push the singular values of (n, rows, columns) towards one: five Newton-Schulz steps of Muon."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised (Jordan et al. 2024); for hidden weight matrices only."""

    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                updates = orthogonalise(
                    torch.stack([self._momentum(p, group["momentum"]) for p in parameters])
                )
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * WEIGHT_DECAY).add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        """Advance the buffer and return the Nesterov direction."""
        assert parameter.grad is not None
        buffer = self.state[parameter].setdefault("buffer", torch.zeros_like(parameter))
        buffer.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(buffer, momentum)


def optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings and norms."""
    embedding = model.model.embed_tokens.weight
    inner = [p for p in model.model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in (*inner, embedding)}
    outer = [p for p in model.parameters() if id(p) not in chosen]
    groups = [{"params": [embedding], "lr": EMBED_LR}, {"params": outer, "lr": ADAM_LR}]
    return [Muon(inner, lr=MUON_LR), torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)]


def rate(fraction: float) -> float:
    """Return the learning-rate factor at this fraction of the budget: warm up, hold, decay linearly to zero."""
    return min(1.0, fraction / WARM_UP, max(0.0, (1 - fraction) / (1 - DECAY_FROM)))


@torch.no_grad()
def task_accuracy(model: Llama, items: list[Item]) -> dict[str, float]:
    """Score items, all choices of one as a right-padded batch (causal attention ignores the padding)."""
    model.eval()
    right = []
    for item in items:
        longest = max(map(len, item.rows))
        logits = model(torch.tensor([row + (0,) * (longest - len(row)) for row in item.rows])).numpy()
        scores = [choice_score(one, row, item.start) for one, row in zip(logits, item.rows, strict=True)]
        right.append(int(np.argmax(scores)) == item.gold)
    model.train()
    return accuracy_table(items, right)


def train(
    model: Llama, ids: np.ndarray, weights: np.ndarray, items: list[Item], seconds: float, work: Path
) -> dict[str, object]:
    """Run the loop until the time is up; return what happened."""
    solvers, began = optimizers(model), time.monotonic()
    base = [group["lr"] for solver in solvers for group in solver.param_groups]
    next_eval, step, running, history = EVAL_SECONDS, 0, 0.0, []
    windows = Windows(ids, weights)
    while (elapsed := time.monotonic() - began) < seconds:
        window, weight = windows.draw(SHORT if elapsed < LONG_FROM * seconds else LONG)
        for group, lr in zip((g for s in solvers for g in s.param_groups), base, strict=True):
            group["lr"] = lr * rate(max(elapsed, 1.0) / seconds)
        logits = model(window[:, :-1])
        losses = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten(), reduction="none")
        aim = weight[:, 1:].flatten()
        ((losses * aim).sum() / aim.sum()).backward()
        loss = losses.detach().mean()
        for solver in solvers:
            solver.step()
            solver.zero_grad()
        step, running = step + 1, running + loss.item()
        if step % LOG_STEPS == 0:
            print(
                f"{elapsed:6.0f} s step {step} loss {running / LOG_STEPS:.3f} {step * TOKENS_PER_STEP / elapsed:.0f} tok/s",
                flush=True,
            )
            running = 0.0
        if elapsed >= next_eval:
            next_eval = elapsed + EVAL_SECONDS
            torch.save(model.state_dict(), work / "checkpoint.pt")
            table = task_accuracy(model, items[:EVAL_ITEMS])
            history.append({"step": step, "loss": round(loss.item(), 4), "accuracy": round(table["all"], 4)})
            print(f"{elapsed:6.0f} s tasks", {k: round(v, 2) for k, v in table.items()}, flush=True)
    torch.save(model.state_dict(), work / "checkpoint.pt")
    return {
        "steps": step,
        "tokens": step * TOKENS_PER_STEP,
        "seconds": round(time.monotonic() - began),
        "history": history,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from, with fresh optimizers")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(min(2, os.cpu_count() or 1))

    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(options.work / "tokenizer.model"))
    ids = encode_corpus((options.work / "train.txt").read_text(encoding="ascii"), tokenizer)
    items = load_items(MODEL_DIR / "tasks.jsonl", tokenizer)
    model = Llama(Shape(vocabulary=tokenizer.get_piece_size()))
    if options.resume:
        model.load_state_dict(torch.load(options.resume, weights_only=True))
    size = sum(p.numel() for p in model.parameters())
    print(f"{size} parameters, {len(ids)} training tokens", flush=True)
    report = train(model, ids, answer_weights(ids, tokenizer), items, options.minutes * 60, options.work)
    report |= {
        "parameters": size,
        "seed": SEED,
        "corpus_tokens": len(ids),
        "tasks": task_accuracy(model, items),
    }
    (options.work / "training.json").write_text(json.dumps(report, indent=1) + "\n", encoding="ascii")
    print(json.dumps(report["tasks"], indent=1))


if __name__ == "__main__":
    main()
