"""Sends a file's VP8 and Opus into a room, over and over: send_file.py URL TOKEN FILE.

The pictures go as they are in the file, at their times; the file answers requests for key frames, as
it has one every second. The sound is decoded before, for the SDK encodes it itself. Says "sending",
then runs until its input ends."""

import asyncio
import itertools
import os
import sys
import threading
import time

import av
from livekit import rtc
from livekit.rtc._proto import room_pb2, video_frame_pb2

RATE, BLOCK = 48000, 480


class Clip:
    def __init__(self, path):
        with av.open(path) as file:
            stream = file.streams.video[0]
            self.width, self.height = stream.codec_context.width, stream.codec_context.height
            packets = [packet for packet in file.demux(stream) if packet.size]
        self.pictures = [(bytes(packet), packet.is_keyframe) for packet in packets]
        self.step = float((packets[-1].pts - packets[0].pts) * packets[0].time_base)
        self.step /= len(packets) - 1
        with av.open(path) as file:
            resampler = av.AudioResampler("s16", "mono", RATE)
            frames = [made for frame in file.decode(audio=0) for made in resampler.resample(frame)]
        sound = b"".join(frame.to_ndarray().tobytes() for frame in frames)
        self.blocks = [sound[i : i + 2 * BLOCK] for i in range(0, len(sound) - 2 * BLOCK, 2 * BLOCK)]


def pump(items, step, push):
    """push(item) every `step` seconds, for ever."""
    begin = time.monotonic()
    for number, item in enumerate(itertools.cycle(items)):
        due = begin + number * step
        time.sleep(max(0, due - time.monotonic()))
        push(item, due)


def publish_picture(clip):
    source = rtc.EncodedVideoSource(clip.width, clip.height)
    options = room_pb2.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA, video_codec=video_frame_pb2.VP8, simulcast=False,
        video_encoder=room_pb2.ENCODER_BACKEND_PRE_ENCODED,
    )  # fmt: skip
    options.video_encoding.max_bitrate = 8_000_000
    options.video_encoding.max_framerate = 1 / clip.step

    def push(picture, due):
        data, is_key = picture
        kind = video_frame_pb2.ENCODED_FRAME_KEY if is_key else video_frame_pb2.ENCODED_FRAME_DELTA
        source.capture_frame(
            rtc.EncodedVideoFrame(
                data, clip.width, clip.height, video_frame_pb2.VP8, kind, round(due * 1e6)
            )
        )

    return rtc.LocalVideoTrack.create_video_track("video", source), options, push


def publish_sound(loop):
    source = rtc.AudioSource(RATE, 1)
    options = room_pb2.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=False
    )

    def push(block, _due):
        frame = rtc.AudioFrame(block, RATE, 1, BLOCK)
        asyncio.run_coroutine_threadsafe(source.capture_frame(frame), loop)

    return rtc.LocalAudioTrack.create_audio_track("audio", source), options, push


async def main():
    url, token, path = sys.argv[1:]
    clip, loop, room = Clip(path), asyncio.get_running_loop(), rtc.Room()
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    for (track, options, push), items, step in (
        (publish_picture(clip), clip.pictures, clip.step),
        (publish_sound(loop), clip.blocks, BLOCK / RATE),
    ):
        await room.local_participant.publish_track(track, options)
        threading.Thread(target=pump, args=(items, step, push), daemon=True).start()
    print("sending", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
