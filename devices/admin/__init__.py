"""Units in the admin: each module registers its pages."""

from devices.admin import audit, changes, devices, discovery, firmware, jobs, rollouts

__all__ = ["audit", "changes", "devices", "discovery", "firmware", "jobs", "rollouts"]
