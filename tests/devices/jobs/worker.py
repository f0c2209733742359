"""A worker as a process of its own: runs one job, with every kind there is."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ct6site.settings")
    django.setup()
    from devices.jobs import runner
    from devices.jobs.kinds import KINDS

    runner.run(int(sys.argv[1]), KINDS)
