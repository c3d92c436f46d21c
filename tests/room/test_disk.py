"""What the disk refuses is told by its code; what had been written plays."""

import os

from harness.judge import is_fragmented, judge
from harness.machine import small_disk


def left_fragmented(path, record):
    """Why, by what the recording said at its end."""
    verdict = judge(path)
    assert verdict.errors == []
    assert verdict.video.duration > 2
    file = record.messages()[-1]["files"][0]
    assert is_fragmented(path)[0] and file["layout"] == "fragmented", file
    assert record.messages()[-1]["outcome"] == "complete"
    return file["layout_reason"]


def test_disk_full_in_the_middle(embedded, record, tmp_path):
    with small_disk(tmp_path / "disk", 300) as disk:
        one = record(embedded(), "--duration", "20s", output=f"{disk}/take.mp4")
        assert one.finish(60) != 0, one.tail()
        assert "disk_full:" in one.err.text(), one.tail()
        verdict = judge(disk / "take.mp4")
        assert verdict.errors == []
        assert verdict.video.duration > 1


def test_no_room_for_a_second_copy(embedded, record, tmp_path):
    """It stays as it was written, and plays."""
    with small_disk(tmp_path / "disk", 460) as disk:
        one = record(embedded(), "--duration", "5s", output=f"{disk}/take.mp4")
        assert one.finish(60) == 0, one.tail()
        assert left_fragmented(disk / "take.mp4", one) == (
            "There is not enough free space for a second copy."
        )


def test_too_large_to_be_finalised(embedded, record, tmp_path):
    settings = {"OUTPUT_FINALIZE_MAX_BYTES": "10KiB"}
    one = record(
        embedded(), "--duration", "3s", output=f"{tmp_path}/take.mp4", settings=settings
    )
    assert one.finish(60) == 0, one.tail()
    assert left_fragmented(tmp_path / "take.mp4", one) == (
        "It is larger than finalize_max_bytes (10240)."
    )


def test_folder_that_cannot_be_made(embedded, record, tmp_path):
    (tmp_path / "file").write_text("in the way")
    one = record(embedded(), "--duration", "2s", output=f"{tmp_path}/file/deeper/")
    assert one.finish(30) != 0, one.tail()
    assert "write_failed:" in one.err.text(), one.tail()
    assert (tmp_path / "file").read_text() == "in the way"


def test_every_name_is_taken(embedded, record, tmp_path):
    names = ["take"] + [f"take-{number}" for number in range(2, 100)]
    for name in names:
        (tmp_path / f"{name}.mp4").write_text(name)
    one = record(embedded(), "--duration", "2s", output=f"{tmp_path}/take.mp4")
    assert one.finish(30) != 0, one.tail()
    assert "output_exists:" in one.err.text(), one.tail()
    assert all((tmp_path / f"{name}.mp4").read_text() == name for name in names)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".json")]
