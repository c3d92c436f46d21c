#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "stun_kit.h"
#include "transport/stun_responder.h"
#include "transport_test.h"

#define NAME "ours:theirs"
#define PWD "a-password-of-this-side"

static struct sockaddr_storage v4_source(void)
{
    struct sockaddr_storage source = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&source;
    address->sin_family = AF_INET;
    address->sin_port = htons(40001);
    address->sin_addr.s_addr = htonl(0xc0000207);
    return source;
}

static struct sockaddr_storage v6_source(void)
{
    struct sockaddr_storage source = {0};
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)&source;
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(40001);
    inet_pton(AF_INET6, "2001:db8::7", &address->sin6_addr);
    return source;
}

static socklen_t size_of(const struct sockaddr_storage *source)
{
    return source->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static StunAnswer answer_from(const struct sockaddr_storage *source, const uint8_t *data,
                              size_t size)
{
    const StunCheck check = {"ours", PWD, source, size_of(source)};
    StunAnswer answer;
    stun_responder_answer(&check, data, size, &answer);
    return answer;
}

static StunAnswer answer_to(const uint8_t *data, size_t size)
{
    const struct sockaddr_storage source = v4_source();
    return answer_from(&source, data, size);
}

static void expect_nothing(const uint8_t *data, size_t size)
{
    const StunAnswer answer = answer_to(data, size);
    g_assert_cmpuint(answer.size, ==, 0);
    g_assert_false(answer.is_authentic);
    g_assert_false(answer.is_nomination);
}

/* ---- what is answered ---- */

static void test_answer(void)
{
    const struct sockaddr_storage sources[] = {v4_source(), v6_source()};
    for (unsigned i = 0; i < 8; i++) {
        const struct sockaddr_storage *source = &sources[i & 1];
        const StunKitCheck check = {NAME, PWD, .nominates = i & 2, .is_controlled = i & 4};
        StunKit kit;
        struct sockaddr_storage mapped;
        stun_kit_write_check(&kit, &check);
        const StunAnswer answer = answer_from(source, kit.data, kit.size);
        g_assert_true(answer.is_authentic);
        g_assert_cmpint(answer.is_nomination, ==, check.nominates);
        g_assert_true(stun_kit_is_answer(&kit, answer.data, answer.size, &mapped));
        g_assert_cmpmem(&mapped, size_of(source), source, size_of(source));
    }
}

/* A user name is up to 256 characters on each side (RFC 8445 section 5.3); the message has at most
 * 508 for both (RFC 8489 section 14.3). */
static void test_long_name(void)
{
    const struct sockaddr_storage source = v6_source();
    g_autofree char *theirs = g_strnfill(256, 't');
    g_autofree char *ours = g_strnfill(251, 'o');
    const char *const names[] = {"ours", ours};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_strconcat(names[i], ":", theirs, NULL);
        const StunCheck check = {names[i], PWD, &source, size_of(&source)};
        StunKit kit;
        StunAnswer answer;
        struct sockaddr_storage mapped;
        stun_kit_write_check(&kit, &(StunKitCheck){.name = name, .pwd = PWD});
        stun_responder_answer(&check, kit.data, kit.size, &answer);
        g_assert_true(answer.is_authentic);
        g_assert_true(stun_kit_is_answer(&kit, answer.data, answer.size, &mapped));
    }
}

/* ---- what is not ---- */

static const struct {
    const char *name, *pwd;
} strangers[] = {
    {NAME, "another-password"}, {NAME, ""},       {NAME, "a-password-of-this-sid"},
    {"our:theirs", PWD},        {"ours", PWD},    {"oursx:theirs", PWD},
    {"theirs:ours", PWD},       {":theirs", PWD}, {"", PWD},
};

static void test_strangers(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(strangers); i++) {
        const StunKitCheck check = {strangers[i].name, strangers[i].pwd, true, false};
        StunKit kit;
        stun_kit_write_check(&kit, &check);
        expect_nothing(kit.data, kit.size);
    }
}

static void test_other_messages(void)
{
    static const StunClass classes[] = {STUN_INDICATION, STUN_RESPONSE, STUN_ERROR};
    static const StunMethod methods[] = {STUN_ALLOCATE, STUN_SEND, STUN_CHANNELBIND};
    const StunKitCheck check = {NAME, PWD, true, false};
    StunKit kit;
    stun_kit_write(&kit, STUN_REQUEST, STUN_BINDING, &check);
    g_assert_true(answer_to(kit.data, kit.size).is_authentic); /* they differ by that alone */
    for (unsigned i = 0; i < G_N_ELEMENTS(classes); i++) {
        stun_kit_write(&kit, classes[i], STUN_BINDING, &check);
        expect_nothing(kit.data, kit.size);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
        stun_kit_write(&kit, STUN_REQUEST, methods[i], &check);
        expect_nothing(kit.data, kit.size);
    }
    stun_kit_write(&kit, STUN_REQUEST, STUN_BINDING, &(StunKitCheck){.name = NAME});
    expect_nothing(kit.data, kit.size);
    stun_kit_write(&kit, STUN_REQUEST, STUN_BINDING, &(StunKitCheck){.pwd = PWD});
    expect_nothing(kit.data, kit.size);
}

/* Only what the password covers counts. */
static void test_appended_nomination(void)
{
    const StunKitCheck check = {.name = NAME, .pwd = PWD};
    StunKit kit;
    stun_kit_write_appended(&kit, &check);
    g_assert_false(answer_to(kit.data, kit.size).is_nomination);
}

/* Each bit of a request counts, and each byte. */
static void test_changed(void)
{
    const StunKitCheck check = {NAME, PWD, true, false};
    StunKit kit;
    stun_kit_write_check(&kit, &check);
    for (size_t bit = 0; bit < kit.size * 8; bit++) {
        kit.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_nothing(kit.data, kit.size);
        kit.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < kit.size; size++)
        expect_nothing(kit.data, size);
    expect_nothing(kit.data, kit.size + 1);
    expect_nothing(kit.data, kit.size + 4);
    g_assert_true(answer_to(kit.data, kit.size).is_authentic);
}

static void test_garbage(void)
{
    static uint8_t data[65536];
    GRand *random = g_rand_new_with_seed(11);
    for (unsigned i = 0; i < 5000; i++) {
        const size_t size = (size_t)g_rand_int_range(random, 0, 200);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)g_rand_int(random);
        data[0] &= 3;
        data[2] = 0;
        data[3] = (uint8_t)(size - 20); /* as in a message that is one */
        memcpy(data + 4, "\x21\x12\xa4\x42", 4);
        expect_nothing(data, size);
    }
    memset(data, 0, sizeof data);
    expect_nothing(data, sizeof data);
    g_rand_free(random);
}

void stun_responder_test_add(void)
{
    g_test_add_func("/stun_responder/answer", test_answer);
    g_test_add_func("/stun_responder/long_name", test_long_name);
    g_test_add_func("/stun_responder/strangers", test_strangers);
    g_test_add_func("/stun_responder/other_messages", test_other_messages);
    g_test_add_func("/stun_responder/appended_nomination", test_appended_nomination);
    g_test_add_func("/stun_responder/changed", test_changed);
    g_test_add_func("/stun_responder/garbage", test_garbage);
}
