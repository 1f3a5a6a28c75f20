"""Write the trained classifier as ONNX and check the file against PyTorch.

python export.py --work WORK     # reads WORK/digits.pt, writes edgewright-digits.onnx beside this folder
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from data import MODEL_DIR, SIDE, load_split
from train import DigitNet

OPSET = 18
TARGET = MODEL_DIR / "edgewright-digits.onnx"


def write_onnx(model: DigitNet) -> None:
    """Export with a dynamic batch; drop the source locations that the exporter notes in every node."""
    torch.onnx.export(
        model, (torch.zeros(2, 1, SIDE, SIDE),), TARGET, dynamo=False, opset_version=OPSET,
        input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )  # fmt: skip
    proto = onnx.load(TARGET)
    for node in proto.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(proto)
    onnx.save(proto, TARGET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    model = DigitNet()
    model.load_state_dict(torch.load(parser.parse_args().work / "digits.pt", weights_only=True))
    model.eval()
    write_onnx(model)
    _, _, images, labels = load_split()
    session = onnxruntime.InferenceSession(TARGET, providers=["CPUExecutionProvider"])
    ours = session.run(None, {"image": images})[0]
    with torch.no_grad():
        theirs = model(torch.from_numpy(images)).numpy()
    print(
        f"accuracy {(ours.argmax(1) == labels).mean():.4f}, max difference {np.abs(ours - theirs).max():.2e}"
    )


if __name__ == "__main__":
    main()
