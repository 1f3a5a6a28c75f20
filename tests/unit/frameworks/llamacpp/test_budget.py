"""Choosing types within a limit: never above it, and no better choice is left out on small cases."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from backends.domain.errors import BadInput
from backends.frameworks.llamacpp.budget import Candidate, Matrix, choose, hull, limit_bytes


def matrix(name: str, *sizes_and_errors: tuple[int, float]) -> Matrix:
    return Matrix(name, tuple(Candidate(f"{name}{size}", size, error) for size, error in sizes_and_errors))


def test_the_hull_leaves_out_what_two_others_beat() -> None:
    candidates = matrix("a", (10, 1.0), (20, 0.9), (30, 0.1), (40, 0.2), (50, 0.0)).candidates
    assert [one.size_bytes for one in hull(candidates)] == [10, 30, 50]


def test_most_error_saved_a_byte_comes_first() -> None:
    harmed, robust = matrix("a", (10, 1.0), (20, 0.1)), matrix("b", (10, 0.2), (20, 0.1))
    chosen = choose([robust, harmed], 30)
    assert (chosen["a"].size_bytes, chosen["b"].size_bytes) == (20, 10)
    assert sum(one.size_bytes for one in choose([robust, harmed], 40).values()) == 40


@pytest.mark.parametrize("seed", range(8))
def test_it_comes_close_to_the_best_there_is(seed: int) -> None:
    """Against every combination: within the budget, and at most one step of one matrix worse."""
    random = np.random.default_rng(seed)
    matrices = []
    for name in "abcd":
        sizes = np.cumsum(random.integers(5, 20, 4))
        errors = np.sort(random.random(4))[::-1]
        matrices.append(matrix(name, *zip(map(int, sizes), map(float, errors), strict=True)))
    smallest = sum(one.candidates[0].size_bytes for one in matrices)
    budget = smallest + 45
    chosen = choose(matrices, budget).values()
    assert sum(one.size_bytes for one in chosen) <= budget
    fitting = [
        sum(one.error for one in combination)
        for combination in product(*(one.candidates for one in matrices))
        if sum(one.size_bytes for one in combination) <= budget
    ]
    largest_step = max(
        a.error - b.error
        for one in matrices
        for a, b in zip(hull(one.candidates), hull(one.candidates)[1:], strict=False)
    )
    assert sum(one.error for one in chosen) <= min(fitting) + largest_step


def test_a_limit_below_the_smallest_types_is_refused_with_what_would_do() -> None:
    assert limit_bytes(8.0, 100, 10, 20) == 90
    with pytest.raises(BadInput, match=r"smallest types make 2\.40") as caught:
        limit_bytes(2.0, 100, 10, 20)
    assert "2.41" in caught.value.remedy or "2.40" in caught.value.remedy
