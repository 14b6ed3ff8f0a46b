"""The Ray cluster that work is spread over: the one that is there, or one of this machine for the time of the work."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from recdiff.errors import DeviceError, UsageError
from recdiff.extras import install_with
from recdiff.machine.environment import defaults

INSTALL = install_with("ray")
_ADVICE = "Set RAY_ADDRESS to a running cluster, or unset it"
# Seconds that a running cluster may take to accept a connection.
_PATIENCE = 10
# For a cluster that is started here: nothing is sent home, and the core's own log lines stay in its files.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Crew:
    """Who does the work: ``size`` workers of ``threads`` cores each, with a card each or none."""

    size: int
    threads: int
    cards: bool


@contextmanager
def cluster() -> Iterator[Any]:
    """Yield the module ``ray``, connected: to the program's own session, the cluster at ``RAY_ADDRESS``, or a new one.

    What is connected or started here is left or stopped at the end. Ray is told to be quiet, and what it prints all the
    same (that a worker died) goes to stderr: stdout belongs to the caller's results.

    Raises:
        UsageError: ray is not installed, or there is no cluster at the address.
    """
    with defaults(_QUIET), redirect_stdout(sys.stderr):
        ray = _ray()
        if ray.is_initialized():
            yield ray
            return
        _require_listener(os.environ.get("RAY_ADDRESS", ""))
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError) as error:
            raise UsageError(f"Ray: {error}. {_ADVICE}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def crew(ray: Any, device: str, workers: int | None, tasks: int | None = None) -> Crew:
    """Divide the cluster: a worker per card where there are cards, else per core or (no ``tasks``) per node.

    Args:
        device: "auto", "cpu" or "cuda".
        workers: how many instead; fewer get more cores each.
        tasks: how many pieces of work there are, so that more workers would idle; None: work that is shared by all.

    Raises:
        DeviceError: for "cuda" where no node has a card.
        UsageError: more workers were asked for than there are cards or cores, or fewer than one.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers = {workers}: at least 1 is needed")
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cards = device != "cpu" and any(node.get("GPU", 0) >= 1 for node in nodes)
    if device == "cuda" and not cards:
        raise DeviceError("--device cuda: no node of the Ray cluster has a card; use --device auto or cpu")
    slots = sum(_places(node, 1, cards) for node in nodes)
    if slots < (workers or 1):
        raise UsageError(f"workers = {workers or 1}: the Ray cluster has {slots} {'cards' if cards else 'cores'}")
    whole = slots if cards else sum(_places(node, 1, cards) > 0 for node in nodes)
    size = workers or whole if tasks is None else min(workers or slots, max(1, tasks))
    most = max(int(node.get("CPU", 0)) for node in nodes)
    threads = next(each for each in range(most, 0, -1) if sum(_places(node, each, cards) for node in nodes) >= size)
    return Crew(size, threads, cards)


def _places(node: dict[str, float], threads: int, cards: bool) -> int:
    """Return how many workers of ``threads`` cores fit a node."""
    fit = int(node.get("CPU", 0)) // threads
    return min(fit, int(node.get("GPU", 0))) if cards else fit


def _require_listener(address: str) -> None:
    """Refuse an address of the form host:port where nobody listens; Ray itself would try for many minutes.

    Raises:
        UsageError: for such an address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise UsageError(f"RAY_ADDRESS = {address}: nothing answers there ({error}). {_ADVICE}") from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"--engine ray needs Ray ({error}); install it: {INSTALL}") from error
    return ray
