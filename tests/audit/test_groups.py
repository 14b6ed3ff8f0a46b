"""Decisions about groups: one for the group, one for each member that nobody has decided by itself."""

from __future__ import annotations

from recdiff.audit.decisions import ACCOUNT, GROUP, taken
from recdiff.audit.groups import group_decisions, group_name


def test_a_group_has_one_name_whatever_the_order_of_its_members() -> None:
    assert group_name(["a", "b", "c"]) == group_name(["c", "a", "b"]) != group_name(["a", "b"])


def test_every_member_is_decided_with_the_group() -> None:
    rows = group_decisions(["a", "b"], "fake", {}, reason="same texts", who="me")
    assert [row.what for row in rows] == [GROUP, ACCOUNT, ACCOUNT]
    assert {row.verdict for row in rows} == {"fake"}
    assert all("same texts" in row.reason for row in rows)


def test_a_member_with_a_verdict_of_its_own_keeps_it_and_unsure_takes_back_the_others() -> None:
    own = taken(ACCOUNT, "a", "", "real", "I know her", who="me")
    ours = group_decisions(["a", "b"], "fake", {(ACCOUNT, "a", ""): own})
    assert len(ours) == 2
    back = group_decisions(["a", "b"], "unsure", {(ACCOUNT, "a", ""): own, (ACCOUNT, "b", ""): ours[1]})
    assert [row.verdict for row in back] == ["unsure", "unsure"]
    assert len(back) == 2
