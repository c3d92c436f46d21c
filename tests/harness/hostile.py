"""A hostile server: it stands between the recorder and an embedded room, passes signalling on in both
directions, so that media flows, and says what no server should say besides."""

import asyncio
import itertools
import random
import re
import socket
import struct
import threading

import aiohttp
from aiohttp import web
from livekit.protocol import models, rtc

UPDATE = 0x2A
CONTINUATION, BINARY, PING, PONG = 0x0, 0x2, 0x9, 0xA  # opcodes


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def frame(opcode, payload, final=True):
    """One unmasked WebSocket frame (RFC 6455 5.2)."""
    size = len(payload)
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65536:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


def update(people):
    return rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=people)).SerializeToString()


def person(identity, sids=(), **fields):
    tracks = [
        models.TrackInfo(sid=sid, type=models.VIDEO, source=models.CAMERA, mime_type="video/VP8",
                         width=640, height=360)
        for sid in sids
    ]  # fmt: skip
    return models.ParticipantInfo(
        sid=f"PA_{identity}", identity=identity, version=1, state=2, tracks=tracks, **fields
    )


class Session:
    """One recorder's connection, as an attack sees it."""

    def __init__(self, socket_, transport, number):
        self.socket, self.transport, self.number = socket_, transport, number
        self.offer = None
        self.answers = 0
        self.is_alone = False  # nothing of the room gets through
        self.reads = asyncio.Event()
        self.reads.set()
        self.connected = asyncio.Event()  # answered once

    async def send(self, message):
        await self.socket.send_bytes(message)

    async def raw(self, data):
        self.transport.write(data)
        await asyncio.sleep(0)
        if self.transport.is_closing():
            raise ConnectionResetError
        while self.transport.get_write_buffer_size() > (4 << 20) and not self.transport.is_closing():
            await asyncio.sleep(0.001)


class Relay(asyncio.DatagramProtocol):
    """Carries the media between room and recorder, so that datagrams of its own come from the very
    address that the recorder trusts."""

    def __init__(self):
        self.room = self.recorder = None  # addresses
        self.ssrcs = []
        self.carried = 0

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, address):
        if address == self.room:
            if self.recorder:
                self.transport.sendto(data, self.recorder)
                self.carried += 1
        else:
            self.recorder = address
            self.transport.sendto(data, self.room)

    def forge(self, data):
        self.transport.sendto(data, self.recorder)

    def own(self, sdp):
        """That text with the relay in the place of the room's address; its other ones are left out."""
        kept = []
        for line in sdp.split("\r\n"):
            found = re.match(r"(a=candidate:\S+ \d+ UDP \d+ 127\.0\.0\.1) (\d+)( .*)", line, re.I)
            if found:
                self.room = ("127.0.0.1", int(found[2]))
                line = f"{found[1]} {self.port}{found[3]}"
            elif line.startswith("a=candidate"):
                continue
            if line.startswith("a=ssrc:"):
                self.ssrcs.append(int(line[7:].split()[0]))
            kept.append(line)
        return "\r\n".join(kept)


def without_candidates(sdp):
    return "".join(line for line in sdp.splitlines(True) if not line.startswith("a=candidate"))


class HostileServer:
    """`attack(server, session)` runs once the recorder has answered the first offer; after a
    reconnect at once. What was sent is in `sent`, what came back in `answers`. With `tls`, a server's
    context, it speaks that."""

    def __init__(self, room, attack, relays=False, tls=None):
        self.room, self.attack, self.relays, self.tls = room, attack, relays, tls
        self.relay = None
        self.ice_servers = []  # URLs that the answer to a resume names
        self.sent = self.answers = 0
        self.sessions = []
        self._numbers = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the hostile server did not start"

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self):
        self._end = asyncio.Event()
        if self.relays:
            _, self.relay = await self._loop.create_datagram_endpoint(
                Relay, local_addr=("127.0.0.1", 0)
            )
        app = web.Application()
        app.router.add_get("/rtc", self._connected)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener, ssl_context=self.tls).start()
        self.url = f"{'wss' if self.tls else 'ws'}://127.0.0.1:{listener.getsockname()[1]}"
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    def close(self):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _connected(self, request):
        here = web.WebSocketResponse(max_msg_size=0, timeout=0.5)
        await here.prepare(request)
        session = Session(here, request.transport, next(self._numbers))
        self.sessions.append(session)
        headers = {"Authorization": request.headers["Authorization"]}
        url = f"{self.room.url.replace('ws', 'http', 1)}/rtc?{request.query_string}"
        async with aiohttp.ClientSession() as client:
            async with client.ws_connect(url, headers=headers, max_msg_size=0) as there:
                tasks = [asyncio.ensure_future(one) for one in (
                    self._down(there, session), self._up(there, session), self._fight(session))]
                await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        if request.transport:
            request.transport.abort()
        return here

    async def _down(self, there, session):
        async for message in there:
            if message.type != aiohttp.WSMsgType.BINARY:
                continue
            response = rtc.SignalResponse.FromString(message.data)
            kind = response.WhichOneof("message")
            if kind == "offer" and self.relay:
                response.offer.sdp = self.relay.own(response.offer.sdp)
            if kind == "offer":
                session.offer = response.offer
            if kind == "reconnect" and self.ice_servers:
                response.reconnect.ice_servers.add(urls=self.ice_servers)
            if not session.is_alone and not (kind == "trickle" and self.relay):
                await session.send(response.SerializeToString())

    async def _up(self, there, session):
        while True:
            await session.reads.wait()
            message = await session.socket.receive()
            if message.type != aiohttp.WSMsgType.BINARY:
                return
            request = rtc.SignalRequest.FromString(message.data)
            kind = request.WhichOneof("message")
            if kind == "answer":
                session.answers += 1
                self.answers += 1
                session.connected.set()
                if request.answer.id > 1 << 20:
                    continue  # to an offer of the attack
                if self.relay:
                    request.answer.sdp = without_candidates(request.answer.sdp)
            if kind == "trickle" and self.relay:
                continue
            if kind == "subscription" and "ghost" in str(request.subscription):
                continue
            await there.send_bytes(request.SerializeToString())

    async def _fight(self, session):
        try:
            if session.number == 0:
                await session.connected.wait()
                await asyncio.sleep(2)
            await self.attack(self, session)
        except (ConnectionError, aiohttp.ClientError):
            pass


# ---- attacks ----


async def wide_crowd(server, session):
    """10,000 people with a camera each, 500 to a message."""
    for first in range(0, 10000, 500):
        people = [person(f"ghost{n}", [f"TR_ghost{n}"]) for n in range(first, first + 500)]
        await session.send(update(people))
        server.sent += len(people)


async def deep_crowd(server, session):
    """Ten people with 1,000 cameras each."""
    for n in range(10):
        sids = [f"TR_ghost{n}x{k}" for k in range(1000)]
        await session.send(update([person(f"ghost{n}", sids)]))
        server.sent += len(sids)


async def large_messages(server, session):
    """Just under 16 MiB each: text in one field, and eight million empty people."""
    await session.send(update([person("ghost", metadata="m" * (16 * 1024 * 1024 - 200))]))
    empty = b"\x0a\x00" * (8 * 1024 * 1024 - 100)
    await session.send(bytes([UPDATE]) + varint(len(empty)) + empty)
    await session.send(update([person("ghost2", name="n" * (16 * 1024 * 1024 - 200))]))
    server.sent += 3


async def endless_messages(server, session):
    message = frame(BINARY, update([person("ghost", metadata="m" * (16 * 1024 * 1024 - 200))]))
    while True:
        await session.raw(message)
        server.sent += 1


async def endless_pieces(server, session):
    """A message that never ends; nothing may come between its pieces."""
    session.is_alone = True
    await session.raw(frame(BINARY, b"\x2a", final=False))
    piece = frame(CONTINUATION, b"\x00" * (1 << 20), final=False)
    while True:
        await session.raw(piece)
        server.sent += 1


async def small_messages(server, session):
    message = frame(BINARY, rtc.SignalResponse(pong=1).SerializeToString()) * 100
    while True:
        await session.raw(message)
        server.sent += 100


async def endless_frames(session, server, one):
    while True:
        await session.raw(one * 500)
        server.sent += 500


async def endless_pings(server, session):
    """Of two bytes each, and nobody who reads the pongs."""
    session.reads.clear()
    session.transport.pause_reading()
    await endless_frames(session, server, frame(PING, b""))


async def endless_pongs(server, session):
    await endless_frames(session, server, frame(PONG, b""))


async def endless_empty_pieces(server, session):
    """A message that never ends and never grows; nothing may come between its pieces."""
    session.is_alone = True
    await session.raw(frame(BINARY, b"\x2a", final=False))
    await endless_frames(session, server, frame(CONTINUATION, b"", final=False))


async def endless_offers(server, session):
    """900 a second, each good."""
    for number in itertools.count((1 << 20) + 1):
        offer = rtc.SessionDescription(type="offer", sdp=session.offer.sdp, id=number)
        await session.send(rtc.SignalResponse(offer=offer).SerializeToString())
        server.sent += 1
        await asyncio.sleep(1 / 900)


async def unread_answers(server, session):
    """Offers with as many sections as there may be, and nobody who reads the answers; the next
    connection is left alone."""
    head, first, *_ = session.offer.sdp.split("\r\nm=")
    section = "\r\nm=" + first
    sections = [section.replace("a=mid:0", f"a=mid:{n}") for n in range(1000)]
    sdp = head + "".join(sections)
    if session.number > 0:
        return
    session.reads.clear()
    session.transport.pause_reading()
    for number in itertools.count((1 << 20) + 1):
        offer = rtc.SessionDescription(type="offer", sdp=sdp, id=number)
        await session.send(rtc.SignalResponse(offer=offer).SerializeToString())
        server.sent += 1
        await asyncio.sleep(0.25)


async def endless_candidates(server, session):
    for n in range(9000):
        address = f"127.{n >> 8 & 255}.{n & 255}.9"
        text = f'{{"candidate": "candidate:{n} 1 udp {n} {address} 9 typ host", "sdpMid": "0"}}'
        trickle = rtc.TrickleRequest(candidateInit=text, target=rtc.SUBSCRIBER)
        await session.send(rtc.SignalResponse(trickle=trickle).SerializeToString())
        server.sent += 1


def forgeries(ssrc):
    """Datagrams of somebody without the keys."""
    number = random.randrange(65536)
    head = struct.pack(">BBHII", 0x90, 96, number, random.getrandbits(32), ssrc)
    claims = head + struct.pack(">HH", 0xBEDE, 16383)
    yield claims
    yield claims + b"\0" * 64000
    yield head[:12]
    yield struct.pack(">BBHIQ", 0x80, 200, 65535, ssrc, 0)  # RTCP of 256 kB
    yield b"\x15\xfe\xfd" + bytes(8) + b"\0\x02\x02\x28"  # a DTLS alert
    yield b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff\x01"  # a handshake that is cut
    yield b"\x00\x01\xff\xfc\x21\x12\xa4\x42" + bytes(12)  # STUN of 64 KiB
    yield b"\x01\x11\x00\x00\x21\x12\xa4\x42" + random.randbytes(12)  # a STUN error
    yield random.randbytes(random.randrange(1, 1400))


async def forged_datagrams(server, session):
    """A thousand a second for five seconds, from the room's own address."""
    for _ in range(500):
        for data in forgeries(random.choice(server.relay.ssrcs)):
            server.relay.forge(data)
            server.sent += 1
        await asyncio.sleep(0.009)


async def lost_once(server, session):
    """The first connection breaks; nothing else is done."""
    if session.number == 0:
        session.transport.abort()
        server.sent += 1


async def nothing(server, session):
    """What is hostile is the room itself."""
    server.sent += 1
