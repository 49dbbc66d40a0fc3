"""The one-machine set-up without Docker: Postgres and Redis from wheels, remembered ports and secrets, a supervisor."""
