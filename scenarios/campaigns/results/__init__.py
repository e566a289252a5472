"""Campaigns as tables and as a page: indicators over what was varied.

    Index -> points, values -> table (frames, rows, dataset)
                            -> factors, roles -> cells, statistics -> figures, tables -> page

- `points`, `columns`, `values`: everything that is known, as plain arrays.
- `campaign_results`, `frames`, `dataset`, `table_rows`, `table_file`: for whoever works with it.
- `factors`, `roles`: what was varied independently, and what becomes of it in a figure.
- `statistics`, `cells`, `pareto`, `selection`: what is worked out of it.
- `page` and the rest: the report.
"""

from gridloom.scenarios.campaigns.results.campaign_results import CampaignResults, open_campaign
from gridloom.scenarios.campaigns.results.columns import Choice
from gridloom.scenarios.campaigns.results.page import write_campaign_report
from gridloom.scenarios.campaigns.results.table_file import TableOptions, write_table

__all__ = [
    "CampaignResults",
    "Choice",
    "TableOptions",
    "open_campaign",
    "write_campaign_report",
    "write_table",
]
