/* What an SRTP context keeps of each sender, found by its SSRC.
 * Thread: net. Allocates once for each sender; bounded by SENDER_TABLE_MAX. */
#pragma once

#include "base/hot_memory.h"
#include "transport/replay_window.h"

#define SENDER_TABLE_MAX 2048

typedef struct {
    uint32_t ssrc;
    ReplayWindow rtp, rtcp;
} SrtpSender;

typedef struct SenderTable SenderTable;

SenderTable *sender_table_new(void);
void sender_table_free(SenderTable *table);

SrtpSender *sender_table_find(SenderTable *table, uint32_t ssrc); /* NULL: not known */
SrtpSender *sender_table_add(SenderTable *table, uint32_t ssrc);  /* NULL: one too many */
bool sender_table_is_full(const SenderTable *table);

/* Adds what RTP of the senders that were found last touches. */
void sender_table_hot_memory(const SenderTable *table, HotMemory *hot);
