/* A file system that is slow, or full for some: passes everything on to a folder, after a while.
 *   slow_disk FOLDER MOUNTPOINT WRITE_MS [NAME BYTES]
 * Each write takes WRITE_MS. A file whose name contains NAME takes BYTES; then the disk is full for
 * it, although statfs tells of free space. Runs in the foreground until it is unmounted. */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int folder;
    long write_ms;
    const char *full_name;
    off_t full_bytes;
} Disk;

static const Disk *disk(void)
{
    return fuse_get_context()->private_data;
}

static const char *relative(const char *path)
{
    return path[1] != '\0' ? path + 1 : ".";
}

static int result(long value)
{
    return value < 0 ? -errno : (int)value;
}

static int disk_getattr(const char *path, struct stat *status, struct fuse_file_info *info)
{
    if (info != NULL)
        return result(fstat((int)info->fh, status));
    return result(fstatat(disk()->folder, relative(path), status, AT_SYMLINK_NOFOLLOW));
}

static int disk_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                        struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void)offset;
    (void)info;
    (void)flags;
    const int fd = openat(disk()->folder, relative(path), O_RDONLY | O_DIRECTORY);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        fill(buffer, entry->d_name, NULL, 0, 0);
    closedir(directory);
    return 0;
}

static int open_file(const char *path, int flags, mode_t mode, struct fuse_file_info *info)
{
    const int fd = openat(disk()->folder, relative(path), flags, mode);
    info->fh = (uint64_t)fd;
    return fd < 0 ? -errno : 0;
}

static int disk_open(const char *path, struct fuse_file_info *info)
{
    return open_file(path, info->flags, 0, info);
}

static int disk_create(const char *path, mode_t mode, struct fuse_file_info *info)
{
    return open_file(path, info->flags | O_CREAT, mode, info);
}

static int disk_release(const char *path, struct fuse_file_info *info)
{
    (void)path;
    return result(close((int)info->fh));
}

static int disk_read(const char *path, char *data, size_t size, off_t offset,
                     struct fuse_file_info *info)
{
    (void)path;
    return result(pread((int)info->fh, data, size, offset));
}

static int disk_write(const char *path, const char *data, size_t size, off_t offset,
                      struct fuse_file_info *info)
{
    const struct timespec time = {disk()->write_ms / 1000, disk()->write_ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    if (disk()->full_name != NULL && strstr(path, disk()->full_name) != NULL &&
        offset + (off_t)size > disk()->full_bytes)
        return -ENOSPC;
    return result(pwrite((int)info->fh, data, size, offset));
}

static int disk_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    if (info != NULL)
        return result(ftruncate((int)info->fh, size));
    const int fd = openat(disk()->folder, relative(path), O_WRONLY);
    const int done = fd < 0 ? -errno : result(ftruncate(fd, size));
    close(fd);
    return done;
}

static int disk_fsync(const char *path, int is_data, struct fuse_file_info *info)
{
    (void)path;
    (void)is_data;
    return result(fsync((int)info->fh));
}

static int disk_rename(const char *from, const char *to, unsigned flags)
{
    return result(renameat2(disk()->folder, relative(from), disk()->folder, relative(to), flags));
}

static int disk_unlink(const char *path)
{
    return result(unlinkat(disk()->folder, relative(path), 0));
}

static int disk_rmdir(const char *path)
{
    return result(unlinkat(disk()->folder, relative(path), AT_REMOVEDIR));
}

static int disk_mkdir(const char *path, mode_t mode)
{
    return result(mkdirat(disk()->folder, relative(path), mode));
}

static int disk_statfs(const char *path, struct statvfs *status)
{
    (void)path;
    return result(fstatvfs(disk()->folder, status));
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .readdir = disk_readdir,
    .open = disk_open,
    .create = disk_create,
    .release = disk_release,
    .read = disk_read,
    .write = disk_write,
    .truncate = disk_truncate,
    .fsync = disk_fsync,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .rmdir = disk_rmdir,
    .mkdir = disk_mkdir,
    .statfs = disk_statfs,
};

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "slow_disk FOLDER MOUNTPOINT WRITE_MS [NAME BYTES]\n");
        return 2;
    }
    Disk slow = {.folder = open(argv[1], O_RDONLY | O_DIRECTORY), .write_ms = atol(argv[3])};
    if (argc == 6) {
        slow.full_name = argv[4];
        slow.full_bytes = atoll(argv[5]);
    }
    if (slow.folder < 0) {
        perror(argv[1]);
        return 1;
    }
    char *arguments[] = {argv[0], "-f", argv[2], NULL};
    return fuse_main(3, arguments, &operations, &slow);
}
