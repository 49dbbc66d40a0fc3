"""A real vLLM on a CPU as a test's own process; VLLM_PYTHON names the interpreter of its environment."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[4]
PYTHON = os.environ.get("VLLM_PYTHON", "")
STARTUP_S = 300
QUIET = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
}


def make_model(folder: Path) -> None:
    """The tiny Llama and its adapter, made in vLLM's own environment."""
    subprocess.run(
        [_python(), "-m", "medassist.llm.tests.vllm.tiny_llama", str(folder)],
        cwd=CHECKOUT, env={**os.environ, **QUIET}, check=True, capture_output=True, timeout=120,
    )  # fmt: skip


class VLLM:
    """One server over `folder` on `port`; `kill` and `start` again as a fault would."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}/v1"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it is healthy: 40 to 60 s on two idle cores."""
        with (self.folder / "vllm.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    _python(), "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", str(self.port),
                    "--model", str(self.folder / "base"), "--served-model-name", "demo", "--dtype", "float32",
                    "--max-model-len", "32768", "--enforce-eager", "--enable-lora", "--max-loras", "2",
                    "--max-lora-rank", "16", "--lora-modules", f"clinic-a={self.folder / 'adapter'}",
                    "--scheduling-policy", "priority", "--max-num-queued-reqs", "30", "--shutdown-timeout", "20",
                    "--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}',
                ],
                cwd=self.folder, env={**os.environ, **QUIET}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + STARTUP_S
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"vLLM did not start: {(self.folder / 'vllm.log').read_text('utf-8')[-2_000:]}")
            time.sleep(1)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL to the whole group: the API server and its engine."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait(timeout=20)

    def metric(self, name: str) -> float:
        """The sum of all samples of one metric."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{"))


def _python() -> str:
    # The checkout's own folder, since the server is started elsewhere.
    return str(CHECKOUT / PYTHON) if not os.path.isabs(PYTHON) else PYTHON  # noqa: PTH117
