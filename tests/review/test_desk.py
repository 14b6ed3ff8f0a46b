"""What a person who decides is shown, what they say, and what happens when others say something, too."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recdiff.audit.decisions import ConflictError, add_decisions, read_decisions, taken
from recdiff.errors import DataError, UsageError
from recdiff.estimator import RecDiff
from recdiff.review.desk import Desk
from recdiff.storage.lock import BusyError, locked
from tests.review.conftest import RING, Place


def first(desk: Desk, tab: str) -> dict[str, object]:
    return desk.queue(tab)["lines"][0]  # type: ignore[no-any-return]


def test_the_ring_comes_first_with_its_members_times_and_harm(desk: Desk) -> None:
    line = first(desk, "group")
    assert line["score"] > 0.9
    found = desk.item("group", line["name"])
    assert {each["name"][0][:5] for each in found["members"]["shown"]} == {"ring-"}
    assert found["members"]["total"] == RING
    days = (found["times"]["last"] - found["times"]["first"]) / 86_400
    assert days <= 7
    assert sum(found["times"]["counts"]) == found["reach"] == found["inside"] + 6
    assert line["harm"] == pytest.approx(line["score"] * line["reach"])


@pytest.mark.parametrize("tab", ["group", "account", "edge"])
def test_queues_are_sorted_by_harm_and_contributions_add_up(desk: Desk, tab: str) -> None:
    lines = desk.queue(tab, limit=100)["lines"]
    assert [each["harm"] for each in lines] == sorted((each["harm"] for each in lines), reverse=True)
    for line in lines[:20]:
        found = desk.item(tab, line["name"])
        why = found["why"]
        assert why["start"] + sum(step["added"] for step in why["steps"]) == pytest.approx(why["total"], abs=1e-6)
        shown = why["total"] if why["unit"] == "share" else 1 / (1 + np.exp(-why["total"]))
        assert (why["unit"] == "share") is (tab == "group")
        assert shown == pytest.approx(found["score"], abs=1e-5)


def test_pages_follow_one_another_whatever_is_decided_between(desk: Desk) -> None:
    every = [tuple(each["name"]) for each in desk.queue("edge", limit=200)["lines"]]
    seen: list[tuple[str, ...]] = []
    after = -1
    while len(seen) < 120:
        page = desk.queue("edge", limit=40, after=after)
        seen += [tuple(each["name"]) for each in page["lines"]]
        after = page["lines"][-1]["rank"]
        for each in page["lines"][:3]:
            desk.decide("edge", each["name"], "real", 0)
    assert seen == every[:120]
    back = desk.queue("edge", limit=40, before=after + 1, state="all")
    assert [tuple(each["name"]) for each in back["lines"]] == seen[80:]
    assert back["start"] == 80


def test_lines_are_found_by_id_score_and_state(desk: Desk) -> None:
    name = first(desk, "edge")["name"]
    found = desk.queue("edge", text=name[0].upper(), least=0.2)  # type: ignore[index]
    assert found["total"] >= 1
    assert all(name[0] in each["name"] and each["score"] >= 0.2 for each in found["lines"])  # type: ignore[index]
    desk.decide("edge", name, "unsure", 0)  # type: ignore[arg-type]
    assert [each["name"] for each in desk.queue("edge", state="unsure")["lines"]] == [name]
    assert name not in [each["name"] for each in desk.queue("edge")["lines"]]
    assert desk.queue("edge", state="fake")["total"] == 0


def test_a_group_decides_its_members_but_not_those_decided_alone(desk: Desk, place: Place) -> None:
    name = first(desk, "group")["name"]
    desk.decide("account", ["ring-03"], "real", 0, "met in person")
    found = desk.decide("group", name, "fake", 0, "one campaign")  # type: ignore[arg-type]
    assert found["state"] == "fake"
    rows = read_decisions(place.data / "decisions.csv")
    assert [each.what for each in rows] == ["account", "group"] + (RING - 1) * ["account"]
    assert "one campaign" in rows[-1].reason
    states = {each["name"][0]: each["state"] for each in desk.queue("account", text="ring-", state="all")["lines"]}
    assert states.pop("ring-03") == "real"
    assert set(states.values()) == {"fake"}
    # What clean-edges does with it: the ring's edges go.
    model = RecDiff.load(place.model)
    gone = model.clean_edges(1.0, decisions=rows)[1].to_pylist()
    assert sum(each["src"].startswith("ring-") or each["dst"].startswith("ring-") for each in gone) >= RING
    desk.undo("group", name, 1)  # type: ignore[arg-type]
    assert desk.queue("account", text="ring-", state="open")["total"] == RING - 1
    assert first(desk, "group")["state"] == "open"


def test_a_group_is_decided_on_the_command_line_too(run: object, desk: Desk, place: Place) -> None:
    for verdict, word, count in (("bad", "fake", RING), ("unsure", "open", RING)):
        code, out, err = run("decide", verdict, "--group", 1, "--model", place.model, "--json")  # type: ignore[operator]
        assert code == 0, err
        assert f'"added": {RING + 1}' in out
        assert desk.queue("account", text="ring-", state=word)["total"] == count
    code, _, err = run("decide", "fake", "--group", 99, "--model", place.model)  # type: ignore[operator]
    assert code == 3
    assert "99: no such group" in err


def test_what_is_taken_back_is_as_before(desk: Desk) -> None:
    name = first(desk, "edge")["name"]
    for known, verdict in enumerate(("fake", "unsure")):
        desk.decide("edge", name, verdict, known)  # type: ignore[arg-type]
    assert desk.undo("edge", name, 2)["state"] == "fake"  # type: ignore[arg-type]
    other = desk.queue("edge")["lines"][1]["name"]
    desk.decide("edge", other, "unsure", 0)
    assert desk.undo("edge", other, 1)["state"] == "open"
    with pytest.raises(UsageError, match="no decision about it"):
        desk.undo("edge", desk.queue("edge")["lines"][5]["name"], 0)


def test_the_second_of_two_is_told_what_the_first_decided(place: Place) -> None:
    ann, bob = place.desk(), place.desk(who="bob")
    name = first(ann, "edge")["name"]
    ann.decide("edge", name, "fake", 0, "spam")  # type: ignore[arg-type]
    with pytest.raises(ConflictError, match=r"ann has meanwhile decided edge .*: fake") as told:
        bob.decide("edge", name, "real", 0)  # type: ignore[arg-type]
    assert (told.value.standing.verdict, told.value.standing.reason) == ("fake", "spam")
    with pytest.raises(ConflictError):
        bob.undo("edge", name, 0)  # type: ignore[arg-type]
    assert bob.item("edge", name)["history"][0]["who"] == "ann"  # type: ignore[arg-type]
    assert bob.decide("edge", name, "real", 1)["state"] == "real"  # type: ignore[arg-type]
    assert ann.item("edge", name)["state"] == "real"  # type: ignore[arg-type]


def test_nothing_is_lost_where_many_decide_at_once(place: Place) -> None:
    names = [each["name"] for each in place.desk().queue("edge", limit=24)["lines"]]
    refused: list[str] = []

    def work(who: str) -> None:
        desk = place.desk(who=who)
        for name in names:
            try:
                desk.decide("edge", name, "fake" if who == "ann" else "real", 0)
            except ConflictError as error:
                refused.append(error.standing.who)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("ann", "bob", "cy")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = read_decisions(place.data / "decisions.csv")
    assert len(rows) == len(names)
    assert len(refused) == 2 * len(names)


def test_another_process_that_writes_for_long_is_an_error(
    desk: Desk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recdiff.review.ledger.PAUSE", 0.001)
    name = first(desk, "edge")["name"]
    with locked((place.data / "decisions.csv").resolve()), pytest.raises(BusyError, match="is being written by"):
        desk.decide("edge", name, "fake", 0)  # type: ignore[arg-type]
    assert desk.decide("edge", name, "fake", 0)["state"] == "fake"  # type: ignore[arg-type]


def test_a_model_that_is_fitted_underneath_is_noticed_and_decisions_stay(desk: Desk, place: Place) -> None:
    name = first(desk, "edge")["name"]
    desk.decide("edge", name, "fake", 0)  # type: ignore[arg-type]
    before = desk.state()
    assert not before["changed"]
    place.refit()
    assert desk.state()["changed"]
    assert desk.state()["model"] == before["model"]
    desk.decide("edge", desk.queue("edge")["lines"][0]["name"], "real", 0)
    now = desk.reload()
    assert now["model"] != before["model"]
    assert not now["changed"]
    assert desk.item("edge", name)["state"] == "fake"  # type: ignore[arg-type]
    assert now["progress"]["edge"]["decided"] == 2


def test_progress_and_precision_come_from_what_was_judged(desk: Desk) -> None:
    for line, verdict in zip(desk.queue("edge")["lines"], ("fake", "fake", "fake", "real", "unsure"), strict=False):
        desk.decide("edge", line["name"], verdict, 0)
    found = desk.state()["progress"]["edge"]
    assert (found["decided"], found["fake"], found["real"]) == (5, 3, 1)
    assert found["share"]["estimate"] == 0.75
    assert 0.25 < found["share"]["low"] < 0.4 < 0.9 < found["share"]["high"] < 1.0
    assert 0.0 < found["harm"] < 1.0


def test_similar_cases_are_those_that_were_decided(desk: Desk) -> None:
    lines = desk.queue("edge")["lines"]
    desk.decide("edge", lines[0]["name"], "fake", 0, "bought")
    (found,) = desk.item("edge", lines[1]["name"])["similar"]
    assert (found["name"], found["state"], found["reason"]) == (lines[0]["name"], "fake", "bought")


def test_the_neighbourhood_is_of_edges_that_are_there(desk: Desk, place: Place) -> None:
    fitted = RecDiff.load(place.model).edges_.to_pylist()
    there = {frozenset((row["src"], row["dst"])) for row in fitted}
    for tab in ("group", "account", "edge"):
        graph = desk.item(tab, first(desk, tab)["name"])["graph"]  # type: ignore[arg-type]
        names = {each["id"] for each in graph["nodes"]}
        assert any(each["centre"] for each in graph["nodes"])
        assert graph["edges"]
        for each in graph["edges"]:
            assert frozenset((each["source"], each["target"])) in there
            assert {each["source"], each["target"]} <= names


def test_an_edge_of_an_account_that_is_fake_is_decided_by_that(desk: Desk) -> None:
    desk.decide("account", ["ring-00"], "fake", 0)
    line = desk.queue("edge", text="ring-00", state="fake")["lines"][0]
    assert desk.item("edge", line["name"])["by_account"] == ["ring-00"]


@pytest.mark.parametrize("what", ["edge", "account"])
def test_an_audit_is_answered_at_the_desk(run: object, place: Place, what: str) -> None:
    sheet = place.data.parent / "audit.csv"
    words = ["audit", "--size", 40, "--model", place.model, "--out", sheet, *["--accounts"][: what == "account"]]
    code, _, err = run(*words)  # type: ignore[operator]
    assert code == 0, err
    desk = place.desk(audit=sheet)
    assert desk.queue("audit", limit=200)["total"] == 40
    assert desk.state()["progress"]["audit"]["share"] is None
    for each in desk.queue("audit", limit=200)["lines"][:25]:
        assert desk.item(what, each["name"])["audited"]
        desk.decide(each["what"], each["name"], "fake" if each["score"] > 0.3 else "real", 0)
    assert desk.state()["progress"]["audit"]["of"] == what
    share = desk.state()["progress"]["audit"]["share"]
    assert share["low"] <= share["estimate"] <= share["high"]
    assert desk.queue("audit")["total"] == 15
    first_row = read_decisions(place.data / "decisions.csv")[0]
    assert (first_row.what, first_row.reason) == (what, "audit")
    with sheet.open(encoding="utf-8") as stream:
        assert sum(bool(row["verdict"]) for row in csv.DictReader(stream)) == 25
    code, _, err = run("audit", "--answers", sheet, "--model", place.model)  # type: ignore[operator]
    assert code == 0, err
    assert desk.state()["changed"]


def test_an_audit_of_the_model_before_is_closed_by_a_new_one(run: object, place: Place) -> None:
    sheet = place.data.parent / "audit.csv"
    assert run("audit", "--size", 40, "--model", place.model, "--out", sheet)[0] == 0  # type: ignore[operator]
    desk = place.desk(audit=sheet)
    place.refit()
    assert "audit" in desk.state()["progress"]
    assert "audit" not in desk.reload()["progress"]
    with pytest.raises(DataError, match="is an audit of another model"):
        place.desk(audit=sheet)


def test_what_was_decided_before_is_filled_into_an_audit(run: object, place: Place) -> None:
    sheet = place.data.parent / "audit.csv"
    assert run("audit", "--size", 40, "--model", place.model, "--out", sheet)[0] == 0  # type: ignore[operator]
    name = place.desk(audit=sheet).queue("audit")["lines"][3]["name"]
    place.desk().decide("edge", name, "fake", 0)
    assert place.desk(audit=sheet).queue("audit", state="fake")["lines"][0]["name"] == name


def test_a_decision_that_new_evidence_contradicts_is_shown_again(place: Place) -> None:
    line = place.desk().queue("edge", before=1 << 40)["lines"][-1]
    assert line["score"] < 0.3
    old = taken("edge", *line["name"], verdict="fake", score=0.9)
    add_decisions(place.data / "decisions.csv", [old], directed=False)
    desk = place.desk()
    assert [each["name"] for each in desk.queue("edge", state="again")["lines"]] == [line["name"]]
    assert desk.item("edge", line["name"])["again"]
    assert desk.queue("edge", text=line["name"][0], state="open", before=1 << 40)["lines"][-1]["name"] == line["name"]
    assert desk.state()["progress"]["edge"]["again"] == 1


@pytest.mark.parametrize(
    ("what", "name", "message"),
    [
        ("edge", ["nobody", "ring-00"], "no account 'nobody'"),
        ("edge", ["ring-00"], "expected a group, an account, or an edge"),
        ("planet", ["x"], "expected a group, an account, or an edge"),
        ("group", ["gone"], "no group 'gone'"),
    ],
)
def test_what_is_not_there_is_an_error(desk: Desk, what: str, name: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        desk.item(what, name)
    with pytest.raises(DataError, match=message):
        desk.decide(what, name, "fake", 0)


def test_a_model_whose_data_have_moved_asks_for_them(place: Place, tmp_path: Path) -> None:
    place.data.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="say --data DATA"):
        place.desk()
    assert place.desk(data=tmp_path / "moved").state()["who"] == "ann"


def test_a_model_of_an_older_version_shows_facts_instead_of_contributions(place: Place) -> None:
    model = RecDiff.load(place.model)
    del model.fitted_.calibration["columns"]
    model.fitted_ = replace(model.fitted_, growth=None)
    model.save(place.model)
    desk = place.desk()
    found = desk.item("edge", first(desk, "edge")["name"])  # type: ignore[arg-type]
    assert found["why"] is None
    assert any("in common" in fact for fact in found["facts"])
