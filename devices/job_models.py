"""Work on units that takes its time, what it leaves behind, and the record of who did what."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.querysets import JobQuerySet
from devices.who import who_field
from devices.wording import filled


class Rollout(models.Model):
    """The same firmware for several units: one unit first, the others only once that one has succeeded."""

    release = models.ForeignKey(
        "devices.FirmwareRelease", on_delete=models.PROTECT, related_name="rollouts", verbose_name=_("firmware release")
    )
    who = who_field(_("asked by"))
    made = models.DateTimeField(_("asked"), auto_now_add=True)
    stop_at_failure = models.BooleanField(
        _("stop at the first failure"),
        default=True,
        help_text=_("Units that have not begun are then left as they are."),
    )

    class Meta:
        ordering = ["-made"]
        verbose_name = _("rollout")
        verbose_name_plural = _("rollouts")

    def __str__(self) -> str:
        return gettext("Firmware %(version)s, asked %(made)s") % {
            "version": self.release.version,
            "made": f"{self.made:%Y-%m-%d %H:%M}",
        }


class Job(models.Model):
    """Work on one unit that takes longer than a request. At most one runs per unit: `running_on` is the lock."""

    class Kind(models.TextChoices):
        REBOOT = "reboot", _("reboot")
        POWER_CYCLE = "power_cycle", _("power cycle")
        RESET = "reset", _("reset to defaults")
        UPGRADE = "upgrade", _("firmware upgrade")
        CALIBRATION = "calibration", _("calibration")
        RESTORE = "restore", _("restore of a factory configuration")
        BACKUP = "backup", _("backup of the factory configuration")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="jobs", verbose_name=_("device")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.WAITING)
    percent = models.PositiveSmallIntegerField(_("progress in %"), default=0)
    asked = models.JSONField(
        _("asked"), default=dict, blank=True, help_text=_("What exactly is to be done. Never a password.")
    )
    memory = models.JSONField(
        _("memory"), default=dict, blank=True, help_text=_("What is done so far, so that another worker can go on.")
    )
    who = who_field(_("asked by"))
    who_name = models.CharField(
        _("name"),
        max_length=150,
        blank=True,
        editable=False,
        help_text=_("Under which its acts stand in the audit log; empty for the product itself."),
    )
    made = models.DateTimeField(_("asked"), auto_now_add=True)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)
    alive_at = models.DateTimeField(
        _("last sign of life"), null=True, blank=True, help_text=_("When its worker last gave a sign of life.")
    )
    starts = models.PositiveSmallIntegerField(
        _("starts"), default=0, help_text=_("How often a worker has taken it up.")
    )
    cancel_wanted = models.BooleanField(_("cancel wanted"), default=False)
    may_cancel = models.BooleanField(
        _("may be cancelled"), default=True, help_text=_("Off while stopping would leave the unit half-changed.")
    )
    running_on = models.OneToOneField(
        "devices.Device",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="running_job",
        verbose_name=_("running on"),
    )
    rollout = models.ForeignKey(
        Rollout, null=True, blank=True, on_delete=models.CASCADE, related_name="jobs", verbose_name=_("rollout")
    )
    wave = models.PositiveSmallIntegerField(
        _("wave"), default=0, help_text=_("Begins when all of the waves before are done.")
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-made", "-pk"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [models.Index(fields=["state", "not_before"], name="job_state_not_before")]

    def __str__(self) -> str:
        return f"{self.device}: {self.get_kind_display()} ({self.get_state_display()})"

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)


class JobLine(models.Model):
    """A line of a job's log: a sentence with places for its values, so that all read it in their own language."""

    class Level(models.TextChoices):
        STEP = "step", _("step")
        NOTE = "note", _("note")
        WARNING = "warning", _("warning")
        RESULT = "result", _("result")
        ERROR = "error", _("error")

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, choices=Level, default=Level.NOTE)
    template = models.TextField()
    values = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The sentence in the language of whoever reads it."""
        return filled(gettext(self.template), self.values)


class FirmwareRelease(models.Model):
    """Firmware that was looked through and accepted: the application folder's sources as a zip."""

    version = models.CharField(_("version"), max_length=32, help_text=_("From its constants.py."))
    sha256 = models.CharField("SHA-256", max_length=64, unique=True, help_text=_("Of the file as it was uploaded."))
    file_name = models.CharField(_("file"), max_length=200)
    content = models.BinaryField(editable=False, help_text=_("A zip; paths are those below the application folder."))
    files = models.JSONField(_("files"), default=dict, editable=False, help_text=_("Path and size in bytes."))
    notes = models.TextField(_("notes"), blank=True)
    who = who_field(_("uploaded by"))
    added = models.DateTimeField(_("uploaded"), auto_now_add=True)

    class Meta:
        ordering = ["-added"]
        verbose_name = _("firmware release")
        verbose_name_plural = _("firmware releases")

    def __str__(self) -> str:
        return f"{self.version} ({self.file_name})"


class FactoryConfig(models.Model):
    """A copy of a unit's /factory.cfg: its label, gains and offsets."""

    class Reason(models.TextChoices):
        BY_HAND = "by_hand", _("by hand")
        BEFORE_UPGRADE = "before_upgrade", _("before an upgrade")
        BEFORE_CALIBRATION = "before_calibration", _("before a calibration")
        AFTER_CALIBRATION = "after_calibration", _("after a calibration")
        BEFORE_RESTORE = "before_restore", _("before a restore")
        BEFORE_RESET = "before_reset", _("before a reset to defaults")
        AFTER_RESTORE = "after_restore", _("after a restore")
        NIGHTLY = "nightly", _("found changed at night")

    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="factory_configs", verbose_name=_("device")
    )
    taken = models.DateTimeField(_("taken"), auto_now_add=True)
    reason = models.CharField(_("reason"), max_length=24, choices=Reason, default=Reason.BY_HAND)
    content = models.TextField(_("content"))
    sha256 = models.CharField("SHA-256", max_length=64)
    who = who_field(_("taken by"))

    class Meta:
        ordering = ["-taken", "-pk"]
        verbose_name = _("factory configuration")
        verbose_name_plural = _("factory configurations")

    def __str__(self) -> str:
        return f"{self.device}, {self.taken:%Y-%m-%d %H:%M}"


class Calibration(models.Model):
    """What one calibration did: gains and offsets before and after, and every round on the way."""

    class Target(models.TextChoices):
        VOLTAGE = "voltage", _("voltage of both chips")
        CURRENT_GAIN = "current_gain", _("current gain of a port")
        CURRENT_OFFSET = "current_offset", _("current offset of a port")
        RESTORED = "restored", _("an earlier calibration")

    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, related_name="calibrations", verbose_name=_("device")
    )
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="calibration")
    target = models.CharField(_("what"), max_length=16, choices=Target)
    port_number = models.PositiveSmallIntegerField(_("port"), null=True, blank=True)
    reference = models.FloatField(_("reference"), null=True, blank=True, help_text=_("In V or A."))
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    rounds = models.JSONField(default=list, help_text=_("Each round's setting, value, reading and error."))
    succeeded = models.BooleanField(_("succeeded"), null=True)
    made = models.DateTimeField(_("made"), auto_now_add=True)
    who = who_field(_("by"))

    class Meta:
        ordering = ["-made", "-pk"]
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")

    def __str__(self) -> str:
        return f"{self.device}: {self.get_target_display()}"


class AuditEntry(models.Model):
    """Who did what to which device, when, and what was so before and after. Never changed, never a password."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    who = who_field(_("who"))
    who_name = models.CharField(
        _("name"),
        max_length=150,
        blank=True,
        help_text=_("Kept when the user is deleted; empty for the product itself."),
    )
    device = models.ForeignKey(
        "devices.Device", null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("device")
    )
    action = models.CharField(_("action"), max_length=32)
    before = models.JSONField(_("before"), default=dict, blank=True)
    after = models.JSONField(_("after"), default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.who_name or '-'}: {self.action} {self.device or ''}".rstrip()


class Sweep(models.Model):
    """A search for units at every address of some networks. At most one runs: `running` is the lock."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    networks = models.JSONField(_("networks"), default=list)
    http_port = models.PositiveIntegerField(_("HTTP port"), default=80)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField(_("addresses"), default=0)
    asked = models.PositiveIntegerField(_("asked"), default=0)
    found = models.JSONField(_("found"), default=dict, help_text=_("The units, and what else was met."))
    error = models.TextField(_("error"), blank=True, help_text=_("Why it failed, in English."))
    who = who_field(_("asked by"))
    made = models.DateTimeField(_("asked for"), auto_now_add=True)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)
    alive_at = models.DateTimeField(
        _("last sign of life"), null=True, blank=True, help_text=_("When its worker last gave a sign of life.")
    )
    running = models.BooleanField(null=True, unique=True, editable=False, help_text=_("Yes while it runs, else empty."))

    class Meta:
        ordering = ["-made", "-pk"]
        verbose_name = _("sweep")
        verbose_name_plural = _("sweeps")

    def __str__(self) -> str:
        return f"{', '.join(self.networks)} ({self.get_state_display()})"

    @property
    def is_over(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)
