"""People, roles, permissions and API keys: who may do what, denied by default."""
