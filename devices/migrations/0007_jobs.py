import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("devices", "0006_settings_held_and_status"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FirmwareRelease",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "version",
                    models.CharField(help_text="From its constants.py.", max_length=32, verbose_name="version"),
                ),
                (
                    "sha256",
                    models.CharField(
                        help_text="Of the file as it was uploaded.", max_length=64, unique=True, verbose_name="SHA-256"
                    ),
                ),
                ("file_name", models.CharField(max_length=200, verbose_name="file")),
                ("content", models.BinaryField(help_text="A zip; paths are those below the application folder.")),
                (
                    "files",
                    models.JSONField(
                        default=dict, editable=False, help_text="Path and size in bytes.", verbose_name="files"
                    ),
                ),
                ("notes", models.TextField(blank=True, verbose_name="notes")),
                ("added", models.DateTimeField(auto_now_add=True, verbose_name="uploaded")),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="uploaded by",
                    ),
                ),
            ],
            options={
                "verbose_name": "firmware release",
                "verbose_name_plural": "firmware releases",
                "ordering": ["-added"],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reboot", "reboot"),
                            ("power_cycle", "power cycle"),
                            ("reset", "reset to defaults"),
                            ("upgrade", "firmware upgrade"),
                            ("calibration", "calibration"),
                            ("restore", "restore of a factory configuration"),
                            ("backup", "backup of the factory configuration"),
                        ],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField(default=0, verbose_name="progress in %")),
                (
                    "asked",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What exactly is to be done. Never a password.",
                        verbose_name="asked",
                    ),
                ),
                (
                    "memory",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What is done so far, so that another worker can go on.",
                        verbose_name="memory",
                    ),
                ),
                ("made", models.DateTimeField(auto_now_add=True, verbose_name="asked")),
                ("not_before", models.DateTimeField(blank=True, null=True, verbose_name="not before")),
                ("started", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("ended", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "alive_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When its worker last gave a sign of life.",
                        null=True,
                        verbose_name="last sign of life",
                    ),
                ),
                (
                    "starts",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often a worker has taken it up.", verbose_name="starts"
                    ),
                ),
                ("cancel_wanted", models.BooleanField(default=False, verbose_name="cancel wanted")),
                (
                    "may_cancel",
                    models.BooleanField(
                        default=True,
                        help_text="Off while stopping would leave the unit half-changed.",
                        verbose_name="may be cancelled",
                    ),
                ),
                (
                    "wave",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Begins when all of the waves before are done.", verbose_name="wave"
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jobs",
                        to="devices.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "running_on",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="running_job",
                        to="devices.device",
                        verbose_name="running on",
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "ordering": ["-made", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="JobLine",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("step", "step"),
                            ("note", "note"),
                            ("warning", "warning"),
                            ("result", "result"),
                            ("error", "error"),
                        ],
                        default="note",
                        max_length=8,
                    ),
                ),
                ("template", models.TextField()),
                ("values", models.JSONField(blank=True, default=dict)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="devices.job"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Rollout",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made", models.DateTimeField(auto_now_add=True, verbose_name="asked")),
                (
                    "stop_at_failure",
                    models.BooleanField(
                        default=True,
                        help_text="Units that have not begun are then left as they are.",
                        verbose_name="stop at the first failure",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rollouts",
                        to="devices.firmwarerelease",
                        verbose_name="firmware release",
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "rollout",
                "verbose_name_plural": "rollouts",
                "ordering": ["-made"],
            },
        ),
        migrations.AddField(
            model_name="job",
            name="rollout",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="jobs",
                to="devices.rollout",
                verbose_name="rollout",
            ),
        ),
        migrations.CreateModel(
            name="Sweep",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("networks", models.JSONField(default=list, verbose_name="networks")),
                ("http_port", models.PositiveIntegerField(default=80, verbose_name="HTTP port")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0, verbose_name="addresses")),
                ("asked", models.PositiveIntegerField(default=0, verbose_name="asked")),
                (
                    "found",
                    models.JSONField(default=dict, help_text="The units, and what else was met.", verbose_name="found"),
                ),
                ("error", models.TextField(blank=True, help_text="Why it failed, in English.", verbose_name="error")),
                ("made", models.DateTimeField(auto_now_add=True, verbose_name="asked for")),
                ("started", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("ended", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "alive_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When its worker last gave a sign of life.",
                        null=True,
                        verbose_name="last sign of life",
                    ),
                ),
                (
                    "running",
                    models.BooleanField(
                        editable=False, help_text="Yes while it runs, else empty.", null=True, unique=True
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "sweep",
                "verbose_name_plural": "sweeps",
                "ordering": ["-made", "-pk"],
            },
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["state", "not_before"], name="job_state_not_before"),
        ),
    ]
