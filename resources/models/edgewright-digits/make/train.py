"""Train the digit classifier; a few minutes on one core.

python train.py --work WORK     # writes WORK/digits.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from data import SEED, load_split
from torch import Tensor, nn
from torch.nn import functional as F

EPOCHS, BATCH, PEAK_LR, SHIFT = 24, 64, 4e-3, 3
# Output channels and stride of each residual block; multiples of 16 suit INT8 kernels.
BLOCKS = ((32, 1), (64, 2), (64, 1), (128, 2))


def convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Sequential:
    """A convolution with batch normalisation, which the export folds into it."""
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, 3, stride)
        self.second = convolution(outputs, outputs, 3, 1)
        plain = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if plain else convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class DigitNet(nn.Module):
    """Small ResNet: images (n, 1, 32, 32) with values 0..1 to logits (n, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(1, BLOCKS[0][0], 3, 1)
        widths = [BLOCKS[0][0], *(width for width, _ in BLOCKS)]
        self.blocks = nn.Sequential(
            *(
                Residual(inputs, width, stride)
                for inputs, (width, stride) in zip(widths, BLOCKS, strict=False)
            )
        )
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.stem(image)))
        return self.head(x.mean(dim=(2, 3)))


def shifted(images: Tensor) -> Tensor:
    """Move a batch by up to SHIFT pixels in each direction, filling with background."""
    down, right = (int(v) for v in torch.randint(0, 2 * SHIFT + 1, (2,)))
    side = images.shape[-1]
    return F.pad(images, (SHIFT,) * 4)[:, :, down : down + side, right : right + side]


@torch.no_grad()
def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """Return top-1 accuracy."""
    model.eval()
    guesses = torch.cat([model(part).argmax(dim=1) for part in torch.from_numpy(images).split(128)])
    model.train()
    return float((guesses.numpy() == labels).mean())


def train(model: DigitNet, images: np.ndarray, labels: np.ndarray) -> None:
    """Run all epochs with a one-cycle schedule; the held-out part is never looked at."""
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    steps = EPOCHS * (len(x) // BATCH)
    solver = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(solver, PEAK_LR, total_steps=steps)
    for epoch in range(EPOCHS):
        for at in torch.randperm(len(x)).split(BATCH)[: len(x) // BATCH]:
            loss = F.cross_entropy(model(shifted(x[at])), y[at], label_smoothing=0.05)
            loss.backward()
            solver.step()
            schedule.step()
            solver.zero_grad()
        print(f"epoch {epoch + 1} loss {loss.item():.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    train_x, train_y, held_x, held_y = load_split()
    model = DigitNet()
    print(sum(p.numel() for p in model.parameters()), "parameters", len(train_x), "training images")
    train(model, train_x, train_y)
    work.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), work / "digits.pt")
    print(f"held-out accuracy {accuracy(model, held_x, held_y):.4f} on {len(held_x)} images")


if __name__ == "__main__":
    main()
