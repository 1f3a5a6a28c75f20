from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.benchmarking.protocol import (
    LOOKS,
    QUICK,
    STANDARD,
    THOROUGH,
    Block,
    Plan,
    Protocol,
    blocks_until_look,
    filling,
    tensor_workload,
    token_workload,
    unique_labels,
    warm_up_workload,
)
from backends.domain.errors import BadInput
from backends.domain.metric import TensorWorkload, TokenWorkload

from .fakes import ORIGINAL, configuration

protocols = st.builds(
    Protocol,
    looks=st.sampled_from([LOOKS[:1], LOOKS[:2], LOOKS]),
    restarts=st.integers(1, 3),
    seed=st.integers(0, 99),
)


def all_blocks(protocol: Protocol, candidate: int = 0) -> list[Block]:
    return [block for _, blocks in blocks_until_look(protocol, candidate) for block in blocks]


@given(protocols)
def test_every_slot_comes_once_in_order(protocol: Protocol) -> None:
    slots = [slot.index for block in all_blocks(protocol) for slot in block.slots]
    assert slots == list(range(protocol.most_pairs))
    reached = 0
    for look, blocks in blocks_until_look(protocol, 0):
        reached += 2 * len(blocks)
        assert reached == look


@given(protocols)
def test_blocks_are_mirrored_and_balanced(protocol: Protocol) -> None:
    for block in all_blocks(protocol):
        first, second = block.slots
        assert first.candidate_first is not second.candidate_first


@given(protocols)
def test_each_look_rests_on_every_restart(protocol: Protocol) -> None:
    for _, blocks in blocks_until_look(protocol, 0):
        generations = [block.restart for block in blocks]
        assert generations == sorted(generations)
        assert len(set(generations)) == protocol.restarts


@given(protocols, st.integers(0, 9))
def test_the_order_is_random_and_repeatable(protocol: Protocol, candidate: int) -> None:
    assert all_blocks(protocol, candidate) == all_blocks(protocol, candidate)


def test_orders_differ_between_seeds_and_both_occur() -> None:
    orders = {tuple(b.candidate_first for b in all_blocks(Protocol(seed=seed))) for seed in range(20)}
    assert len(orders) > 15
    first = [block.candidate_first for seed in range(50) for block in all_blocks(Protocol(seed=seed))]
    assert 0.45 < sum(first) / len(first) < 0.55


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    assert all_blocks(STANDARD)[:3] == all_blocks(QUICK)


@pytest.mark.parametrize(
    "changes", [{"looks": (5,)}, {"looks": ()}, {"looks": (12, 24)}, {"restarts": 0}, {"restarts": 4}]
)
def test_what_the_definitions_do_not_allow(changes: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Protocol(**changes)  # type: ignore[arg-type]


def test_presets() -> None:
    assert QUICK.most_pairs == 6 and QUICK.restarts == 1
    assert STANDARD.looks == THOROUGH.looks == (6, 12, 24) and THOROUGH.restarts == 3


def test_prompts_are_cut_repeated_and_give_way_to_the_context() -> None:
    assert token_workload(STANDARD, range(1000)).token_ids == tuple(range(512))
    assert token_workload(STANDARD, (1, 2, 3)).token_ids[:7] == (1, 2, 3, 1, 2, 3, 1)
    short = token_workload(STANDARD, range(1000), context=512)
    assert len(short.token_ids) == 384 and short.new_tokens == 128
    with pytest.raises(BadInput, match="no room"):
        token_workload(STANDARD, range(1000), context=128)
    with pytest.raises(BadInput, match="no tokens"):
        token_workload(STANDARD, ())


def test_tensor_arms_last_two_seconds_and_warm_up_less() -> None:
    work = tensor_workload(STANDARD, Path("/x.npz"))
    assert work.min_duration_s == 2.0
    short = warm_up_workload(STANDARD, work)
    assert isinstance(short, TensorWorkload) and short.min_duration_s == 0.5
    tokens = token_workload(STANDARD, (1,))
    assert warm_up_workload(STANDARD, tokens) == tokens


def test_labels_are_told_apart() -> None:
    plain, four, again = configuration(), configuration(threads=4), configuration()
    assert unique_labels((ORIGINAL, plain)) == ("original F16", "llamacpp Q4_K_M")
    assert unique_labels((plain, four)) == ("llamacpp Q4_K_M (CPU)", "llamacpp Q4_K_M (CPU, 4 threads)")
    assert len(set(Plan(ORIGINAL, (plain, four, again), token_workload(STANDARD, (1,))).labels)) == 4


def test_memory_is_measured_once_with_a_full_context() -> None:
    work = token_workload(STANDARD, (1, 2, 3))
    full = filling(work, 1000)
    assert isinstance(full, TokenWorkload)
    assert len(full.token_ids) + full.new_tokens == 1000
    assert full.token_ids[:4] == (1, 2, 3, 1)
    assert full.min_duration_s == 0.0
    tensors = tensor_workload(STANDARD, Path("inputs.npz"))
    assert filling(tensors, 1000) == tensors
