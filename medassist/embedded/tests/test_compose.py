"""The compose file against the code it runs: no Docker engine is needed to see that the two agree."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from medassist.embedded.services import table

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("medassist-")}
_READ = re.compile(r"""env\.\w+\(\s*["'](\w+)["']""")


def known_variables() -> set[str]:
    """Every variable that the code reads through medassist.common.env."""
    return {name for file in (ROOT / "medassist").rglob("*.py") for name in _READ.findall(file.read_text())}


def test_every_process_of_the_embedded_table_is_a_service() -> None:
    embedded = {service.name for stage in table() for service in stage.services}
    assert embedded <= SERVICES.keys()


@pytest.mark.parametrize("name", OURS)
def test_a_built_service_has_its_dockerfile_and_a_role_that_the_entrypoint_knows(name: str) -> None:
    service = OURS[name]
    dockerfile = ROOT / service["build"]["dockerfile"]
    assert dockerfile.exists()
    if "entrypoint" not in service:
        assert re.search(rf"^{service['command'][0]}\)$", (ROOT / "docker" / "entrypoint.sh").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_given_to_our_processes_is_one_that_they_read(name: str) -> None:
    given = {variable.removesuffix("_FILE") for variable in SERVICES[name].get("environment", {})}
    assert given <= known_variables()


@pytest.mark.parametrize("name", OURS)
def test_secrets_come_as_files_that_the_secrets_service_makes(name: str, tmp_path: Path) -> None:
    made = secrets_in(tmp_path)
    for variable, value in SERVICES[name].get("environment", {}).items():
        if variable.endswith("_FILE"):
            assert default_of(value).removeprefix("/run/medassist/") in made
        else:
            assert variable not in {
                "SECRET_KEY",
                "FIELD_KEYS",
                "AUDIT_KEY",
                "TICKET_KEY",
                "DATABASE_URL",
                "REDIS_URL",
                "CELERY_BROKER_URL",
                "LLM_API_KEY",
                "LLM_HEAVY_API_KEY",
            }


def default_of(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def secrets_in(folder: Path) -> dict[str, str]:
    runpy.run_path(str(ROOT / "docker" / "make-secrets.py"))["main"](folder)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_secrets_are_made_once_private_and_consistent(tmp_path: Path) -> None:
    made = secrets_in(tmp_path)
    assert secrets_in(tmp_path) == made
    assert made["database_password"] in made["database_url"]
    assert made["redis_password"] in made["redis_url"]
    assert made["redis_password"] in made["redis.conf"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*") if path.is_file())


def test_a_model_servers_key_is_taken_from_standard_input_and_kept(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docker" / "make-secrets.py"), str(tmp_path)]
    assert secrets_in(tmp_path)["llm_api_key"] == "none"
    subprocess.run([*command, "llm_api_key"], input=b"given-key\n", check=True)
    assert secrets_in(tmp_path)["llm_api_key"] == "given-key"
    for name, key in (("database_password", b"other"), ("../outside", b"other"), ("llm_api_key", b"\n")):
        assert subprocess.run([*command, name], input=key, capture_output=True, check=False).returncode != 0
    assert secrets_in(tmp_path)["llm_api_key"] == "given-key"


def test_every_long_running_service_of_the_default_set_answers_for_its_health() -> None:
    for name, service in SERVICES.items():
        if name in {"secrets", "migrate", "beat"} or service.get("profiles"):
            continue
        in_image = "HEALTHCHECK" in (ROOT / service["build"]["dockerfile"]).read_text() if "build" in service else False
        assert "test" in service.get("healthcheck", {}) or in_image, name


def test_images_are_pinned_and_profiles_are_off_by_default() -> None:
    for name, service in SERVICES.items():
        image = default_of(service["image"])
        assert name in OURS or (":" in image and not image.endswith(":latest")), name
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {
        "vllm": ["gpu"],
        "vllm-70b": ["gpu-heavy"],
        "rabbitmq": ["rabbitmq"],
        "worker-media": ["media", "media-stub"],
        "comfyui-stub": ["media-stub"],
        "comfyui": ["media"],
    }


def test_no_service_is_given_a_password_in_the_file_or_by_the_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|_KEYS?($|_)", variable):
                assert variable.endswith(("_FILE", "_PATH")), (name, variable)
                assert default_of(str(value)).startswith("/run/"), (name, variable)
    assert not re.search(r"://[^/\s$]*:[^/\s$]+@", (ROOT / "docker-compose.yml").read_text())


def test_what_a_service_waits_for_exists_and_can_say_that_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, (name, other)
            # A profile's service may be missing: nobody in the default set may wait for it.
            assert "profiles" not in SERVICES[other], (name, other)
            if how["condition"] == "service_healthy":
                dockerfile = SERVICES[other].get("build", {}).get("dockerfile")
                in_image = dockerfile is not None and "HEALTHCHECK" in (ROOT / dockerfile).read_text()
                assert "test" in SERVICES[other].get("healthcheck", {}) or in_image, (name, other)


def test_every_command_of_ours_starts_something_that_exists() -> None:
    modules = re.findall(r"python -m (medassist[\w.]+)", (ROOT / "docker" / "entrypoint.sh").read_text())
    assert modules
    for module in modules:
        assert (ROOT / module.replace(".", "/") / "__main__.py").exists(), module
    commands = {path.stem for path in ROOT.glob("*/**/management/commands/*.py")}
    for name, service in OURS.items():
        if service.get("command", [""])[0] == "manage":
            assert service["command"][1] in commands, name
    assert "beat" in commands


def test_tiers_and_media_never_share_a_card() -> None:
    cards = {
        name: {default_of(card) for device in devices for card in device["device_ids"]}
        for name, service in SERVICES.items()
        if (devices := service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices"))
    }
    assert cards.keys() == {"vllm", "vllm-70b", "comfyui"}
    assert sum(len(each) for each in cards.values()) == len(set().union(*cards.values()))
    tensor_parallel = [part for part in SERVICES["vllm-70b"]["command"] if part.startswith("--tensor-parallel-size=")]
    assert tensor_parallel == [f"--tensor-parallel-size={len(cards['vllm-70b'])}"]


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0,
    reason="docker compose is not installed here",
)
def test_docker_compose_itself_understands_the_file() -> None:
    profiles = [f"--profile={name}" for name in ("gpu", "gpu-heavy", "rabbitmq", "media", "media-stub")]
    done = subprocess.run(
        ["docker", "compose", *profiles, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_only_the_proxy_is_published_and_only_on_the_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["nginx"]
    assert all(str(port).startswith("127.0.0.1:") for port in published["nginx"])


def test_only_the_media_worker_reaches_the_network_of_media() -> None:
    assert SERVICES["comfyui"]["networks"] == ["media"]
    on_it = {name for name, service in SERVICES.items() if "media" in service.get("networks", [])}
    assert SERVICES["comfyui-stub"]["networks"] == ["media"]
    assert on_it == {"comfyui", "comfyui-stub", "worker-media"}
    assert COMPOSE["networks"]["media"]["internal"] is True


def test_media_and_language_model_work_are_other_queues_of_other_workers() -> None:
    queues = {name: service["command"][1] for name, service in OURS.items() if name.startswith("worker-")}
    assert queues == {"worker-llm": "llm", "worker-ingest": "ingest", "worker-hooks": "hooks", "worker-media": "media"}


def test_mounted_files_and_named_volumes_exist() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], (name, volume)


@pytest.mark.parametrize("dockerfile", ["Dockerfile.web", "Dockerfile.worker"])
def test_images_run_as_nobody_special_and_copy_what_exists(dockerfile: str) -> None:
    text = (ROOT / "docker" / dockerfile).read_text()
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        sources = [word for word in line.split() if not word.startswith("--")][:-1]
        assert sources
        assert all((ROOT / source).exists() for source in sources), line


@pytest.mark.parametrize(
    "script",
    [
        "docker/entrypoint.sh",
        "docker/postgres/10-medassist.sh",
        "requirements/install.sh",
        "requirements/install-vllm.sh",
        "requirements/lock.sh",
        ".ci/browser.sh",
    ],
)
def test_shell_scripts_are_posix_and_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(ROOT / script)], check=False).returncode == 0


def test_the_proxys_paths_agree_with_the_processes() -> None:
    text = (ROOT / "docker" / "nginx.conf").read_text()
    assert "location = /v1/events" in text
    assert '"/v1/events"' in (ROOT / "medassist" / "events" / "app.py").read_text()
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("dockerfile", ["Dockerfile.web", "Dockerfile.worker"])
def test_dockerfiles_keep_the_rules_of_small_and_safe_images(dockerfile: str) -> None:
    text = (ROOT / "docker" / dockerfile).read_text().replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    bases = [rest for word, rest in lines if word == "FROM"]
    assert len(bases) == 2
    assert all(":" in base and "latest" not in base for base in bases)
    # The last stage ends as nobody special, with a health check, and brings no compiler's leavings along.
    last = lines[max(number for number, (word, _) in enumerate(lines) if word == "FROM") :]
    words = [word for word, _ in last]
    assert [rest for word, rest in last if word == "USER"][-1] == "10001:10001"
    assert words.count("HEALTHCHECK") == words.count("ENTRYPOINT") == 1
    assert not any(word == "ADD" for word, _ in lines)
    assert not any(
        re.search(r"\b(sudo|curl|wget|chmod 777)\b|pip install", rest) for word, rest in last if word == "RUN"
    )
    assert "PIP_NO_CACHE_DIR=1" in text
    assert not re.search(r"(PASSWORD|TOKEN|SECRET|_KEY)\s*=", text)


def test_the_steps_of_the_images_run(tmp_path: Path) -> None:
    """What the images do with our own files, in a clean folder: copied as the Dockerfile says, compiled, started."""
    for dockerfile in ("Dockerfile.web", "Dockerfile.worker"):
        app = tmp_path / dockerfile
        app.mkdir()
        for line in re.findall(
            r"^COPY (?!--from|--chmod|requirements)(.*)$", (ROOT / "docker" / dockerfile).read_text(), re.MULTILINE
        ):
            *sources, target = line.split()
            for source in sources:
                place = app / target.removeprefix("./") if target != "./" else app / source
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__", "tests"))
                else:
                    shutil.copy(ROOT / source, place)
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "medassist", "apps"], cwd=app, check=True, capture_output=True
        )
        for module in ("medassist.events", "medassist.llm.reference", "medassist.comfyui"):
            subprocess.run([sys.executable, "-m", module, "--help"], cwd=app, check=True, capture_output=True)
        assert (app / "apps" / "media" / "data" / "workflows" / "text_to_image.json").is_file()
