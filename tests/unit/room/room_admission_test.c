#include <string.h>

#include "room/room_admission.h"
#include "room_test.h"
#include "signal/access_token.h"

typedef struct {
    const char *name, *key, *secret, *identity, *room;
    int64_t valid_seconds;
    unsigned status;
} AdmissionRow;

static const char SECRET[] = "0123456789abcdef0123456789abcdef";

static const AdmissionRow ROWS[] = {
    {"good", "devkey", SECRET, "egress", "demo", 600, 200},
    {"wrong secret", "devkey", "another", "egress", "demo", 600, 401},
    {"wrong key", "other", SECRET, "egress", "demo", 600, 401},
    {"expired", "devkey", SECRET, "egress", "demo", -600, 401},
    {"other room", "devkey", SECRET, "egress", "lobby", 600, 404},
};

static Admission check(const char *token, const FaultScript *script, bool by_header)
{
    g_autofree char *header = g_strconcat("Bearer ", token, NULL);
    g_autoptr(GHashTable) query = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(query, (char *)"access_token", (char *)token);
    g_hash_table_insert(query, (char *)"auto_subscribe", (char *)"0");
    const AdmissionRules rules = {
        .api_key = "devkey", .api_secret = SECRET, .room_name = "demo", .script = script};
    const AdmissionRequest request = {.authorization = by_header ? header : NULL, .query = query};
    return room_admission_check(&rules, &request);
}

static char *make_token(const AdmissionRow *row)
{
    const AccessTokenOptions options = {
        .api_key = row->key,
        .api_secret = row->secret,
        .identity = row->identity,
        .room = row->room,
        .valid_seconds = row->valid_seconds,
        .recorder = true,
    };
    return access_token_new(&options);
}

static void test_tokens(void)
{
    const FaultScript script = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
        g_autofree char *token = make_token(&ROWS[i]);
        for (int by_header = 0; by_header < 2; by_header++) {
            Admission admission = check(token, &script, by_header == 1);
            g_test_message("%s: %s", ROWS[i].name, admission.text);
            g_assert_cmpuint(admission.status, ==, ROWS[i].status);
            g_assert_null(strstr(admission.text, token));
            if (admission.status == 200) {
                g_assert_cmpstr(admission.identity, ==, "egress");
                g_assert_true(admission.hidden);
                g_assert_false(admission.auto_subscribe);
            }
            room_admission_clear(&admission);
        }
    }
}

static void test_no_token(void)
{
    const FaultScript script = {0};
    const AdmissionRules rules = {
        .api_key = "devkey", .api_secret = SECRET, .room_name = "demo", .script = &script};
    const AdmissionRequest none = {0};
    g_assert_cmpuint(room_admission_check(&rules, &none).status, ==, 401);
    const AdmissionRequest basic = {.authorization = "Basic eDp5"};
    g_assert_cmpuint(room_admission_check(&rules, &basic).status, ==, 401);
    static const char *const BAD[] = {"", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."};
    for (size_t i = 0; i < G_N_ELEMENTS(BAD); i++) {
        Admission admission = check(BAD[i], &script, true);
        g_assert_cmpuint(admission.status, ==, 401);
        room_admission_clear(&admission);
    }
}

static void test_scripted_refusals(void)
{
    static const struct {
        const char *fault;
        unsigned status;
    } CASES[] = {{"full", 503}, {"expire", 401}, {"no-room", 404}, {"full@5s", 200}};
    g_autofree char *token = make_token(&ROWS[0]);
    for (size_t i = 0; i < G_N_ELEMENTS(CASES); i++) {
        FaultScript script = {.count = 1};
        char error[128];
        g_assert_true(fault_parse(CASES[i].fault, &script.faults[0], error, sizeof error));
        Admission admission = check(token, &script, true);
        g_assert_cmpuint(admission.status, ==, CASES[i].status);
        room_admission_clear(&admission);
    }
}

void room_admission_test_add(void)
{
    g_test_add_func("/room/admission/tokens", test_tokens);
    g_test_add_func("/room/admission/no-token", test_no_token);
    g_test_add_func("/room/admission/scripted-refusals", test_scripted_refusals);
}
