/* config.h - the configuration: one table of keys, and the values of one file; libconfuse's
 * doorman. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "server/base/buffer.h"
#include "server/base/log.h"
#include "server/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A setting exists once: as a row of the table in config.c, which says its name, unit,
 * default, limits and meaning, and whether SIGHUP changes it. Loading, --check, the sample
 * deploy/presenced.conf and presenced.conf(5) all follow that table. Texts are
 * NUL-terminated, owned by the configuration, and never NULL: an absent one is "".
 */

enum { CONFIG_LISTEN_MAX = 16 };

enum config_transport { CONFIG_TRANSPORT_UDP, CONFIG_TRANSPORT_TCP };

/** One block: listen "NAME" { ... }. The names are for people and differ from one another. */
struct config_listen {
    const char *name;
    uint32_t transport;         /* enum config_transport */
    const char *address;        /* numeric, IPv4 or IPv6 without brackets */
    uint32_t port;              /* 0: any free one */
    const char *advertise_host; /* "": the address */
    uint32_t advertise_port;    /* 0: the port that was bound */
    uint32_t receive_buffer_bytes;
    uint32_t send_buffer_bytes;
};

struct config {
    struct config_listen listen[CONFIG_LISTEN_MAX];
    size_t listen_count; /* at least 1 */
    struct {
        uint32_t drain_s;
    } process;
    struct {
        const char *conninfo;
        const char *schema_dir;
        uint32_t node_id;
        bool standby;
        uint32_t patience_ms;
        uint32_t lock_timeout_ms;
        uint32_t stuck_ms;
        uint32_t batch_rows_max;
        uint32_t batch_bytes_max;
        uint32_t batch_spacing_us;
        uint32_t outage_grace_s;
        uint32_t expiry_per_s;
    } database;
    struct {
        uint32_t level; /* enum log_level */
    } log;
    struct {
        uint32_t connect_s;
        uint32_t spare_s;
        uint32_t first_s;
        uint32_t idle_s;
        uint32_t message_s;
        uint32_t write_s;
        uint32_t keepalive_s;
        uint32_t connections_max;
        uint32_t connections_per_source_max;
        uint32_t write_queue_bytes_max;
        uint32_t write_bytes_max;
        uint32_t partial_bytes_max;
    } tcp;
    struct {
        bool enabled;
        const char *address;
        uint32_t port; /* 0: any free one */
        uint32_t connections_max;
        uint32_t header_bytes_max;
        uint32_t idle_s;
    } http;
    struct {
        uint32_t expires_min_s;
        uint32_t expires_default_s;
        uint32_t expires_max_s;
        uint32_t contacts_max; /* per AOR */
        uint32_t bindings_max; /* of the process */
    } registration;
    struct {
        uint32_t expires_min_s;
        uint32_t expires_default_s;
        uint32_t expires_max_s;
        uint32_t per_resource_max;
        uint32_t per_watcher_max;
        uint32_t unauthorized_max;
        uint32_t waiting_s;
        uint32_t subscriptions_max; /* of the process */
    } subscription;
    struct {
        uint32_t expires_min_s;
        uint32_t expires_default_s;
        uint32_t expires_max_s;
        uint32_t per_resource_max;
        uint32_t publications_max; /* of the process */
    } publication;
    struct {
        uint32_t t1_ms;
        uint32_t t2_ms;
        uint32_t t4_ms;
    } timers;
    struct {
        uint32_t nonce_life_s;
        uint32_t nonce_window; /* nc values */
        uint32_t nonces_max;
        uint32_t failures_max;
        uint32_t lockout_s;
    } auth;
    struct {
        uint32_t message_bytes_max;
        uint32_t headers_max;
        uint32_t body_bytes_max;
        uint32_t udp_request_bytes_max;
        uint32_t xml_depth_max;
        uint32_t xml_elements_max;
        uint32_t transactions_max;
        uint32_t requests_max;
    } limits;
    struct {
        uint32_t forks_max;
        uint32_t bytes_max;
        uint32_t timer_c_s;
        uint32_t max_breadth;
    } proxy;
    struct {
        uint32_t window_min;
        uint32_t window_max;
        uint32_t chances;
        uint32_t list_members_max;
        uint32_t list_bytes_max;
        uint32_t retry_min_s;
        uint32_t retry_max_s;
        uint32_t owed_after_s;
        uint32_t min_rate_interval_min_ms;
    } notify;
    struct {
        uint32_t keep_after_ms;
        uint32_t keep_max_s;
        uint32_t per_aor_max;
        uint32_t per_aor_bytes_max;
        uint32_t messages_max; /* of the process */
        uint32_t bytes_max;    /* likewise */
        uint32_t remember_s;
        uint32_t retry_min_s;
        uint32_t retry_max_s;
        uint32_t attempts_max;
        uint32_t window_max;
        uint32_t devices_max; /* of the process */
        uint32_t device_forget_s;
    } message;
};

/** Where and why a file was refused: "presenced.conf:12: no such option 'prot'". */
struct config_error {
    char text[512];
};

/**
 * Reads a file. What it does not name has its default; without a listen block there
 * are two, over UDP and TCP, with all other defaults. NULL when the file cannot be read or holds an
 * unknown key, a value beyond its limits, or values that contradict each other; `error` then says
 * which, at which line. Free with config_free().
 */
MUST_USE struct config *config_load(const char *path, struct config_error *error);

/** All defaults, for tests. */
struct config *config_defaults(void);

/** NULL is fine. */
void config_free(struct config *self);

/**
 * Takes over from `from` what can change while running, and says in `refused` which keys
 * differ but need a restart, one "section.key" a line (empty when there are none).
 */
void config_reload(struct config *self, const struct config *from, struct buffer *refused);

/** Every key with its value, in the syntax of the file; a password in conninfo is masked. */
void config_print(const struct config *self, struct buffer *out);

/* ---- the table, for whoever documents or checks it ---- */

enum config_type {
    CONFIG_NUMBER,
    CONFIG_BOOLEAN, /* true, false */
    CONFIG_TEXT,
    CONFIG_ADDRESS, /* a text: numeric IPv4 or IPv6 */
    CONFIG_WORD,    /* one of `words` */
};

struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    const char *unit;          /* "ms", "bytes"; "" where a number counts things */
    const char *default_value; /* as it would stand in the file, without quotes */
    uint32_t min;              /* of a number */
    uint32_t max;
    const char *words; /* of a CONFIG_WORD, "error|warning|info|debug" */
    bool reloadable;
    size_t offset; /* in struct config, or in struct config_listen for section "listen" */
    const char *meaning;
};

/** The rows, grouped by section; lends the table. */
const struct config_key *config_keys(size_t *count);

#endif
