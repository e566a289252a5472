"""Pages that show what is going on: a run or a campaign, live in the browser.

    record -> CurveTable -> Summary ─┐
                                     ├─ WatchServer -> JSON -> run.js, campaign.js -> chart.js
    index  -> LiveIndex ─────────────┘

- `summary`: series of any length in a bounded number of points.
- `curves`, `curve_table`: what of a record is worth a curve, and how its rows become one.
- `followed_record`: one record, followed while it is written, renamed, killed or replaced.
- `live_index`, `campaign_view`: where a campaign stands.
- `server`: serves all that on this machine only. Nothing is computed unless a page asks.
"""

from gridloom.scenarios.live.server import WatchServer, serve_watch

__all__ = ["WatchServer", "serve_watch"]
