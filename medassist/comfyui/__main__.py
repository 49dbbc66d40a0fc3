"""`python -m medassist.comfyui --host 127.0.0.1 --port 8188`: starts the stand-in for ComfyUI.

Options may come from the environment too: COMFYUI_STUB_SECONDS (of one drawing), COMFYUI_STUB_FAULTS.
"""

from __future__ import annotations

import argparse
import sys

from aiohttp import web

from medassist.comfyui.server import MODES, Stub
from medassist.common import env
from medassist.common.errors import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m medassist.comfyui", description="A stand-in for ComfyUI; no image model."
    )
    try:
        parser.add_argument("--seconds", type=float, default=env.number("COMFYUI_STUB_SECONDS", 1.0, minimum=0))
        parser.add_argument("--faults", action="store_true", default=env.boolean("COMFYUI_STUB_FAULTS", False))
    except ConfigurationError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201 - a command says why it refuses
        return 2
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--mode", default="", choices=sorted(MODES), help="a fault from the start (with --faults)")
    options = parser.parse_args(arguments)
    stub = Stub(seconds=options.seconds, faults=options.faults, mode=options.mode if options.faults else "")
    web.run_app(
        stub.app(), host=options.host, port=options.port, access_log=None, print=lambda *_: None, shutdown_timeout=1
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
