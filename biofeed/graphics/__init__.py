"""From ControlFrames to light: a GL context, compiled scenes, the renderer, the guard at its end, and films."""
