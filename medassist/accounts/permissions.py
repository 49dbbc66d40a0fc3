"""The API's permission class: a view says which right it needs, and one that does not say is closed."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from medassist.accounts.access import Permission, actor_of, require
from medassist.common.errors import PermissionDenied


class DenyByDefault(BasePermission):
    """Needs `required_permission` on the view; raises `NotAuthenticated` or `PermissionDenied`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = actor_of(request)
        permission = getattr(view, "required_permission", None)
        if not isinstance(permission, Permission):
            raise PermissionDenied
        require(actor, permission)
        return True
