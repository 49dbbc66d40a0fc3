"""The chat's room over the API."""
