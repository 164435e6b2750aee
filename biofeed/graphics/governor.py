"""The resolution governor: what a picture cost goes in, the size to compute the next one at comes out.

A size only ever moves by a part too small to be seen, and rests while the cost lies in a wide band: nothing pumps.
"""

from biofeed.messages import TICKS_PER_S

LOWEST, LOWEST_LINES = 0.3, 288  # of the shown height, and in lines: below either, edges show their steps
BAND = (0.62, 0.82)  # of the time for a picture: inside it the size rests; above is the room for late ones
SHRINK, GROW = 0.98, 1.01  # per step; a viewer sees neither (tests/graphics/test_governor.py)
STEP_PICTURES = 12  # between two steps
SHARE = 0.1  # of a new cost in the running one
SPIKE = 2.0  # times the running cost: what is above was somebody else's work on this machine
GIVE_UP_PICTURES = 90  # too slow at the lowest size for so long: every other tick from there on
TRY_AGAIN_PICTURES = 1800  # a minute: then the size is led to where 60 a second would fit


class Governor:
    """Follows one machine and one world; call it once for each picture drawn.

    `every` is 1 while each tick is drawn and 2 while every other one is: an even 30 pictures a second are calmer to
    look at than an uneven 40. The way back is tried after a while, and after twice as long each time it was given up.
    """

    def __init__(self, scale: float, height: int) -> None:
        """`scale` is where it begins: computed height as a part of the shown one, `height` in px."""
        self.lowest = min(1.0, max(LOWEST, LOWEST_LINES / height))
        self.scale = min(max(scale, self.lowest), 1.0)
        self.every = 1
        self._cost_s: float | None = None
        self._pictures = 0
        self._too_slow = 0
        self._slow_for = 0
        self._patience = TRY_AGAIN_PICTURES // 2  # doubled each time that it gives up

    def __call__(self, cost_s: float) -> float:
        """The scale for the next picture, after one that took `cost_s` to draw and finish."""
        aim = 1 if self._slow_for >= self._patience else self.every  # of `every`
        budget_s = aim / TICKS_PER_S
        held_s = cost_s if self._cost_s is None else self._cost_s
        self._cost_s = held_s + SHARE * (min(cost_s, SPIKE * held_s) - held_s)
        self._too_slow = self._too_slow + 1 if self._is_lowest and self._cost_s > budget_s * BAND[1] else 0
        self._slow_for = self._slow_for + 1 if self.every == 2 else 0
        self._pictures += 1
        if self._pictures % STEP_PICTURES == 0:
            if self._cost_s > BAND[1] * budget_s:
                self.scale = max(self.lowest, self.scale * SHRINK)
            elif self._cost_s < BAND[0] * budget_s:
                self.scale = min(1.0, self.scale * GROW)
        if aim == 1 and self._too_slow >= GIVE_UP_PICTURES:
            self._patience *= 2
            self.every, self._too_slow, self._slow_for = 2, 0, 0
        elif aim < self.every and self._cost_s < BAND[1] * budget_s:
            self.every = aim
        return self.scale

    @property
    def _is_lowest(self) -> bool:
        return self.scale <= self.lowest
