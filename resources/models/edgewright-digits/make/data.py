"""The digits of scikit-learn, split once and enlarged to the size the model takes.

python data.py     # writes eval.npz and calibration.npz beside this folder
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20261121
SIDE = 32
HELD_OUT = 0.3
CALIBRATION_IMAGES = 200
MODEL_DIR = Path(__file__).resolve().parent.parent


def enlarge(images: np.ndarray) -> np.ndarray:
    """Map (n, 8, 8) with values 0..16 to float32 (n, 1, 32, 32) with values 0..1, bilinear."""
    centres = np.clip((np.arange(SIDE) + 0.5) * 8 / SIDE - 0.5, 0, 7)
    low = np.minimum(centres.astype(int), 6)
    weights = np.zeros((SIDE, 8))
    weights[np.arange(SIDE), low] = 1 - (centres - low)
    weights[np.arange(SIDE), low + 1] += centres - low
    return (weights @ (images / 16.0) @ weights.T)[:, None].astype(np.float32)


def load_split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training images, training labels, held-out images, held-out labels; stratified."""
    digits = load_digits()
    train_x, held_x, train_y, held_y = train_test_split(
        digits.images, digits.target, test_size=HELD_OUT, random_state=SEED, stratify=digits.target
    )
    return enlarge(train_x), train_y.astype(np.int64), enlarge(held_x), held_y.astype(np.int64)


def main() -> None:
    train_x, train_y, held_x, held_y = load_split()
    np.savez_compressed(MODEL_DIR / "eval.npz", images=held_x, labels=held_y)
    some = slice(0, CALIBRATION_IMAGES)
    np.savez_compressed(MODEL_DIR / "calibration.npz", images=train_x[some], labels=train_y[some])


if __name__ == "__main__":
    main()
