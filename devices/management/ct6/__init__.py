"""What `manage.py ct6` understands, asks and prints. What is done is done by the verbs of devices/."""
