"""What may be drawn, the workflows with their slots, and PNG files: pure functions."""
