"""Loaded by Olive, not by this program: calibration samples from an .npz file, by input name."""

import numpy as np
from olive.data.registry import Registry  # type: ignore[import-not-found]


@Registry.register_dataset()  # type: ignore[untyped-decorator]
def edgewright_npz(path: str, **_: object) -> list[tuple[dict[str, np.ndarray], int]]:
    """Olive's form: (inputs, label) of each sample, without the batch axis."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    count = len(next(iter(arrays.values())))
    return [({name: array[at] for name, array in arrays.items()}, 0) for at in range(count)]
