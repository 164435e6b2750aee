"""The streaming, causal signal path: Packets of device counts become beats, breaths and Features with trust."""
