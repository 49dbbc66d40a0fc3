"""The audit trail: append-only, chained by HMAC per clinic, written in the caller's transaction."""
