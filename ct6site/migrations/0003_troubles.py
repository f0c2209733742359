from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ct6site", "0002_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="words",
            field=models.TextField(
                blank=True, default="", help_text="Empty where somebody was silent.", verbose_name="what was wrong"
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="alert",
            name="since",
            field=models.DateTimeField(verbose_name="since"),
        ),
        migrations.AlterField(
            model_name="alert",
            name="flapping",
            field=models.BooleanField(default=False, help_text="It kept coming and going.", verbose_name="flapping"),
        ),
        migrations.AlterField(
            model_name="alertchannel",
            name="about_parts",
            field=models.BooleanField(
                default=True,
                help_text="Parts of the product that fall silent, the database, lost answers, and work that is stuck.",
                verbose_name="about parts",
            ),
        ),
    ]
