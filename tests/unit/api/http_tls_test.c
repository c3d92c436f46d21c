/* Clients of the port of TLS that stall: what is told of them. The rest of TLS is tried against the
 * program. */
#include <glib/gstdio.h>

#include "api/handshake_turns.h"
#include "api_test.h"
#include "http_scene.h"

/* A ClientHello that says it goes on for 512 bytes: whole as a record, and never as a message. */
#define STALLED "\x16\x03\x03\x00\x06\x01\x00\x02\x00\x03\x03"
#define STALLED_BYTES 11
#define CALLS_MAX (HANDSHAKES_MAX + 1)

typedef struct {
    char *folder, *certificate, *key;
    HttpScene scene;
} Secure;

static Secure set_up(const char *request_timeout)
{
    g_autoptr(GError) error = NULL;
    gint status = 0;
    Secure secure = {.folder = g_dir_make_tmp("api-test-XXXXXX", &error)};
    g_assert_no_error(error);
    secure.certificate = g_build_filename(secure.folder, "certificate.pem", NULL);
    secure.key = g_build_filename(secure.folder, "key.pem", NULL);
    g_autofree char *text = g_strdup_printf(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
        "-keyout %s -out %s",
        secure.key, secure.certificate);
    g_auto(GStrv) command = g_strsplit(text, " ", -1);
    g_spawn_sync(NULL, command, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                 NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    g_autofree char *settings =
        g_strdup_printf("api.tls_certificate=%s api.tls_key=%s api.request_timeout=%s",
                        secure.certificate, secure.key, request_timeout);
    secure.scene = http_scene_new_with(settings);
    return secure;
}

static void tear_down(Secure *secure)
{
    http_scene_clear(&secure->scene);
    g_unlink(secure->certificate);
    g_unlink(secure->key);
    g_rmdir(secure->folder);
    g_free(secure->certificate);
    g_free(secure->key);
    g_free(secure->folder);
}

/* So many clients send so much of it, and wait until they are let go. */
static void stall(const char *request_timeout, gssize size, unsigned count)
{
    HttpCall *calls[CALLS_MAX];
    Secure secure = set_up(request_timeout);
    for (unsigned i = 0; i < count; i++)
        calls[i] = http_call_send(&secure.scene, STALLED, size);
    for (unsigned i = 0; i < count; i++)
        g_free(http_call_finish(calls[i]));
    tear_down(&secure);
}

static void test_first_record(void)
{
    stall("200ms", STALLED_BYTES - 1, 1);
}

static void test_late(void)
{
    stall("200ms", STALLED_BYTES, 1);
}

static void test_for_others(void)
{
    stall("4s", STALLED_BYTES, CALLS_MAX);
}

#define TOLD "*The TLS handshake of 127.0.0.1 is ended: it"

static void test_told(void)
{
    static const struct {
        const char *path, *told;
    } rows[] = {
        {"/http-tls/first-record", TOLD "s first record is not whole after 0.2 s.*"},
        {"/http-tls/late", TOLD " is not done after ?.? s.*"},
        {"/http-tls/for-others", TOLD " is not done after ?.? s, and others wait for a turn.*"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat(rows[i].path, "/subprocess", NULL);
        g_test_trap_subprocess(path, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr(rows[i].told);
    }
}

void http_tls_test_add(void)
{
    g_test_add_func("/http-tls/told", test_told);
    g_test_add_func("/http-tls/first-record/subprocess", test_first_record);
    g_test_add_func("/http-tls/late/subprocess", test_late);
    g_test_add_func("/http-tls/for-others/subprocess", test_for_others);
}
