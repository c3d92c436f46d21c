"""The network between livekit-server and a recorder: relays that lose, delay and cut what they carry.

A RelayedServer announces 127.0.0.2 and, being ICE-lite, sends no checks of its own; its UDP socket is
on 127.0.0.1. A UdpRelay stands on 127.0.0.2 and carries all packets, each client from a socket of its
own. A process gets a Path of its own by relay.path(pid): faults put on it touch nobody else.

    with RelayedServer(folder) as server, Record(server, room, folder=out) as record:
        path = server.relay.path(record.process.pid)
        path.delay(0.025)              # both ways: a round trip of 50 ms
        path.down.loss = 0.05          # to the recorder
        path.cut(); path.heal(); path.move()
        assert path.down.carried > 1000 and path.down.dropped["loss"] > 10

Directions are seen from the client: `down` comes from the server, `up` goes to it. All random choices
come from a seed. Settings may be changed at any time."""

import collections
import heapq
import os
import pathlib
import random
import selectors
import socket
import threading
import time

from .server import LiveKitServer

HEADERS = 28  # of IP and UDP; a link carries them too
RECEIVE_BUFFER = 4 << 20


def is_rtp_or_rtcp(packet):
    return len(packet) >= 8 and 128 <= packet[0] <= 191


def is_rtcp(packet):
    """RFC 5761 section 4: the payload types 64-95 with the marker bit."""
    return is_rtp_or_rtcp(packet) and 192 <= packet[1] <= 223


class Stream:
    """What was seen of one SSRC; SRTP leaves the header in the clear."""

    def __init__(self, ssrc, payload_type):
        self.ssrc, self.payload_type = ssrc, payload_type
        self.highest = None
        self.packets = self.dropped = 0
        self.seen, self.lost = set(), set()  # sequence numbers, counted on past 65535

    def count(self, packet, is_dropped):
        sequence = int.from_bytes(packet[2:4], "big")
        if self.highest is not None:
            sequence = self.highest + ((sequence - self.highest + 32768) % 65536 - 32768)
        self.highest = sequence if self.highest is None else max(self.highest, sequence)
        self.packets += 1
        self.dropped += is_dropped
        self.seen.add(sequence)
        if is_dropped:
            self.lost.add(sequence)


class Direction:
    """One way of a path: its faults, which may be set at any time, and what became of its packets."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loss = 0.0  # of 1, of any packet
        self.bursts = None  # (least, most, every): so many packets in a row, `every` packets apart
        self.delay = 0.0  # seconds
        self.jitter = 0.0  # the delay wanders by up to so many seconds; order is kept
        self.reorder = 0.0  # of 1: packets that are held back by up to `reorder_by` seconds
        self.reorder_by = 0.1
        self.duplicate = 0.0  # of 1
        self.rate = None  # bit/s; what does not fit into `queue_bytes` is dropped
        self.queue_bytes = 64_000
        self.drop_rtcp = False
        self.is_cut = False
        self.carried = self.carried_bytes = self.rtcp = self.duplicated = self.reordered = 0
        self.dropped = collections.Counter()  # by cause
        self.streams = {}  # of RTP, by SSRC
        self.last_at = 0.0  # when the last packet went through, time.monotonic()
        self._to_drop, self._until_burst = 0, None
        self._link_free = self._last_due = 0.0
        self._wander, self._wander_until = 0.0, 0.0

    def drop_next(self, count):
        """So many of the next packets are lost."""
        self._to_drop += count

    def admit(self, packet, now):
        """When to hand the packet on: no, one or two times."""
        cause = self._why_dropped(packet, now)
        if is_rtp_or_rtcp(packet) and not is_rtcp(packet):
            ssrc = int.from_bytes(packet[8:12], "big")
            if ssrc not in self.streams:
                self.streams[ssrc] = Stream(ssrc, packet[1] & 127)
            self.streams[ssrc].count(packet, cause is not None)
        if cause is not None:
            self.dropped[cause] += 1
            return []
        self.rtcp += is_rtcp(packet)
        self.carried += 1
        self.carried_bytes += len(packet)
        self.last_at = now
        due = self._due(now)
        if self.duplicate and self.random.random() < self.duplicate:
            self.duplicated += 1
            return [due, due + self.random.uniform(0, 0.02)]
        return [due]

    def _why_dropped(self, packet, now):
        if self.is_cut:
            return "cut"
        if self.drop_rtcp and is_rtcp(packet):
            return "rtcp"
        if self._in_burst():
            return "burst"
        if self.loss and self.random.random() < self.loss:
            return "loss"
        if self.rate and not self._enqueue(len(packet) + HEADERS, now):
            return "rate"
        return None

    def _in_burst(self):
        if self._to_drop == 0 and self.bursts:
            least, most, every = self.bursts
            if self._until_burst is None:
                self._until_burst = every
            self._until_burst -= 1
            if self._until_burst <= 0:
                self._until_burst = every
                self._to_drop = self.random.randint(least, most)
        if self._to_drop == 0:
            return False
        self._to_drop -= 1
        return True

    def _enqueue(self, size, now):
        self._link_free = max(self._link_free, now)
        if (self._link_free - now) * self.rate / 8 + size > self.queue_bytes:
            return False
        self._link_free += size * 8 / self.rate
        return True

    def _due(self, now):
        due = (max(now, self._link_free) if self.rate else now) + self.delay
        if self.jitter:
            if now >= self._wander_until:
                self._wander = self.random.uniform(0, self.jitter)
                self._wander_until = now + self.random.uniform(0.05, 0.3)
            due += self._wander
        if self.reorder and self.random.random() < self.reorder:
            self.reordered += 1
            return due + self.random.uniform(0, self.reorder_by)
        self._last_due = max(self._last_due, due)
        return self._last_due


class Path:
    """The way between the server and one process: two directions, and the sockets of its flows."""

    def __init__(self, seed):
        self.up, self.down = Direction(f"{seed} up"), Direction(f"{seed} down")
        self.flows = []

    def delay(self, seconds):
        """One way, in both directions."""
        self.up.delay = self.down.delay = seconds

    def loss(self, share):
        self.up.loss = self.down.loss = share

    def cut(self):
        self.up.is_cut = self.down.is_cut = True

    def heal(self):
        self.up.is_cut = self.down.is_cut = False

    def move(self):
        """From now on the server sees other addresses; what it sends to the old ones is lost."""
        for flow in self.flows:
            flow.wants_new_socket = True


class _Flow:
    def __init__(self, client, path, upstream):
        self.client, self.path, self.upstream = client, path, upstream
        self.wants_new_socket = False


def udp_ports(pid):
    """The local UDP ports of a process."""
    inodes = set()
    try:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return set()
    rows = [row.split() for row in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes}


class UdpRelay:
    """Carries datagrams between `listen` and `server`, in a thread of its own, until close()."""

    def __init__(self, listen, server, seed=1):
        self.server, self.seed = server, seed
        self.others = Path(f"{seed} others")  # of every process that has no path of its own
        self._paths = {}  # by pid
        self._flows = {}  # by client address
        self._heap, self._order = [], 0
        self._selector = selectors.DefaultSelector()
        self._socket = self._open(listen)
        self.address = self._socket.getsockname()
        self._selector.register(self._socket, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._closing = False
        self._wake, wake_end = socket.socketpair()
        self._selector.register(wake_end, selectors.EVENT_READ, "wake")
        self._wake_end = wake_end
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def path(self, pid):
        """The path of that process's packets; ask for it as soon as the process is started."""
        with self._lock:
            if pid not in self._paths:
                self._paths[pid] = Path(f"{self.seed} {len(self._paths)}")
            self._claim(pid)
            return self._paths[pid]

    def close(self):
        self._closing = True
        self._wake.send(b"x")
        self._thread.join(5)
        for one in [self._socket, self._wake, self._wake_end, *(f.upstream for f in self._flows.values())]:
            one.close()
        self._selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _open(self, address):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        made.bind(address)
        made.setblocking(False)
        return made

    def _claim(self, pid):
        """Flows that began before the process had a path get it."""
        ports = udp_ports(pid)
        for flow in self._flows.values():
            if flow.path is self.others and flow.client[1] in ports:
                self._give(flow, self._paths[pid])

    def _give(self, flow, path):
        flow.path = path
        path.flows.append(flow)

    def _flow(self, client):
        flow = self._flows.get(client)
        if flow:
            return flow
        upstream = self._open(("127.0.0.1", 0))
        flow = _Flow(client, self.others, upstream)
        self._selector.register(upstream, selectors.EVENT_READ, flow)
        with self._lock:
            self._flows[client] = flow
            owner = next((pid for pid in self._paths if client[1] in udp_ports(pid)), None)
            if owner is not None:
                self._give(flow, self._paths[owner])
        return flow

    def _move(self, flow):
        flow.wants_new_socket = False
        self._selector.unregister(flow.upstream)
        flow.upstream.close()
        flow.upstream = self._open(("127.0.0.1", 0))
        self._selector.register(flow.upstream, selectors.EVENT_READ, flow)

    def _run(self):
        while not self._closing:
            wait = max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None
            for key, _ in self._selector.select(wait):
                if key.data == "wake":
                    continue
                self._read(key.fileobj, key.data)
            now = time.monotonic()
            while self._heap and self._heap[0][0] <= now:
                _, _, is_up, flow, packet = heapq.heappop(self._heap)
                self._send(is_up, flow, packet)

    def _read(self, ready, flow):
        """A few at a time, so that a flood does not hold up what is due."""
        for _ in range(64):
            try:
                packet, client = ready.recvfrom(65536)
            except OSError:
                return
            is_up = flow is None
            its = self._flow(client) if is_up else flow
            if its.wants_new_socket:
                self._move(its)
            now = time.monotonic()
            direction = its.path.up if is_up else its.path.down
            for due in direction.admit(packet, now):
                self._order += 1
                heapq.heappush(self._heap, (due, self._order, is_up, its, packet))

    def _send(self, is_up, flow, packet):
        try:
            if is_up:
                flow.upstream.sendto(packet, self.server)
            else:
                self._socket.sendto(packet, flow.client)
        except OSError:
            pass  # as a network would


class RelayedServer(LiveKitServer):
    """A livekit-server whose media go through .relay."""

    ANNOUNCED = "127.0.0.2"

    def __init__(self, folder, seed=1, rtc_extra="", **options):
        super().__init__(
            folder, node_ip=self.ANNOUNCED, rtc_extra=f"use_ice_lite: true\n  {rtc_extra}", **options
        )
        self.seed, self.relay = seed, None

    def __enter__(self):
        super().__enter__()
        try:
            self.relay = UdpRelay(
                (self.ANNOUNCED, self.udp_port), (self.address, self.udp_port), self.seed
            )
        except OSError:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.relay.close()
        super().__exit__()


class TcpRelay:
    """Carries TCP connections to `server`, from a free port of 127.0.0.1; for the WebSocket."""

    def __init__(self, server, listen=("127.0.0.1", 0)):
        self.server = server
        self.accepted = self.refused = 0
        self._flowing = threading.Event()
        self._flowing.set()
        self._accepts, self._closing = True, False
        self._pairs = []
        self._listener = socket.create_server(listen)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def cut(self):
        """Ends the connections with a reset and takes no new ones."""
        self._accepts = False
        self.reset()

    def heal(self):
        self._accepts = True
        self._flowing.set()

    def stall(self):
        """Connections stay and nothing goes through, until heal()."""
        self._flowing.clear()

    def reset(self):
        """Ends the connections; new ones are welcome."""
        for pair in self._pairs:
            for one in pair:
                self._abort(one)
        self._pairs = []

    def close(self):
        self._closing = True
        self._flowing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()
        self.reset()

    def _abort(self, one):
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()

    def _accept(self):
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._accepts:
                self.refused += 1
                self._abort(client)
                continue
            try:
                server = socket.create_connection(self.server, timeout=5)
            except OSError:
                self._abort(client)
                continue
            server.settimeout(None)
            self.accepted += 1
            self._pairs.append((client, server))
            if not self._accepts:  # it was cut meanwhile
                self.reset()
                continue
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source, target):
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            self._abort(target)
            self._abort(source)
