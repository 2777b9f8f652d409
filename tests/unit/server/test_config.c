#include "server/base/must.h"
#include "server/config.h"
#include "tests/unit/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 18 };

static struct config_error error;
static struct buffer out;

static void set_up(void)
{
    error = (struct config_error){""};
    buffer_init(&out, TEXT_MAX);
}

static void tear_down(void)
{
    buffer_deinit(&out);
}

/* Loads a file that holds `text`; its name is cut from the error, so that it begins with ":". */
static struct config *load(const char *text)
{
    char path[] = "/tmp/presenced-config-XXXXXX";
    int fd = mkstemp(path);
    struct config *config;
    char *name;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    config = config_load(path, &error);
    unlink(path);
    name = strstr(error.text, path);
    if (name == error.text)
        memmove(name, name + strlen(path), strlen(name + strlen(path)) + 1);
    return config;
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, TEXT_MAX);

    must(text != NULL);
    ck_assert_msg(file != NULL, "cannot read %s", path);
    ck_assert_uint_lt(fread(text, 1, TEXT_MAX - 1, file), TEXT_MAX - 1);
    fclose(file);
    return text;
}

static const char *printed(const struct config *config)
{
    buffer_reset(&out);
    config_print(config, &out);
    buffer_put_char(&out, '\0');
    ck_assert(!out.overflowed);
    return out.at;
}

/* ---- loading ---- */

START_TEST(an_empty_file_gives_all_defaults)
{
    struct config *config = load("");

    ck_assert_msg(config != NULL, "%s", error.text);
    ck_assert_uint_eq(config->listen_count, 2);
    ck_assert_str_eq(config->listen[0].address, "127.0.0.1");
    ck_assert_uint_eq(config->listen[0].port, 5060);
    ck_assert_uint_eq(config->database.patience_ms, 300);
    ck_assert(config->database.standby);
    ck_assert_uint_eq(config->timers.t1_ms, 500);
    ck_assert_uint_eq(config->notify.owed_after_s, 5);
    ck_assert_uint_eq(config->log.level, LOG_INFO);
    config_free(config);
}
END_TEST

START_TEST(what_a_file_names_is_taken)
{
    struct config *config =
        load("listen \"four\" { address = 192.0.2.1 port = 5070 }\n"
             "# a comment\n"
             "listen \"six\" {\n"
             "    address = \"::\"\n"
             "    advertise_host = \"sip.example.org\"\n"
             "}\n"
             "database { conninfo = \"host=/run/x dbname=p\" standby = false }\n"
             "log { level = debug }\n"
             "subscription { expires_min_s = 1 }");

    ck_assert_msg(config != NULL, "%s", error.text);
    ck_assert_uint_eq(config->listen_count, 2);
    ck_assert_str_eq(config->listen[0].name, "four");
    ck_assert_str_eq(config->listen[0].address, "192.0.2.1");
    ck_assert_uint_eq(config->listen[0].port, 5070);
    ck_assert_str_eq(config->listen[1].address, "::");
    ck_assert_str_eq(config->listen[1].advertise_host, "sip.example.org");
    ck_assert_uint_eq(config->listen[1].port, 5060);
    ck_assert_str_eq(config->database.conninfo, "host=/run/x dbname=p");
    ck_assert(!config->database.standby);
    ck_assert_uint_eq(config->log.level, LOG_DEBUG);
    ck_assert_uint_eq(config->subscription.expires_min_s, 1);
    ck_assert_uint_eq(config->publication.expires_min_s, 60);
    config_free(config);
}
END_TEST

/* Each with how the error ends that it gets; ":N:" is the line. */
static const struct {
    const char *text;
    const char *error;
} faults[] = {
    {"database {\n  patience = 1\n}", ":2: no such option 'patience'"},
    {"nosuch { }", ":1: no such option 'nosuch'"},
    {"listen { port = 1 }", ":1: missing title for section 'listen'"},
    {"listen \"a\" { }\nlisten \"a\" { }", ":2: found duplicate title 'a'"},
    {"\n\ntimers { t1_ms = 12a }", ":3: timers.t1_ms = 12a: want a number from 10 to 10000 ms"},
    {"timers {\n t1_ms = -1 }", ":2: timers.t1_ms = -1: want a number from 10 to 10000 ms"},
    {"timers { t1_ms = 9 }", ":1: timers.t1_ms = 9: want a number from 10 to 10000 ms"},
    {"timers { t1_ms = 10001 }", ":1: timers.t1_ms = 10001: want a number from 10 to 10000 ms"},
    {"timers { t1_ms = 99999999999999999999999 }",
     ":1: timers.t1_ms = 99999999999999999999999: want a number from 10 to 10000 ms"},
    {"timers { t1_ms = \"\" }", ":1: timers.t1_ms = : want a number from 10 to 10000 ms"},
    {"notify { chances = many }", ":1: notify.chances = many: want a number from 1 to 100"},
    {"http { enabled = maybe }", ":1: http.enabled = maybe: want true or false"},
    {"log { level = loud }", ":1: log.level = loud: want one of error|warning|info|debug"},
    {"log { level = err }", ":1: log.level = err: want one of error|warning|info|debug"},
    {"log { level = \"\" }", ":1: log.level = : want one of error|warning|info|debug"},
    {"http { address = localhost }",
     ":1: http.address = localhost: want a numeric IPv4 or IPv6 address"},
    {"database {\n standby = true", ": a section is not closed: '}' is missing"},
    {"log { level = \"info", ": a string or comment is not closed"},
    {"log { level = info }\n/* and then", ": a string or comment is not closed"},
    {"}", ":1: unexpected closing brace"},
    {"listen \"x\" { address = 0.0.0.0 }",
     ": listen \"x\": address 0.0.0.0 needs an advertise_host"},
    {"subscription { expires_min_s = 4000 }",
     ": subscription: expires_min_s, expires_default_s: 4000 is above 3600"},
    {"publication { expires_max_s = 3599 }",
     ": publication: expires_default_s, expires_max_s: 3600 is above 3599"},
    {"timers { t2_ms = 499 }", ": timers: t1_ms, t2_ms: 500 is above 499"},
    {"end-of-configuration = reached\nlog { level = info",
     ": a section is not closed: '}' is missing"},
};

START_TEST(a_fault_is_refused_with_its_line)
{
    struct config *config = load(faults[_i].text);

    ck_assert_msg(config == NULL, "taken: %s", faults[_i].text);
    ck_assert_str_eq(error.text, faults[_i].error);
}
END_TEST

START_TEST(more_listeners_than_there_is_room_for_are_refused)
{
    for (int i = 0; i <= CONFIG_LISTEN_MAX; i++)
        buffer_printf(&out, "listen \"%d\" { }\n", i);
    buffer_put_char(&out, '\0');
    ck_assert_ptr_null(load(out.at));
    ck_assert_str_eq(error.text, ": more than 16 listen blocks");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    ck_assert_ptr_null(config_load("/nonexistent/presenced.conf", &error));
    ck_assert_str_eq(error.text, "/nonexistent/presenced.conf: No such file or directory");
    ck_assert_ptr_null(config_load("/", &error));
    ck_assert_str_eq(error.text, "/: Is a directory");
}
END_TEST

/* ---- printing ---- */

START_TEST(what_is_printed_loads_to_the_same)
{
    struct config *config = load("listen \"a \\\"b\\\" \\\\ c\" { port = 7 }\n"
                                 "listen \"d\" { address = ::1 }\n"
                                 "database { conninfo = \"dbname='x y' a=\\${b}\" }\n"
                                 "http { enabled = false }\n"
                                 "limits { xml_depth_max = 9 }\n");
    struct config *again;
    char *first;

    ck_assert_msg(config != NULL, "%s", error.text);
    first = strdup(printed(config));
    must(first != NULL);
    ck_assert_ptr_nonnull(strstr(first, "xml_depth_max = 9\n"));
    ck_assert_ptr_nonnull(strstr(first, "conninfo = \"dbname='x y' a=\\${b}\"\n"));
    again = load(first);
    ck_assert_msg(again != NULL, "%s in %s", error.text, first);
    ck_assert_str_eq(printed(again), first);
    free(first);
    config_free(again);
    config_free(config);
}
END_TEST

static const char *const conninfos[] = {
    "host=x password=hush user=y",
    "password='hu sh' dbname=z",
    "postgresql://me:hush@host/p",
    "host=x password=hush",
};

START_TEST(a_password_is_never_printed)
{
    struct config *config;

    buffer_printf(&out, "database { conninfo = \"%s\" }", conninfos[_i]);
    buffer_put_char(&out, '\0');
    config = load(out.at);
    ck_assert_msg(config != NULL, "%s", error.text);
    ck_assert_ptr_nonnull(strstr(printed(config), "***"));
    ck_assert_ptr_null(strstr(printed(config), "hu"));
    config_free(config);
}
END_TEST

/* ---- reloading ---- */

START_TEST(a_reload_takes_what_is_live_and_names_the_rest)
{
    struct config *config = load("listen \"a\" { port = 1 }");
    struct config *next = load("listen \"a\" { port = 2 }\n"
                               "database { conninfo = \"dbname=other\" patience_ms = 7 }\n"
                               "log { level = error }\n"
                               "timers { t1_ms = 100 }\n");

    ck_assert(config != NULL && next != NULL);
    config_reload(config, next, &out);
    buffer_put_char(&out, '\0');
    ck_assert_str_eq(out.at, "listen.port\ndatabase.conninfo\ntimers.t1_ms\n");
    ck_assert_uint_eq(config->listen[0].port, 1);
    ck_assert_uint_eq(config->database.patience_ms, 7);
    ck_assert_uint_eq(config->log.level, LOG_ERROR);
    ck_assert_uint_eq(config->timers.t1_ms, 500);
    config_free(next);
    config_free(config);
}
END_TEST

START_TEST(a_reload_without_a_change_names_nothing)
{
    struct config *config = config_defaults();
    struct config *next = load("");

    config_reload(config, next, &out);
    ck_assert_uint_eq(out.len, 0);
    config_free(next);
    config_free(config);
}
END_TEST

/* ---- the papers say what the table says ---- */

static bool is_installed_path(const struct config_key *key)
{
    return strcmp(key->name, "schema_dir") == 0;
}

START_TEST(the_sample_shows_every_key_with_its_default)
{
    struct config *sample = config_load(SOURCE_DIR "/deploy/presenced.conf", &error);
    struct config *defaults = config_defaults();
    char *first;

    ck_assert_msg(sample != NULL, "%s", error.text);
    first = strdup(printed(defaults));
    ck_assert_str_eq(printed(sample), first);
    free(first);
    config_free(sample);
    config_free(defaults);
}
END_TEST

/* "    # MEANING [UNIT, MIN to MAX, live]\n    name = value\n", as each key stands in the sample.
 */
static void put_sample_lines(const struct config_key *key)
{
    buffer_printf(&out, "    # %s", key->meaning);
    if (key->type == CONFIG_NUMBER)
        buffer_printf(&out, " [%s%s%u to %u%s]", key->unit, key->unit[0] == '\0' ? "" : ", ",
                      key->min, key->max, key->reloadable ? ", live" : "");
    else if (key->type == CONFIG_WORD)
        buffer_printf(&out, " [%s%s]", key->words, key->reloadable ? ", live" : "");
    buffer_printf(&out, "\n    %s%s = ", is_installed_path(key) ? "# " : "", key->name);
    if (key->type == CONFIG_TEXT || key->type == CONFIG_ADDRESS)
        buffer_printf(&out, "\"%s\"", is_installed_path(key) ? "" : key->default_value);
    else
        buffer_printf(&out, "%s", key->default_value);
    if (is_installed_path(key))
        buffer_cut(&out, out.len - 1); /* the folder depends on the installation */
}

START_TEST(the_sample_explains_every_key_in_the_words_of_the_table)
{
    char *sample = slurp(SOURCE_DIR "/deploy/presenced.conf");
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        buffer_reset(&out);
        put_sample_lines(&keys[i]);
        buffer_put_char(&out, '\0');
        ck_assert_msg(strstr(sample, out.at) != NULL, "%s.%s: presenced.conf lacks:\n%s",
                      keys[i].section, keys[i].name, out.at);
    }
    free(sample);
}
END_TEST

/* ".It Va section.name Ns = Ns Ar default" and the unit, limits and meaning under it. */
static void put_manual_lines(const struct config_key *key)
{
    buffer_printf(&out, ".It Va %s.%s Pq ", key->section, key->name);
    if (is_installed_path(key))
        buffer_printf(&out, "the installation's\n");
    else
        buffer_printf(&out, "default %s%s%s\n",
                      key->default_value[0] == '\0' ? "empty" : key->default_value,
                      key->unit[0] == '\0' ? "" : " ", key->unit);
    buffer_printf(&out, "%s\n", key->meaning);
    if (key->type == CONFIG_NUMBER)
        buffer_printf(&out, "From %u to %u.\n", key->min, key->max);
    if (key->type == CONFIG_WORD)
        buffer_printf(&out, "One of %s.\n", key->words);
    if (key->reloadable)
        buffer_printf(&out, "Live.\n");
}

START_TEST(the_manual_page_explains_every_key_in_the_words_of_the_table)
{
    char *manual = slurp(SOURCE_DIR "/deploy/presenced.conf.5");
    size_t count, items = 0;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++) {
        buffer_reset(&out);
        put_manual_lines(&keys[i]);
        buffer_put_char(&out, '\0');
        ck_assert_msg(strstr(manual, out.at) != NULL, "presenced.conf.5 lacks:\n%s", out.at);
    }
    for (const char *at = manual; (at = strstr(at, "\n.It Va ")) != NULL; at++)
        items++;
    ck_assert_msg(items == count, "presenced.conf.5 has %zu keys, the table %zu", items, count);
    free(manual);
}
END_TEST

START_TEST(every_row_of_the_table_is_well_formed)
{
    size_t count;
    const struct config_key *key = &config_keys(&count)[_i];

    if ((size_t)_i >= count)
        return;
    ck_assert(key->meaning[strlen(key->meaning) - 1] == '.');
    ck_assert_uint_le(key->min, key->max);
    ck_assert_int_eq(key->type == CONFIG_WORD, key->words != NULL);
    ck_assert_uint_lt(key->offset, sizeof(struct config));
}
END_TEST

Suite *server_config_suite(void);

Suite *server_config_suite(void)
{
    Suite *suite = suite_create("server/config");
    TCase *loading = tcase_create("loading");
    TCase *printing = tcase_create("printing");
    TCase *reloading = tcase_create("reloading");
    TCase *papers = tcase_create("papers");
    size_t keys;

    config_keys(&keys);
    tcase_add_checked_fixture(loading, set_up, tear_down);
    tcase_add_test(loading, an_empty_file_gives_all_defaults);
    tcase_add_test(loading, what_a_file_names_is_taken);
    tcase_add_loop_test(loading, a_fault_is_refused_with_its_line, 0,
                        sizeof(faults) / sizeof(faults[0]));
    tcase_add_test(loading, more_listeners_than_there_is_room_for_are_refused);
    tcase_add_test(loading, a_file_that_cannot_be_read_is_named);
    suite_add_tcase(suite, loading);
    tcase_add_checked_fixture(printing, set_up, tear_down);
    tcase_add_test(printing, what_is_printed_loads_to_the_same);
    tcase_add_loop_test(printing, a_password_is_never_printed, 0,
                        sizeof(conninfos) / sizeof(conninfos[0]));
    suite_add_tcase(suite, printing);
    tcase_add_checked_fixture(reloading, set_up, tear_down);
    tcase_add_test(reloading, a_reload_takes_what_is_live_and_names_the_rest);
    tcase_add_test(reloading, a_reload_without_a_change_names_nothing);
    suite_add_tcase(suite, reloading);
    tcase_add_checked_fixture(papers, set_up, tear_down);
    tcase_add_test(papers, the_sample_shows_every_key_with_its_default);
    tcase_add_test(papers, the_sample_explains_every_key_in_the_words_of_the_table);
    tcase_add_test(papers, the_manual_page_explains_every_key_in_the_words_of_the_table);
    tcase_add_loop_test(papers, every_row_of_the_table_is_well_formed, 0, (int)keys);
    suite_add_tcase(suite, papers);
    return suite;
}
