"""Pages that show what is going on: a run or a campaign, live in the browser."""
