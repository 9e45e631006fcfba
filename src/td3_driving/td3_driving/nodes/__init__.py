"""The four nodes of the graph. Each is a thin shell: declare, subscribe, call, publish."""
