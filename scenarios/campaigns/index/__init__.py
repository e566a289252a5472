"""The books of a campaign: an SQLite file with every run, its state and its indicators.

Only the driver writes; anybody may read meanwhile. What counts as done is said by the records: the
books only spare looking into all of them, and are made anew where they are lost.
"""

from gridloom.scenarios.campaigns.index.entries import About, IndexedRun, PlannedRun
from gridloom.scenarios.campaigns.index.reading import BETWEEN_LABELS, IndexReader
from gridloom.scenarios.campaigns.index.writing import Index

__all__ = ["BETWEEN_LABELS", "About", "Index", "IndexReader", "IndexedRun", "PlannedRun"]
