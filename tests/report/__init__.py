"""The report, in a real browser, made from real warehouses."""
