#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "stun_kit.h"
#include "transport/udp_path.h"
#include "transport_test.h"

#define PATIENCE_S 10
#define NAME "ours:theirs"
#define PWD "a-password-of-this-side"

static const StunKitCheck plain_check = {.name = NAME, .pwd = PWD};
static const StunKitCheck nomination = {.name = NAME, .pwd = PWD, .nominates = true};

/* A path whose remote is `former`; `other` is another address of the same side. */
typedef struct {
    NetThread *thread;
    UdpPath *path;
    int fd, former, other;
    struct sockaddr_in address; /* of `fd` */
    bool frees_itself;
    bool read_beside; /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GPtrArray *datagrams; /* of GBytes*, under the lock */
} Way;

typedef void (*WayFn)(Way *way, void *argument);

typedef struct {
    WayFn run;
    void *argument;
    bool is_done;
} Turn;

static void on_datagram(void *owner, uint8_t *data, size_t size)
{
    Way *way = owner;
    if (way->frees_itself)
        g_clear_pointer(&way->path, udp_path_free);
    pthread_mutex_lock(&way->lock);
    g_ptr_array_add(way->datagrams, g_bytes_new(data, size));
    pthread_cond_broadcast(&way->changed);
    pthread_mutex_unlock(&way->lock);
    memset(data, 0xee, size);
}

static void run_turn(void *owner, void *message)
{
    Way *way = owner;
    Turn *turn = message;
    turn->run(way, turn->argument);
    pthread_mutex_lock(&way->lock);
    turn->is_done = true;
    pthread_cond_broadcast(&way->changed);
    pthread_mutex_unlock(&way->lock);
}

/* On the net thread, and waited for: what is sent to the path meanwhile comes in one turn. */
static void way_run(Way *way, WayFn run, void *argument)
{
    Turn turn = {run, argument, false};
    net_thread_post(way->thread, run_turn, way, &turn);
    pthread_mutex_lock(&way->lock);
    while (!turn.is_done)
        pthread_cond_wait(&way->changed, &way->lock);
    pthread_mutex_unlock(&way->lock);
}

static int bind_socket(struct sockaddr_in *ret_address)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    socklen_t size = sizeof *ret_address;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_assert_cmpint(bind(fd, (struct sockaddr *)ret_address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)ret_address, &size), ==, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void open_path(Way *way, void *argument)
{
    UdpPathConfig config = {
        .fd = way->fd, .remote_size = sizeof(struct sockaddr_in), .ufrag = "ours", .pwd = PWD};
    memcpy(&config.remote, argument, sizeof(struct sockaddr_in));
    way->path = udp_path_new(way->thread, &config, (UdpPathOut){way, on_datagram});
}

static void close_path(Way *way, void *argument)
{
    (void)argument;
    g_clear_pointer(&way->path, udp_path_free);
}

static Way *way_new(void)
{
    struct sockaddr_in former, other;
    Way *way = g_new0(Way, 1);
    pthread_mutex_init(&way->lock, NULL);
    pthread_cond_init(&way->changed, NULL);
    way->datagrams = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    way->fd = bind_socket(&way->address);
    way->former = bind_socket(&former);
    way->other = bind_socket(&other);
    way->thread = net_thread_new("way");
    way_run(way, open_path, &former);
    return way;
}

static void way_free(Way *way)
{
    way_run(way, close_path, NULL);
    net_thread_free(way->thread);
    close(way->fd);
    close(way->former);
    close(way->other);
    g_ptr_array_unref(way->datagrams);
    pthread_mutex_destroy(&way->lock);
    pthread_cond_destroy(&way->changed);
    g_free(way);
}

/* ---- both directions ---- */

static void send_to(const Way *way, int from, const void *data, size_t size)
{
    g_assert_cmpint(
        sendto(from, data, size, 0, (const struct sockaddr *)&way->address, sizeof way->address),
        ==, (ssize_t)size);
}

static void send_text(const Way *way, int from, const char *text)
{
    send_to(way, from, text, strlen(text));
}

/* Until so many have come in all; none of what comes after them is waited for. */
static void expect_count(Way *way, unsigned count)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&way->lock);
    int result = 0;
    while (way->datagrams->len < count && result == 0)
        result = pthread_cond_timedwait(&way->changed, &way->lock, &deadline);
    g_assert_cmpuint(way->datagrams->len, ==, count);
    pthread_mutex_unlock(&way->lock);
}

static void expect_text(Way *way, unsigned index, const char *text)
{
    pthread_mutex_lock(&way->lock);
    gsize size;
    const void *data = g_bytes_get_data(way->datagrams->pdata[index], &size);
    g_assert_cmpmem(data, size, text, strlen(text));
    pthread_mutex_unlock(&way->lock);
}

/* All that was sent before has been read when this comes. */
static void expect_passage(Way *way, int from)
{
    pthread_mutex_lock(&way->lock);
    const unsigned before = way->datagrams->len;
    pthread_mutex_unlock(&way->lock);
    send_text(way, from, "a passage");
    expect_count(way, before + 1);
    expect_text(way, before, "a passage");
}

static void send_check(const Way *way, int from, StunKit *kit, const StunKitCheck *check)
{
    stun_kit_write_check(kit, check);
    send_to(way, from, kit->data, kit->size);
}

static void expect_answer(int at, StunKit *kit)
{
    uint8_t data[STUN_KIT_SIZE];
    struct sockaddr_storage mapped;
    struct sockaddr_in here;
    socklen_t here_size = sizeof here;
    const ssize_t size = recv(at, data, sizeof data, 0);
    g_assert_cmpint(size, >, 0);
    g_assert_true(stun_kit_is_answer(kit, data, (size_t)size, &mapped));
    getsockname(at, (struct sockaddr *)&here, &here_size);
    g_assert_cmpmem(&mapped, sizeof here, &here, sizeof here);
}

static void expect_silence(int at)
{
    uint8_t byte;
    g_assert_cmpint(recv(at, &byte, 1, MSG_DONTWAIT), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
}

static void send_out(Way *way, void *text)
{
    g_assert_true(udp_path_send(way->path, text, strlen(text)));
}

/* What is sent goes there, and not to the other. */
static void expect_way_to(Way *way, int at)
{
    char text[32];
    way_run(way, send_out, "where to?");
    const ssize_t size = recv(at, text, sizeof text, 0);
    g_assert_cmpmem(text, size, "where to?", 9);
    expect_silence(way->former);
    expect_silence(way->other);
}

static void test_datagrams(void)
{
    Way *way = way_new();
    char text[32];
    for (unsigned i = 0; i < 600; i++) {
        g_snprintf(text, sizeof text, "datagram %u", i);
        send_text(way, i % 3 ? way->former : way->other, text); /* the peer judges from whom */
        if (i % 100 == 99)
            expect_count(way, i + 1); /* the kernel keeps some hundred */
    }
    send_to(way, way->former, "", 0);
    expect_count(way, 601);
    for (unsigned i = 0; i < 600; i++) {
        g_snprintf(text, sizeof text, "datagram %u", i);
        expect_text(way, i, text);
    }
    expect_text(way, 600, "");
    expect_way_to(way, way->former);
    way_free(way);
}

static void send_batch(Way *way, void *argument)
{
    static char texts[UDP_PATH_BATCH][16];
    struct iovec datagrams[UDP_PATH_BATCH];
    const unsigned count = *(unsigned *)argument;
    for (unsigned i = 0; i < count; i++) {
        g_snprintf(texts[i], sizeof texts[i], "part %u", i);
        datagrams[i] = (struct iovec){texts[i], strlen(texts[i])};
    }
    g_assert_cmpuint(udp_path_send_many(way->path, datagrams, count), ==, count);
}

static void test_send_many(void)
{
    static unsigned counts[] = {UDP_PATH_BATCH, 1, 0};
    char text[32], expected[32];
    Way *way = way_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        way_run(way, send_batch, &counts[i]);
        for (unsigned k = 0; k < counts[i]; k++) {
            g_snprintf(expected, sizeof expected, "part %u", k);
            const ssize_t size = recv(way->former, text, sizeof text, 0);
            g_assert_cmpmem(text, size, expected, strlen(expected));
        }
        expect_silence(way->former);
    }
    way_free(way);
}

#define LONG_DATAGRAM 1200

/* Of one length in a row, or not: the other side gets each by itself. */
static void send_runs(Way *way, void *argument)
{
    static const size_t sizes[] = {1200, 1200, 1200, 700, 1200, 1200, 90, 0, 90, 90};
    static uint8_t bytes[G_N_ELEMENTS(sizes)][LONG_DATAGRAM];
    struct iovec datagrams[G_N_ELEMENTS(sizes)];
    uint8_t received[2 * LONG_DATAGRAM];
    (void)argument;
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        memset(bytes[i], (int)i, sizes[i]);
        datagrams[i] = (struct iovec){bytes[i], sizes[i]};
    }
    g_assert_cmpuint(udp_path_send_many(way->path, datagrams, G_N_ELEMENTS(sizes)), ==,
                     G_N_ELEMENTS(sizes));
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const ssize_t size = recv(way->former, received, sizeof received, 0);
        g_assert_cmpmem(received, size, bytes[i], sizes[i]);
    }
}

/* More than a datagram may hold, all of one length. */
static void send_full_batch(Way *way, void *argument)
{
    static uint8_t bytes[LONG_DATAGRAM];
    struct iovec datagrams[UDP_PATH_BATCH];
    uint8_t received[2 * LONG_DATAGRAM];
    (void)argument;
    for (unsigned i = 0; i < UDP_PATH_BATCH; i++)
        datagrams[i] = (struct iovec){bytes, sizeof bytes};
    g_assert_cmpuint(udp_path_send_many(way->path, datagrams, UDP_PATH_BATCH), ==, UDP_PATH_BATCH);
    for (unsigned i = 0; i < UDP_PATH_BATCH; i++)
        g_assert_cmpint(recv(way->former, received, sizeof received, 0), ==, sizeof bytes);
}

static void test_send_runs(void)
{
    Way *way = way_new();
    way_run(way, send_runs, NULL);
    expect_silence(way->former);
    way_run(way, send_full_batch, NULL);
    expect_silence(way->former);
    way_free(way);
}

/* ---- datagrams that come as one ---- */

#define PARTS 6
#define PART_SIZE 1200
#define LAST_SIZE 700

/* The kernel keeps what is sent as one in one piece as long as it may. */
static void send_as_one(const Way *way, int from)
{
    static uint8_t bytes[PARTS * PART_SIZE];
    const int segment = PART_SIZE, none = 0;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(0x80 + i / PART_SIZE);
    g_assert_cmpint(setsockopt(from, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), ==, 0);
    send_to(way, from, bytes, sizeof bytes - PART_SIZE + LAST_SIZE);
    g_assert_cmpint(setsockopt(from, SOL_UDP, UDP_SEGMENT, &none, sizeof none), ==, 0);
}

static void expect_part(const uint8_t *data, size_t size, unsigned part)
{
    g_assert_cmpuint(size, ==, part == PARTS - 1 ? LAST_SIZE : PART_SIZE);
    for (size_t i = 0; i < size; i++)
        g_assert_cmpuint(data[i], ==, 0x80 + part);
}

static void expect_parts(Way *way, unsigned first)
{
    expect_count(way, first + PARTS);
    pthread_mutex_lock(&way->lock);
    for (unsigned i = 0; i < PARTS; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(way->datagrams->pdata[first + i], &size);
        expect_part(data, size, i);
    }
    pthread_mutex_unlock(&way->lock);
}

static bool is_coalescing(const Way *way)
{
    int value = 0;
    socklen_t size = sizeof value;
    g_assert_cmpint(getsockopt(way->fd, SOL_UDP, UDP_GRO, &value, &size), ==, 0);
    return value != 0;
}

static void test_come_as_one(void)
{
    Way *way = way_new();
    for (unsigned i = 0; i < 3; i++) {
        send_as_one(way, i == 1 ? way->other : way->former);
        expect_parts(way, i * PARTS);
    }
    g_assert_true(is_coalescing(way));
    way_run(way, close_path, NULL);
    g_assert_false(is_coalescing(way));
    way_free(way);
}

/* libnice, which reads the socket too, and takes each piece for one datagram. */
static gboolean read_beside(gpointer owner)
{
    Way *way = owner;
    uint8_t data[65536];
    send_as_one(way, way->former);
    for (unsigned i = 0; i < PARTS; i++) {
        const ssize_t size = recv(way->fd, data, sizeof data, 0);
        g_assert_cmpint(size, >, 0);
        expect_part(data, (size_t)size, i);
    }
    pthread_mutex_lock(&way->lock);
    way->read_beside = true;
    pthread_cond_broadcast(&way->changed);
    pthread_mutex_unlock(&way->lock);
    return G_SOURCE_REMOVE;
}

static void test_read_beside(void)
{
    Way *way = way_new();
    GSource *beside = g_idle_source_new();
    g_source_set_callback(beside, read_beside, way, NULL);
    g_source_attach(beside, net_thread_slow_context(way->thread));
    pthread_mutex_lock(&way->lock);
    while (!way->read_beside)
        pthread_cond_wait(&way->changed, &way->lock);
    pthread_mutex_unlock(&way->lock);
    send_as_one(way, way->former);
    expect_parts(way, 0);
    g_assert_true(is_coalescing(way));
    g_source_unref(beside);
    way_free(way);
}

/* ---- checks ---- */

static void test_checks(void)
{
    Way *way = way_new();
    StunKit kit;
    for (unsigned i = 0; i < 4; i++) {
        const int from = i & 1 ? way->other : way->former;
        send_check(way, from, &kit, &plain_check);
        expect_answer(from, &kit);
    }
    expect_passage(way, way->former); /* none of them is handed on */
    expect_silence(way->former);
    expect_silence(way->other);
    way_free(way);
}

static const struct {
    const char *name, *pwd;
} strangers[] = {{NAME, "another-password"}, {"others:theirs", PWD}, {"", ""}};

static void expect_no_effect(Way *way)
{
    expect_passage(way, way->other);
    expect_silence(way->other);
    expect_way_to(way, way->former);
}

static void test_strangers(void)
{
    Way *way = way_new();
    StunKit kit;
    for (unsigned i = 0; i < G_N_ELEMENTS(strangers); i++) {
        const StunKitCheck check = {strangers[i].name, strangers[i].pwd, true, false};
        send_check(way, way->other, &kit, &check);
        expect_no_effect(way);
    }
    way_free(way);
}

static void test_other_messages(void)
{
    static const StunClass classes[] = {STUN_INDICATION, STUN_RESPONSE, STUN_ERROR};
    Way *way = way_new();
    StunKit kit;
    for (unsigned i = 0; i < G_N_ELEMENTS(classes); i++) {
        stun_kit_write(&kit, classes[i], STUN_BINDING, &nomination);
        send_to(way, way->other, kit.data, kit.size);
        expect_no_effect(way);
    }
    way_free(way);
}

static void test_garbage(void)
{
    Way *way = way_new();
    GRand *random = g_rand_new_with_seed(8);
    StunKit kit;
    stun_kit_write_check(&kit, &nomination);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t data[STUN_KIT_SIZE];
        const size_t size = (size_t)g_rand_int_range(random, 2, 64);
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)g_rand_int(random);
        data[0] &= 3;
        send_to(way, way->other, data, size);
        const size_t part = (size_t)g_rand_int_range(random, 2, (gint32)kit.size);
        send_to(way, way->other, kit.data, part);
        memcpy(data, kit.data, kit.size);
        data[2 + part % (kit.size - 2)] ^= 0x40;
        send_to(way, way->other, data, kit.size);
        if (i % 20 == 0)
            expect_no_effect(way);
    }
    expect_no_effect(way);
    g_rand_free(random);
    way_free(way);
}

/* ---- the other side's address changes ---- */

static void test_nomination(void)
{
    Way *way = way_new();
    StunKit kit;
    for (unsigned i = 0; i < 4; i++) {
        const int to = i & 1 ? way->former : way->other;
        send_check(way, to, &kit, &nomination);
        expect_answer(to, &kit);
        expect_way_to(way, to);
    }
    way_free(way);
}

typedef struct {
    StunKit kit;
    const char *sign; /* of the former address; NULL = a check */
} Meeting;

/* In one turn: something from the former address, and a check from the other. */
static void meet(Way *way, void *argument)
{
    Meeting *meeting = argument;
    StunKit of_former;
    if (meeting->sign)
        send_text(way, way->former, meeting->sign);
    else
        send_check(way, way->former, &of_former, &plain_check);
    send_check(way, way->other, &meeting->kit, &plain_check);
}

static void expect_checks_answered(Way *way, Meeting *meeting)
{
    uint8_t data[STUN_KIT_SIZE];
    way_run(way, meet, meeting);
    expect_answer(way->other, &meeting->kit);
    if (!meeting->sign)
        g_assert_cmpint(recv(way->former, data, sizeof data, 0), >, 0);
}

static bool has_moved(Way *way)
{
    char text[32];
    way_run(way, send_out, "to whom?");
    if (recv(way->other, text, sizeof text, MSG_DONTWAIT) > 0)
        return true;
    g_assert_cmpint(recv(way->former, text, sizeof text, MSG_DONTWAIT), >, 0);
    return false;
}

/* While the former address is heard, by media or by its checks, others may check as they like. */
static void test_no_move(gconstpointer sign)
{
    Way *way = way_new();
    Meeting meeting = {.sign = sign};
    const int64_t end_ns = clock_monotonic_ns() + NS_PER_SECOND * 3 / 2;
    while (clock_monotonic_ns() < end_ns) {
        expect_checks_answered(way, &meeting);
        g_assert_false(has_moved(way));
    }
    way_free(way);
}

/* Silence or not. */
static void test_strangers_in_silence(void)
{
    Way *way = way_new();
    StunKit kit;
    const int64_t end_ns = clock_monotonic_ns() + NS_PER_SECOND * 3 / 2;
    while (clock_monotonic_ns() < end_ns) {
        send_check(way, way->other, &kit, &(StunKitCheck){.name = NAME, .pwd = "another"});
        expect_no_effect(way);
    }
    way_free(way);
}

/* And not before: what it takes is counted from the last that was heard. */
static void test_silence(void)
{
    Way *way = way_new();
    StunKit kit;
    expect_passage(way, way->former);
    const int64_t start_ns = clock_monotonic_ns();
    const int64_t end_ns = start_ns + PATIENCE_S * NS_PER_SECOND;
    bool moved = false;
    while (!moved && clock_monotonic_ns() < end_ns) {
        send_check(way, way->other, &kit, &plain_check);
        expect_answer(way->other, &kit);
        moved = has_moved(way);
    }
    g_assert_true(moved);
    g_assert_cmpint(clock_monotonic_ns() - start_ns, >=, NS_PER_SECOND * 95 / 100);
    expect_way_to(way, way->other);
    way_free(way);
}

/* ---- the way's end ---- */

static void send_three(Way *way, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 3; i++)
        send_text(way, way->former, "last words");
}

static void test_freed_within(void)
{
    Way *way = way_new();
    way->frees_itself = true;
    way_run(way, send_three, NULL);
    expect_count(way, 1);
    way_run(way, close_path, NULL); /* a turn later: still that one */
    expect_count(way, 1);
    g_assert_null(way->path);
    way_free(way);
}

static void connect_to(const Way *way, int far_end)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getsockname(far_end, (struct sockaddr *)&address, &size);
    g_assert_cmpint(connect(way->fd, (struct sockaddr *)&address, size), ==, 0);
}

/* The kernel's news that nobody is there, which a connected socket gets, stand in front of what
 * others send. */
static void send_to_nobody(Way *way, void *argument)
{
    (void)argument;
    connect_to(way, way->former);
    close(way->former);
    g_assert_true(udp_path_send(way->path, (const uint8_t *)"x", 1));
    connect_to(way, way->other);
    send_text(way, way->other, "still there");
}

static void test_unreachable(void)
{
    Way *way = way_new();
    way_run(way, send_to_nobody, NULL);
    expect_count(way, 1);
    expect_passage(way, way->other);
    way->former = dup(way->other); /* for way_free() */
    way_free(way);
}

void udp_path_test_add(void)
{
    g_test_add_func("/udp_path/datagrams", test_datagrams);
    g_test_add_func("/udp_path/send_many", test_send_many);
    g_test_add_func("/udp_path/send_runs", test_send_runs);
    g_test_add_func("/udp_path/come_as_one", test_come_as_one);
    g_test_add_func("/udp_path/read_beside", test_read_beside);
    g_test_add_func("/udp_path/checks", test_checks);
    g_test_add_func("/udp_path/strangers", test_strangers);
    g_test_add_func("/udp_path/other_messages", test_other_messages);
    g_test_add_func("/udp_path/garbage", test_garbage);
    g_test_add_func("/udp_path/nomination", test_nomination);
    g_test_add_data_func("/udp_path/no_move/media", "media", test_no_move);
    g_test_add_data_func("/udp_path/no_move/checks", NULL, test_no_move);
    g_test_add_func("/udp_path/strangers_in_silence", test_strangers_in_silence);
    g_test_add_func("/udp_path/silence", test_silence);
    g_test_add_func("/udp_path/freed_within", test_freed_within);
    g_test_add_func("/udp_path/unreachable", test_unreachable);
}
