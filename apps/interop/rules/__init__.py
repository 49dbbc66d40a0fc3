"""FHIR R4 to the clinical vocabulary and back: pure functions over JSON values."""
