"""Where alerts are sent, and which there were."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.configuration.passwords import locked, unlocked


class AlertChannel(models.Model):
    """A way to tell somebody. Its address holds passwords and tokens: it is stored encrypted and never shown again."""

    class Problem(models.TextChoices):
        UNREACHABLE = "unreachable", _("It could not be reached.")
        REFUSED = "refused", _("It was reached, but refused the message.")
        WRONG_ADDRESS = "wrong_address", _("Nothing can be sent to this address: something in it is wrong or missing.")
        UNREADABLE = (
            "unreadable",
            _("The address cannot be read any more, since SECRET_KEY was changed after it was typed; type it again."),
        )

    name = models.CharField(_("name"), max_length=64, help_text=_("Whom it reaches, e.g. Anna's phone."))
    secret = models.TextField(editable=False)
    enabled = models.BooleanField(_("switched on"), default=True)
    about_units = models.BooleanField(_("about units"), default=True, help_text=_("Units that fall silent."))
    about_parts = models.BooleanField(
        _("about parts"),
        default=True,
        help_text=_("Parts of the product that fall silent, the database, lost answers, and work that is stuck."),
    )
    last_success = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    last_failure = models.DateTimeField(_("last failure"), null=True, blank=True, editable=False)
    problem = models.CharField(_("problem"), max_length=16, blank=True, choices=Problem, editable=False)
    detail = models.CharField(_("detail"), max_length=200, blank=True, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """Where it sends to. Raises PasswordLost."""
        return unlocked(self.secret)

    @address.setter
    def address(self, text: str) -> None:
        self.secret = locked(text)

    @property
    def trouble(self) -> str:
        """What went wrong the last time, as a sentence; empty when it went well."""
        if not self.problem:
            return ""
        sentence = str(self.Problem(self.problem).label)
        return f"{sentence} ({self.detail})" if self.detail else sentence

    def note_success(self, at: datetime) -> None:
        self.last_success, self.problem, self.detail = at, "", ""
        self.save(update_fields=["last_success", "problem", "detail"])

    def note_failure(self, at: datetime, problem: str, detail: str) -> None:
        self.last_failure, self.problem, self.detail = at, problem, detail[:200]
        self.save(update_fields=["last_failure", "problem", "detail"])


class Alert(models.Model):
    """A unit or a part of the product that fell silent, or a trouble by its name (``operations.troubles``): open until
    all has been well again for a while, then history, for some time.
    """

    device = models.ForeignKey(
        "devices.Device", null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("device")
    )
    part = models.CharField(_("part"), max_length=64, blank=True)
    words = models.TextField(_("what was wrong"), blank=True, help_text=_("Empty where somebody was silent."))
    since = models.DateTimeField(_("since"))
    opened = models.DateTimeField(_("opened"))
    told_at = models.DateTimeField(
        _("last told"), null=True, blank=True, help_text=_("When a channel last took a message about it.")
    )
    flapping = models.BooleanField(_("flapping"), default=False, help_text=_("It kept coming and going."))
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ["-opened", "-pk"]
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [models.Index(fields=["ended"], name="alert_ended")]

    def __str__(self) -> str:
        if self.words:
            return self.words
        return gettext("%(subject)s, silent") % {"subject": self.device or self.part}
