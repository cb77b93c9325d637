"""The five vendors' APIs on loopback, with made-up calls: for trying the tap, and for its tests."""
