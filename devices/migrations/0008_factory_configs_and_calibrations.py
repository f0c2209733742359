import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("devices", "0007_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FactoryConfig",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("taken", models.DateTimeField(auto_now_add=True, verbose_name="taken")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("by_hand", "by hand"),
                            ("before_upgrade", "before an upgrade"),
                            ("before_calibration", "before a calibration"),
                            ("after_calibration", "after a calibration"),
                            ("before_restore", "before a restore"),
                            ("before_reset", "before a reset to defaults"),
                            ("after_restore", "after a restore"),
                            ("nightly", "found changed at night"),
                        ],
                        default="by_hand",
                        max_length=24,
                        verbose_name="reason",
                    ),
                ),
                ("content", models.TextField(verbose_name="content")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="factory_configs",
                        to="devices.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="taken by",
                    ),
                ),
            ],
            options={
                "verbose_name": "factory configuration",
                "verbose_name_plural": "factory configurations",
                "ordering": ["-taken", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Calibration",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "target",
                    models.CharField(
                        choices=[
                            ("voltage", "voltage of both chips"),
                            ("current_gain", "current gain of a port"),
                            ("current_offset", "current offset of a port"),
                            ("restored", "an earlier calibration"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                ("port_number", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="port")),
                (
                    "reference",
                    models.FloatField(blank=True, help_text="In V or A.", null=True, verbose_name="reference"),
                ),
                ("before", models.JSONField(default=dict, verbose_name="before")),
                ("after", models.JSONField(default=dict, verbose_name="after")),
                ("rounds", models.JSONField(default=list, help_text="Each round's setting, value, reading and error.")),
                ("succeeded", models.BooleanField(null=True, verbose_name="succeeded")),
                ("made", models.DateTimeField(auto_now_add=True, verbose_name="made")),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calibrations",
                        to="devices.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calibration",
                        to="devices.job",
                    ),
                ),
            ],
            options={
                "verbose_name": "calibration",
                "verbose_name_plural": "calibrations",
                "ordering": ["-made", "-pk"],
            },
        ),
    ]
