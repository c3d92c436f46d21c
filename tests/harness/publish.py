"""The publishing program: joins a room with the LiveKit SDK and sends the test picture and sound.

Started by harness.publisher; takes one JSON command a line and prints one JSON report a line.

Its own offset between picture and sound is none, on both timelines that a receiver can see:
- Frame n is captured at T0 + n / fps, by the monotonic clock, and carries that time; it is drawn
  before. The SDK maps capture times to the same clock by the mean of how late they come, and keeps
  a bias for good when an early one was later than the rest: so the first frames carry the moment at
  which they are handed over, and only then the nominal time.
- A packet of Opus holds 20 ms, and its RTP time is its first sample's. The SDK knows no capture time
  of sound: its sender reports pair a packet's RTP time with the moment at which the second half of
  the packet was handed over. So each block of 10 ms is handed over 10 ms before its own time (with
  no queue in the source, the SDK encodes and sends at once): the packet beginning at T0 + t is
  completed, sent and reported at T0 + t. What remains is the scheduler's jitter.
Measured with a raw receiver behind the real server (its sender reports pass through unchanged): beep
minus flash is -1.6 to +1.4 ms by sender reports, and -4 to -1.5 ms by the arrival of first packets,
because a picture leaves after it is encoded.
"""

import asyncio
import json
import os
import sys
import threading
import time

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2, room_pb2, video_frame_pb2

from harness import picture

BLOCK = picture.SAMPLE_RATE // 100
AUDIO_LEAD = 0.010
SETTLING_FRAMES = 100  # as many as the SDK takes the mean of
CODECS = {
    "vp8": video_frame_pb2.VP8,
    "h264": video_frame_pb2.H264,
    "vp9": video_frame_pb2.VP9,
    "av1": video_frame_pb2.AV1,
    "h265": video_frame_pb2.H265,
}


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def wait_until(moment):
    rest = moment - time.monotonic()
    if rest > 0:
        time.sleep(rest)


class Pump(threading.Thread):
    """Calls push(number, make(number)) at T0 + number * step for each number, none left out."""

    def __init__(self, origin, step, lead, make, push):
        super().__init__(daemon=True)
        self.origin, self.step, self.lead, self.make, self.push = origin, step, lead, make, push
        self.first = int((time.monotonic() + 0.05 - origin) / step) + 1
        self.next = self.first
        self.latest = 0.0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            due = self.origin + self.next * self.step - self.lead
            made = self.make(self.next)
            wait_until(due)
            self.latest = max(self.latest, time.monotonic() - due)
            self.push(self.next, made)
            self.next += 1

    def end(self):
        self.ended.set()
        self.join()


class OwnEncoder:
    """Encodes the pictures here, so that each one is sent whatever libwebrtc thinks of the load."""

    def __init__(self, options):
        import av

        name = {"h264": "libx264", "vp8": "libvpx", "h265": "libx265"}[options["codec"]]
        self.codec = CODECS[options["codec"]]
        self.context = av.CodecContext.create(name, "w")
        self.context.width, self.context.height = options["width"], options["height"]
        self.context.pix_fmt = "yuv420p"
        self.context.framerate = options["fps"]
        self.context.bit_rate = options["bitrate"]
        self.context.gop_size = 100000
        if name == "libvpx":
            self.context.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        else:
            self.context.options = {
                "preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "profile": "baseline"
            }  # fmt: skip
        if name == "libx264" and not options["scene_cuts"]:
            self.context.options = {**self.context.options, "x264-params": "scenecut=0"}
        if name == "libx265":
            del self.context.options["profile"]
        if options["noise"]:
            self.context.options = {**self.context.options, "crf": "10"}
            self.context.gop_size = 2 * options["fps"]
        self.source = rtc.EncodedVideoSource(options["width"], options["height"])
        self.width, self.height = options["width"], options["height"]
        self.largest = self.keyframes = self.to_corrupt = 0

    def make(self, number, raw):
        import av

        wanted = self.source.take_feedback().keyframe_requested
        rows = np.frombuffer(raw, np.uint8).reshape(-1, self.context.width)
        frame = av.VideoFrame.from_ndarray(rows, "yuv420p")
        frame.pts = number
        if wanted:
            frame.pict_type = av.video.frame.PictureType.I
        packets = self.context.encode(frame)
        self.keyframes += sum(packet.is_keyframe for packet in packets)
        self.largest = max([self.largest, *(packet.size for packet in packets)])
        return packets

    def corrupted(self, data):
        """The head stays, so that it is still a picture; what follows is nonsense."""
        self.to_corrupt -= 1
        return data[:24] + bytes((byte * 31 + 7) % 256 for byte in data[24:])

    def push(self, packets, moment_us):
        for packet in packets:
            data = bytes(packet)
            if self.to_corrupt > 0:
                data = self.corrupted(data)
            kind = video_frame_pb2.ENCODED_FRAME_KEY if packet.is_keyframe else (
                video_frame_pb2.ENCODED_FRAME_DELTA)  # fmt: skip
            width, height = self.context.width, self.context.height
            self.source.capture_frame(
                rtc.EncodedVideoFrame(data, width, height, self.codec, kind, moment_us)
            )


class SdkEncoder:
    def __init__(self, options):
        self.width, self.height = options["width"], options["height"]
        self.source = rtc.VideoSource(self.width, self.height, is_screencast=options["screen"])
        self.wanted_size = None

    def resize(self):
        """Takes a new size between two pictures."""
        if self.wanted_size:
            self.width, self.height = self.wanted_size
            self.wanted_size = None

    def make(self, _number, raw):
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, raw)

    def push(self, frame, moment_us):
        self.source.capture_frame(frame, timestamp_us=moment_us)


class Publisher:
    def __init__(self, options):
        self.options = options
        self.room = rtc.Room()
        self.origin = time.monotonic()
        self.pumps, self.tracks, self.publications, self.encoders = {}, {}, {}, {}

    async def join(self):
        self.room.on("disconnected", lambda reason: say("disconnected", reason=int(reason)))
        options = rtc.RoomOptions(auto_subscribe=False)
        if self.options["e2ee_key"]:
            options.encryption = rtc.E2EEOptions()
            options.encryption.key_provider_options.shared_key = self.options["e2ee_key"].encode()
        await self.room.connect(self.options["url"], self.options["token"], options)
        say("joined", sid=self.room.local_participant.sid, origin=self.origin)

    async def leave(self):
        for kind in list(self.pumps):
            self.stop_pump(kind)
        await self.room.disconnect()
        say("left")

    def stop_pump(self, kind):
        pump = self.pumps.pop(kind, None)
        if pump:
            pump.end()
            say("ended", kind=kind, first=pump.first, last=pump.next - 1, late=pump.latest)

    async def publish(self, kind, muted=False, **changes):
        options = room_pb2.TrackPublishOptions()
        self.options.update(changes)
        if kind in ("video", "screen"):
            track = self.make_video(kind, options)
        else:
            track = self.make_audio(options)
        if muted:
            track.mute()
        self.tracks[kind] = track
        publication = await self.room.local_participant.publish_track(track, options)
        self.publications[kind] = publication
        if kind in self.pumps:
            self.pumps[kind].start()
            first = self.pumps[kind].first
        say("published", kind=kind, sid=publication.sid, first=first, muted=muted,
            at=time.monotonic())  # fmt: skip

    def make_video(self, kind, options):
        mine = {**self.options, "screen": kind == "screen"}
        fps = mine["fps"]
        encoder = OwnEncoder(mine) if mine["own_encoder"] else SdkEncoder(mine)
        options.source = (
            rtc.TrackSource.SOURCE_SCREENSHARE if kind == "screen" else rtc.TrackSource.SOURCE_CAMERA
        )
        options.video_codec = CODECS[mine["codec"]]
        options.simulcast = mine["simulcast"]
        options.video_encoding.max_bitrate = mine["bitrate"]
        options.video_encoding.max_framerate = fps
        options.degradation_preference = (
            room_pb2.DEGRADATION_PREFERENCE_MAINTAIN_FRAMERATE_AND_RESOLUTION
        )
        if mine["own_encoder"]:
            options.video_encoder = room_pb2.ENCODER_BACKEND_PRE_ENCODED

        def make(number):
            if not mine["own_encoder"]:
                encoder.resize()
            raw = picture.i420(
                number, encoder.width, encoder.height, fps, mine["noise"], mine["tint"]
            )
            return encoder.make(number, raw)

        def push(number, frame):
            settled = number - pump.first > SETTLING_FRAMES
            moment = self.origin + number / fps if settled else time.monotonic()
            encoder.push(frame, round(moment * 1e6))

        self.encoders[kind] = encoder
        self.pumps[kind] = pump = Pump(self.origin, 1 / fps, 0, make, push)
        return rtc.LocalVideoTrack.create_video_track(kind, encoder.source)

    @staticmethod
    def make_sound(number):
        sound = picture.sound(number * BLOCK, BLOCK)
        return rtc.AudioFrame(
            (sound * 32767).astype(np.int16).tobytes(), picture.SAMPLE_RATE, 1, BLOCK
        )

    @staticmethod
    def hand_over(source, frame):
        request = ffi_pb2.FfiRequest()
        request.capture_audio_frame.source_handle = source._ffi_handle.handle
        request.capture_audio_frame.buffer.CopyFrom(frame._proto_info())
        FfiClient.instance.request(request)

    def make_audio(self, options):
        options.source = rtc.TrackSource.SOURCE_MICROPHONE
        options.dtx = self.options["dtx"]
        options.red = False
        source = rtc.AudioSource(picture.SAMPLE_RATE, 1, queue_size_ms=0)
        self.encoders["audio"] = source

        def push(_number, frame):
            self.hand_over(source, frame)

        step = BLOCK / picture.SAMPLE_RATE
        pump = Pump(self.origin, step, AUDIO_LEAD, self.make_sound, push)
        self.pumps["audio"] = pump
        return rtc.LocalAudioTrack.create_audio_track("audio", source)

    async def flash(self, kind, seconds):
        """Publishes for a moment: the seconds count from the request to publish."""
        begun = time.monotonic()
        await self.publish(kind)
        await asyncio.sleep(max(0, begun + seconds - time.monotonic()))
        self.stop_pump(kind)
        await self.room.local_participant.unpublish_track(self.publications.pop(kind).sid)
        say("flashed", kind=kind, lasted=time.monotonic() - begun)

    async def publish_sounds(self, count):
        """So many microphones at once; in turn each is heard for 200 ms of a second, which is what a
        machine can encode beside all else."""
        sources = [rtc.AudioSource(picture.SAMPLE_RATE, 1, queue_size_ms=0) for _ in range(count)]
        options = room_pb2.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        options.dtx = options.red = False

        def push(number, frame):
            for source in sources[number // 20 % 5 :: 5]:
                self.hand_over(source, frame)

        pump = self.pumps["sounds"] = Pump(self.origin, 0.01, AUDIO_LEAD, self.make_sound, push)
        pump.start()
        begun = time.monotonic()
        tracks = [rtc.LocalAudioTrack.create_audio_track(f"sound {at}", source)
                  for at, source in enumerate(sources)]  # fmt: skip
        await asyncio.gather(
            *(self.room.local_participant.publish_track(track, options) for track in tracks)
        )
        say("published_sounds", took=time.monotonic() - begun)

    async def stats(self, kind):
        rows = []
        for stat in await self.tracks[kind].get_stats():
            if stat.WhichOneof("stats") == "outbound_rtp":
                row = stat.outbound_rtp
                rows.append(
                    {
                        "rid": row.outbound.rid,
                        "frames_encoded": row.outbound.frames_encoded,
                        "frames_sent": row.outbound.frames_sent,
                        "packets": row.sent.packets_sent,
                        "pli": row.outbound.pli_count,
                        "nack": row.outbound.nack_count,
                        "fps": row.outbound.frames_per_second,
                        "width": row.outbound.frame_width,
                        "keyframes": row.outbound.key_frames_encoded,
                    }
                )
        pump, encoder = self.pumps[kind], self.encoders[kind]
        say("stats", kind=kind, first=pump.first, last=pump.next - 1, late=pump.latest, sent=rows,
            largest=getattr(encoder, "largest", 0), at=time.monotonic())  # fmt: skip

    async def obey(self, command):
        name, kind = command["do"], command.get("kind")
        if name == "publish":
            await self.publish(kind, command.get("muted", False), **command.get("changes", {}))
        elif name == "unpublish":
            self.stop_pump(kind)
            await self.room.local_participant.unpublish_track(self.publications.pop(kind).sid)
            say("unpublished", kind=kind)
        elif name in ("mute", "unmute"):
            getattr(self.tracks[kind], name)()
            say(name + "d", kind=kind, at=time.monotonic(), last=self.pumps[kind].next - 1)
        elif name == "resize":
            self.encoders[kind].wanted_size = (command["width"], command["height"])
            say("resized", kind=kind)
        elif name == "corrupt":
            self.encoders[kind].to_corrupt = command["count"]
            say("corrupted", kind=kind)
        elif name == "flash":
            await self.flash(kind, command["seconds"])
        elif name == "publish_sounds":
            await self.publish_sounds(command["count"])
        elif name == "stats":
            await self.stats(kind)
        elif name == "leave":
            await self.leave()
        elif name == "join":
            self.room = rtc.Room()
            self.options["token"] = command.get("token", self.options["token"])
            await self.join()


async def main():
    publisher = Publisher(json.loads(sys.stdin.readline()))
    if publisher.options["own_encoder"]:
        import av  # noqa: F401  (slow: not while the sound is being sent)
    try:
        os.nice(-5)
    except PermissionError:
        pass
    await publisher.join()
    for kind in publisher.options["publish"]:
        await publisher.publish(kind, kind in publisher.options["muted"])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            await publisher.obey(json.loads(line))
        except Exception as error:  # told, so that the test fails with it
            say("error", text=repr(error))
    say("quit")


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
