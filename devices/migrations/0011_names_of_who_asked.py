from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0010_what_was_said_of_wishes"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="who_name",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="Under which its acts stand in the audit log; empty for the product itself.",
                max_length=150,
                verbose_name="name",
            ),
            preserve_default=False,
        ),
    ]
