"""How well a policy drives: metrics of recorded episodes, on plain data."""
