"""python -m bench overhead

What MedAssist adds to a model call."""
