"""biofeed: a world of light and sound that moves with breath and heart. Not a medical device."""

__version__ = "0.1.0"
