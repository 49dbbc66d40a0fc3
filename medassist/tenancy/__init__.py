"""Clinics: one Postgres schema and one database role each; the only schema switch of the code base."""
