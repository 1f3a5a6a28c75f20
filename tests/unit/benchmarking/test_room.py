"""Whether two workers fit in memory together, with invented sizes."""

from __future__ import annotations

from dataclasses import replace

from backends.benchmarking.room import CACHE_BYTES_PER_ELEMENT, SHARE, Room
from backends.domain.artifact import Configuration, LoadOptions
from tests.unit.benchmarking.fakes import ORIGINAL, configuration
from tests.unit.samples import profile

GB = 10**9
MODEL = replace(profile(), layers=32, kv_heads=8, head_dim=128)


def sized(one: Configuration, gigabytes: int) -> Configuration:
    artifact = replace(one.artifact, size_bytes=gigabytes * GB)
    return Configuration(artifact, LoadOptions(context=4096))


def test_a_worker_takes_its_weights_its_cache_and_its_runtime() -> None:
    cache = 2 * 32 * 8 * 128 * 4096 * CACHE_BYTES_PER_ELEMENT
    assert Room(MODEL, 7, None).worker_bytes(sized(ORIGINAL, 2)) == 2 * GB + cache + 7


def test_the_largest_candidate_decides_whether_both_fit() -> None:
    original, small, large = sized(ORIGINAL, 4), sized(configuration(), 1), sized(configuration("Q8_0"), 3)
    plain = Room(replace(MODEL, layers=None), 0, int(8 * GB / SHARE))
    assert plain.lack(original, (small, large)) == ""
    tight = replace(plain, free_bytes=int(7 * GB / SHARE) - 1)
    assert tight.lack(original, (small,)) == ""
    assert "about 7.0 GB together, of 8.7 GB that are free" in tight.lack(original, (small, large))


def test_nothing_lacks_where_nothing_is_known_or_nothing_is_compared() -> None:
    assert Room(MODEL, 0, None).lack(sized(ORIGINAL, 900), (sized(configuration(), 900),)) == ""
    assert Room(MODEL, 0, 1).lack(sized(ORIGINAL, 900), ()) == ""
