/* config.c - libconfuse parses the grammar; what a value may be is said by the table. */
#include "server/config.h"

#include "server/base/must.h"
#include "server/config_value.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20, SECTIONS_MAX = 16 };

/*
 * Two options that no file can name. libconfuse hands its error function nothing but the
 * section, so ERROR_OPTION in each section leads back to the loading that it belongs to. And
 * it takes the end of the file for the end of an open section, string or comment:
 * END_OPTION, which we put behind the file, then does not arrive at the top.
 */
#define ERROR_OPTION "\001loading"
#define END_OPTION "end-of-configuration"

/* One run of config_load(). The option arrays must outlive libconfuse's copy of them. */
struct loading {
    const char *path;
    struct config_error *error;
    cfg_opt_t root[SECTIONS_MAX + 3];
    cfg_opt_t *sections[SECTIONS_MAX];
    size_t section_count;
};

/* ---- a whole configuration ---- */

static bool in_listen(const struct config_key *key)
{
    return strcmp(key->section, "listen") == 0;
}

static void assign_defaults(void *base, bool listen)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++)
        if (in_listen(&keys[i]) == listen)
            must(config_value_assign(&keys[i], base, keys[i].default_value));
}

static struct config_listen *add_listen(struct config *self, const char *name)
{
    struct config_listen *listen = &self->listen[self->listen_count++];

    listen->name = strdup(name);
    must(listen->name != NULL);
    assign_defaults(listen, true);
    return listen;
}

static struct config *config_new(void)
{
    struct config *self = calloc(1, sizeof(*self));

    must(self != NULL);
    assign_defaults(self, false);
    return self;
}

/* Every SIP element has both (RFC 3261 section 18). */
static void add_default_listeners(struct config *self)
{
    add_listen(self, "udp");
    add_listen(self, "tcp")->transport = CONFIG_TRANSPORT_TCP;
}

struct config *config_defaults(void)
{
    struct config *self = config_new();

    add_default_listeners(self);
    return self;
}

static void free_texts(void *base, bool listen)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++)
        if (in_listen(&keys[i]) == listen && config_value_is_text(&keys[i]))
            free(*(char **)config_value_at(&keys[i], base));
}

void config_free(struct config *self)
{
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->listen_count; i++) {
        free_texts(&self->listen[i], true);
        free((char *)(uintptr_t)self->listen[i].name);
    }
    free_texts(self, false);
    free(self);
}

/* ---- errors ---- */

static struct loading *loading_of(cfg_t *cfg)
{
    return cfg_getopt(cfg, ERROR_OPTION)->simple_value.ptr[0];
}

/* Only the first one: what libconfuse says after it are consequences. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format,
                                                           va_list arguments)
{
    struct loading *loading = loading_of(cfg);
    char *text = loading->error->text;
    size_t size = sizeof(loading->error->text);
    int len;

    if (text[0] != '\0')
        return;
    len = snprintf(text, size, "%s:%d: ", loading->path, cfg->line);
    if (len > 0 && (size_t)len < size)
        vsnprintf(text + len, size - (size_t)len, format, arguments);
    if (strstr(text, END_OPTION) != NULL)
        snprintf(text, size, "%s: a section is not closed: '}' is missing", loading->path);
    else if (strcmp(format, "premature end of file") == 0)
        snprintf(text, size, "%s: a string or comment is not closed", loading->path);
}

static bool refuse(struct loading *loading, const char *why)
{
    if (loading->error->text[0] == '\0')
        snprintf(loading->error->text, sizeof(loading->error->text), "%s: %s", loading->path, why);
    return false;
}

/* ---- checks while parsing, so that the line is known ---- */

static const struct config_key *key_of(const char *section, const char *name)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* Tries the value on a scratch configuration. */
static bool is_value(const struct config_key *key, const char *text)
{
    union {
        struct config config;
        struct config_listen listen;
    } scratch = {.config = {.listen_count = 0}};
    bool good = config_value_assign(key, &scratch, text);

    if (good && config_value_is_text(key))
        free(*(char **)config_value_at(key, &scratch));
    return good;
}

static int on_value(cfg_t *cfg, cfg_opt_t *option)
{
    const struct config_key *key = key_of(cfg_name(cfg), option->name);
    const char *text = cfg_opt_getnstr(option, cfg_opt_size(option) - 1);

    if (is_value(key, text))
        return 0;
    switch (key->type) {
    case CONFIG_NUMBER:
        cfg_error(cfg, "%s.%s = %s: want a number from %u to %u%s%s", key->section, key->name, text,
                  key->min, key->max, key->unit[0] == '\0' ? "" : " ", key->unit);
        break;
    case CONFIG_BOOLEAN:
        cfg_error(cfg, "%s.%s = %s: want true or false", key->section, key->name, text);
        break;
    case CONFIG_WORD:
        cfg_error(cfg, "%s.%s = %s: want one of %s", key->section, key->name, text, key->words);
        break;
    case CONFIG_ADDRESS:
        cfg_error(cfg, "%s.%s = %s: want a numeric IPv4 or IPv6 address", key->section, key->name,
                  text);
        break;
    case CONFIG_TEXT:
        break;
    }
    return -1;
}

/* ---- the grammar, made from the table ---- */

static void describe_section(struct loading *loading, const struct config_key *first, size_t count)
{
    static const cfg_opt_t end = CFG_END();
    cfg_opt_t *options = calloc(count + 2, sizeof(*options));
    cfg_flag_t flags = in_listen(first) ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE;

    must(options != NULL && loading->section_count < SECTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        options[i] = (cfg_opt_t)CFG_STR(first[i].name, first[i].default_value, CFGF_NONE);
        options[i].validcb = on_value;
    }
    options[count] = loading->root[0];
    options[count + 1] = end;
    loading->sections[loading->section_count++] = options;
    loading->root[loading->section_count] = (cfg_opt_t)CFG_SEC(first->section, options, flags);
}

static void describe(struct loading *loading, void **self)
{
    size_t count, begin = 0;
    const struct config_key *keys = config_keys(&count);

    loading->root[0] = (cfg_opt_t)CFG_PTR_CB(ERROR_OPTION, NULL, CFGF_NONE, NULL, NULL);
    loading->root[0].simple_value.ptr = self;
    for (size_t i = 1; i <= count; i++) {
        if (i < count && strcmp(keys[i].section, keys[begin].section) == 0)
            continue;
        describe_section(loading, &keys[begin], i - begin);
        begin = i;
    }
    loading->root[loading->section_count + 1] = (cfg_opt_t)CFG_STR(END_OPTION, "", CFGF_NONE);
    loading->root[loading->section_count + 2] = (cfg_opt_t)CFG_END();
}

/* ---- from libconfuse's tree to ours ---- */

static bool take_section(struct loading *loading, cfg_t *cfg, const char *section, void *base)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 &&
            !config_value_assign(&keys[i], base, cfg_getstr(cfg, keys[i].name)))
            return refuse(loading, keys[i].name); /* on_value() has let it pass: cannot be */
    return true;
}

static bool take(struct loading *loading, cfg_t *root, struct config *config)
{
    unsigned int listeners = cfg_size(root, "listen");

    if (listeners > CONFIG_LISTEN_MAX)
        return refuse(loading, "more than 16 listen blocks");
    for (unsigned int i = 0; i < listeners; i++) {
        cfg_t *block = cfg_getnsec(root, "listen", i);
        if (!take_section(loading, block, "listen", add_listen(config, cfg_title(block))))
            return false;
    }
    if (listeners == 0)
        add_default_listeners(config);
    for (size_t i = 1; i <= loading->section_count; i++) {
        const char *name = loading->root[i].name;
        if (strcmp(name, "listen") != 0 &&
            !take_section(loading, cfg_getsec(root, name), name, config))
            return false;
    }
    return true;
}

/* ---- what no single value shows ---- */

static bool in_order(struct loading *loading, const char *names, uint32_t low, uint32_t high)
{
    char why[160];

    snprintf(why, sizeof(why), "%s: %u is above %u", names, low, high);
    return low <= high || refuse(loading, why);
}

static bool listen_is_sound(struct loading *loading, const struct config_listen *listen)
{
    char why[160];

    must(listen->address != NULL && listen->advertise_host != NULL);
    snprintf(why, sizeof(why), "listen \"%.60s\": address %.50s needs an advertise_host",
             listen->name, listen->address);
    if (listen->advertise_host[0] == '\0' &&
        (strcmp(listen->address, "0.0.0.0") == 0 || strcmp(listen->address, "::") == 0))
        return refuse(loading, why);
    return true;
}

#define EXPIRES_IN_ORDER(loading, config, section)                                                 \
    (in_order(loading, #section ": expires_min_s, expires_default_s",                              \
              (config)->section.expires_min_s, (config)->section.expires_default_s) &&             \
     in_order(loading, #section ": expires_default_s, expires_max_s",                              \
              (config)->section.expires_default_s, (config)->section.expires_max_s))

static bool is_sound(struct loading *loading, const struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (!listen_is_sound(loading, &config->listen[i]))
            return false;
    return EXPIRES_IN_ORDER(loading, config, registration) &&
           EXPIRES_IN_ORDER(loading, config, subscription) &&
           EXPIRES_IN_ORDER(loading, config, publication) &&
           in_order(loading, "timers: t1_ms, t2_ms", config->timers.t1_ms, config->timers.t2_ms) &&
           in_order(loading, "notify: window_min, window_max", config->notify.window_min,
                    config->notify.window_max) &&
           in_order(loading, "notify: retry_min_s, retry_max_s", config->notify.retry_min_s,
                    config->notify.retry_max_s) &&
           in_order(loading, "limits: body_bytes_max, message_bytes_max",
                    config->limits.body_bytes_max, config->limits.message_bytes_max);
}

/* ---- loading ---- */

/* The whole file with END_OPTION behind it; NULL when it cannot be read. Free it. */
static char *read_file(struct loading *loading)
{
    static const char trailer[] = "\n" END_OPTION " = reached\n";
    FILE *file = fopen(loading->path, "re");
    char *text = NULL;
    size_t len;

    if (file == NULL) {
        refuse(loading, strerror(errno));
        return NULL;
    }
    text = malloc(FILE_BYTES_MAX + sizeof(trailer));
    must(text != NULL);
    len = fread(text, 1, FILE_BYTES_MAX, file);
    if (ferror(file) != 0 || len == FILE_BYTES_MAX || memchr(text, '\0', len) != NULL) {
        refuse(loading, ferror(file) != 0 ? strerror(errno) : "not a text file of less than 1 MB");
        free(text);
        text = NULL;
    } else {
        memcpy(text + len, trailer, sizeof(trailer));
    }
    fclose(file);
    return text;
}

static bool parse(struct loading *loading, const char *text, struct config *config)
{
    cfg_t *root = cfg_init(loading->root, CFGF_NONE);
    bool good;

    must(root != NULL);
    cfg_set_error_function(root, on_error);
    good = cfg_parse_buf(root, text) == CFG_SUCCESS;
    if (!good)
        refuse(loading, "not understood");
    else if (strcmp(cfg_getstr(root, END_OPTION), "reached") != 0)
        good = refuse(loading, "a string or comment is not closed");
    good = good && take(loading, root, config) && is_sound(loading, config);
    cfg_free(root);
    return good;
}

struct config *config_load(const char *path, struct config_error *error)
{
    struct loading loading = {.path = path, .error = error};
    void *self = &loading;
    struct config *config = config_new();
    char *text;
    bool good;

    error->text[0] = '\0';
    text = read_file(&loading);
    describe(&loading, &self);
    good = text != NULL && parse(&loading, text, config);
    for (size_t i = 0; i < loading.section_count; i++)
        free(loading.sections[i]);
    free(text);
    if (good)
        return config;
    config_free(config);
    return NULL;
}

/* ---- reloading ---- */

static void note(struct buffer *out, const char *section, const char *name)
{
    buffer_printf(out, "%s.%s\n", section, name);
}

static void compare_listeners(const struct config *self, const struct config *from,
                              const struct config_key *key, struct buffer *refused)
{
    for (size_t i = 0; i < self->listen_count && i < from->listen_count; i++)
        if (!config_value_same(key, &self->listen[i], &from->listen[i]))
            note(refused, key->section, key->name);
}

void config_reload(struct config *self, const struct config *from, struct buffer *refused)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    if (self->listen_count != from->listen_count)
        buffer_put(refused, SPAN("listen\n"));
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = &keys[i];
        if (in_listen(key))
            compare_listeners(self, from, key, refused);
        else if (config_value_same(key, self, from))
            continue;
        else if (!key->reloadable)
            note(refused, key->section, key->name);
        else /* texts need a restart, all of them: nobody has to watch one change under him */
            memcpy(config_value_at(key, self), (const char *)from + key->offset,
                   key->type == CONFIG_BOOLEAN ? sizeof(bool) : sizeof(uint32_t));
    }
}

/* ---- printing ---- */

static void print_section(const char *section, const char *title, const void *base,
                          struct buffer *out)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    buffer_put(out, span_of(section));
    if (title != NULL) {
        buffer_put_char(out, ' ');
        config_quote(out, title);
    }
    buffer_put(out, SPAN(" {\n"));
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0)
            config_value_print(&keys[i], base, out);
    buffer_put(out, SPAN("}\n"));
}

void config_print(const struct config *self, struct buffer *out)
{
    size_t count;
    const struct config_key *keys = config_keys(&count);

    for (size_t i = 0; i < self->listen_count; i++)
        print_section("listen", self->listen[i].name, &self->listen[i], out);
    for (size_t i = 0; i < count; i++)
        if (!in_listen(&keys[i]) && strcmp(keys[i].section, keys[i - 1].section) != 0)
            print_section(keys[i].section, NULL, self, out);
}
