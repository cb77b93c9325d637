"""History divided into shards for many machines, and proved whole again.

plan ── a shard: one source, one stretch ── the ordinary tap and loader ── its last STATE
                                                                             │
check: is all of it read?  ── merge: one state to go on from  ←──────────────╯
"""
