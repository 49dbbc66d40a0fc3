"""From a stored request to a labelled picture."""
