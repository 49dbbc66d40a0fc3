"""MedAssist: a multi-tenant medical assistant for clinics and hospitals; an assistant to a clinician, not a doctor."""
