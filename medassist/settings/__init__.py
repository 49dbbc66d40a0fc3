"""Settings: `base` reads everything from environment variables; `test` is `base` on throw-away services."""
