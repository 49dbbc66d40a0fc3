"""What needs the FHIR library."""
