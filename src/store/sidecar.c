#include "store/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define SIDECAR_MAX_BYTES (16 * 1024 * 1024)
#define FILE_MODE 0644
#define BLOCK_BYTES 512 /* of st_blocks */

struct Sidecar {
    char *stem, *path;
    int fd; /* of the file that `path` names now; holds its lock */
};

/* The lock belongs to the file, and the file is replaced at each write: the new one is locked
 * before it takes the name, so that whoever opens the name always meets a lock. */
static bool lock(int fd, const char *path, GError **error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    g_set_error(error, STORE_ERROR, STORE_ERROR_WRITE, "Cannot lock %s: %s.", path,
                g_strerror(errno));
    return false;
}

Sidecar *sidecar_new(const char *stem, GError **error)
{
    int fd = -1;
    g_autofree char *reserved = output_path_reserve(stem, &fd, error);
    if (!reserved)
        return NULL;
    g_autofree char *path = g_strconcat(reserved, ".json", NULL);
    if (!lock(fd, path, error)) {
        close(fd);
        return NULL;
    }
    Sidecar *sidecar = g_new0(Sidecar, 1);
    sidecar->stem = g_steal_pointer(&reserved);
    sidecar->path = g_steal_pointer(&path);
    sidecar->fd = fd;
    return sidecar;
}

/* Whoever held the lock until now may have put another file into its place. */
static bool is_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

Sidecar *sidecar_adopt(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_named(fd, path)) {
        close(fd);
        return NULL;
    }
    Sidecar *sidecar = g_new0(Sidecar, 1);
    sidecar->stem = g_strndup(path, strlen(path) - strlen(".json"));
    sidecar->path = g_strdup(path);
    sidecar->fd = fd;
    return sidecar;
}

int64_t sidecar_written_wall_ns(const Sidecar *sidecar)
{
    struct stat status;
    if (fstat(sidecar->fd, &status) != 0)
        return 0;
    return status.st_mtim.tv_sec * NS_PER_SECOND + status.st_mtim.tv_nsec;
}

const char *sidecar_stem(const Sidecar *sidecar)
{
    return sidecar->stem;
}

const char *sidecar_path(const Sidecar *sidecar)
{
    return sidecar->path;
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

static char *hidden_path(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    return g_strdup_printf("%s/.%s.new", folder, name);
}

static void set_write_error(GError **error, const char *path, int number)
{
    const bool is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    g_set_error(error, STORE_ERROR, is_full ? STORE_ERROR_DISK_FULL : STORE_ERROR_WRITE,
                "Cannot write %s: %s.", path, g_strerror(number));
}

static int write_new(const char *path, const char *text, size_t size, GError **error)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        set_write_error(error, path, errno);
        return -1;
    }
    if (!lock(fd, path, error)) {
        close(fd);
        return -1;
    }
    if (write_all(fd, text, size))
        return fd;
    set_write_error(error, path, errno);
    unlink(path);
    close(fd);
    return -1;
}

/* On a full disk there is no place for a second one, but that of the first, without its blanks: a
 * kill in just that moment would leave none. */
static bool overwrite(const Sidecar *sidecar, const char *text)
{
    g_autoptr(JsonNode) root = json_from_string(text, NULL);
    g_autofree char *dense = root ? json_to_string(root, FALSE) : NULL;
    const size_t size = dense ? strlen(dense) : 0;
    struct stat status;
    if (size == 0 || fstat(sidecar->fd, &status) != 0 ||
        (size_t)status.st_blocks * BLOCK_BYTES < size ||
        pwrite(sidecar->fd, dense, size, 0) != (ssize_t)size)
        return false;
    return ftruncate(sidecar->fd, (off_t)size) == 0;
}

static bool replace(Sidecar *sidecar, const char *text, GError **error)
{
    g_autofree char *hidden = hidden_path(sidecar->path);
    const int fd = write_new(hidden, text, strlen(text), error);
    if (fd < 0)
        return false;
    if (rename(hidden, sidecar->path) != 0) {
        set_write_error(error, sidecar->path, errno);
        unlink(hidden);
        close(fd);
        return false;
    }
    close(sidecar->fd);
    sidecar->fd = fd;
    return true;
}

bool sidecar_write(Sidecar *sidecar, const char *text, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (replace(sidecar, text, &problem))
        return true;
    if (g_error_matches(problem, STORE_ERROR, STORE_ERROR_DISK_FULL) && overwrite(sidecar, text))
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

void sidecar_close(Sidecar *sidecar, bool keep)
{
    if (!sidecar)
        return;
    if (keep)
        fsync(sidecar->fd);
    else
        unlink(sidecar->path);
    close(sidecar->fd);
    g_free(sidecar->stem);
    g_free(sidecar->path);
    g_free(sidecar);
}

static bool is_small_file(const char *path, GError **error)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_WRITE, "Cannot read %s: %s.", path,
                    g_strerror(errno));
        return false;
    }
    if (S_ISREG(status.st_mode) && status.st_size <= SIDECAR_MAX_BYTES)
        return true;
    g_set_error(error, STORE_ERROR, STORE_ERROR_WRITE,
                "%s is no sidecar: it is not a regular file of at most %d bytes.", path,
                SIDECAR_MAX_BYTES);
    return false;
}

JsonNode *sidecar_read(const char *path, GError **error)
{
    if (!is_small_file(path, error))
        return NULL;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    if (!json_parser_load_from_file(parser, path, error))
        return NULL;
    JsonNode *root = json_parser_get_root(parser);
    if (root && JSON_NODE_HOLDS_OBJECT(root))
        return json_node_copy(root);
    g_set_error(error, STORE_ERROR, STORE_ERROR_WRITE, "%s is no JSON object.", path);
    return NULL;
}
