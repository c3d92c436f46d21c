"""What a gap did to a recording: how long it is, and whether what follows stands at its time."""

import dataclasses
import statistics


@dataclasses.dataclass
class Stretch:
    """Pictures that follow each other without a gap."""

    times: list
    numbers: list

    def shift(self, publisher):
        """When they were captured, less when the file shows them."""
        return statistics.median(
            publisher.captured_at(n) - t for t, n in zip(self.times, self.numbers) if n is not None
        )


def stretches(video, least=0.4):
    """The pictures of a file, cut where none comes for `least` seconds."""
    found = [Stretch([], [])]
    for at, number in zip(video.times, video.numbers):
        if found[-1].times and at - found[-1].times[-1] > least:
            found.append(Stretch([], []))
        found[-1].times.append(at)
        found[-1].numbers.append(number)
    return found


def gap_lengths(video, least=0.4):
    parts = stretches(video, least)
    return [after.times[0] - before.times[-1] for before, after in zip(parts, parts[1:])]


def moved(video, publishers, least=0.4, enough=15):
    """The furthest that a stretch (of enough pictures to tell) stands from where the first one's clock
    would put it, in ms; `publishers` are those of the stretches in order, the last one of all that
    follow."""
    shifts = [
        part.shift(publishers[min(i, len(publishers) - 1)])
        for i, part in enumerate(stretches(video, least))
        if len(part.times) >= enough
    ]
    return max((shift - shifts[0] for shift in shifts), key=abs) * 1000
