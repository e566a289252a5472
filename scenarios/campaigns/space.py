"""Room on the disk of a campaign."""

import shutil
from pathlib import Path

from gridloom.scenarios.campaigns.campaign_folder import full_disk

_SPARE_BYTES = 32 * 1024**2
"""For the index, and for what the system itself writes."""


def require_space(folder: Path, runs: int, record_bytes: int) -> None:
    """Refuse to begin a run where the disk has no room for those under way.

    Args:
        folder: of the campaign.
        runs: how many will be under way.
        record_bytes: size of the largest record so far.

    Raises:
        RecordError: the disk is full.
    """
    needed = _SPARE_BYTES + runs * record_bytes
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise full_disk(
            folder,
            f"{free / 1e6:.0f} MB are free, {runs} more runs need about {needed / 1e6:.0f} MB",
        )
