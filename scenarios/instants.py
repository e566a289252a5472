"""Points in time as people write them, with their offset from UTC or with their time zone.

RFC 9557: `2024-01-01T00:00:00+01:00[Europe/Berlin]` is an instant at a place whose clocks change.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WITH_ZONE = re.compile(r"(?P<stamp>[^\[]+)\[(?P<zone>[A-Za-z0-9_+/-]+)\]")


class ZoneError(ValueError):
    """There is no such time zone, or its clocks show something else."""


def read_instant(text: str) -> datetime:
    """Read an ISO 8601 time stamp, with the zone's name in brackets where its clocks change.

    Raises:
        ZoneError: no such zone is known, its clocks skip that time, or have another offset then.
        ValueError: it is no time stamp.
    """
    match = _WITH_ZONE.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text)
    stamp = datetime.fromisoformat(match["stamp"])
    try:
        zone = ZoneInfo(match["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise ZoneError(f"there is no time zone '{match['zone']}'") from None
    if stamp.tzinfo is None:
        zoned = stamp.replace(tzinfo=zone)
        if zoned.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != stamp:
            raise ZoneError(f"the clocks of {match['zone']} skip this time")
        return zoned
    local = stamp.astimezone(zone)
    if local.utcoffset() != stamp.utcoffset():
        raise ZoneError(f"at this time {match['zone']} is at {local.isoformat()[-6:]} from UTC")
    return local


def write_instant(instant: datetime) -> str:
    """Write a time stamp as `read_instant` reads it.

    >>> write_instant(read_instant("2024-07-01T00:00:00[Europe/Berlin]"))
    '2024-07-01T00:00:00+02:00[Europe/Berlin]'
    """
    zone = instant.tzinfo
    return (
        f"{instant.isoformat()}[{zone.key}]" if isinstance(zone, ZoneInfo) else instant.isoformat()
    )
