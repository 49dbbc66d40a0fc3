"""The reference backbone: an extractive, deterministic model service of our own. Its own process; no Django."""
