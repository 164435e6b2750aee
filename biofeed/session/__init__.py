"""Sessions that last: the capsule (a folder that replays), the thread that writes it, and the report made of it."""
