"""`python -m medassist.llm.reference --host 127.0.0.1 --port 8100`: starts the reference backbone service.

Options may come from the environment too: REFERENCE_HOST, REFERENCE_PORT, REFERENCE_CONTEXT_TOKENS,
REFERENCE_MAX_REQUESTS, REFERENCE_API_KEY (or REFERENCE_API_KEY_FILE), REFERENCE_FAULTS.
"""

from __future__ import annotations

import argparse
import sys

import uvicorn

from medassist.common import env
from medassist.common.errors import ConfigurationError
from medassist.llm.reference.service import Limits, make_app


def main(arguments: list[str] | None = None) -> int:
    try:
        options = _parser().parse_args(arguments)
        limits = Limits(
            context_tokens=options.context_tokens,
            max_requests=options.max_requests,
            api_key=env.text("REFERENCE_API_KEY", ""),
            faults=options.faults,
        )
    except ConfigurationError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)  # noqa: T201 - a command says why it refuses
        return 2
    # No access log: it grows with use and tells nothing that /metrics does not.
    uvicorn.run(
        make_app(limits),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=20,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m medassist.llm.reference", description="The reference backbone; not a language model."
    )
    parser.add_argument("--host", default=env.text("REFERENCE_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=env.integer("REFERENCE_PORT", 8100, minimum=0, maximum=65535))
    parser.add_argument(
        "--context-tokens", type=int, default=env.integer("REFERENCE_CONTEXT_TOKENS", 32768, minimum=256)
    )
    parser.add_argument("--max-requests", type=int, default=env.integer("REFERENCE_MAX_REQUESTS", 64, minimum=1))
    parser.add_argument(
        "--faults",
        action="store_true",
        default=env.boolean("REFERENCE_FAULTS", False),
        help="accept faults on request (tests)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
