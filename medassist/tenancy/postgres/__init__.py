"""The database backend: search_path and role of the current clinic, always set together."""
