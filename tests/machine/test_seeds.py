"""Seeds of parts: each of its own, the same ones for the same seed."""

from __future__ import annotations

import numpy as np

from recdiff.machine.seeds import seeds_of


def test_parts_of_neighbouring_seeds_share_no_seed() -> None:
    drawn = [each for seed in range(100) for each in seeds_of(seed, 6)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= each < 1 << 32 for each in drawn)


def test_the_seed_decides_and_a_further_part_changes_no_other() -> None:
    assert seeds_of(3, 2) == seeds_of(3, 3)[:2] == seeds_of(np.random.SeedSequence(3), 2)
    assert seeds_of(3, 2) != seeds_of(4, 2)


def test_a_sequence_that_was_drawn_from_goes_on() -> None:
    sequence = np.random.SeedSequence(3)
    assert [*seeds_of(sequence, 2), *seeds_of(sequence, 1)] == seeds_of(3, 3)
