/* What a hostile server says about its end of the media connection, and datagrams before there are
 * keys: a record is a candidate, a datagram, or a description of three lines (user name, password,
 * fingerprint). */
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "transport/peer_private.h"

#define DATAGRAM_MAX 4096

typedef struct {
    const uint8_t *data;
    size_t size;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
} Job;

static void on_state(void *owner, PeerState state, const GError *error)
{
    (void)owner;
    require(state != PEER_CONNECTED && (state != PEER_FAILED || error));
}

static void on_candidate(void *owner, const char *candidate)
{
    (void)owner;
    (void)candidate;
}

static void on_rtp(void *owner, uint8_t *packet, size_t size, int64_t arrival_ns)
{
    (void)owner;
    (void)packet;
    (void)size;
    (void)arrival_ns;
    require(!"a packet before there are keys");
}

static void on_rtcp(void *owner, const uint8_t *packet, size_t size, int64_t arrival_ns)
{
    on_rtp(owner, (uint8_t *)packet, size, arrival_ns);
}

static void describe(Peer *peer, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    const char *given[3] = {NULL, NULL, NULL};
    for (unsigned i = 0; i < 3 && lines[i]; i++)
        given[i] = lines[i];
    const PeerRemote remote = {
        .ice_ufrag = given[0],
        .ice_pwd = given[1],
        .fingerprint_hash = "sha-256",
        .fingerprint_value = given[2],
        .ice_lite = text[0] & 1,
        .dtls_is_active = text[0] & 2,
    };
    g_autoptr(GError) error = NULL;
    if (!peer_set_remote(peer, &remote, &error))
        require(error != NULL);
}

static void take(Peer *peer, const FuzzRecord *record)
{
    uint8_t datagram[DATAGRAM_MAX];
    g_autofree char *text = g_strndup((const char *)record->data, record->size);
    switch (record->kind % 3) {
    case 0:
        if (g_utf8_validate(text, -1, NULL)) /* as all text of a message is */
            peer_add_remote_candidate(peer, text);
        break;
    case 1:
        if (record->size > 0 && record->size <= sizeof datagram) {
            memcpy(datagram, record->data, record->size);
            peer_inject_for_test(peer, datagram, record->size);
        }
        break;
    case 2:
        describe(peer, text);
        break;
    }
}

static void run(void *owner, void *message)
{
    Job *job = message;
    const PeerConfig config = {.loopback_only = true};
    const PeerOut out = {
        .state = on_state, .local_candidate = on_candidate, .rtp = on_rtp, .rtcp = on_rtcp};
    Peer *peer = peer_new(owner, &config, out, NULL);
    require(peer);
    ByteReader reader = byte_reader(job->data, job->size);
    FuzzRecord record;
    while (fuzz_next(&reader, &record))
        take(peer, &record);
    peer_free(peer);
    pthread_mutex_lock(&job->lock);
    job->is_done = true;
    pthread_cond_signal(&job->changed);
    pthread_mutex_unlock(&job->lock);
}

/* For the life of the process. */
static NetThread *thread;

static void end_thread(void)
{
    net_thread_free(thread);
}

static void wait_for(Job *job)
{
    pthread_mutex_lock(&job->lock);
    while (!job->is_done)
        pthread_cond_wait(&job->changed, &job->lock);
    pthread_mutex_unlock(&job->lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool is_first = thread == NULL;
    if (is_first)
        thread = net_thread_new("fuzz");
    Job job = {.data = data,
               .size = size,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .changed = PTHREAD_COND_INITIALIZER};
    net_thread_post(thread, run, thread, &job);
    wait_for(&job);
    if (is_first)
        atexit(end_thread); /* in front of OpenSSL's, which began meanwhile */
    pthread_mutex_destroy(&job.lock);
    pthread_cond_destroy(&job.changed);
    return 0;
}
