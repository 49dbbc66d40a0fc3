"""What `make setup` installs, and what the make targets promise."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"
SETS = sorted(path.stem for path in REQUIREMENTS.glob("*.in"))
_MODEL_LIBRARIES = {"torch", "transformers", "sentence-transformers", "vllm", "accelerate"}


def pins(name: str) -> dict[str, str]:
    """Package -> version of one compiled set."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    found = [re.match(r"([a-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;]+)", line, re.IGNORECASE) for line in lines]
    return {match[1].lower(): match[2] for match in found if match}


def wanted(name: str) -> dict[str, str]:
    """Package -> version that the .in file pins itself; a wildcard ends before its star."""
    found: dict[str, str] = {}
    for line in (REQUIREMENTS / f"{name}.in").read_text().splitlines():
        if line.startswith("-r "):
            found |= wanted(line[3:].strip().removesuffix(".in"))
        elif match := re.match(r"([a-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s*]+)", line, re.IGNORECASE):
            found[match[1].lower()] = match[2]
    return found


@pytest.mark.parametrize("name", SETS)
def test_a_compiled_set_holds_every_pin_of_its_source(name: str) -> None:
    compiled = pins(name)
    for package, version in wanted(name).items():
        assert compiled[package].startswith(version), package


@pytest.mark.parametrize("name", [name for name in SETS if name != "gpu"])
def test_only_gpu_nodes_ever_download_cuda(name: str) -> None:
    compiled = pins(name)
    assert not [package for package in compiled if package.startswith(("nvidia-", "cuda-"))]
    assert compiled.get("torch", "none+cpu").endswith("+cpu")


@pytest.mark.parametrize("name", ["base", "web", "rag", "worker", "embedded", "dev"])
def test_nothing_that_the_product_needs_to_run_pulls_a_model_library(name: str) -> None:
    assert not _MODEL_LIBRARIES & pins(name).keys()


def test_the_running_sets_agree_on_every_version() -> None:
    tested = pins("dev")
    for name in ("base", "web", "rag", "worker", "embedded", "embed"):
        differing = {package for package, version in pins(name).items() if tested.get(package, version) != version}
        assert differing == set(), name


def test_the_model_libraries_have_one_version_in_every_environment() -> None:
    for package in ("transformers", "sentence-transformers", "trl", "peft", "bitsandbytes", "accelerate", "datasets"):
        assert len({pins(name)[package] for name in SETS if package in pins(name)}) == 1, package


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.iterdir()), ids=lambda path: path.name)
def test_no_requirements_file_names_a_host_or_a_folder(path: Path) -> None:
    assert not re.search(r"https?://|file:/|--(extra-)?index-url|--find-links ", path.read_text())


def make(*arguments: str) -> str:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_plain_make_lists_every_target_that_is_for_people() -> None:
    listed = make()
    assert listed == make("help")
    for target in (
        "setup",
        "demo",
        "test",
        "check",
        "lint",
        "types",
        "layers",
        "migrations",
        "up",
        "down",
        "lock",
        "browser",
        "bench-short",
        "test-vllm",
    ):
        assert re.search(rf"^  {target}\s+\S", listed, re.MULTILINE), target


def test_check_asks_everything_and_tests_last() -> None:
    planned = make("--dry-run", "check")
    steps = [
        "ruff check",
        "ruff format --check",
        "djlint",
        "mypy",
        "importlinter",
        "makemigrations --check",
        "pytest",
        "bench faults",
    ]
    places = [planned.index(step) for step in steps]
    assert places == sorted(places)


def browser_script(path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script where only the programs in `path` and the most common tools exist."""
    for tool in ("sh", "dirname", "timeout"):
        (path / tool).symlink_to(Path(shutil.which(tool) or ""))
    return subprocess.run(
        [str(path / "sh"), str(ROOT / ".ci" / "browser.sh"), *arguments],
        env={"PATH": str(path), "VENV": str(path / "none"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_browser_on_the_path_is_found(tmp_path: Path) -> None:
    found = program(tmp_path / "chromium", "echo Chromium 1")
    assert browser_script(tmp_path).stdout.strip() == str(found)


def test_the_operators_browser_comes_first(tmp_path: Path) -> None:
    program(tmp_path / "chromium", "echo Chromium 1")
    named = program(tmp_path / "mine", "echo Chromium 2")
    assert browser_script(tmp_path, CHROMIUM=str(named)).stdout.strip() == str(named)


def test_a_browser_that_cannot_start_is_none(tmp_path: Path) -> None:
    program(tmp_path / "chromium", "echo 'error while loading shared libraries' >&2; exit 127")
    done = browser_script(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


def test_where_no_browser_can_be_had_the_script_fails_and_says_what_to_do(tmp_path: Path) -> None:
    program(tmp_path / "id", "echo 1000")
    done = browser_script(tmp_path, "--install")
    assert done.returncode == 1
    assert "Install chromium" in done.stderr
