"""The API's permission class: a view says which right it needs, and one that does not say is closed."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from medassist.accounts.access import Permission, actor_of, require_any
from medassist.common.errors import PermissionDenied


class DenyByDefault(BasePermission):
    """Needs `required_permission` on the view, a right or a tuple of rights of which one is enough; raises
    `NotAuthenticated` or `PermissionDenied`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        actor = actor_of(request)
        permission = getattr(view, "required_permission", None)
        if not permission or not isinstance(permission, Permission | tuple):
            raise PermissionDenied
        # Of several rights one opens the door; which one a record asks for, the service knows.
        require_any(actor, permission)
        return True
