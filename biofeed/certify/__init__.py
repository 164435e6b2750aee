"""Finished pictures judged after the fact: how often they flash, how striped, bright and fast they are."""
