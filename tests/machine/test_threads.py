"""Blocks on several threads: in order, each on one thread, and all as it was afterwards."""

from __future__ import annotations

import pytest
import torch

from recdiff.machine.threads import side_by_side


def test_results_come_in_the_order_of_the_blocks() -> None:
    assert side_by_side(lambda block: block * 2, range(20)) == [2 * block for block in range(20)]


def test_blocks_have_one_thread_each_and_share_all_where_few_may_run() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert side_by_side(lambda _: torch.get_num_threads(), range(2)) == [1, 1]
        assert side_by_side(lambda _: torch.get_num_threads(), range(2), most=2) == [2, 2]
        assert side_by_side(lambda _: torch.get_num_threads(), range(8), most=1) == [4] * 8
        assert side_by_side(lambda block: block, []) == []
    finally:
        torch.set_num_threads(before)


def test_every_block_has_one_thread_for_torch_and_later_work_has_all() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert side_by_side(lambda _: torch.get_num_threads(), range(4)) == [1] * 4
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            side_by_side(lambda block: 1 / block, range(2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
