"""Doors for hospital systems."""
