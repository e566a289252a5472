"""Campaigns: many runs of one scenario, in processes of their own, that resume where they were.

    campaign file -> Campaign -> points -> Job -> run server -> Outcome -> Index -> table, report

- `schema`, `axes`, `campaign`: what a campaign file says, and the points that it spans.
- `job`, `run_process`, `supervised_run`: one run in a process of its own, whatever becomes of it.
- `run_server`, `rehearsal`, `workplace`: who starts those processes below a worker, and warm.
- `cluster`, `batch`, `conduct`: Dask hands the jobs out; the driver keeps the books.
- `index`, `campaign_folder`: the books, and where everything lies.
"""
