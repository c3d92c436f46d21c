"""What is left of a recording over a bad network, and what could have been left at best."""

import dataclasses
import math

from .expect import expect_balanced, expect_plays

PAYLOAD = 1100  # of a packet, as libwebrtc and the embedded room fill them


def bound(loss, packets_per_frame, key_packets=10, rtt=0.05, fps=30, heeds=0.1, repeats=3):
    """The share of frames that can be had at best where each packet, each NACK and each repetition is
    lost with that probability.

    A packet is gone when it and all its repetitions are lost; NACKs can be repeated, so they cost time
    only. Its frame is gone then, and all that refers to it: up to when the last repetition should have
    come, at the soonest, and a key frame that is asked for then and comes whole."""
    gone = loss ** (1 + repeats)
    frame_gone = 1 - (1 - gone) ** packets_per_frame
    key_gone = 1 - (1 - gone) ** key_packets
    known_after = max(heeds, rtt) * repeats + rtt / 2  # after the frame was sent
    frames = 1 + math.ceil((known_after + rtt / 2) * fps)
    lost = frame_gone * frames / (1 - key_gone)
    return 1 / (1 + lost)


@dataclasses.dataclass
class Outcome:
    """What became of a stretch of a publisher's frames, in one recording or in several of them."""

    sent: int
    in_file: int
    longest_gap: float  # between two pictures
    offset: float  # the worst of beep against flash, in seconds
    moved: float  # the worst distance of a picture from its place in time
    hole: float  # the longest in the sound
    silence: float  # made up for sound that did not come, per recording
    nacks: int
    plis: int
    packets: int  # of the camera
    round_trip: float  # that the recorder measured, in seconds
    recordings: int = 1

    @property
    def share(self):
        return self.in_file / self.sent

    def text(self):
        several = f" in {self.recordings} recordings" if self.recordings > 1 else ""
        return (
            f"{self.share * 100:.2f} % of {self.sent:,} frames{several}, longest gap {self.longest_gap:.2f} s; "
            f"offset {self.offset * 1000:+.0f} ms, moved {self.moved * 1000:.0f} ms; "
            f"{self.silence:.2f} s of silence; {self.nacks:,} NACKs, {self.plis} PLIs"
        )


def together(outcomes):
    """Several recordings with the same fault: one packet more or less that cannot be had back says
    little about a single one of half a minute."""
    count = len(outcomes)
    return Outcome(
        sent=sum(one.sent for one in outcomes),
        in_file=sum(one.in_file for one in outcomes),
        longest_gap=max(one.longest_gap for one in outcomes),
        offset=max((one.offset for one in outcomes), key=abs),
        moved=max(one.moved for one in outcomes),
        hole=max(one.hole for one in outcomes),
        silence=sum(one.silence for one in outcomes) / count,
        nacks=sum(one.nacks for one in outcomes),
        plis=sum(one.plis for one in outcomes),
        packets=sum(one.packets for one in outcomes),
        round_trip=outcomes[0].round_trip,
        recordings=count,
    )


def outcome(record, first, last, unsent=0, fps=30):
    """Of a Record that has ended with one file. Frame numbers of the publisher; those that it says it
    did not send are no loss."""
    assert len(record.files) == 1, record.files
    expect_balanced(record.sidecar)
    verdict = expect_plays(record.files[0])
    video, audio = verdict.video, verdict.audio
    assert video.unreadable == 0 and video.duplicates == [], (video.unreadable, video.duplicates[:9])
    shown = [(n, t) for n, t in zip(video.numbers, video.times) if n is not None and first <= n <= last]
    assert shown, f"no frame of {first}..{last}"
    first, last = max(first, video.first), min(last, video.last)
    times = [t for _, t in shown]
    # a stretch without pictures at the edge is a gap, too
    times = [times[0] - (shown[0][0] - first) / fps, *times, times[-1] + (last - shown[-1][0]) / fps]
    tracks = record.sidecar["tracks"].values()
    camera = next(track for track in tracks if track["kind"] == "video")
    return Outcome(
        sent=last - first + 1 - unsent,
        in_file=len(shown),
        longest_gap=max(b - a for a, b in zip(times, times[1:])),
        offset=verdict.sync(after=1.0)[1] / 1000,
        moved=video.pace(fps),
        hole=audio.longest_hole,
        silence=sum(track["silence"] for track in tracks),
        nacks=camera["nack"],
        plis=camera["pli"],
        packets=camera["packets"],
        round_trip=camera["round_trip"],
    )
