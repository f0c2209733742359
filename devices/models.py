"""What a unit is: devices, their ports, wishes towards them, and who may see them."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.job_models import (
    AuditEntry,
    Calibration,
    FactoryConfig,
    FirmwareRelease,
    Job,
    JobLine,
    Rollout,
    Sweep,
)
from devices.querysets import ConfigChangeQuerySet, DeviceQuerySet, PortQuerySet
from devices.who import who_field
from devices.wording import as_it_was_said, translated

__all__ = [
    "AuditEntry",
    "Calibration",
    "ConfigChange",
    "Device",
    "DeviceGrant",
    "FactoryConfig",
    "FirmwareRelease",
    "Job",
    "JobLine",
    "Port",
    "PortPast",
    "Replacement",
    "Rollout",
    "Sweep",
    "default_timezone",
]


def default_timezone() -> str:
    return settings.CT6_TIMEZONE


class Device(models.Model):
    """A CT6 unit on the LAN, known by its assembly label, never by its name or address."""

    class Adoption(models.TextChoices):
        PENDING = "pending", _("pending")
        ADOPTED = "adopted", _("adopted")
        IGNORED = "ignored", _("ignored")

    assy = models.CharField(
        _("assembly label"), max_length=64, unique=True, help_text=_("The only stable identity of a unit.")
    )
    name = models.CharField(_("name"), max_length=64, blank=True, help_text=_("What the unit last reported."))
    address = models.GenericIPAddressField(
        _("address"), null=True, blank=True, protocol="IPv4", help_text=_("Where its last answer came from.")
    )
    http_port = models.PositiveIntegerField(_("HTTP port"), default=80)
    product = models.CharField(_("product"), max_length=32, default="CT6")
    device_type = models.CharField(_("device type"), max_length=64, blank=True)
    group_name = models.CharField(_("group"), max_length=64, blank=True)
    firmware_version = models.CharField(_("firmware"), max_length=32, blank=True)
    adoption = models.CharField(
        _("adoption"),
        max_length=16,
        choices=Adoption,
        default=Adoption.PENDING,
        help_text=_("Readings are stored for adopted devices only."),
    )
    active = models.BooleanField(
        _("active"),
        null=True,
        help_text=_("What the unit last reported. An inactive unit answers no question over UDP."),
    )
    timezone = models.CharField(
        _("time zone"), max_length=64, default=default_timezone, help_text=_("Its days run from local midnight.")
    )
    first_seen = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    last_answer = models.JSONField(
        _("last answer"),
        null=True,
        blank=True,
        help_text=_("The newest answer: time in epoch ms, values in their units."),
    )
    claimed_from = models.GenericIPAddressField(
        _("also claimed from"),
        null=True,
        blank=True,
        protocol="IPv4",
        help_text=_("A second address that claims this label. Nothing is stored until that is settled."),
    )
    held_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("Somebody is talking to its web server, which serves one connection at a time."),
    )
    told_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("When its web server last told what it holds: what it answered until then is older."),
    )
    settings_held = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Every setting as the unit last told over HTTP; passwords are hidden."),
    )
    status = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Memory, flash, uptime and restarts, as last asked for."),
    )
    status_at = models.DateTimeField(null=True, blank=True, editable=False)
    demo = models.BooleanField(_("demo"), default=False, help_text=_("A simulated unit of the demonstration."))

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "assy"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        permissions = [
            ("configure_device", "Can configure units"),
            ("operate_device", "Can restart and upgrade units"),
            ("calibrate_device", "Can calibrate units"),
            ("files_device", "Can handle files on units"),
            ("adopt_device", "Can decide about new units"),
        ]

    def __str__(self) -> str:
        return self.name or self.assy

    @property
    def last_asked(self) -> datetime | None:
        """When its web server last answered, as that of an inactive unit does; None if it never did."""
        return max((moment for moment in (self.told_at, self.status_at) if moment), default=None)


class Port(models.Model):
    """One current-transformer input of a device."""

    class Role(models.TextChoices):
        GRID = "grid", _("grid")
        SOLAR = "solar", _("solar")
        BATTERY = "battery", _("battery")
        LOAD = "load", _("load")
        EV = "ev", _("EV charger")
        OTHER = "other", _("other")

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="ports", verbose_name=_("device"))
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("CT1 is 1."))
    name = models.CharField(_("name"), max_length=64, blank=True, help_text=_("What the unit last reported."))
    sensor_type = models.CharField(_("sensor type"), max_length=32, blank=True)
    role = models.CharField(
        _("role"), max_length=16, choices=Role, default=Role.OTHER, help_text=_("Where the port appears in balances.")
    )
    reversed = models.BooleanField(
        _("reversed"),
        default=False,
        help_text=_("The clamp sits the other way round: swaps import and export, the past included."),
    )
    scale = models.DecimalField(
        _("scale"),
        max_digits=9,
        decimal_places=5,
        default=1,
        help_text=_("For odd clamps: what is measured is multiplied by this when it is read."),
    )
    enabled = models.BooleanField(_("enabled"), default=True, help_text=_("Off hides the port; its readings are kept."))
    has_past = models.BooleanField(
        _("has a past"),
        default=False,
        editable=False,
        help_text=_("Whether it was something else before a moment; so that other ports need no look."),
    )

    objects = PortQuerySet.as_manager()

    class Meta:
        ordering = ["device", "number"]
        verbose_name = _("port")
        verbose_name_plural = _("ports")
        constraints = [models.UniqueConstraint(fields=["device", "number"], name="port_number_once_per_device")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name, or CT1..CTn where the unit has none for this port."""
        return self.name or f"CT{self.number}"


class ConfigChange(models.Model):
    """A setting that somebody wished a unit to have, and what became of it. The open one of a key is the wish.

    `answer` is kept in English, whoever reads it: workers write it, who know no reader. `told` is the same sentence in
    the reader's language.
    """

    class State(models.TextChoices):
        OPEN = "open", _("waiting for the unit")
        CONFIRMED = "confirmed", _("confirmed by the unit")
        REFUSED = "refused", _("refused")
        REPLACED = "replaced", _("replaced by a newer wish")

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="config_changes", verbose_name=_("device")
    )
    key = models.CharField(_("key"), max_length=32, help_text=_("The unit's own name of the setting, e.g. CT1_NAME."))
    before = models.CharField(_("before"), max_length=256, blank=True)
    before_known = models.BooleanField(
        default=True, editable=False, help_text=_("Off until the unit has told what it held before.")
    )
    wished = models.CharField(_("wished"), max_length=256, blank=True, help_text=_("Decoded, as people read it."))
    secret = models.TextField(
        blank=True, editable=False, help_text=_("A wished password, encrypted, until the unit has taken or refused it.")
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.OPEN)
    who = who_field(_("who"))
    made = models.DateTimeField(_("made"), auto_now_add=True)
    settled = models.DateTimeField(_("settled"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt = models.DateTimeField(
        _("next attempt"), null=True, blank=True, help_text=_("Not tried again by itself before then.")
    )
    answer = models.TextField(_("answer"), blank=True, help_text=_("What the unit said, or why it could not be asked."))

    said = models.JSONField(
        _("answer"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("The answer as it is translated; empty where only its text was kept."),
    )

    objects = ConfigChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-made", "-pk"]
        verbose_name = _("setting change")
        verbose_name_plural = _("setting changes")
        indexes = [models.Index(fields=["state", "device"], name="configchange_state_device")]

    def __str__(self) -> str:
        return f"{self.device}: {self.key} = {self.wished!r} ({self.get_state_display()})"

    @property
    def told(self) -> str:
        """What the unit said, or why it could not be asked, in the reader's language."""
        said = as_it_was_said(self.said)
        return self.answer if said is None else translated(said)


class DeviceGrant(models.Model):
    """Lets the users of a group see a device."""

    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="device_grants", verbose_name=_("user group")
    )
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="grants", verbose_name=_("device"))

    configure = models.BooleanField(_("may configure"), default=False, help_text=_("Change the unit's settings."))
    operate = models.BooleanField(_("may operate"), default=False, help_text=_("Restart and upgrade it."))
    calibrate = models.BooleanField(_("may calibrate"), default=False)
    files = models.BooleanField(_("may handle files"), default=False, help_text=_("See and change files on the unit."))
    adopt = models.BooleanField(_("may adopt"), default=False, help_text=_("Decide whether its readings are stored."))

    class Meta:
        verbose_name = _("device grant")
        verbose_name_plural = _("device grants")
        constraints = [models.UniqueConstraint(fields=["group", "device"], name="device_granted_once_per_group")]

    def __str__(self) -> str:
        return gettext("%(group)s sees %(device)s") % {"group": self.group, "device": self.device}


class PortPast(models.Model):
    """What a port was until a moment: its name, role, direction and scale before somebody changed them from then on."""

    port = models.ForeignKey(Port, on_delete=models.CASCADE, related_name="past")
    until_ms = models.BigIntegerField(help_text=_("Epoch ms; a whole UTC hour. Holds for what was measured before."))
    name = models.CharField(_("name"), max_length=64, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Port.Role)
    reversed = models.BooleanField(_("reversed"))
    scale = models.DecimalField(_("scale"), max_digits=9, decimal_places=5)

    class Meta:
        ordering = ["port", "until_ms"]
        constraints = [models.UniqueConstraint(fields=["port", "until_ms"], name="port_past_once_per_moment")]

    def __str__(self) -> str:
        return f"{self.name or f'CT{self.port.number}'} ({self.port})"


class Replacement(models.Model):
    """That another unit took over a device's place: its name, ports, grants and history."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="replacements")
    former_assy = models.CharField(_("former assembly label"), max_length=64)
    new_assy = models.CharField(_("new assembly label"), max_length=64)
    at_ms = models.BigIntegerField(help_text=_("Epoch ms; what the new unit measured from then on belongs here."))
    moving_from = models.ForeignKey(
        Device,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("What the new unit measured is still being moved from here; empty once that is done."),
    )
    made = models.DateTimeField(auto_now_add=True)
    who = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["-made"]

    def __str__(self) -> str:
        return f"{self.device}: {self.former_assy} -> {self.new_assy}"
