#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

bool fuzz_next(ByteReader *reader, FuzzRecord *ret_record)
{
    ret_record->kind = bytes_read_u8(reader);
    const size_t size = bytes_read_u16(reader);
    if (reader->failed)
        return false;
    ret_record->size = size < bytes_left(reader) ? size : bytes_left(reader);
    ret_record->data = bytes_read_span(reader, ret_record->size);
    return true;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        require(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    require(ftruncate(fd, 0) == 0);
    require(pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}
