"""What is done for each kind of job."""

from collections.abc import Mapping
from typing import Final

from devices import calibration, factory, restarting
from devices.firmware.upgrade import upgrade
from devices.jobs.runner import Work
from devices.models import Job

KINDS: Final[Mapping[str, Work]] = {
    Job.Kind.REBOOT: restarting.reboot,
    Job.Kind.POWER_CYCLE: restarting.power_cycle,
    Job.Kind.RESET: restarting.reset,
    Job.Kind.UPGRADE: upgrade,
    Job.Kind.CALIBRATION: calibration.calibrate,
    Job.Kind.RESTORE: factory.restore_job,
    Job.Kind.BACKUP: factory.back_up_job,
}
