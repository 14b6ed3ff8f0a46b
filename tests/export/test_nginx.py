"""The configuration of nginx in docs, as it stands, before a real server."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from recdiff_export import OnnxScorer

pytest.importorskip("uvicorn", reason="serving needs the extra [serve]")
NGINX, OPENSSL = (
    shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"),
    shutil.which("openssl"),
)
pytestmark = pytest.mark.skipif(
    NGINX is None or OPENSSL is None, reason="nginx and openssl are not installed: apt-get install nginx-light openssl"
)
CONFIGURATION = Path(__file__).resolve().parents[2] / "docs" / "serving-nginx.conf"
WHOLE = """
daemon off;
pid {place}/pid;
error_log {place}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    include {place}/recdiff.conf;
}}
"""
HEAD = b"POST /score HTTP/1.1\r\nhost: scores.example.org\r\nconnection: close\r\n"


def certificate(place: Path) -> None:
    key, made = place / "scores.key", place / "scores.pem"
    command = [
        OPENSSL,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=scores.example.org",
    ]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Front:
    """nginx, listening on ``port``."""

    port: int

    def connect(self) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 10))

    def ask(self, raw: bytes) -> bytes:
        with self.connect() as opened:
            opened.sendall(raw)
            return rest(opened)


def rest(opened: ssl.SSLSocket) -> bytes:
    found = []
    try:
        while piece := opened.recv(1 << 16):
            found.append(piece)
    except OSError:
        pass
    return b"".join(found)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, onnx_scorer: OnnxScorer) -> Iterator[Front]:
    """nginx with the configuration of docs, its addresses and its seconds replaced, before a server of ours."""
    pytest.importorskip("starlette", reason="serving needs the extra [serve]")
    from tests.export.servers import running

    place = tmp_path_factory.mktemp("nginx")
    certificate(place)
    with running(onnx_scorer) as behind:
        port = free_port()
        said = CONFIGURATION.read_text(encoding="utf-8")
        for old, new in (
            ("server 127.0.0.1:8000;", f"server {behind};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("/etc/ssl/", f"{place}/"),
            ("_timeout 10s;", "_timeout 1s;"),
        ):
            assert old in said, f"{old} is not in {CONFIGURATION.name}"
            said = said.replace(old, new)
        (place / "recdiff.conf").write_text(said)
        (place / "nginx.conf").write_text(WHOLE.format(place=place))
        process = subprocess.Popen([str(NGINX), "-c", place / "nginx.conf", "-p", place], stderr=subprocess.PIPE)
        try:
            wait_for(port, process)
            yield Front(port)
        finally:
            process.terminate()
            process.wait(10)
            assert process.stderr is not None
            process.stderr.close()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


def test_it_hands_a_request_on(front: Front) -> None:
    body = b'{"src":[7],"dst":[10]}'
    answer = front.ask(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"fake_score"' in answer


@pytest.mark.alone
def test_a_slow_head_and_a_slow_body_are_cut_off(front: Front) -> None:
    for begun in (HEAD[:30], HEAD + b"content-length: 100\r\n\r\n"):
        begin = time.monotonic()
        with front.connect() as opened:
            opened.sendall(begun)
            answer = rest(opened)
        assert not answer or answer.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begin < 5


@pytest.mark.alone
def test_dripping_a_head_does_not_prolong_it(front: Front) -> None:
    begin = time.monotonic()
    with front.connect() as opened:
        try:
            while time.monotonic() - begin < 8:
                opened.sendall(b"G" if time.monotonic() - begin < 0.1 else b"E")
                time.sleep(0.2)
        except OSError:
            pass
    assert time.monotonic() - begin < 6


def test_heads_and_bodies_are_bounded(front: Front) -> None:
    assert front.ask(HEAD + b"x: " + b"a" * 9000 + b"\r\n\r\n").split()[1] == b"400"
    assert front.ask(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n").split()[1] == b"414"
    many = b"".join(b"x%d: %b\r\n" % (at, b"a" * 1000) for at in range(60))
    assert front.ask(HEAD + many + b"\r\n").split()[1] == b"400"
    assert front.ask(HEAD + b"content-length: 17000000\r\n\r\n").split()[1] == b"413"


def test_one_client_has_so_many_connections(front: Front) -> None:
    time.sleep(1.5)  # For those of the tests before to end.
    with ExitStack() as stack:
        for _ in range(16):
            busy = stack.enter_context(front.connect())
            busy.sendall(HEAD + b"content-length: 100\r\n\r\n")
        time.sleep(0.2)
        assert front.ask(b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").split()[1] == b"503"


def test_it_is_valid_as_it_stands(tmp_path: Path) -> None:
    certificate(tmp_path)
    said = CONFIGURATION.read_text(encoding="utf-8").replace("/etc/ssl/", f"{tmp_path}/")
    (tmp_path / "recdiff.conf").write_text(said)
    (tmp_path / "nginx.conf").write_text(WHOLE.format(place=tmp_path))
    done = subprocess.run(
        [str(NGINX), "-t", "-c", tmp_path / "nginx.conf", "-p", tmp_path], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
