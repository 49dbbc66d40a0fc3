"""django-tenants' backend with a second barrier: the clinic's own database role goes with its search_path.

Both are set by one statement, remembered while they hold, and forgotten whenever a rollback may have undone
them. Unlike the parent, a failure to set them is raised: a statement must not run in the wrong schema.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django_tenants.postgresql_backend import base as django_tenants_backend
from django_tenants.utils import quote_schema_name

from medassist.tenancy.postgres import barrier
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class DatabaseWrapper(django_tenants_backend.DatabaseWrapper):  # type: ignore[misc]
    as_owner = False
    """True while migrations and grants run: the clinic's role may not change tables."""
    _setting_search_path: bool

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        # The parent also empties the content type cache, for set-ups where clinics have their own content types.
        # Ours are in the public schema only, and clearing would cost queries in every request.
        self.tenant = tenant
        self.schema_name = tenant.schema_name
        self.include_public_schema = include_public
        self.set_settings_schema(self.schema_name)
        self.search_path_set_schemas = None

    def set_owner_rights(self, on: bool) -> None:
        self.as_owner = on
        self.search_path_set_schemas = None

    def init_connection_state(self) -> None:
        # A pooled connection comes back with whatever path and role it had.
        self.search_path_set_schemas = None
        super().init_connection_state()

    def role(self) -> str:
        """The role that statements run under now; "none" is the application's own."""
        if self.schema_name == PUBLIC_SCHEMA or self.as_owner:
            return "none"
        return barrier.clinic_role(str(self.settings_dict["NAME"]), self.schema_name)

    def _handle_search_path(self, cursor: Any = None) -> None:
        # After an error inside a transaction nothing but a rollback succeeds, so nothing needs setting either.
        if self._setting_search_path or self.search_path_set_schemas or self._transaction_failed():
            return
        search_paths = self._get_cursor_search_paths()
        path = ", ".join(quote_schema_name(name) for name in search_paths)
        self._setting_search_path = True
        setting_cursor = self.connection.cursor() if cursor is None else cursor
        try:
            setting_cursor.execute(
                "SELECT set_config('search_path', %s, false), set_config('role', %s, false)", [path, self.role()]
            )
            self.search_path_set_schemas = search_paths
        finally:
            self._setting_search_path = False
            if cursor is None:
                setting_cursor.close()

    def _transaction_failed(self) -> bool:
        return bool(
            self.connection is not None
            and self.in_atomic_block
            and self.connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        )
