import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ct6site.alert_models import Alert, AlertChannel

__all__ = ["Alert", "AlertChannel", "ApiToken", "User"]

LAST_USE_IS_WRITTEN_EVERY = timedelta(minutes=1)


class User(AbstractUser):
    """Who logs in. Staff see every device; others see what their groups grant (``devices.access``)."""


class ApiToken(models.Model):
    """A key to the REST API. Only its hash is stored: the text is shown once, when it is made."""

    class Scope(models.TextChoices):
        READ = "read", _("read")
        CONFIGURE = "configure", _("read and change settings")
        OPERATE = "operate", _("all, reboots and upgrades included")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=64, blank=True, help_text=_("What uses it, e.g. Home Assistant."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=16, choices=Scope, default=Scope.READ)
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False)
    expires = models.DateTimeField(null=True, blank=True, help_text=_("Empty: never."))

    class Meta:
        ordering = ["-created"]
        verbose_name = _("API token")

    def __str__(self) -> str:
        return self.name or gettext("token of %(user)s") % {"user": self.user}

    @staticmethod
    def digest_of(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def make(cls, user: User, *, name: str = "", scope: str = Scope.READ) -> tuple["ApiToken", str]:
        """A new token and its text, which cannot be had again."""
        token = cls(user=user, name=name, scope=scope)
        text = token.draw_text()
        token.save()
        return token, text

    def draw_text(self) -> str:
        """A new text that opens the API once the token is saved; it cannot be had again."""
        text = secrets.token_urlsafe(32)
        self.digest = self.digest_of(text)
        return text

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()

    def note_use(self) -> None:
        """Remember that the token was used, at most once a minute, so that reading writes little."""
        now = timezone.now()
        if self.last_used is None or now - self.last_used >= LAST_USE_IS_WRITTEN_EVERY:
            type(self).objects.filter(pk=self.pk).update(last_used=now)
