"""The page's server: who may ask it, what it answers, and what it says of what it refuses."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recdiff_export.serve.options import SERVE_EXTRA
from tests.review.conftest import Place, served

httpx = pytest.importorskip("httpx")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def address(town: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page whose decisions these tests share."""
    base = tmp_path_factory.mktemp("served")
    for folder in (town.data, town.model):
        shutil.copytree(folder, base / folder.name)
    with served(Place(base / town.data.name, base / town.model.name), "--who", "ann") as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as found:
        yield found


def test_the_page_and_all_it_needs_come_from_here_with_a_strict_policy(client: httpx.Client) -> None:
    page = client.get("")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert page.headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in page.headers
    for name in ("main.js", "review.css", "icon.svg", "cytoscape.min.js", "cytoscape.LICENSE.txt"):
        found = client.get(name)
        assert found.status_code == 200, name
        assert found.headers["x-content-type-options"] == "nosniff"
        if not name.startswith("cytoscape"):
            assert "//" not in found.text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")
    for name in ("app.py", "..%2fapp.py", "%2e%2e/app.py", "nothing.js"):
        assert client.get(name).status_code == 404, name


def test_nobody_without_the_token_or_from_another_site_is_let_in(client: httpx.Client, address: str) -> None:
    parts = urlsplit(address)
    base, token = f"http://{parts.netloc}", parts.path.strip("/")
    for path in ("/", "/api/state", f"/{token[:-1]}/api/state", f"/{token}x/", f"/{token}", "/%00/", "/é/"):
        assert httpx.get(f"{base}{path}").status_code == 404, path
    assert client.get("api/state").status_code == 200
    for host in ("evil.example", f"evil.example:{parts.port}", "127.0.0.1", ""):
        assert client.get("api/state", headers={"host": host}).status_code in (400, 421), host
    body = {"what": "account", "name": ["ring-09"], "verdict": "fake", "known": 0}
    for origin in ("http://evil.example", "null", "https://" + parts.netloc, "http://127.0.0.1:1"):
        assert client.post("api/decide", json=body, headers={"origin": origin}).status_code == 403, origin
    preflight = client.options("api/decide", headers={"origin": "http://evil.example"})
    assert preflight.status_code == 403
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert client.get("api/item", params={"what": "account", "name": "ring-09"}).json()["state"] == "open"


def test_only_this_machine_is_listened_to(address: str) -> None:
    port = urlsplit(address).port
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_queue_a_thing_a_decision_and_back(client: httpx.Client) -> None:
    lines = client.get("api/queue", params={"tab": "edge", "limit": 5}).json()["lines"]
    thing = {"what": "edge", "name": lines[0]["name"]}
    found = client.get("api/item", params=thing).json()
    assert found["known"] == 0
    done = client.post("api/decide", json={**thing, "verdict": "fake", "known": 0, "reason": "seen"})
    assert done.status_code == 200
    assert done.json()["state_now"]["progress"]["edge"]["fake"] == 1
    again = client.post("api/decide", json={**thing, "verdict": "real", "known": 0})
    assert again.status_code == 409
    assert again.json()["standing"]["verdict"] == "fake"
    assert again.json()["standing"]["who"] == "ann"
    assert client.post("api/undo", json={**thing, "known": 1}).json()["state"] == "open"
    assert client.post("api/reload", json={}).json()["progress"]["edge"]["decided"] == 0


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"what": "edge", "name": ["no", "one"], "verdict": "fake", "known": 0}, 422, "no account 'no'"),
        ({"what": "edge", "name": "ring-00", "verdict": "fake", "known": 0}, 400, "name must be a list"),
        ({"what": "edge", "name": [1, 2], "verdict": "fake", "known": 0}, 400, "name must be a text"),
        (
            {"what": "account", "name": ["ring-00"], "verdict": "perhaps", "known": 0},
            400,
            "expected fake, real or unsure",
        ),
        ({"what": "account", "name": ["ring-00"], "verdict": "fake", "known": True}, 400, "known must be"),
        ({"what": "account", "name": ["ring-00"], "verdict": "fake"}, 400, "known must be"),
        (
            {"what": "account", "name": ["ring-00"], "verdict": "fake", "known": 0, "by": "eve"},
            400,
            "unknown field 'by'",
        ),
        ({"what": "account", "name": ["ring-00"], "verdict": "fake", "known": 0, "reason": "x" * 2001}, 400, "at most"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_message(
    client: httpx.Client, body: dict[str, object], status: int, message: str
) -> None:
    answer = client.post("api/decide", json=body)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text


def test_bodies_and_questions_have_bounds(client: httpx.Client) -> None:
    assert client.post("api/decide", content=b"{" * 10).status_code == 400
    assert client.post("api/decide", content=b" " * (65 << 10)).status_code == 413
    half = b'{"what": "account", "name": ["\\ud800"], "verdict": "fake", "known": 0}'
    assert client.post("api/decide", content=half).status_code == 400
    for params in (
        {"tab": "x"},
        {"tab": "edge", "limit": 201},
        {"tab": "edge", "after": "nan"},
        {"tab": "edge", "z": 1},
    ):
        assert client.get("api/queue", params=params).status_code == 400, params


def test_ids_are_text_whatever_they_look_like(place: Place) -> None:
    from recdiff.audit.decisions import add_decisions, taken

    add_decisions(
        place.data / "decisions.csv",
        [taken("account", "ring-01", "", "fake", reason="<img src=x onerror=alert(1)>", who="<b>eve</b>")],
        directed=False,
    )
    with served(place) as address:
        found = httpx.get(f"{address}api/item", params={"what": "account", "name": "ring-01"})
        assert found.headers["content-type"] == "application/json"
        assert found.json()["history"][0]["who"] == "<b>eve</b>"


def test_decisions_that_cannot_be_read_are_named(place: Place) -> None:
    with served(place) as address:
        (place.data / "decisions.csv").write_text("what,src\nedge,a\n", encoding="utf-8")
        answer = httpx.get(f"{address}api/state")
        assert answer.status_code == 422
        assert "decisions.csv" in answer.json()["error"]
        (place.data / "decisions.csv").unlink()
        assert httpx.get(f"{address}api/state").status_code == 200


def test_a_port_that_is_taken_is_a_usage_error(run: object, place: Place, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("review", "--model", place.model, "--port", port)  # type: ignore[operator]
    assert code == 2
    assert err.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert "another --port" in err


def test_a_model_or_audit_that_is_none_is_an_error(run: object, place: Place) -> None:
    assert run("review", "--model", "nowhere")[0] == 4  # type: ignore[operator]
    (place.data / "answers.csv").write_text("src,dst\n", encoding="utf-8")
    code, _, err = run("review", "--model", place.model, "--audit", place.data / "answers.csv")  # type: ignore[operator]
    assert code == 3
    assert "answers.csv" in err


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "httptools"])
def test_without_the_extra_it_says_what_to_install(place: Place, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom recdiff_cli.main import main; main()"
    command = [sys.executable, "-c", code, "review", "--model", str(place.model), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert SERVE_EXTRA in done.stderr
