"""Room on the disk of a campaign."""

import shutil
from pathlib import Path

from gridloom.scenarios.campaigns.campaign_folder import full_disk
from gridloom.scenarios.campaigns.index import Index

_SPARE_BYTES = 32 * 1024**2
"""For the index, and for what the system itself writes."""


def require_space(folder: Path, runs: int, index: Index) -> None:
    """Refuse to begin a run where the disk has no room for those under way.

    Args:
        folder: of the campaign.
        runs: how many will be under way.
        index: knows how large records have been so far.

    Raises:
        RecordError: the disk is full.
    """
    needed = _SPARE_BYTES + runs * index.largest_record()
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise full_disk(
            folder,
            f"{free / 1e6:.0f} MB are free, {runs} more runs need about {needed / 1e6:.0f} MB",
        )
