"""Models behind one protocol; imported by `apps.safety` only, the one door to a model."""
