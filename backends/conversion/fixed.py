"""The fixed ids on which a language model is compared before and after a conversion.

Two windows from an empty context. One is plain text, as models are used. The other is drawn over the whole
vocabulary, so that a row of the embedding in the wrong place shows, wherever it is.
"""

from __future__ import annotations

import random

WINDOW_TOKENS = 128
SEED = 20261121
TEXT = (
    "Once upon a time there was a little girl named Lily. She loved to play in the garden with her dog, Max. "
    "One day they found a small red box under the old tree. “What is in it?” asked Lily. Max barked twice. "
    "They opened it slowly, and inside were three keys, a map and 25 silver coins! Lily's mother said that "
    "grandfather had hidden it there, long ago, when he was a boy. They were so happy that they danced."
)


def drawn_ids(vocabulary: int, count: int = WINDOW_TOKENS) -> tuple[int, ...]:
    """``count`` ids below ``vocabulary``, the same every time; none where its size is not known."""
    draw = random.Random(SEED)
    return tuple(draw.randrange(vocabulary) for _ in range(count if vocabulary else 0))
