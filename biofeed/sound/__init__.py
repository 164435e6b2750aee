"""Control frames in, 48 kHz stereo out: voices and a space (synth), the last gate (limiter), the device (output)."""
