"""The clinicians' pages: work list, new case, case, passage. Each view parses, authorises, calls, renders."""
