#include "sink/mp4_layout.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define MAX_BOXES 64
#define HEADER_BYTES 16

#define BOX(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

typedef struct {
    uint32_t type;
    uint64_t size; /* with its header; 0 = up to the end of the file */
} Box;

const char *mp4_layout_name(Mp4Layout layout)
{
    static const char *const names[] = {
        [MP4_LAYOUT_UNKNOWN] = "",
        [MP4_LAYOUT_PLAIN] = "plain",
        [MP4_LAYOUT_INDEX_LAST] = "index_last",
        [MP4_LAYOUT_FRAGMENTED] = "fragmented",
    };
    return names[layout];
}

static bool read_box(int fd, uint64_t position, Box *ret_box)
{
    uint8_t header[HEADER_BYTES];
    const ssize_t got = pread(fd, header, sizeof header, (off_t)position);
    if (got < 8)
        return false;
    ByteReader reader = byte_reader(header, (size_t)got);
    Box box = {.size = bytes_read_u32(&reader)};
    box.type = bytes_read_u32(&reader);
    uint64_t header_bytes = 8;
    if (box.size == 1) {
        box.size = bytes_read_u64(&reader);
        header_bytes = 16;
    }
    if (reader.failed || (box.size != 0 && box.size < header_bytes))
        return false;
    *ret_box = box;
    return true;
}

static Mp4Layout read_layout(int fd, uint64_t file_bytes)
{
    bool has_moov = false;
    bool has_mdat = false;
    uint64_t position = 0;
    for (unsigned i = 0; i < MAX_BOXES && position < file_bytes; i++) {
        Box box;
        if (!read_box(fd, position, &box))
            break;
        if (box.type == BOX('m', 'o', 'o', 'f'))
            return has_moov ? MP4_LAYOUT_FRAGMENTED : MP4_LAYOUT_UNKNOWN;
        if (box.type == BOX('m', 'o', 'o', 'v') && has_mdat)
            return MP4_LAYOUT_INDEX_LAST;
        has_moov = has_moov || box.type == BOX('m', 'o', 'o', 'v');
        has_mdat = has_mdat || box.type == BOX('m', 'd', 'a', 't');
        if (has_moov && has_mdat)
            return MP4_LAYOUT_PLAIN;
        if (box.size == 0 || box.size > file_bytes - position)
            break;
        position += box.size;
    }
    return MP4_LAYOUT_UNKNOWN;
}

Mp4Layout mp4_layout_read(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return MP4_LAYOUT_UNKNOWN;
    struct stat status;
    Mp4Layout layout = MP4_LAYOUT_UNKNOWN;
    if (fstat(fd, &status) == 0 && status.st_size > 0)
        layout = read_layout(fd, (uint64_t)status.st_size);
    close(fd);
    return layout;
}
