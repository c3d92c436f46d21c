/* A file that grows by whole fragments: what a muxer writes is kept in memory until commit, and
 * goes to disk with one write; pieces that lie elsewhere are written from there. A commit that
 * fails leaves the file as it was before it. Thread: one at a time (a sink's); blocks. */
#pragma once

#include <libavformat/avio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct FragmentFile FragmentFile;

/* A fragment may not be larger; the muxer gets ENOBUFS. */
#define FRAGMENT_FILE_MAX_BYTES (256U << 20)

/* Creates the file exclusively; NULL with errno set. With `auto_commit_bytes` over 0 what is in
 * memory goes out whenever it has reached that size: for files that are of use only when whole. */
FragmentFile *fragment_file_new(const char *path, unsigned auto_commit_bytes);

/* Closes it, dropping what was not committed. */
void fragment_file_free(FragmentFile *file);

AVIOContext *fragment_file_io(FragmentFile *file); /* borrowed */

/* 0, or FFmpeg's form of errno; after an error every further call fails with it. */
int fragment_file_commit(FragmentFile *file);

/* Puts the pieces, one fragment, behind what is committed; uses the array up. */
int fragment_file_append(FragmentFile *file, struct iovec *pieces, size_t count);
int fragment_file_sync(FragmentFile *file);

uint64_t fragment_file_bytes(const FragmentFile *file); /* on disk */
