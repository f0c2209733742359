from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0009_past_of_ports_and_replacements"),
    ]

    operations = [
        migrations.AddField(
            model_name="configchange",
            name="said",
            field=models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="The answer as it is translated; empty where only its text was kept.",
                verbose_name="answer",
            ),
        ),
        migrations.AlterModelOptions(
            name="auditentry",
            options={
                "ordering": ["-at", "-pk"],
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
            },
        ),
    ]
