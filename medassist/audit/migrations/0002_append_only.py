"""The database itself refuses changes to the trail, and keeps each clinic's hands off the other heads."""

from __future__ import annotations

from django.db import migrations

from medassist.tenancy.operations import clinic_row_security

_FUNCTION = """
CREATE OR REPLACE FUNCTION public.audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail is append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""
_TRIGGERS = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION public.audit_refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse_change();
"""
_NO_TRIGGERS = """
DROP TRIGGER audit_append_only ON audit_auditentry;
DROP TRIGGER audit_no_truncate ON audit_auditentry;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(_FUNCTION, migrations.RunSQL.noop),
        migrations.RunSQL(_TRIGGERS, _NO_TRIGGERS),
        clinic_row_security("audit_audithead", column="clinic", rights="SELECT, INSERT, UPDATE"),
    ]
