"""The medicine guard: one default-deny check that every text passes before anyone reads it."""

from apps.safety.rules.guard.check import GUARD_VERSION, check_text

__all__ = ["GUARD_VERSION", "check_text"]
