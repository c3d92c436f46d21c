/* Tells from the top-level boxes how an MP4 file is laid out (ISO 14496-12 section 4.2).
 * Thread: any; blocks. Untrusted: reads a bounded number of box headers, no contents. */
#pragma once

typedef enum {
    MP4_LAYOUT_UNKNOWN, /* no movie box, or not an MP4 */
    MP4_LAYOUT_PLAIN,   /* the index lies before the media */
    MP4_LAYOUT_INDEX_LAST,
    MP4_LAYOUT_FRAGMENTED,
} Mp4Layout;

const char *mp4_layout_name(Mp4Layout layout); /* "plain", ...; UNKNOWN is "" */

Mp4Layout mp4_layout_read(const char *path);
