/* test_show.c - what is hidden is in no composed document: looked for by another reader, and as
 * bytes. */
#include "pidf/pidf.h"
#include "server/base/must.h"
#include "tests/unit/pidf/random.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>

Suite *pidf_show_suite(void);

enum { ROUNDS = 12, SOURCES_MAX = 3, BYTES_MAX = 1 << 18, HIDDEN_MAX = 32, DIALECT_MAX = 32 };

#define NS "urn:ietf:params:xml:ns:pidf"

/* ---- by name, with libxml2's own tree ---- */

static const struct {
    unsigned hidden;
    const char *uri;
    const char *local; /* NULL: all of that namespace */
} banned[] = {
    {PIDF_HIDE_NOTES, NS, "note"},
    {PIDF_HIDE_NOTES, NS ":data-model", "note"},
    {PIDF_HIDE_NOTES, NS ":rpid", "note"},
    {PIDF_HIDE_NOTES, NS ":timed-status", "note"},
    {PIDF_HIDE_ACTIVITIES, NS ":rpid", "activities"},
    {PIDF_HIDE_ACTIVITIES, NS ":rpid", "mood"},
    {PIDF_HIDE_LOCATION, NS ":rpid", "place-is"},
    {PIDF_HIDE_LOCATION, NS ":rpid", "place-type"},
    {PIDF_HIDE_LOCATION, NS ":rpid", "time-offset"},
    {PIDF_HIDE_LOCATION, NS ":cipid", "map"},
    {PIDF_HIDE_LOCATION, NS ":geopriv10", NULL},
    {PIDF_HIDE_LOCATION, "http://www.opengis.net/gml", NULL},
    {PIDF_HIDE_DEVICES, NS ":data-model", "device"},
    {PIDF_HIDE_DEVICES, NS ":data-model", "deviceID"},
    {PIDF_HIDE_DEVICES, NS ":rpid", "user-input"},
    {PIDF_HIDE_DEVICES, NS ":caps", "devcaps"},
};

static bool named(const xmlNode *node, const char *uri, const char *local)
{
    return node->ns != NULL && strcmp((const char *)node->ns->href, uri) == 0 &&
           (local == NULL || strcmp((const char *)node->name, local) == 0);
}

static bool is_known(const xmlNode *node)
{
    return node->ns != NULL && (strncmp((const char *)node->ns->href, NS, strlen(NS)) == 0 ||
                                named(node, "http://www.opengis.net/gml", NULL));
}

/* Of what `hidden` bans, or that nobody knows; NULL when there is nothing. */
static const xmlNode *find_hidden(const xmlNode *node, unsigned hidden)
{
    for (; node != NULL; node = node->next) {
        const xmlNode *below = find_hidden(node->children, hidden);

        if (below != NULL)
            return below;
        if (node->type != XML_ELEMENT_NODE)
            continue;
        for (size_t i = 0; i < sizeof(banned) / sizeof(banned[0]); i++)
            if ((banned[i].hidden & hidden) != 0 && named(node, banned[i].uri, banned[i].local))
                return node;
        if (hidden != 0 && !is_known(node))
            return node;
    }
    return NULL;
}

/* presence, tuple, status, basic and, where a dialect says so, the entity as contact. */
static bool is_basic(const xmlNode *node, bool with_contact)
{
    static const char *const names[] = {"presence", "tuple", "status", "basic"};

    for (; node != NULL; node = node->next) {
        bool found = with_contact && named(node, NS, "contact") &&
                     strcmp((const char *)node->children->content, "sip:a@b") == 0;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            found = found || named(node, NS, names[i]);
        if (node->type != XML_TEXT_NODE && (!found || !is_basic(node->children, with_contact)))
            return false;
    }
    return true;
}

/* ---- by bytes, which no reader can overlook ---- */

static bool holds(struct span text, const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i + length <= text.len; i++)
        if (strncasecmp(text.at + i, word, length) == 0)
            return true;
    return false;
}

static const struct {
    unsigned hidden;
    const char *word;
} secrets[] = {
    {PIDF_HIDE_NOTES, "NOTE-SECRET"},
    {PIDF_HIDE_ACTIVITIES, "ACTIVITY-SECRET"},
    {PIDF_HIDE_LOCATION, "LOCATION-SECRET"},
    {PIDF_HIDE_DEVICES, "DEVICE-SECRET"},
    {PIDF_BASIC_ONLY, "SECRET"},
    {HIDDEN_MAX - 1, "UNKNOWN-SECRET"},
};

static const char *find_secret(struct span document, unsigned hidden)
{
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if ((secrets[i].hidden & hidden) != 0 && holds(document, secrets[i].word))
            return secrets[i].word;
    return NULL;
}

/* ---- one composition ---- */

struct trial {
    struct pidf_composer *composer;
    struct buffer bodies[SOURCES_MAX];
    struct pidf_source sources[SOURCES_MAX];
    size_t count;
    struct buffer out, again;
};

static void trial_init(struct trial *trial)
{
    *trial = (struct trial){.composer = pidf_composer_new(NULL)};
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_init(&trial->bodies[i], BYTES_MAX);
    buffer_init(&trial->out, BYTES_MAX);
    buffer_init(&trial->again, BYTES_MAX);
}

static void trial_deinit(struct trial *trial)
{
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_deinit(&trial->bodies[i]);
    buffer_deinit(&trial->out);
    buffer_deinit(&trial->again);
    pidf_composer_free(trial->composer);
}

static void publish(struct trial *trial, struct chance *chance)
{
    trial->count = 1 + draw(chance, SOURCES_MAX);
    for (size_t i = 0; i < trial->count; i++) {
        buffer_reset(&trial->bodies[i]);
        random_document(chance, &trial->bodies[i]);
        trial->sources[i] = (struct pidf_source){
            .body = buffer_span(&trial->bodies[i]),
            .published_at_us = draw(chance, 3),
            .hard_state = draw(chance, 4) == 0,
            .from_registration = draw(chance, 5) == 0,
        };
    }
}

/* Documents are printed, for they are longer than a message of `check` may be. */
static void expect(bool fact, const char *what, const struct trial *trial,
                   const struct pidf_view *view)
{
    if (!fact)
        printf(SPAN_FMT "then " SPAN_FMT, SPAN_ARG(buffer_span(&trial->out)),
               SPAN_ARG(buffer_span(&trial->again)));
    ck_assert_msg(fact, "%s: policy %d dialect %u hidden %u", what, (int)view->policy,
                  view->dialect, view->hidden);
}

static void look(const struct trial *trial, const struct pidf_view *view)
{
    struct span document = buffer_span(&trial->out);
    xmlDocPtr tree = xmlReadMemory(document.at, (int)document.len, NULL, NULL, XML_PARSE_NONET);
    const xmlNode *root = tree == NULL ? NULL : xmlDocGetRootElement(tree);
    const char *secret = find_secret(document, view->hidden);

    expect(root != NULL, "no XML", trial, view);
    expect(find_hidden(root, view->hidden) == NULL, "hidden element", trial, view);
    expect(!(view->hidden & PIDF_BASIC_ONLY) || is_basic(root, (view->dialect & PIDF_CONTACT) != 0),
           "more than basic", trial, view);
    expect(secret == NULL, secret, trial, view);
    expect(schema_accepts(document), "not valid", trial, view);
    xmlFreeDoc(tree);
}

static void compose(struct trial *trial, const struct pidf_view *view)
{
    struct pidf_source composed = {0};

    buffer_reset(&trial->out);
    buffer_reset(&trial->again);
    ck_assert_int_eq(pidf_compose(trial->composer, SPAN("sip:a@b"), view, trial->sources,
                                  trial->count, &trial->out),
                     STATUS_OK);
    look(trial, view);
    composed.body = buffer_span(&trial->out);
    ck_assert_int_eq(
        pidf_compose(trial->composer, SPAN("sip:a@b"), view, &composed, 1, &trial->again),
        STATUS_OK);
    expect(span_equal(buffer_span(&trial->again), composed.body), "not the same again", trial,
           view);
}

START_TEST(what_is_hidden_is_in_no_document_of_any_view)
{
    struct chance chance = {(uint64_t)_i + 1};
    struct trial trial;

    trial_init(&trial);
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned hidden = 0; hidden < HIDDEN_MAX; hidden++) {
            const struct pidf_view view = {
                .policy = (enum pidf_policy)draw(&chance, PIDF_SINGLE + 1),
                .dialect = draw(&chance, 2) == 0 ? 0 : draw(&chance, DIALECT_MAX),
                .hidden = hidden,
            };

            publish(&trial, &chance);
            compose(&trial, &view);
        }
    trial_deinit(&trial);
}
END_TEST

/* The search can find: with nothing hidden, each secret is met. */
START_TEST(what_is_not_hidden_is_found)
{
    static const struct pidf_view everything = {0};
    bool met[sizeof(secrets) / sizeof(secrets[0])] = {false};
    struct chance chance = {1};
    struct trial trial;

    trial_init(&trial);
    for (int round = 0; round < 20 * ROUNDS; round++) {
        publish(&trial, &chance);
        compose(&trial, &everything);
        for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
            met[i] = met[i] || holds(buffer_span(&trial.out), secrets[i].word);
    }
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        ck_assert_msg(met[i], "%s", secrets[i].word);
    trial_deinit(&trial);
}
END_TEST

Suite *pidf_show_suite(void)
{
    Suite *suite = suite_create("pidf/show");
    TCase *tcase = tcase_create("RFC 5025 section 3.3");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, what_is_hidden_is_in_no_document_of_any_view, 0, 10);
    tcase_add_test(tcase, what_is_not_hidden_is_found);
    suite_add_tcase(suite, tcase);
    return suite;
}
