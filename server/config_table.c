/* config_table.c - every key of the configuration, once. The sample and the man page follow. */
#include "server/config.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a member name cannot stand in parentheses */
#define NUMBER(section, name, unit, value, min, max, reloadable, meaning)                          \
    {                                                                                              \
#section, #name, CONFIG_NUMBER, (unit), (value), (min), (max), NULL, (reloadable),         \
            offsetof(struct config, section.name), (meaning)                                       \
    }
#define OTHER(section, name, type, words, value, reloadable, meaning)                              \
    {                                                                                              \
#section, #name, (type), "", (value), 0, 0, (words), (reloadable),                         \
            offsetof(struct config, section.name), (meaning)                                       \
    }
#define LISTEN_NUMBER(name, unit, value, min, max, meaning)                                        \
    {                                                                                              \
        "listen", #name, CONFIG_NUMBER, (unit), (value), (min), (max), NULL, false,                \
            offsetof(struct config_listen, name), (meaning)                                        \
    }
#define LISTEN_OTHER(name, type, words, value, meaning)                                            \
    {                                                                                              \
        "listen", #name, (type), "", (value), 0, 0, (words), false,                                \
            offsetof(struct config_listen, name), (meaning)                                        \
    }

/* NOLINTEND(bugprone-macro-parentheses) */

enum { LATER = false, LIVE = true };

/* clang-format off */
static const struct config_key keys[] = {
    LISTEN_OTHER(transport, CONFIG_WORD, "udp|tcp", "udp", "What carries SIP here."),
    LISTEN_OTHER(address, CONFIG_ADDRESS, NULL, "127.0.0.1", "Numeric address to bind, IPv4 or IPv6."),
    LISTEN_NUMBER(port, "", "5060", 0, 65535, "Port to bind; 0 takes any free one."),
    LISTEN_OTHER(advertise_host, CONFIG_TEXT, NULL, "", "Host that peers shall send to, in Via and Contact; empty: the address."),
    LISTEN_NUMBER(advertise_port, "", "0", 0, 65535, "Port that peers shall send to; 0: the one that was bound."),
    LISTEN_NUMBER(receive_buffer_bytes, "bytes", "4194304", 4096, 1073741824, "Socket buffer for what arrives over UDP; a warning tells when the kernel gave less."),
    LISTEN_NUMBER(send_buffer_bytes, "bytes", "4194304", 4096, 1073741824, "Socket buffer for what leaves over UDP."),

    NUMBER(process, drain_s, "s", "5", 0, 600, LIVE, "How long SIGTERM waits for requests and NOTIFYs under way."),

    OTHER(database, conninfo, CONFIG_TEXT, NULL, "dbname=presence", LATER, "libpq connection string; several hosts are tried in turn."),
    OTHER(database, schema_dir, CONFIG_TEXT, NULL, PRESENCED_SCHEMA_DIR, LATER, "Folder of the numbered migrations that --migrate applies."),
    NUMBER(database, node_id, "", "1", 1, 1023, LATER, "Which node this is, unlike every other on the same database."),
    OTHER(database, standby, CONFIG_BOOLEAN, NULL, "true", LATER, "While another process owns the state: wait to take over (true), or refuse to start (false)."),
    NUMBER(database, patience_ms, "ms", "300", 1, 60000, LIVE, "How long a request waits for its commit before it is refused with 500 and Retry-After."),
    NUMBER(database, lock_timeout_ms, "ms", "500", 1, 60000, LATER, "How long a batch waits for a lock that somebody else holds."),
    NUMBER(database, stuck_ms, "ms", "5000", 100, 600000, LATER, "A batch unanswered for so long gets its connection closed."),
    NUMBER(database, batch_rows_max, "", "1000", 1, 10000, LIVE, "Rows in one commit."),
    NUMBER(database, batch_bytes_max, "bytes", "524288", 65536, 16777216, LIVE, "Octets in one commit."),
    NUMBER(database, batch_spacing_us, "us", "1000", 0, 1000000, LIVE, "Time between two commits while busy; an idle server commits at once."),
    NUMBER(database, outage_grace_s, "s", "60", 0, 3600, LIVE, "What expired while no refresh could be accepted lives so much longer."),
    NUMBER(database, expiry_per_s, "1/s", "2000", 1, 1000000, LIVE, "Pace at which what expired during an outage is expired."),

    OTHER(log, level, CONFIG_WORD, "error|warning|info|debug", "info", LIVE, "What is worth a line: info is one per request, debug one per packet."),

    NUMBER(tcp, connect_s, "s", "5", 1, 300, LATER, "How long a connection may take to be made; what waits for it then fails."),
    NUMBER(tcp, spare_s, "s", "600", 1, 86400, LATER, "How long large requests go by UDP at once to who took no connection."),
    NUMBER(tcp, first_s, "s", "10", 1, 3600, LATER, "An accepted connection on which nothing has come for so long is closed."),
    NUMBER(tcp, idle_s, "s", "7500", 10, 604800, LATER, "A connection without traffic for so long is closed; shorter than the longest registration, and devices become unreachable."),
    NUMBER(tcp, message_s, "s", "10", 1, 3600, LATER, "A message must be there so long after its first octet, else its connection is closed."),
    NUMBER(tcp, write_s, "s", "30", 1, 3600, LATER, "The peer must take a message, and acknowledge that it arrived, within so long, else its connection is closed."),
    NUMBER(tcp, keepalive_s, "s", "120", 1, 32767, LATER, "Silence after which the kernel asks whether the peer is still there."),
    NUMBER(tcp, connections_max, "", "100000", 1, 1000000, LATER, "Connections at a time; more are closed at once."),
    NUMBER(tcp, connections_per_source_max, "", "2000", 1, 1000000, LATER, "Connections that one address may make; more are closed at once."),
    NUMBER(tcp, write_queue_bytes_max, "bytes", "16777216", 131072, 1073741824, LATER, "What may wait for one peer; more is refused as if its connection were gone."),
    NUMBER(tcp, write_bytes_max, "bytes", "268435456", 1048576, 2147483647, LATER, "What may wait for all peers together; more is refused as if the connection were gone."),
    NUMBER(tcp, partial_bytes_max, "bytes", "67108864", 1048576, 1073741824, LATER, "Memory for messages that are not there whole, of all connections; who needs more is closed."),

    OTHER(http, enabled, CONFIG_BOOLEAN, NULL, "true", LATER, "Whether /healthz, /readyz and /metrics are served."),
    OTHER(http, address, CONFIG_ADDRESS, NULL, "127.0.0.1", LATER, "Numeric address to bind; there is no authentication."),
    NUMBER(http, port, "", "8060", 0, 65535, LATER, "Port to bind; 0 takes any free one."),
    NUMBER(http, connections_max, "", "32", 1, 1024, LATER, "Connections at a time; more are closed."),
    NUMBER(http, header_bytes_max, "bytes", "4096", 512, 65536, LATER, "Request line and header fields of one request."),
    NUMBER(http, idle_s, "s", "10", 1, 3600, LATER, "A connection without traffic for so long is closed."),

    NUMBER(registration, expires_min_s, "s", "60", 1, 86400, LIVE, "Shorter REGISTERs get 423."),
    NUMBER(registration, expires_default_s, "s", "3600", 1, 604800, LIVE, "Granted when none is asked for."),
    NUMBER(registration, expires_max_s, "s", "7200", 1, 604800, LIVE, "Granted when more is asked for."),
    NUMBER(registration, contacts_max, "", "16", 1, 100, LIVE, "Contacts of one AOR."),
    NUMBER(registration, bindings_max, "", "1000000", 1, 16000000, LATER, "Contacts of all AORs."),

    NUMBER(subscription, expires_min_s, "s", "60", 1, 86400, LIVE, "Shorter SUBSCRIBEs get 423; 0 ends or fetches."),
    NUMBER(subscription, expires_default_s, "s", "3600", 1, 604800, LIVE, "Granted when none is asked for."),
    NUMBER(subscription, expires_max_s, "s", "7200", 1, 604800, LIVE, "Granted when more is asked for."),
    NUMBER(subscription, per_resource_max, "", "10000", 1, 1000000, LIVE, "Subscriptions to one resource."),
    NUMBER(subscription, per_watcher_max, "", "1000", 1, 1000000, LIVE, "Subscriptions of one watcher."),
    NUMBER(subscription, unauthorized_max, "", "100", 1, 1000000, LIVE, "Subscriptions of one watcher that no presentity has decided on; more get 403."),
    NUMBER(subscription, waiting_s, "s", "604800", 60, 31536000, LIVE, "How long a presentity can see that someone asked who was not decided on before the subscription ended."),
    NUMBER(subscription, subscriptions_max, "", "1000000", 1, 16000000, LATER, "Subscriptions of all watchers."),

    NUMBER(publication, expires_min_s, "s", "60", 1, 86400, LIVE, "Shorter PUBLISHes get 423; 0 removes."),
    NUMBER(publication, expires_default_s, "s", "3600", 1, 604800, LIVE, "Granted when none is asked for."),
    NUMBER(publication, expires_max_s, "s", "7200", 1, 604800, LIVE, "Granted when more is asked for."),
    NUMBER(publication, per_resource_max, "", "16", 1, 1000, LIVE, "Publications of one resource."),
    NUMBER(publication, publications_max, "", "1000000", 1, 16000000, LATER, "Publications of all resources."),

    NUMBER(timers, t1_ms, "ms", "500", 10, 10000, LATER, "T1: round-trip time estimate (RFC 3261 section 17)."),
    NUMBER(timers, t2_ms, "ms", "4000", 10, 60000, LATER, "T2: longest retransmission interval."),
    NUMBER(timers, t4_ms, "ms", "5000", 10, 60000, LATER, "T4: how long a message may stay in the network."),

    NUMBER(auth, nonce_life_s, "s", "300", 5, 86400, LATER, "Age at which a nonce becomes stale."),
    NUMBER(auth, nonce_window, "", "64", 1, 64, LATER, "Out-of-order nc values that are still taken."),
    NUMBER(auth, nonces_max, "", "100000", 100, 10000000, LATER, "Nonces whose nc values are remembered; older ones become stale."),
    NUMBER(auth, failures_max, "", "10", 1, 1000, LATER, "Failed authentications of one account from one source before it is locked out."),
    NUMBER(auth, lockout_s, "s", "60", 1, 86400, LATER, "How long a lock-out lasts."),

    NUMBER(limits, message_bytes_max, "bytes", "65535", 1300, 65535, LATER, "One SIP message; longer ones get 513."),
    NUMBER(limits, headers_max, "", "100", 20, 128, LATER, "Header fields of one message; more get 513."),
    NUMBER(limits, body_bytes_max, "bytes", "32768", 256, 65535, LATER, "Body of one message; longer ones get 413."),
    NUMBER(limits, udp_request_bytes_max, "bytes", "1300", 500, 65507, LATER, "Longer requests of ours leave over TCP where the peer offers it (RFC 3261 section 18.1.1)."),
    NUMBER(limits, xml_depth_max, "", "32", 8, 256, LATER, "Nesting of a published document."),
    NUMBER(limits, xml_elements_max, "", "1000", 16, 100000, LATER, "Elements of a published document."),
    NUMBER(limits, transactions_max, "", "1000000", 100, 16000000, LATER, "Transactions at a time; more take the place of answered ones, then get 500 and Retry-After."),
    NUMBER(limits, requests_max, "", "20000", 100, 1000000, LATER, "Requests that wait for a commit; more get 500 and Retry-After."),

    NUMBER(proxy, forks_max, "", "1000000", 1, 16000000, LIVE, "Requests passed on that are not over yet; more get 500 and Retry-After."),
    NUMBER(proxy, bytes_max, "bytes", "268435456", 65536, 4294967295, LIVE, "Octets of requests passed on that are not answered yet; more get 500 and Retry-After."),
    NUMBER(proxy, timer_c_s, "s", "181", 1, 3600, LIVE, "Timer C: an INVITE that rings for so long without a word is cancelled."),
    NUMBER(proxy, max_breadth, "", "60", 1, 1000, LIVE, "Devices that one request is passed on to at a time (Max-Breadth); more get 440."),

    NUMBER(notify, window_min, "", "32", 1, 1000000, LIVE, "NOTIFYs in the air, however bad the network looks."),
    NUMBER(notify, window_max, "", "4096", 1, 1000000, LIVE, "NOTIFYs in the air, however good it looks."),
    NUMBER(notify, chances, "", "3", 1, 100, LIVE, "NOTIFYs in a row that may fail before the subscription ends."),
    NUMBER(notify, retry_min_s, "s", "5", 1, 3600, LIVE, "Pause after a failed NOTIFY; doubles each time."),
    NUMBER(notify, retry_max_s, "s", "300", 1, 86400, LIVE, "Longest such pause, Retry-After included."),
    NUMBER(notify, list_members_max, "", "10000", 1, 1000000, LIVE, "Members of one list that are watched; further ones show as terminated."),
    NUMBER(notify, list_bytes_max, "bytes", "60000", 1000, 16777216, LIVE, "Members' states in one NOTIFY; what has no room comes with the next one."),
    NUMBER(notify, owed_after_s, "s", "5", 1, 3600, LATER, "A NOTIFY unanswered for so long is noted in its row, for a restart."),
    NUMBER(notify, min_rate_interval_min_ms, "ms", "1000", 10, 3600000, LIVE, "The least interval that a watcher's min-rate or adaptive-min-rate may ask for (RFC 6446)."),

    NUMBER(message, keep_after_ms, "ms", "8000", 100, 30000, LIVE, "A MESSAGE that no device took for so long is kept, and answered with 202."),
    NUMBER(message, keep_max_s, "s", "2592000", 1, 31536000, LIVE, "How long a message is kept, whatever its Expires says."),
    NUMBER(message, per_aor_max, "", "1000", 1, 100000, LIVE, "Messages that wait for one AOR; more get 480."),
    NUMBER(message, per_aor_bytes_max, "bytes", "4194304", 65536, 1073741824, LIVE, "Octets of the messages that wait for one AOR; more get 480."),
    NUMBER(message, messages_max, "", "1000000", 1, 16000000, LATER, "Messages kept for all AORs, with those that are only remembered; more get 500 and Retry-After."),
    NUMBER(message, bytes_max, "bytes", "268435456", 65536, 4294967295, LIVE, "Octets of all messages that wait; more get 500 and Retry-After."),
    NUMBER(message, remember_s, "s", "40", 0, 3600, LIVE, "How long a message is known again after it was kept, so that its repeat is not a second one."),
    NUMBER(message, retry_min_s, "s", "30", 1, 3600, LIVE, "Pause after a device did not take a kept message; doubles each time, and ends when it registers."),
    NUMBER(message, retry_max_s, "s", "600", 1, 86400, LIVE, "Longest such pause."),
    NUMBER(message, attempts_max, "", "10", 1, 1000, LIVE, "Times that a device may answer one message with 500 or the like; then the next one has its turn."),
    NUMBER(message, window_max, "", "1024", 1, 1000000, LIVE, "Kept messages on their way at a time, over all devices."),
    NUMBER(message, devices_max, "", "2000000", 1, 16000000, LATER, "Devices known at all AORs; messages do not wait for more."),
    NUMBER(message, device_forget_s, "s", "2592000", 1, 315360000, LIVE, "A device that did not register for so long is forgotten; longer than any registration."),

};
/* clang-format on */

const struct config_key *config_keys(size_t *count)
{
    *count = sizeof(keys) / sizeof(keys[0]);
    return keys;
}
