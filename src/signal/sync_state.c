#include "signal/sync_state.h"

#include "signal/messages.h"

typedef struct {
    char *sdp; /* NULL: there was none */
    uint32_t id;
} Description;

#define LARGE 20000 /* a room's table holds half as many */

struct SyncState {
    Description offer, answer;
    GHashTable *wanted;   /* track sid -> whether it is subscribed to */
    GHashTable *disabled; /* set of track sids */
};

SyncState *sync_state_new(void)
{
    SyncState *state = g_new0(SyncState, 1);
    state->wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    state->disabled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return state;
}

void sync_state_free(SyncState *state)
{
    if (state == NULL)
        return;
    g_hash_table_unref(state->wanted);
    g_hash_table_unref(state->disabled);
    g_free(state->offer.sdp);
    g_free(state->answer.sdp);
    g_free(state);
}

static void keep(Description *description, const char *sdp, uint32_t id)
{
    g_free(description->sdp);
    *description = (Description){g_strdup(sdp), id};
}

void sync_state_offer(SyncState *state, const char *sdp, uint32_t id)
{
    keep(&state->offer, sdp, id);
}

void sync_state_answer(SyncState *state, const char *sdp, uint32_t id)
{
    keep(&state->answer, sdp, id);
}

void sync_state_subscribe(SyncState *state, const char *track_sid, bool subscribe)
{
    g_hash_table_insert(state->wanted, g_strdup(track_sid), GINT_TO_POINTER(subscribe));
}

void sync_state_disable(SyncState *state, const char *track_sid, bool disabled)
{
    if (disabled)
        g_hash_table_add(state->disabled, g_strdup(track_sid));
    else
        g_hash_table_remove(state->disabled, track_sid);
}

bool sync_state_is_large(const SyncState *state)
{
    return g_hash_table_size(state->wanted) > LARGE;
}

static void prune(GHashTable *sids, bool (*is_there)(void *owner, const char *track_sid),
                  void *owner)
{
    GHashTableIter iterator;
    gpointer sid;
    g_hash_table_iter_init(&iterator, sids);
    while (g_hash_table_iter_next(&iterator, &sid, NULL)) {
        if (!is_there(owner, sid))
            g_hash_table_iter_remove(&iterator);
    }
}

void sync_state_prune(SyncState *state, bool (*is_there)(void *owner, const char *track_sid),
                      void *owner)
{
    prune(state->wanted, is_there, owner);
    prune(state->disabled, is_there, owner);
}

/* The sids are borrowed. */
static GPtrArray *told_sids(const SyncState *state, bool subscribe)
{
    GPtrArray *sids = g_ptr_array_new();
    GHashTableIter iterator;
    gpointer sid, is_wanted;
    g_hash_table_iter_init(&iterator, state->wanted);
    while (g_hash_table_iter_next(&iterator, &sid, &is_wanted)) {
        if (GPOINTER_TO_INT(is_wanted) == subscribe)
            g_ptr_array_add(sids, sid);
    }
    return sids;
}

static Livekit__SessionDescription *describe(const Description *description, const char *type,
                                             Livekit__SessionDescription *ret_message)
{
    if (description->sdp == NULL)
        return NULL;
    livekit__session_description__init(ret_message);
    ret_message->type = (char *)type;
    ret_message->sdp = description->sdp;
    ret_message->id = description->id;
    return ret_message;
}

static GBytes *format(Livekit__SyncState *sync)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    request.sync_state = sync;
    return signal_request_format(&request);
}

GBytes *sync_state_request(const SyncState *state, bool auto_subscribe, const SyncChannel *channels,
                           unsigned channel_count)
{
    g_autoptr(GPtrArray) sids = told_sids(state, !auto_subscribe);
    guint disabled_count = 0;
    g_autofree gpointer *disabled =
        g_hash_table_get_keys_as_array(state->disabled, &disabled_count);
    Livekit__UpdateSubscription subscription = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    subscription.subscribe = !auto_subscribe;
    subscription.n_track_sids = sids->len;
    subscription.track_sids = (char **)sids->pdata;

    g_autofree Livekit__DataChannelInfo *infos =
        g_new0(Livekit__DataChannelInfo, channel_count + 1);
    g_autofree Livekit__DataChannelInfo **pointers =
        g_new0(Livekit__DataChannelInfo *, channel_count + 1);
    for (unsigned i = 0; i < channel_count; i++) {
        livekit__data_channel_info__init(&infos[i]);
        infos[i].label = (char *)channels[i].label;
        infos[i].id = channels[i].stream_id;
        infos[i].target = LIVEKIT__SIGNAL_TARGET__SUBSCRIBER;
        pointers[i] = &infos[i];
    }

    Livekit__SessionDescription offer, answer;
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    sync.subscription = &subscription;
    sync.offer = describe(&state->offer, "offer", &offer);
    sync.answer = describe(&state->answer, "answer", &answer);
    sync.n_track_sids_disabled = disabled_count;
    sync.track_sids_disabled = (char **)disabled;
    sync.n_data_channels = channel_count;
    sync.data_channels = pointers;
    return format(&sync);
}
