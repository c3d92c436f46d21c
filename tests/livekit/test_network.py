"""A recorder on another host than the server: candidates of both sides, and a TURN relay."""

import socket

from harness.expect import expect_balanced, expect_every_frame, expect_plays
from harness.namespaces import RECORDER_ADDRESS, SERVER_ADDRESS, server_on, two_hosts
from harness.publisher import Publisher
from harness.recorder import Record
from harness.server import free_port

# The relay's permission for private addresses, as both hosts have one here.
TURN = """turn:
  enabled: true
  domain: turn.test
  udp_port: {port}
  relay_range_start: 30000
  relay_range_end: 30100
  allow_restricted_peer_cidrs: [{address}/32]
"""


def recorded(hosts, server, room, folder):
    """Five seconds of a publisher beside the server; the finished Record."""
    with hosts.inside(hosts.server):
        publisher = Publisher(server, room, codec="h264")
    with publisher, hosts.inside(hosts.recorder):
        before = publisher.unsent()
        flags = ["--duration", "5s"]
        with Record(server, room, *flags, folder=folder) as record:
            assert record.finish() == 0, record.tail()
        unsent = publisher.unsent() - before
    verdict = expect_plays(record.sidecar["output_path"])
    expect_every_frame(verdict.video, unsent)
    expect_balanced(record.sidecar)
    assert record.sidecar["outcome"] == "complete", record.sidecar
    return record


def test_another_host(tmp_path, room):
    with two_hosts() as hosts, server_on(hosts, tmp_path) as server:
        record = recorded(hosts, server, room, tmp_path / "out")
    local, remote = record.sidecar["transport"]["pair"].split(" - ")
    assert local.startswith(f"{RECORDER_ADDRESS}:") and local.endswith(" udp host"), local
    assert remote == f"{SERVER_ADDRESS}:{server.udp_port} udp host"


def test_turn_where_udp_to_the_server_is_lost(tmp_path, room):
    turn = TURN.format(port=free_port(socket.SOCK_DGRAM), address=SERVER_ADDRESS)
    with two_hosts() as hosts, server_on(hosts, tmp_path, extra=turn) as server:
        hosts.swallow_udp(server.udp_port)
        record = recorded(hosts, server, room, tmp_path / "out")
    local = record.sidecar["transport"]["pair"].split(" - ")[0]
    assert local.startswith(f"{SERVER_ADDRESS}:") and local.endswith(" udp relay"), local
    assert "WARNING" not in record.err.text(), record.tail()
