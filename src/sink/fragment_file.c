#include "sink/fragment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"

#define IO_BUFFER_BYTES 4096
#define FIRST_CAPACITY 16384
#define PIECES_MAX 1024 /* of one call: UIO_MAXIOV */

struct FragmentFile {
    int fd;
    int error; /* FFmpeg's; sticks */
    unsigned auto_commit_bytes;
    AVIOContext *io;

    uint8_t *data; /* not on disk yet: begins at `base` in the file */
    size_t capacity;
    size_t size;
    int64_t base;
    int64_t position; /* where the muxer writes next */
    int64_t disk_bytes;
};

/* Takes what is written off the pieces. */
static void advance(struct iovec **pieces, size_t *count, size_t written)
{
    while (*count > 0 && written >= (*pieces)->iov_len) {
        written -= (*pieces)->iov_len;
        (*pieces)++;
        (*count)--;
    }
    if (written > 0) {
        (*pieces)->iov_base = (uint8_t *)(*pieces)->iov_base + written;
        (*pieces)->iov_len -= written;
    }
}

static int write_pieces(int fd, struct iovec *pieces, size_t count, int64_t position)
{
    while (count > 0) {
        const int at_once = count < PIECES_MAX ? (int)count : PIECES_MAX;
        const ssize_t written = pwritev(fd, pieces, at_once, position);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return AVERROR(errno);
        if (written == 0)
            return AVERROR(ENOSPC);
        advance(&pieces, &count, (size_t)written);
        position += written;
    }
    return 0;
}

static int write_at(int fd, const uint8_t *data, size_t size, int64_t position)
{
    return write_pieces(fd, &(struct iovec){(void *)data, size}, 1, position);
}

/* What goes into a file that somebody has removed is lost when it is closed. */
static int check_named(const FragmentFile *file)
{
    struct stat status;
    return fstat(file->fd, &status) == 0 && status.st_nlink == 0 ? AVERROR(ENOENT) : 0;
}

/* Half a fragment would be found by a player: back to the last whole one. */
static void take_back(const FragmentFile *file)
{
    if (ftruncate(file->fd, file->disk_bytes) < 0)
        return;
}

static int commit_pieces(FragmentFile *file, struct iovec *pieces, size_t count, size_t size)
{
    file->error = check_named(file);
    if (file->error < 0)
        return file->error;
    file->error = write_pieces(file->fd, pieces, count, file->base);
    if (file->error < 0) {
        take_back(file);
        return file->error;
    }
    file->base += (int64_t)size;
    if (file->disk_bytes < file->base)
        file->disk_bytes = file->base;
    return 0;
}

static int commit_buffer(FragmentFile *file)
{
    if (file->error < 0 || file->size == 0)
        return file->error;
    const size_t size = file->size;
    if (commit_pieces(file, &(struct iovec){file->data, size}, 1, size) == 0)
        file->size = 0;
    return file->error;
}

static bool reserve(FragmentFile *file, size_t size)
{
    if (size <= file->capacity)
        return true;
    if (size > FRAGMENT_FILE_MAX_BYTES)
        return false;
    size_t capacity = file->capacity > 0 ? file->capacity : FIRST_CAPACITY;
    while (capacity < size)
        capacity *= 2;
    uint8_t *data = realloc(file->data, capacity);
    require(data != NULL);
    file->data = data;
    file->capacity = capacity;
    return true;
}

/* The muxer corrects something that is on disk already: a size, an index's place. */
static int patch_disk(FragmentFile *file, const uint8_t *data, size_t size)
{
    if (file->position + (int64_t)size > file->base && commit_buffer(file) < 0)
        return file->error;
    file->error = write_at(file->fd, data, size, file->position);
    if (file->error < 0)
        return file->error;
    file->position += (int64_t)size;
    if (file->base < file->position)
        file->base = file->position;
    if (file->disk_bytes < file->position)
        file->disk_bytes = file->position;
    return 0;
}

static int on_write(void *opaque, uint8_t *data, int count)
{
    FragmentFile *file = opaque;
    const size_t size = (size_t)count;
    if (file->error < 0)
        return file->error;
    if (file->position < file->base)
        return patch_disk(file, data, size) < 0 ? file->error : count;
    if (file->position > file->base + (int64_t)file->size) {
        if (commit_buffer(file) < 0)
            return file->error;
        file->base = file->position;
    }
    const size_t offset = (size_t)(file->position - file->base);
    if (!reserve(file, offset + size)) {
        file->error = AVERROR(ENOBUFS);
        return file->error;
    }
    memcpy(file->data + offset, data, size);
    if (file->size < offset + size)
        file->size = offset + size;
    file->position += count;
    if (file->auto_commit_bytes > 0 && file->size >= file->auto_commit_bytes)
        commit_buffer(file);
    return file->error < 0 ? file->error : count;
}

static int64_t on_seek(void *opaque, int64_t offset, int whence)
{
    FragmentFile *file = opaque;
    const int64_t in_memory = file->base + (int64_t)file->size;
    const int64_t end = in_memory > file->disk_bytes ? in_memory : file->disk_bytes;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return end;
    if (whence == SEEK_CUR)
        offset += file->position;
    else if (whence == SEEK_END)
        offset += end;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    if (offset < 0)
        return AVERROR(EINVAL);
    file->position = offset;
    return offset;
}

FragmentFile *fragment_file_new(const char *path, unsigned auto_commit_bytes)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return NULL;
    FragmentFile *file = calloc(1, sizeof *file);
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);
    require(file != NULL && buffer != NULL);
    file->fd = fd;
    file->auto_commit_bytes = auto_commit_bytes;
    file->io = avio_alloc_context(buffer, IO_BUFFER_BYTES, 1, file, NULL, on_write, on_seek);
    require(file->io != NULL);
    file->io->direct = 1; /* media are not copied into FFmpeg's buffer on their way into ours */
    return file;
}

void fragment_file_free(FragmentFile *file)
{
    if (file == NULL)
        return;
    av_freep(&file->io->buffer);
    avio_context_free(&file->io);
    close(file->fd);
    free(file->data);
    free(file);
}

AVIOContext *fragment_file_io(FragmentFile *file)
{
    return file->io;
}

int fragment_file_commit(FragmentFile *file)
{
    avio_flush(file->io);
    return commit_buffer(file);
}

int fragment_file_append(FragmentFile *file, struct iovec *pieces, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].iov_len;
    if (fragment_file_commit(file) < 0 || size == 0)
        return file->error;
    return commit_pieces(file, pieces, count, size);
}

int fragment_file_sync(FragmentFile *file)
{
    if (file->error == 0 && fdatasync(file->fd) < 0)
        file->error = AVERROR(errno);
    return file->error;
}

uint64_t fragment_file_bytes(const FragmentFile *file)
{
    return (uint64_t)file->disk_bytes;
}
