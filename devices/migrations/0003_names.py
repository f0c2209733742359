import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0002_told_at"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="configchange",
            options={
                "ordering": ["-made", "-pk"],
                "verbose_name": "setting change",
                "verbose_name_plural": "setting changes",
            },
        ),
        migrations.AlterModelOptions(
            name="device",
            options={
                "ordering": ["name", "assy"],
                "permissions": [
                    ("configure_device", "Can configure units"),
                    ("operate_device", "Can restart and upgrade units"),
                    ("calibrate_device", "Can calibrate units"),
                    ("files_device", "Can handle files on units"),
                    ("adopt_device", "Can decide about new units"),
                ],
                "verbose_name": "device",
                "verbose_name_plural": "devices",
            },
        ),
        migrations.AlterModelOptions(
            name="devicegrant",
            options={"verbose_name": "device grant", "verbose_name_plural": "device grants"},
        ),
        migrations.AlterModelOptions(
            name="port",
            options={"ordering": ["device", "number"], "verbose_name": "port", "verbose_name_plural": "ports"},
        ),
        migrations.AlterField(
            model_name="configchange",
            name="answer",
            field=models.TextField(
                blank=True, help_text="What the unit said, or why it could not be asked.", verbose_name="answer"
            ),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="attempts",
            field=models.PositiveIntegerField(default=0, verbose_name="attempts"),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="config_changes",
                to="devices.device",
                verbose_name="device",
            ),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="key",
            field=models.CharField(
                help_text="The unit's own name of the setting, e.g. CT1_NAME.", max_length=32, verbose_name="key"
            ),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="made",
            field=models.DateTimeField(auto_now_add=True, verbose_name="made"),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="next_attempt",
            field=models.DateTimeField(
                blank=True, help_text="Not tried again by itself before then.", null=True, verbose_name="next attempt"
            ),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="settled",
            field=models.DateTimeField(blank=True, null=True, verbose_name="settled"),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "waiting for the unit"),
                    ("confirmed", "confirmed by the unit"),
                    ("refused", "refused"),
                    ("replaced", "replaced by a newer wish"),
                ],
                default="open",
                max_length=16,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="who",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to=settings.AUTH_USER_MODEL,
                verbose_name="who",
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="active",
            field=models.BooleanField(
                help_text="What the unit last reported. An inactive unit answers no question over UDP.",
                null=True,
                verbose_name="active",
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="address",
            field=models.GenericIPAddressField(
                blank=True,
                help_text="Where its last answer came from.",
                null=True,
                protocol="IPv4",
                verbose_name="address",
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="adoption",
            field=models.CharField(
                choices=[("pending", "pending"), ("adopted", "adopted"), ("ignored", "ignored")],
                default="pending",
                help_text="Readings are stored for adopted devices only.",
                max_length=16,
                verbose_name="adoption",
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="demo",
            field=models.BooleanField(
                default=False, help_text="A simulated unit of the demonstration.", verbose_name="demo"
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="device_type",
            field=models.CharField(blank=True, max_length=64, verbose_name="device type"),
        ),
        migrations.AlterField(
            model_name="device",
            name="first_seen",
            field=models.DateTimeField(auto_now_add=True, verbose_name="first seen"),
        ),
        migrations.AlterField(
            model_name="device",
            name="last_answer",
            field=models.JSONField(
                blank=True,
                help_text="The newest answer: time in epoch ms, values in their units.",
                null=True,
                verbose_name="last answer",
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="last_seen",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last seen"),
        ),
        migrations.AlterField(
            model_name="device",
            name="name",
            field=models.CharField(
                blank=True, help_text="What the unit last reported.", max_length=64, verbose_name="name"
            ),
        ),
        migrations.AlterField(
            model_name="device",
            name="product",
            field=models.CharField(default="CT6", max_length=32, verbose_name="product"),
        ),
        migrations.AlterField(
            model_name="devicegrant",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="grants",
                to="devices.device",
                verbose_name="device",
            ),
        ),
        migrations.AlterField(
            model_name="devicegrant",
            name="group",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="device_grants",
                to="auth.group",
                verbose_name="user group",
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="device",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="ports",
                to="devices.device",
                verbose_name="device",
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="enabled",
            field=models.BooleanField(
                default=True, help_text="Off hides the port; its readings are kept.", verbose_name="enabled"
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="name",
            field=models.CharField(
                blank=True, help_text="What the unit last reported.", max_length=64, verbose_name="name"
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="number",
            field=models.PositiveSmallIntegerField(help_text="CT1 is 1.", verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="port",
            name="reversed",
            field=models.BooleanField(
                default=False,
                help_text="The clamp sits the other way round: swaps import and export, the past included.",
                verbose_name="reversed",
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="role",
            field=models.CharField(
                choices=[
                    ("grid", "grid"),
                    ("solar", "solar"),
                    ("battery", "battery"),
                    ("load", "load"),
                    ("ev", "EV charger"),
                    ("other", "other"),
                ],
                default="other",
                help_text="Where the port appears in balances.",
                max_length=16,
                verbose_name="role",
            ),
        ),
        migrations.AlterField(
            model_name="port",
            name="sensor_type",
            field=models.CharField(blank=True, max_length=32, verbose_name="sensor type"),
        ),
    ]
