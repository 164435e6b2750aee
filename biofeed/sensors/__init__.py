"""Sensors: one file per device family (bytes to messages, without I/O), and the thread that owns a serial port."""
