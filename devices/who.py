"""Who did something, as a field of what it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser
    from django_stubs_ext import StrPromise


def who_field(
    verbose_name: StrPromise, *, editable: bool = True, related_name: str | None = None
) -> models.ForeignKey[AbstractUser | None, AbstractUser | None]:
    """The user, or None for the site itself; what was done stays when the user goes."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=editable,
        on_delete=models.SET_NULL,
        related_name=related_name,
        verbose_name=verbose_name,
    )
