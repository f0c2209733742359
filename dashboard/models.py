"""What the dashboard keeps of its own: who was given a link to it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Device
from devices.who import who_field


class WallDisplay(models.Model):
    """A link that shows the dashboard of chosen devices without a login, until it is revoked.

    Only the hash of its secret part is stored: the link is shown once, when it is made.
    """

    name = models.CharField(_("name"), max_length=64, help_text=_("Where it hangs, e.g. Kitchen."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    devices = models.ManyToManyField(
        Device,
        verbose_name=_("devices"),
        related_name="wall_displays",
        help_text=_("What it shows, to everybody who has the link."),
    )
    who = who_field(_("made by"), editable=False)
    made = models.DateTimeField(_("made"), auto_now_add=True)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("wall display")
        verbose_name_plural = _("wall displays")

    def __str__(self) -> str:
        return self.name
