"""What a unit is: devices, their ports, wishes towards them, and who may see them."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from devices.querysets import ConfigChangeQuerySet, DeviceQuerySet, PortQuerySet


def default_timezone() -> str:
    return settings.CT6_TIMEZONE


class Device(models.Model):
    """A CT6 unit on the LAN, known by its assembly label, never by its name or address."""

    class Adoption(models.TextChoices):
        PENDING = "pending", "pending"
        ADOPTED = "adopted", "adopted"
        IGNORED = "ignored", "ignored"

    assy = models.CharField(
        "assembly label", max_length=64, unique=True, help_text="The only stable identity of a unit."
    )
    name = models.CharField(max_length=64, blank=True, help_text="What the unit last reported.")
    address = models.GenericIPAddressField(
        null=True, blank=True, protocol="IPv4", help_text="Where its last answer came from."
    )
    http_port = models.PositiveIntegerField("HTTP port", default=80)
    product = models.CharField(max_length=32, default="CT6")
    device_type = models.CharField(max_length=64, blank=True)
    group_name = models.CharField("group", max_length=64, blank=True)
    firmware_version = models.CharField("firmware", max_length=32, blank=True)
    adoption = models.CharField(
        max_length=16,
        choices=Adoption,
        default=Adoption.PENDING,
        help_text="Readings are stored for adopted devices only.",
    )
    active = models.BooleanField(
        null=True, help_text="What the unit last reported. An inactive unit answers no question over UDP."
    )
    timezone = models.CharField(
        "time zone", max_length=64, default=default_timezone, help_text="Its days run from local midnight."
    )
    first_seen = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(null=True, blank=True)
    last_answer = models.JSONField(
        null=True, blank=True, help_text="The newest answer: time in epoch ms, values in their units."
    )
    claimed_from = models.GenericIPAddressField(
        "also claimed from",
        null=True,
        blank=True,
        protocol="IPv4",
        help_text="A second address that claims this label. Nothing is stored until that is settled.",
    )
    held_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Somebody is talking to its web server, which serves one connection at a time.",
    )
    told_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When its web server last told what it holds: what it answered until then is older.",
    )
    demo = models.BooleanField(default=False, help_text="A simulated unit of the demonstration.")

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "assy"]

    def __str__(self) -> str:
        return self.name or self.assy


class Port(models.Model):
    """One current-transformer input of a device."""

    class Role(models.TextChoices):
        GRID = "grid", "grid"
        SOLAR = "solar", "solar"
        BATTERY = "battery", "battery"
        LOAD = "load", "load"
        EV = "ev", "EV charger"
        OTHER = "other", "other"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="ports")
    number = models.PositiveSmallIntegerField(help_text="CT1 is 1.")
    name = models.CharField(max_length=64, blank=True, help_text="What the unit last reported.")
    sensor_type = models.CharField(max_length=32, blank=True)
    role = models.CharField(
        max_length=16, choices=Role, default=Role.OTHER, help_text="Where the port appears in balances."
    )
    reversed = models.BooleanField(
        default=False,
        help_text="The clamp sits the other way round: swaps import and export, the past included.",
    )
    enabled = models.BooleanField(default=True, help_text="Off hides the port; its readings are kept.")

    objects = PortQuerySet.as_manager()

    class Meta:
        ordering = ["device", "number"]
        constraints = [models.UniqueConstraint(fields=["device", "number"], name="port_number_once_per_device")]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name, or CT1..CTn where the unit has none for this port."""
        return self.name or f"CT{self.number}"


class ConfigChange(models.Model):
    """A setting that somebody wished a unit to have, and what became of it. The open one of a key is the wish."""

    class State(models.TextChoices):
        OPEN = "open", "waiting for the unit"
        CONFIRMED = "confirmed", "confirmed by the unit"
        REFUSED = "refused", "refused"
        REPLACED = "replaced", "replaced by a newer wish"

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="config_changes")
    key = models.CharField(max_length=32, help_text="The unit's own name of the setting, e.g. CT1_NAME.")
    before = models.CharField(max_length=192, blank=True)
    wished = models.CharField(max_length=192, blank=True, help_text="Decoded, as people read it.")
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    who = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    made = models.DateTimeField(auto_now_add=True)
    settled = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt = models.DateTimeField(null=True, blank=True, help_text="Not tried again by itself before then.")
    answer = models.TextField(blank=True, help_text="What the unit said, or why it could not be asked.")

    objects = ConfigChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-made", "-pk"]
        verbose_name = "setting change"
        indexes = [models.Index(fields=["state", "device"], name="configchange_state_device")]

    def __str__(self) -> str:
        return f"{self.device}: {self.key} = {self.wished!r} ({self.get_state_display()})"


class DeviceGrant(models.Model):
    """Lets the users of a group see a device."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="device_grants")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="grants")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "device"], name="device_granted_once_per_group")]

    def __str__(self) -> str:
        return f"{self.group} sees {self.device}"
