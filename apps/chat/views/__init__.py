"""Pages of the chat's room."""
