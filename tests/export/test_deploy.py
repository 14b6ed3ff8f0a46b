"""What is handed out to deploy with: an image that is not root's, and files that platforms read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from recdiff.version import VERSION
from recdiff_export.runtime_command import main
from recdiff_export.serve.openapi import described
from recdiff_export.serve.options import ServeOptions

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "export" / "deploy"
IMAGE = f"recdiff-runtime:{VERSION}"
PATHS = described(ServeOptions())["paths"]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, each a word and what follows it."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined) if word]


def of_final_stage() -> dict[str, str]:
    """Return the last of each instruction of the image itself."""
    found = instructions()
    begun = max(at for at, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[begun:])


def read(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_base_images_are_slim_and_pinned() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for name in [*re.findall(r"image: (\S+)", compose), *re.findall(r"image: (\S+)", _text("kubernetes.yaml"))]:
        assert re.search(r":v?\d+\.\d+\.\d+$", name), f"{name} names no version"
        assert name == IMAGE or "recdiff" not in name


def _text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def test_the_image_runs_as_nobody_in_particular() -> None:
    user, _, group = of_final_stage()["USER"].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [part for word, rest in instructions() if word == "COPY" for part in rest.split()[:-1]]
    for source in (each for each in sources if not each.startswith(("--from", "/"))):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    assert ignored[1] == "*"
    (install,) = (rest for word, rest in instructions() if word == "RUN")
    assert "'./export/runtime-package[serve]'" in install


def test_the_command_and_the_check_of_its_health_fit_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    said = of_final_stage()
    assert json.loads(said["ENTRYPOINT"]) == ["recdiff-runtime"]
    words = json.loads(said["CMD"])
    assert words[words.index("--port") + 1] == said["EXPOSE"]
    assert words[words.index("--host") + 1] == "0.0.0.0"
    # It is taken as far as the bundle, which is not there.
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert (ended.value.code, "no bundle here" in capsys.readouterr().err) == (4, True)
    options, _, check = said["HEALTHCHECK"].partition("CMD ")
    assert "--timeout=" in options
    (path,) = re.findall(rf"http://127\.0\.0\.1:{said['EXPOSE']}(/[\w/]+)", check)
    assert path in PATHS
    compile(json.loads(check)[2], "check", "exec")


def test_compose_serves_from_a_root_that_nobody_writes_and_is_scraped() -> None:
    (compose,) = read(ROOT / "compose.yaml")
    server, prometheus = compose["services"]["recdiff"], compose["services"]["prometheus"]
    assert (server["build"], server["read_only"], server["cap_drop"]) == (".", True, ["ALL"])
    assert server["volumes"] == ["./recdiff-model:/model:ro"]
    assert all(port.startswith("127.0.0.1:") for each in (server, prometheus) for port in each["ports"])
    mounted = [each.split(":") for each in prometheus["volumes"]]
    assert (ROOT / mounted[0][0]).is_file()
    (scraped,) = read(DEPLOY / "prometheus.yml")
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"recdiff:{of_final_stage()['EXPOSE']}"]}]
    assert job["metrics_path"] in PATHS
    (secret,) = prometheus["secrets"]
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret}"}
    assert compose["secrets"][secret] == {"environment": "RECDIFF_TOKEN"}
    assert int(server["stop_grace_period"].rstrip("s")) > ServeOptions().stop_seconds


def test_the_deployment_is_probed_bounded_and_not_root() -> None:
    deployment, service = read(DEPLOY / "kubernetes.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) == of_final_stage()["USER"].partition(":")[0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in PATHS
    assert container["resources"].keys() == {"requests", "limits"}
    (port,) = container["ports"]
    assert str(port["containerPort"]) == of_final_stage()["EXPOSE"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert pod["terminationGracePeriodSeconds"] > ServeOptions().stop_seconds


def test_kubernetes_takes_the_deployment() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="manifests are checked by kubernetes-validate")
    for document in read(DEPLOY / "kubernetes.yaml"):
        validate.validate(document, validate.latest_version(), strict=True)


def test_compose_takes_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    schemas = pytest.importorskip("check_jsonschema", reason="compose.yaml is checked by check-jsonschema")
    arguments = ["--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    with pytest.raises(SystemExit) as ended:
        schemas.main(arguments)
    assert ended.value.code == 0, capsys.readouterr().out
