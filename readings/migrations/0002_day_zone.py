import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def note_zones(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """The days that are stored were made in the zones that the devices have."""
    zones = apps.get_model("devices", "Device").objects.values_list("pk", "timezone")
    day_zone = apps.get_model("readings", "DayZone")
    day_zone.objects.bulk_create([day_zone(device_id=device, zone=zone) for device, zone in zones])


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0001_initial"),
        ("readings", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="DayZone",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="day_zone",
                        serialize=False,
                        to="devices.device",
                    ),
                ),
                ("zone", models.CharField(max_length=64)),
                (
                    "stale_from",
                    models.BigIntegerField(
                        help_text="Days from here on, epoch ms, may still be of an earlier zone; null: none are.",
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.RunPython(note_zones, migrations.RunPython.noop),
    ]
