"""The pages that this app gives to every unit in the admin."""

from readings import admin_bad_spans, admin_replacing, admin_storage

PAGES = (*admin_bad_spans.PAGES, *admin_storage.PAGES, *admin_replacing.PAGES)
