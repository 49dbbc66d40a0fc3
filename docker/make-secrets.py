#!/usr/bin/env python
"""Fills a volume with the secrets of a compose set-up, once: `make-secrets.py FOLDER`. What exists is kept.

`make-secrets.py FOLDER NAME` stores standard input as the key of a model server: llm_api_key or llm_heavy_api_key.

Each file is readable to the one account that needs it: 10001 is ours, 999 that of Postgres, Redis and RabbitMQ.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

OURS = 10001
SERVERS = 999
GIVEN = ("llm_api_key", "llm_heavy_api_key")


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _password() -> str:
    return secrets.token_urlsafe(32)


def store(path: Path, content: str, owner: int) -> None:
    path.parent.mkdir(exist_ok=True)
    draft = path.with_name(f"{path.name}.partial")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
        file.write(content)
    if os.geteuid() == 0:
        os.chown(draft, owner, owner)
    draft.replace(path)


def give(folder: Path, name: str, content: str) -> None:
    if name not in GIVEN or not content.strip():
        raise SystemExit(f"Standard input must hold the key, and its name must be one of {', '.join(GIVEN)}")
    store(folder / name, content.strip(), OURS)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)

    def keep(name: str, make: Callable[[], str], owner: int) -> str:
        path = folder / name
        if not path.exists():
            store(path, make(), owner)
        return path.read_text(encoding="utf-8")

    keep("secret_key", lambda: secrets.token_urlsafe(50), OURS)
    keep("field_keys", lambda: f"k1:{_key()}", OURS)
    keep("audit_key", _key, OURS)
    keep("ticket_key", _key, OURS)
    # The built-in backbone asks for no key.
    keep("llm_api_key", lambda: "none", OURS)
    keep("postgres_password", _password, SERVERS)
    database = keep("database_password", _password, SERVERS)
    keep("database_url", lambda: f"postgresql://medassist:{database}@postgres:5432/medassist", OURS)
    redis = keep("redis_password", _password, SERVERS)
    keep(
        "redis.conf",
        lambda: f'requirepass "{redis}"\nappendonly yes\nmaxmemory-policy noeviction\ndir /data\n',
        SERVERS,
    )
    keep("redis_url", lambda: f"redis://:{redis}@redis:6379/0", OURS)
    broker = keep("rabbitmq_password", _password, SERVERS)
    keep("rabbitmq/10-user.conf", lambda: f"default_user = medassist\ndefault_pass = {broker}\n", SERVERS)
    keep("rabbitmq_url", lambda: f"amqp://medassist:{broker}@rabbitmq:5672//", OURS)
    vectors = keep("qdrant_api_key", _key, OURS)
    keep("qdrant.yaml", lambda: f'service:\n  api_key: "{vectors}"\n', SERVERS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        give(Path(sys.argv[1]), sys.argv[2], sys.stdin.read())
