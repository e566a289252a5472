"""Runs of one case side by side: what each scheme costs, violates, says and computes.

    open records -> compared_run -> compare_runs -> write_comparison_page, write_comparison_csv

`comparability` refuses runs of different cases; `headline`, `settlement` (Table I of the paper) and
`published` hold the tables, `sentences` says it in words, `figures` draws it. `bounds` is the seam
to whoever proves how good a scheme could be at best.
"""

from gridloom.scenarios.results.comparison.bounds import (
    BoundsSource,
    CertifiedBounds,
    EnergyReference,
)
from gridloom.scenarios.results.comparison.compared_run import ComparedRun, compared_run
from gridloom.scenarios.results.comparison.comparison import (
    Comparison,
    ComparisonOptions,
    compare_runs,
)
from gridloom.scenarios.results.comparison.page import write_comparison_page
from gridloom.scenarios.results.comparison.published import find_published, read_published
from gridloom.scenarios.results.comparison.table import write_comparison_csv

__all__ = [
    "BoundsSource",
    "CertifiedBounds",
    "ComparedRun",
    "Comparison",
    "ComparisonOptions",
    "EnergyReference",
    "compare_runs",
    "compared_run",
    "find_published",
    "read_published",
    "write_comparison_csv",
    "write_comparison_page",
]
