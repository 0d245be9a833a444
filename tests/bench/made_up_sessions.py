#!/usr/bin/python3
"""Makes sessions up for `./dev bench detection --sessions FILE`, by another model than the benchmark's own.

There lives come as independent chances in weekly slots. Here each creator has a day that drifts, moods and holidays:
  - steady    an evening that wanders by a quarter of an hour from one day to the next and is pulled back, other at the
              weekend; streaks of days with and without lives (a Markov chain)
  - shifts    early, late and off, three days of each in turn: a habit that no week shows
  - bursts    nothing for a week or two, then several lives a day for two to five days
  - seldom    once in a month or so
Lives last by a gamma distribution, longer at the weekend; one in twelve breaks off and is started again in another
room a few minutes later; everybody is on holiday for a week or two now and then; many start on the full or half hour.
"""

import argparse
import random

DAY = 86400
MONDAY = 1780272000  # 2026-06-01T00:00:00Z
KINDS = ("steady", "shifts", "bursts", "seldom")


def at_hour(dice, hour):
    """Many like round times; the clock of the rest is as it is."""
    seconds = hour * 3600
    if dice.random() < 0.3:
        return round(seconds / 1800) * 1800 + dice.randint(0, 90)
    return round(seconds)


class Creator:
    def __init__(self, dice, zones):
        self.dice = dice
        self.kind = dice.choices(KINDS, (50, 15, 20, 15))[0]
        self.zone = dice.choice(zones)
        self.evening = dice.gauss(20, 2.5)
        self.weekend = self.evening + dice.gauss(-2, 2)
        self.drift = 0.0
        self.is_on = dice.random() < 0.5
        self.shape = dice.uniform(1.5, 4)
        self.hours = dice.uniform(0.6, 3.2)
        self.holiday = dice.uniform(0, 90)
        self.phase = dice.randrange(9)
        self.burst = -dice.expovariate(1 / 10)

    def steady(self, day):
        self.is_on = self.dice.random() < (0.8 if self.is_on else 0.35)
        self.drift = 0.9 * self.drift + self.dice.gauss(0, 0.25)
        usual = self.weekend if day % 7 >= 5 else self.evening
        return [usual + self.drift] if self.is_on else []

    def shifts(self, day):
        shift = (day + self.phase) // 3 % 3
        if shift == 2 or self.dice.random() < 0.2:
            return []
        return [(9.5, 22.0)[shift] + self.dice.gauss(0, 0.4)]

    def bursts(self, _day):
        self.burst -= 1
        if self.burst <= -self.dice.expovariate(1 / 10) - 5:
            self.burst = self.dice.randint(2, 5)
        if self.burst <= 0:
            return []
        return [self.dice.uniform(10, 26) for _ in range(self.dice.randint(1, 3))]

    def seldom(self, _day):
        return [self.dice.gauss(19, 4)] if self.dice.random() < 0.03 else []

    def starts(self, day):
        self.holiday -= 1
        if self.holiday < -self.dice.uniform(7, 14):
            self.holiday = self.dice.expovariate(1 / 90)
        hours = getattr(self, self.kind)(day)
        return sorted(hours) if self.holiday > 0 else []

    def lasts(self, day):
        longer = 1.25 if day % 7 >= 5 else 1
        return max(240, self.dice.gammavariate(self.shape, self.hours * longer / self.shape) * 3600)

    def lives(self, days):
        """(start, end) in seconds, in order, none overlap."""
        free = MONDAY
        for day in range(days):
            for hour in self.starts(day):
                start = MONDAY + day * DAY + at_hour(self.dice, hour) - int(self.zone * 3600)
                end = start + int(self.lasts(day))
                breaks = [(start, end)]
                if self.dice.random() < 1 / 12 and end - start > 1800:
                    cut = start + int((end - start) * self.dice.uniform(0.1, 0.9))
                    breaks = [(start, cut), (cut + self.dice.randint(120, 900), end)]
                for begins, ends in breaks:
                    if begins > free and ends > begins + 60 and ends <= MONDAY + days * DAY:
                        yield begins, ends
                        free = ends + 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--creators", type=int, default=1000)
    parser.add_argument("--days", type=int, default=42)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--zones", default="-8,-5,1,8", help="hours from UTC, by commas")
    options = parser.parse_args()
    zones = [float(zone) for zone in options.zones.split(",")]
    print("unique_id,start,end,room_id")
    for number in range(options.creators):
        creator = Creator(random.Random(options.seed * 1000003 + number), zones)
        for start, end in creator.lives(options.days):
            print(f"{creator.kind}{number},{start},{end},{start << 32 | (number & 0xFFFFF) << 12 | 11 << 8}")


if __name__ == "__main__":
    main()
