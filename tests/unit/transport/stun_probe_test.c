#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "transport/stun_probe.h"
#include "transport/stun_responder.h"
#include "transport_test.h"

static const StunQuestion question = {"ours", "theirs", "a-password-of-theirs", true};

/* As the other side answers, over "127.0.0.1:9". */
static StunAnswer answer_to(const uint8_t *request, size_t size, const char *pwd)
{
    struct sockaddr_storage source = {0};
    *(struct sockaddr_in *)&source =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9)};
    const StunCheck check = {"theirs", pwd, &source, sizeof(struct sockaddr_in)};
    StunAnswer answer;
    stun_responder_answer(&check, request, size, &answer);
    return answer;
}

static void test_answer(void)
{
    uint8_t request[STUN_PROBE_SIZE], other[STUN_PROBE_SIZE];
    const size_t size = stun_probe_write(&question, request);
    g_assert_cmpuint(size, >, 20);
    const uint8_t *id = request + STUN_ID_OFFSET;
    const StunAnswer answer = answer_to(request, size, question.remote_pwd);
    g_assert_true(answer.is_authentic);
    g_assert_false(answer.is_nomination);
    g_assert_true(stun_probe_is_answer(answer.data, answer.size, id));
    g_assert_cmpuint(answer_to(request, size, "another-password").size, ==, 0);

    g_assert_false(stun_probe_is_answer(request, size, id));
    for (size_t part = 0; part < STUN_ID_OFFSET + STUN_ID_SIZE; part++)
        g_assert_false(stun_probe_is_answer(answer.data, part, id));
    g_assert_cmpuint(stun_probe_write(&question, other), >, 20);
    g_assert_false(stun_probe_is_answer(answer.data, answer.size, other + STUN_ID_OFFSET));
}

static void test_long_names(void)
{
    uint8_t request[STUN_PROBE_SIZE];
    g_autofree char *name = g_strnfill(256, 'n');
    const StunQuestion longest = {name, name, name, false};
    g_assert_cmpuint(stun_probe_write(&longest, request), <=, STUN_PROBE_SIZE);
}

void stun_probe_test_add(void)
{
    g_test_add_func("/stun_probe/answer", test_answer);
    g_test_add_func("/stun_probe/long_names", test_long_names);
}
