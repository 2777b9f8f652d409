/* config_value.h - one value of the configuration, handled as its row of the table says. */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include "server/config.h"

/*
 * `base` is what the row's offset counts from: a struct config, or for a row of section
 * "listen" a struct config_listen.
 */

/** Where the value lives. */
void *config_value_at(const struct config_key *key, void *base);

/** Takes `text` as the value; a text that was there is freed. False, and nothing changed, when it
 * is none. */
MUST_USE bool config_value_assign(const struct config_key *key, void *base, const char *text);

/** True for the types that own memory. */
bool config_value_is_text(const struct config_key *key);

bool config_value_same(const struct config_key *key, const void *a, const void *b);

/** "    name = value\n" in the syntax of the file, passwords masked. */
void config_value_print(const struct config_key *key, const void *base, struct buffer *out);

/** A text in double quotes, passwords masked. */
void config_quote(struct buffer *out, const char *text);

#endif
