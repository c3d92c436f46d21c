"""The relay alone: what it does to datagrams of this process, and that it does so to no others."""

import os
import socket
import struct
import time

import pytest

from harness.relay import TcpRelay, UdpRelay

PACKETS = 2000


@pytest.fixture
def ends():
    """A server, a relay in front of it, a client, and the path that belongs to this process."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for one in (server, client):
        one.bind(("127.0.0.1", 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.settimeout(2)
    with UdpRelay(("127.0.0.2", 0), server.getsockname()) as relay:
        client.connect(relay.address)
        yield server, client, relay, relay.path(os.getpid())
    server.close()
    client.close()


def rtp(number, payload_type=96):
    return struct.pack("!BBHII", 0x80, payload_type, number % 65536, 0, 7) + struct.pack("!I", number)


def numbers(end, seconds=0.5):
    """What arrives until nothing did for so long: (number, from where, when)."""
    end.settimeout(seconds)
    found = []
    try:
        while True:
            packet, sender = end.recvfrom(2048)
            found.append((int.from_bytes(packet[-4:], "big"), sender, time.monotonic()))
    except TimeoutError:
        return found


def send(client, count=PACKETS):
    for number in range(count):
        client.send(rtp(number))
        if number % 100 == 99:
            time.sleep(0.002)


def test_carries_both_ways(ends):
    server, client, _, path = ends
    send(client, 10)
    got = numbers(server)
    assert [number for number, _, _ in got] == list(range(10))
    server.sendto(rtp(77), got[0][1])
    assert numbers(client)[0][0] == 77
    assert (path.up.carried, path.down.carried) == (10, 1)
    assert path.up.streams[7].seen == set(range(10))


def test_loses_what_it_says(ends):
    server, client, _, path = ends
    path.up.loss = 0.1
    send(client)
    got = {number for number, _, _ in numbers(server)}
    assert 0.07 < path.up.dropped["loss"] / PACKETS < 0.13
    assert set(range(PACKETS)) - got == path.up.streams[7].lost


def test_bursts_are_in_a_row(ends):
    server, client, _, path = ends
    path.up.bursts = (5, 50, 300)
    send(client)
    got = {number for number, _, _ in numbers(server)}
    lost = [number for number in range(PACKETS) if number not in got]
    bursts = sum(b != a + 1 for a, b in zip([-2, *lost], lost))
    assert bursts >= 5
    assert 5 <= len(lost) / bursts <= 50


def test_delay_jitter_and_reordering(ends):
    server, client, _, path = ends
    path.delay(0.05)
    begun = time.monotonic()
    client.send(rtp(0))
    assert 0.045 < numbers(server)[0][2] - begun < 0.4
    path.up.jitter = 0.05
    send(client, 300)
    assert [number for number, _, _ in numbers(server)] == list(range(300))
    path.up.jitter, path.up.reorder = 0.0, 0.2
    send(client, 300)
    got = [number for number, _, _ in numbers(server)]
    assert got != sorted(got) == list(range(300))


def test_a_slow_link_queues_and_drops(ends):
    server, client, _, path = ends
    path.up.rate, path.up.queue_bytes = 400_000, 20_000
    send(client)
    got = numbers(server)
    assert path.up.dropped["rate"] == PACKETS - len(got) > 0
    assert 0.3 < got[-1][2] - got[0][2] < 2.0


def test_rtcp_alone_is_cut(ends):
    server, client, _, path = ends
    path.up.drop_rtcp = True
    client.send(rtp(1))
    client.send(rtp(2, payload_type=201))
    client.send(rtp(3))
    assert [number for number, _, _ in numbers(server)] == [1, 3]


def test_cut_move_and_others(ends):
    server, client, relay, path = ends
    relay.others.up.loss = 1.0
    path.cut()
    client.send(rtp(1))
    assert numbers(server) == []
    path.heal()
    client.send(rtp(2))
    first = numbers(server)
    path.move()
    client.send(rtp(3))
    second = numbers(server)
    assert [first[0][0], second[0][0]] == [2, 3]
    assert first[0][1] != second[0][1]


def assert_ended(client):
    try:
        assert client.recv(9) == b""
    except ConnectionError:
        pass


def test_tcp_stalls_and_cuts():
    with socket.create_server(("127.0.0.1", 0)) as listener, TcpRelay(listener.getsockname()) as relay:
        with socket.create_connection(("127.0.0.1", relay.port), 2) as client:
            server, _ = listener.accept()
            server.settimeout(0.3)
            client.sendall(b"one")
            assert server.recv(9) == b"one"
            relay.stall()
            client.sendall(b"two")
            with pytest.raises(TimeoutError):
                server.recv(9)
            relay.heal()
            assert server.recv(9) == b"two"
            relay.cut()
            assert_ended(client)
            server.close()
