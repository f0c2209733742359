#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from ct6site import start

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ct6site.settings")
    with start.in_a_sentence():
        execute_from_command_line(sys.argv)
