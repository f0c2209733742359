"""Users for tests, and how they ask."""

from collections.abc import Sequence

from django.contrib.auth.models import Group, Permission
from rest_framework.test import APIClient

from ct6site.models import ApiToken, User
from devices.models import Device, DeviceGrant

PASSWORD = "correct horse battery"


def make_user(
    username: str = "anna",
    *,
    staff: bool = False,
    sees: Sequence[Device] = (),
    may: Sequence[str] = (),
    password: str | None = None,
) -> User:
    """A user, in a group of its own that sees these devices; `may` names rights on all that the user sees."""
    user = User.objects.create_user(username, password=password, is_staff=staff)
    group = Group.objects.create(name=f"group of {username}")
    user.groups.add(group)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{right}_device" for right in may]))
    for device in sees:
        DeviceGrant.objects.create(group=group, device=device)
    return user


def logged_in(user: User) -> APIClient:
    """A browser with the user's session."""
    client = APIClient()
    client.force_login(user)
    return client


def with_token(user: User, scope: str = ApiToken.Scope.READ) -> APIClient:
    """A program with a token of the user."""
    return with_text(ApiToken.make(user, scope=scope)[1])


def with_text(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client
