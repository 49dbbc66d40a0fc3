"""Settings are parsed by small functions that fail loudly; secrets may be files (NAME_FILE)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import overload
from urllib.parse import unquote, urlsplit

from medassist.common.errors import ConfigurationError


@overload
def text(name: str, default: str) -> str: ...
@overload
def text(name: str, default: None = None) -> str | None: ...
def text(name: str, default: str | None = None) -> str | None:
    """The variable's value, or the content of the file that NAME_FILE names (trailing newline cut)."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ConfigurationError(f"{name}_FILE cannot be read: {error.strerror}") from error
    value = os.environ.get(name)
    return default if value in (None, "") else value


def required(name: str, hint: str = "") -> str:
    """The variable's value; a missing one stops the process with the name of what is missing."""
    value = text(name)
    if value is None:
        raise ConfigurationError(f"{name} (or {name}_FILE) must be set. {hint}".strip())
    return value


def integer(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    value = text(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}") from error
    _in_range(name, number, minimum, maximum)
    return number


def number(name: str, default: float, *, minimum: float | None = None, maximum: float | None = None) -> float:
    value = text(name)
    if value is None:
        return default
    try:
        parsed = float(value)
    except ValueError as error:
        raise ConfigurationError(f"{name} must be a number, not {value!r}") from error
    _in_range(name, parsed, minimum, maximum)
    return parsed


def _in_range(name: str, value: float, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and value < minimum:
        raise ConfigurationError(f"{name} must be at least {minimum}, not {value}")
    if maximum is not None and value > maximum:
        raise ConfigurationError(f"{name} must be at most {maximum}, not {value}")


def boolean(name: str, default: bool) -> bool:
    value = text(name)
    if value is None:
        return default
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{name} must be true or false, not {value!r}")


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list; blanks are dropped."""
    value = text(name)
    if value is None:
        return list(default)
    return [part.strip() for part in value.split(",") if part.strip()]


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A comma-separated list of addresses and networks ("10.0.0.7, 10.1.0.0/16")."""
    try:
        return tuple(ip_network(part) for part in words(name))
    except ValueError as error:
        raise ConfigurationError(f"{name} must list addresses or networks: {error}") from error


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def database(name: str, hint: str = "") -> dict[str, str | int]:
    """NAME, USER, PASSWORD, HOST and PORT out of postgresql://user:password@host:port/name."""
    url = required(name, hint)
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ConfigurationError(f"{name} must start with postgresql://")
    database_name = unquote(parts.path.lstrip("/"))
    if not database_name or not parts.hostname:
        raise ConfigurationError(f"{name} must name a host and a database: postgresql://user:password@host:port/name")
    try:
        port = parts.port or 5432
    except ValueError as error:
        raise ConfigurationError(f"{name} has a port that is not a number") from error
    return {
        "NAME": database_name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": port,
    }


@dataclass(frozen=True)
class Backbone:
    """A model server by name, as variables give it."""

    name: str
    base_url: str
    model: str
    api_key: str = field(repr=False)


def backbones(name: str) -> tuple[Backbone, ...]:
    """`name` lists backbones ("spare, qwen"); each has `LLM_<NAME>_BASE_URL`, `LLM_<NAME>_MODEL` and, when it needs
    one, `LLM_<NAME>_API_KEY`. A name without its address stops the process with what is missing."""
    found = []
    for label in (item.strip() for item in text(name, "").split(",")):
        if not label:
            continue
        prefix = f"LLM_{label.upper().replace('-', '_')}"
        hint = f"{name} names the backbone {label!r}."
        found.append(
            Backbone(
                name=label,
                base_url=required(f"{prefix}_BASE_URL", hint),
                model=required(f"{prefix}_MODEL", hint),
                api_key=text(f"{prefix}_API_KEY", "none"),
            )
        )
    return tuple(found)
