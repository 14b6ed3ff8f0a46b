"""Four people do their whole job from their page, in an empty folder, with real fits and a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from recdiff import RecDiff
from tests.journeys.walk import Journey, walked
from tests.pages.blocks import PEOPLE, Block
from tests.pages.player import fits_once

PAGE = {page.stem: page for page in PEOPLE}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def shared_fits() -> Iterator[None]:
    """Fit the sample once for all who fit it with the same settings."""
    with fits_once():
        yield


def check_shown(shown: list[tuple[Block, str]]) -> None:
    """Check that what the page shows is what was said."""
    for block, said in shown:
        assert block.text == f"{said}\n", f"{block.name}: run python docs/outputs.py"


def test_every_person_has_a_journey() -> None:
    assert set(PAGE) == {"platform-engineer", "recommender-engineer", "researcher", "trust-and-safety-analyst"}


def test_a_recommender_engineer_gets_clean_ties_and_weights(tmp_path: Path) -> None:
    with walked(PAGE["recommender-engineer"], tmp_path / "work") as (journey, shown):
        check_shown(shown)
        place = journey.folder
        theirs = pd.read_csv(next((place / "theirs").glob("*.net")), sep="\t")
        ties, weighted = pd.read_csv(place / "ties.csv"), pd.read_csv(place / "weighted.csv")
        summary = json.loads((place / "cleaned-edges" / "summary.json").read_text(encoding="utf-8"))
        assert len(theirs) == summary["edges"] - summary["removed"]
        assert len(ties) == summary["edges"]
        assert weighted["weight"].between(0, 1).all()
        restored = pd.read_parquet(place / "cleaned-edges" / "kept.parquet")
        assert ((restored["src"] == "paula-0300") & (restored["dst"] == "marek-2038")).any()
        assert pd.read_parquet(place / "recommendations.parquet").groupby("user_id").size().eq(20).all()


def test_an_analyst_finds_fake_accounts_and_decides(tmp_path: Path) -> None:
    with walked(PAGE["trust-and-safety-analyst"], tmp_path / "work") as (journey, shown):
        check_shown(shown)
        found = RecDiff.load(journey.folder / "recdiff-model").fitted_.calibration
        share = found["account_share"]
        assert share["audited"]
        assert share["low"] < len(journey.names["bad"]) / len(RecDiff.load(journey.folder / "recdiff-model").accounts_)
        decided = pd.read_csv(journey.folder / "data" / "decisions.csv")
        assert decided["reason"].isin(["buys followers", "bought tie"]).sum() == 2


def test_a_platform_engineer_serves_and_changes_the_model(tmp_path: Path) -> None:
    with walked(PAGE["platform-engineer"], tmp_path / "work") as (journey, shown):
        check_shown(shown)
        assert journey.server is not None
        status, text = journey.answered(f"localhost:{journey.port}/score", '{"src": ["zoe-3000"], "dst": ["jin-0000"]}')
        assert status == 200
        assert 0 <= json.loads(text)["fake_score"][0] <= 1
        _, metrics = journey.answered(f"localhost:{journey.port}/metrics", None)
        assert 'recdiff_model_loads_total{outcome="loaded"}' in metrics
        journey.server.terminate()
        assert journey.server.wait(30) == 0


def test_a_researcher_compares_a_model_and_a_detector(tmp_path: Path) -> None:
    with walked(PAGE["researcher"], tmp_path / "work") as (journey, shown):
        check_shown(shown)
        place = journey.folder
        assert "mymodel:Friends" in (place / "studies" / "report.html").read_text(encoding="utf-8")
        assert {"mymodel:Friends", "popularity"} <= set(pd.read_csv(place / "studies" / "overall-data.csv")["model"])
        assert (place / "verdict.svg").stat().st_size > 0
        assert pd.read_parquet(place / "spoiled" / "truth.parquet")["is_fake"].any()


def test_a_journey_asks_nobody_where_no_server_was_started(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no server was started"):
        Journey(tmp_path).answered("localhost:1/v2", None)
