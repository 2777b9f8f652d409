/* config_value.c - what a value of each type may be, and how it is written. */
#include "server/config_value.h"

#include "server/base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *config_value_at(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

static int word_index(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (int i = 0; *words != '\0'; i++) {
        size_t next = strcspn(words, "|");
        if (next == len && len > 0 && memcmp(words, word, len) == 0)
            return i;
        words += next + (words[next] == '|');
    }
    return -1;
}

static struct span word_at(const char *words, uint32_t index)
{
    for (; index > 0; index--)
        words += strcspn(words, "|") + 1;
    return (struct span){words, strcspn(words, "|")};
}

static bool is_address(const char *text)
{
    unsigned char address[16];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max)
        return false;
    *out = (uint32_t)value;
    return true;
}

bool config_value_assign(const struct config_key *key, void *base, const char *text)
{
    switch (key->type) {
    case CONFIG_NUMBER:
        return parse_number(text, key->min, key->max, config_value_at(key, base));
    case CONFIG_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return false;
        *(bool *)config_value_at(key, base) = text[0] == 't';
        return true;
    case CONFIG_WORD:
        if (word_index(key->words, text) < 0)
            return false;
        *(uint32_t *)config_value_at(key, base) = (uint32_t)word_index(key->words, text);
        return true;
    case CONFIG_ADDRESS:
        if (!is_address(text))
            return false;
        break;
    case CONFIG_TEXT:
        break;
    }
    char **slot = config_value_at(key, base);
    free(*slot);
    *slot = strdup(text);
    must(*slot != NULL);
    return true;
}

bool config_value_is_text(const struct config_key *key)
{
    return key->type == CONFIG_TEXT || key->type == CONFIG_ADDRESS;
}

bool config_value_same(const struct config_key *key, const void *a, const void *b)
{
    const char *at = (const char *)a + key->offset;
    const char *bt = (const char *)b + key->offset;

    if (config_value_is_text(key))
        return strcmp(*(const char *const *)(const void *)at,
                      *(const char *const *)(const void *)bt) == 0;
    return memcmp(at, bt, key->type == CONFIG_BOOLEAN ? sizeof(bool) : sizeof(uint32_t)) == 0;
}

/* ---- printing ---- */

/* The length of the password at `text`, when one begins there: key=value or URI form. */
static size_t password_len(const char *text, const char *begin)
{
    if (text - begin >= 9 && strncmp(text - 9, "password=", 9) == 0)
        return text[0] == '\'' ? strcspn(text + 1, "'") + 1 : strcspn(text, " ");
    if (strstr(begin, "://") != NULL && text > begin && text[-1] == ':' && text[0] != '/' &&
        memchr(begin, '@', (size_t)(text - begin)) == NULL && strchr(text, '@') != NULL)
        return strcspn(text, "@");
    return 0;
}

void config_quote(struct buffer *out, const char *text)
{
    buffer_put_char(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        size_t hidden = password_len(at, text);
        if (hidden > 0) {
            buffer_put(out, SPAN("***"));
            at += hidden - 1;
            continue;
        }
        if (*at == '"' || *at == '\\' || *at == '$')
            buffer_put_char(out, '\\');
        buffer_put_char(out, *at);
    }
    buffer_put_char(out, '"');
}

void config_value_print(const struct config_key *key, const void *base, struct buffer *out)
{
    const void *at = (const char *)base + key->offset;

    buffer_printf(out, "    %s = ", key->name);
    switch (key->type) {
    case CONFIG_NUMBER:
        buffer_put_u64(out, *(const uint32_t *)at);
        break;
    case CONFIG_BOOLEAN:
        buffer_put(out, *(const bool *)at ? SPAN("true") : SPAN("false"));
        break;
    case CONFIG_WORD:
        buffer_put(out, word_at(key->words, *(const uint32_t *)at));
        break;
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
        config_quote(out, *(const char *const *)at);
        break;
    }
    buffer_put_char(out, '\n');
}
