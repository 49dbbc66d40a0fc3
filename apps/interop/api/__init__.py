"""The API classes of this room, one per operation."""
