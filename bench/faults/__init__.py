"""`python -m bench faults`: real jobs under seeded faults, then an invariant checker over everything that was acknowledged."""
