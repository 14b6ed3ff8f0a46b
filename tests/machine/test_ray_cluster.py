"""The Ray cluster: refused at once where nobody listens; the environment is left as it was."""

from __future__ import annotations

import os
import socket
import sys
from types import ModuleType

import pytest

from recdiff.errors import UsageError
from recdiff.machine.ray_cluster import cluster


class SomeRay(ModuleType):
    """Stands in for the module ray: a session of the program's own, or none."""

    def __init__(self, initialised: bool) -> None:
        super().__init__("ray")
        self.initialised = initialised
        self.calls: list[str] = []

    def is_initialized(self) -> bool:
        return self.initialised

    def init(self, **_: object) -> None:
        self.calls.append(f"init, usage {os.environ['RAY_USAGE_STATS_ENABLED']}")

    def shutdown(self) -> None:
        self.calls.append("shutdown")


@pytest.fixture
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)


def test_an_address_where_nobody_listens_is_refused(monkeypatch: pytest.MonkeyPatch, no_address: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setitem(sys.modules, "ray", ray := SomeRay(initialised=False))
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            monkeypatch.setenv("RAY_ADDRESS", address)
            with pytest.raises(UsageError, match=f"RAY_ADDRESS = {address}: nothing answers there"), cluster():
                pass
        assert ray.calls == []


def test_what_is_started_is_stopped_and_sends_nothing(monkeypatch: pytest.MonkeyPatch, no_address: None) -> None:
    monkeypatch.setitem(sys.modules, "ray", ray := SomeRay(initialised=False))
    with pytest.raises(KeyError), cluster():
        raise KeyError
    assert ray.calls == ["init, usage 0", "shutdown"]
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_a_running_cluster_is_connected_to(monkeypatch: pytest.MonkeyPatch, no_address: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setitem(sys.modules, "ray", ray := SomeRay(initialised=False))
        with cluster():
            pass
    assert ray.calls == ["init, usage 0", "shutdown"]


def test_the_programs_own_session_is_left_alone(monkeypatch: pytest.MonkeyPatch, no_address: None) -> None:
    monkeypatch.setitem(sys.modules, "ray", ray := SomeRay(initialised=True))
    with cluster():
        pass
    assert ray.calls == []


def test_what_is_printed_meanwhile_goes_to_stderr(
    monkeypatch: pytest.MonkeyPatch, no_address: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SomeRay(initialised=True))
    with cluster():
        print("a worker died")
    print("a result")
    assert capsys.readouterr() == ("a result\n", "a worker died\n")
