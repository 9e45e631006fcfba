"""What all nodes share: topics and QoS, messages, parameters, diagnostics."""
