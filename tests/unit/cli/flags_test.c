#include <string.h>

#include "base/clock.h"
#include "cli/flags.h"
#include "cli_test.h"

static const Flag test_flags[] = {
    {"room", "NAME", NULL, "the room"},
    {"token", "TOKEN", NULL, "a token"},
    {"url", "URL", "livekit.url", "a server"},
    {"participant", "IDENTITY", NULL, "a person"},
    {"json", NULL, NULL, "as JSON"},
    {"log-json", NULL, "log.json", "JSON log"},
    {"set", "KEY=VALUE", NULL, "a setting\nof any kind"},
    {"help", NULL, NULL, "this text"},
};

static const FlagGroup test_group = {"Flags", test_flags, G_N_ELEMENTS(test_flags)};

static const FlagTable test_table = {
    .name = "try",
    .usage = "roomtape try [FLAG]...",
    .summary = "Tries things out.",
    .max_arguments = 1,
    .groups = {&test_group},
};

static Flags *parse(const char *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    if (line[0] == '\0')
        words[0] = NULL;
    return flags_parse(&test_table, words, error);
}

static void test_good(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Flags) flags =
        parse("--room demo --participant ann FILE --participant=bob --json --room=last", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(flags_text(flags, "room"), ==, "last");
    const char *const *people = flags_list(flags, "participant");
    g_assert_cmpstr(people[0], ==, "ann");
    g_assert_cmpstr(people[1], ==, "bob");
    g_assert_null(people[2]);
    g_assert_true(flags_has(flags, "json"));
    g_assert_false(flags_has(flags, "help"));
    g_assert_cmpstr(flags_argument(flags, 0), ==, "FILE");
    g_assert_null(flags_argument(flags, 1));
    g_assert_null(flags_text(flags, "token"));
    g_assert_null(flags_list(flags, "token")[0]);
}

static void test_words(void)
{
    g_autoptr(Flags) dashes = parse("-- --json", NULL);
    g_assert_cmpstr(flags_argument(dashes, 0), ==, "--json");
    g_autoptr(Flags) help = parse("-h", NULL);
    g_assert_true(flags_has(help, "help"));
    g_autoptr(Flags) value = parse("--room=--odd", NULL);
    g_assert_cmpstr(flags_text(value, "room"), ==, "--odd");
    g_autoptr(Flags) empty = parse("--room=", NULL);
    g_assert_cmpstr(flags_text(empty, "room"), ==, "");
    g_autoptr(Flags) minus = parse("-", NULL);
    g_assert_cmpstr(flags_argument(minus, 0), ==, "-");
}

static void test_bad(void)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--rooom demo", "Did you mean --room?"},
        {"--part ann", "Did you mean --participant?"},
        {"--zzzzzz", "has no flag --zzzzzz."},
        {"-x", "has no flag --x."},
        {"--room", "--room needs a value: --room NAME."},
        {"--room --json", "--room needs a value"},
        {"--json=1", "--json takes no value."},
        {"one two", "does not know what to do with \"two\""},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Flags) flags = parse(cases[i].line, &error);
        g_assert_null(flags);
        g_assert_error(error, FLAGS_ERROR, 0);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].says));
    }
    char *invalid[] = {(char *)"--room", (char *)"\xff", NULL};
    g_assert_null(flags_parse(&test_table, invalid, NULL));
}

static void test_values_are_not_repeated(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(parse("--tokem=eySecret", &error));
    g_assert_null(strstr(error->message, "eySecret"));
}

static void test_apply(void)
{
    g_autoptr(Config) config = config_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Flags) flags = parse(
        "--url ws://a --log-json --set timeouts.connection=3s --set livekit.url=ws://b", &error);
    g_assert_true(flags_apply(flags, config, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(config->url, ==, "ws://a");
    g_assert_true(config->log_json);
    g_assert_cmpint(config->connection_ns, ==, 3 * NS_PER_SECOND);

    static const char *const bad[] = {"--set x", "--set x=1", "--url nonsense", "--set =1"};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) wrong = NULL;
        g_autoptr(Flags) parsed = parse(bad[i], NULL);
        g_assert_false(flags_apply(parsed, config, &wrong));
        g_assert_nonnull(wrong);
    }
}

static void test_help(void)
{
    g_autofree char *help = flags_help(&test_table);
    g_assert_true(g_str_has_prefix(help, "Usage: roomtape try [FLAG]...\n\nTries things out.\n"));
    g_assert_nonnull(strstr(help, "\n  --room NAME                 the room\n"));
    g_assert_nonnull(strstr(help, "a setting\n                              of any kind\n"));
}

void flags_test_add(void)
{
    g_test_add_func("/flags/good", test_good);
    g_test_add_func("/flags/words", test_words);
    g_test_add_func("/flags/bad", test_bad);
    g_test_add_func("/flags/values_are_not_repeated", test_values_are_not_repeated);
    g_test_add_func("/flags/apply", test_apply);
    g_test_add_func("/flags/help", test_help);
}
