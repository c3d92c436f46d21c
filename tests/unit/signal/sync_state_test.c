#include "signal/messages.h"
#include "signal/sync_state.h"
#include "signal_test.h"

static Livekit__SignalRequest *told(const SyncState *state, bool auto_subscribe,
                                    const SyncChannel *channels, unsigned count)
{
    g_autoptr(GBytes) bytes = sync_state_request(state, auto_subscribe, channels, count);
    Livekit__SignalRequest *request =
        signal_request_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_nonnull(request);
    g_assert_cmpint(request->message_case, ==, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE);
    return request;
}

static void test_everything(void)
{
    SyncState *state = sync_state_new();
    sync_state_offer(state, "v=0 first", 1);
    sync_state_offer(state, "v=0 offer", 2);
    sync_state_answer(state, "v=0 answer", 2);
    sync_state_subscribe(state, "TR_a", true);
    sync_state_subscribe(state, "TR_b", true);
    sync_state_subscribe(state, "TR_b", false);
    sync_state_disable(state, "TR_a", true);
    sync_state_disable(state, "TR_b", true);
    sync_state_disable(state, "TR_b", false);
    const SyncChannel channels[] = {{"_reliable", 1}, {"_lossy", 3}};
    g_autoptr(Livekit__SignalRequest) request = told(state, false, channels, 2);
    const Livekit__SyncState *sync = request->sync_state;
    g_assert_cmpstr(sync->offer->type, ==, "offer");
    g_assert_cmpstr(sync->offer->sdp, ==, "v=0 offer");
    g_assert_cmpuint(sync->offer->id, ==, 2);
    g_assert_cmpstr(sync->answer->type, ==, "answer");
    g_assert_cmpstr(sync->answer->sdp, ==, "v=0 answer");
    g_assert_true(sync->subscription->subscribe);
    g_assert_cmpuint(sync->subscription->n_track_sids, ==, 1);
    g_assert_cmpstr(sync->subscription->track_sids[0], ==, "TR_a");
    g_assert_cmpuint(sync->n_track_sids_disabled, ==, 1);
    g_assert_cmpstr(sync->track_sids_disabled[0], ==, "TR_a");
    g_assert_cmpuint(sync->n_data_channels, ==, 2);
    g_assert_cmpstr(sync->data_channels[1]->label, ==, "_lossy");
    g_assert_cmpuint(sync->data_channels[1]->id, ==, 3);
    g_assert_cmpint(sync->data_channels[1]->target, ==, LIVEKIT__SIGNAL_TARGET__SUBSCRIBER);
    sync_state_free(state);
}

/* With automatic subscriptions the server wants to know what we do not want. */
static void test_auto_subscribe(void)
{
    SyncState *state = sync_state_new();
    sync_state_subscribe(state, "TR_a", true);
    sync_state_subscribe(state, "TR_b", false);
    g_autoptr(Livekit__SignalRequest) request = told(state, true, NULL, 0);
    const Livekit__UpdateSubscription *subscription = request->sync_state->subscription;
    g_assert_false(subscription->subscribe);
    g_assert_cmpuint(subscription->n_track_sids, ==, 1);
    g_assert_cmpstr(subscription->track_sids[0], ==, "TR_b");
    sync_state_free(state);
}

static void test_nothing(void)
{
    SyncState *state = sync_state_new();
    g_autoptr(Livekit__SignalRequest) request = told(state, false, NULL, 0);
    g_assert_null(request->sync_state->offer);
    g_assert_null(request->sync_state->answer);
    g_assert_cmpuint(request->sync_state->subscription->n_track_sids, ==, 0);
    sync_state_free(state);
    sync_state_free(NULL);
}

static bool is_it(void *owner, const char *track_sid)
{
    return g_str_equal(owner, track_sid);
}

static void test_prune(void)
{
    SyncState *state = sync_state_new();
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *sid = g_strdup_printf("TR_%u", i);
        sync_state_subscribe(state, sid, true);
        sync_state_disable(state, sid, true);
    }
    sync_state_prune(state, is_it, (void *)"TR_77");
    g_autoptr(Livekit__SignalRequest) request = told(state, false, NULL, 0);
    const Livekit__SyncState *sync = request->sync_state;
    g_assert_cmpuint(sync->subscription->n_track_sids, ==, 1);
    g_assert_cmpstr(sync->subscription->track_sids[0], ==, "TR_77");
    g_assert_cmpuint(sync->n_track_sids_disabled, ==, 1);
    sync_state_free(state);
}

void sync_state_test_add(void)
{
    g_test_add_func("/sync_state/everything", test_everything);
    g_test_add_func("/sync_state/auto_subscribe", test_auto_subscribe);
    g_test_add_func("/sync_state/nothing", test_nothing);
    g_test_add_func("/sync_state/prune", test_prune);
}
