"""Questions about a case, answered from its record and from guidelines, with the same checks as an assessment."""
