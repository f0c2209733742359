"""The pages that this app gives to every unit in the admin."""

from readings import admin_bad_spans, admin_replacing

PAGES = (*admin_bad_spans.PAGES, *admin_replacing.PAGES)
