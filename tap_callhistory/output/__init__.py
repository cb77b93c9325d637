"""What the tap writes: Singer messages, bookmarks, progress, summaries and failures."""
