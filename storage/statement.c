/* statement.c - column lists are explicit: an ALTER TABLE never changes what a statement means. */
#include "storage/statement.h"

/* clang-format off */

const struct statement statements[STATEMENT_COUNT] = {
[DELETE_BINDING] = {"delete_binding", "table=\"binding\",change=\"delete\"", "sl",
    "delete from presence_state.binding t using unnest($2, $3) as u(bucket, id) where t.bucket"
    " = u.bucket and t.id = u.id"},

[DELETE_PUBLICATION] = {"delete_publication", "table=\"publication\",change=\"delete\"", "sl",
    "delete from presence_state.publication t using unnest($2, $3) as u(bucket, id) where"
    " t.bucket = u.bucket and t.id = u.id"},

[DELETE_SUBSCRIPTION] = {"delete_subscription", "table=\"subscription\",change=\"delete\"", "sl",
    "delete from presence_state.subscription t using unnest($2, $3) as u(bucket, id) where"
    " t.bucket = u.bucket and t.id = u.id"},

[DELETE_DEVICE] = {"delete_device", "table=\"device\",change=\"delete\"", "sl",
    "delete from presence_state.device t using unnest($2, $3) as u(bucket, id) where t.bucket"
    " = u.bucket and t.id = u.id"},

[DELETE_MESSAGE] = {"delete_message", "table=\"message\",change=\"delete\"", "sl",
    "delete from presence_state.message t using unnest($2, $3) as u(bucket, id) where t.bucket"
    " = u.bucket and t.id = u.id"},

[DELETE_COMMAND] = {"delete_command", "table=\"command\",change=\"delete\"", "l",
    "delete from presence.command t using unnest($2) as u(id) where t.id = u.id"},

[INSERT_BINDING] = {"insert_binding", "table=\"binding\",change=\"insert\"", "sltttyytlsttltlltttlbl",
    "insert into presence_state.binding (bucket, id, aor, contact_key, contact, parameters,"
    " path, instance, reg_id, q_thousandths, call_id, from_tag, cseq, user_agent, flow_node,"
    " flow_incarnation, flow_transport, flow_local, flow_remote, flow_connection, flow_bound,"
    " expires_at, created_at, updated_at) select u.bucket, u.id, u.aor, u.contact_key,"
    " u.contact, u.parameters, u.path, u.instance, u.reg_id, u.q_thousandths, u.call_id,"
    " u.from_tag, u.cseq, u.user_agent, u.flow_node, u.flow_incarnation, u.flow_transport,"
    " u.flow_local, u.flow_remote, u.flow_connection, u.flow_bound, now() + u.expires_s *"
    " interval '1 second', now(), now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
    " $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) as u(bucket, id, aor,"
    " contact_key, contact, parameters, path, instance, reg_id, q_thousandths, call_id,"
    " from_tag, cseq, user_agent, flow_node, flow_incarnation, flow_transport, flow_local,"
    " flow_remote, flow_connection, flow_bound, expires_s)"},

[INSERT_PUBLICATION] = {"insert_publication", "table=\"publication\",change=\"insert\"", "slttttltyttlbl",
    "insert into presence_state.publication (bucket, id, aor, event, entity_tag, previous_tag,"
    " sequence, content_type, document, call_id, from_tag, cseq, hard_state, expires_at,"
    " created_at, updated_at) select u.bucket, u.id, u.aor, u.event, u.entity_tag,"
    " u.previous_tag, u.sequence, u.content_type, u.document, u.call_id, u.from_tag, u.cseq,"
    " u.hard_state, case when u.expires_s < 0 then 'infinity' else now() + u.expires_s *"
    " interval '1 second' end, now(), now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " $11, $12, $13, $14, $15) as u(bucket, id, aor, event, entity_tag, previous_tag, sequence,"
    " content_type, document, call_id, from_tag, cseq, hard_state, expires_s)"},

[INSERT_SUBSCRIPTION] = {"insert_subscription", "table=\"subscription\",change=\"insert\"", "sltttttttttyttttybtsttlllblltttlbl",
    "insert into presence_state.subscription (bucket, id, aor, event, event_id, watcher, call_id,"
    " local_tag, remote_tag, local_uri, remote_uri, route_set, accept, user_agent, event_params,"
    " body_type, body, eventlist, instance, state, reason, remote_target, remote_cseq, cseq_mark,"
    " cseq_epoch, owed, flow_node, flow_incarnation, flow_transport, flow_local, flow_remote,"
    " flow_connection, flow_bound, expires_at, written_batch, created_at, updated_at) select"
    " u.bucket, u.id, u.aor, u.event, u.event_id, u.watcher, u.call_id, u.local_tag, u.remote_tag,"
    " u.local_uri, u.remote_uri, u.route_set, u.accept, u.user_agent, u.event_params, u.body_type,"
    " u.body, u.eventlist, u.instance, u.state, u.reason, u.remote_target, u.remote_cseq, u.cseq_mark,"
    " u.cseq_epoch, u.owed, u.flow_node, u.flow_incarnation, u.flow_transport, u.flow_local,"
    " u.flow_remote, u.flow_connection, u.flow_bound, now() + u.expires_s * interval '1 second',"
    " $1, now(), now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
    " $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,"
    " $34, $35) as u(bucket, id, aor, event, event_id, watcher, call_id, local_tag, remote_tag,"
    " local_uri, remote_uri, route_set, accept, user_agent, event_params, body_type, body,"
    " eventlist, instance, state, reason, remote_target, remote_cseq, cseq_mark, cseq_epoch, owed,"
    " flow_node, flow_incarnation, flow_transport, flow_local, flow_remote, flow_connection,"
    " flow_bound, expires_s)"},

[INSERT_DEVICE] = {"insert_device", "table=\"device\",change=\"insert\"", "sltttl",
    "insert into presence_state.device (bucket, id, aor, device_key, user_agent,"
    " delivered_through, last_seen_at, created_at) select u.bucket, u.id, u.aor, u.device_key,"
    " u.user_agent, u.delivered_through, now(), now() from unnest($2, $3, $4, $5, $6, $7) as"
    " u(bucket, id, aor, device_key, user_agent, delivered_through)"},

[INSERT_MESSAGE] = {"insert_message", "table=\"message\",change=\"insert\"", "slttttltyyl",
    "insert into presence_state.message (bucket, id, aor, sender, call_id, from_tag, cseq,"
    " content_type, headers, body, kept_at, expires_at) select u.bucket, u.id, u.aor, u.sender,"
    " u.call_id, u.from_tag, u.cseq, u.content_type, u.headers, u.body, now(), now() +"
    " u.expires_s * interval '1 second' from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
    " $12) as u(bucket, id, aor, sender, call_id, from_tag, cseq, content_type, headers, body,"
    " expires_s)"},

[UPDATE_BINDING] = {"update_binding", "table=\"binding\",change=\"update\"", "sltyytlsttltlltttlbl",
    "update presence_state.binding t set contact = u.contact, parameters = u.parameters, path ="
    " u.path, instance = u.instance, reg_id = u.reg_id, q_thousandths = u.q_thousandths, call_id"
    " = u.call_id, from_tag = u.from_tag, cseq = u.cseq, user_agent = u.user_agent, flow_node ="
    " u.flow_node, flow_incarnation = u.flow_incarnation, flow_transport = u.flow_transport,"
    " flow_local = u.flow_local, flow_remote = u.flow_remote, flow_connection ="
    " u.flow_connection, flow_bound = u.flow_bound, expires_at = now() + u.expires_s * interval"
    " '1 second', updated_at = now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
    " $13, $14, $15, $16, $17, $18, $19, $20, $21) as u(bucket, id, contact, parameters, path,"
    " instance, reg_id, q_thousandths, call_id, from_tag, cseq, user_agent, flow_node,"
    " flow_incarnation, flow_transport, flow_local, flow_remote, flow_connection, flow_bound,"
    " expires_s) where t.bucket = u.bucket and t.id = u.id"},

[UPDATE_PUBLICATION] = {"update_publication", "table=\"publication\",change=\"update\"", "slttltyttlbl",
    "update presence_state.publication t set entity_tag = u.entity_tag, previous_tag ="
    " u.previous_tag, sequence = u.sequence, content_type = u.content_type, document ="
    " u.document, call_id = u.call_id, from_tag = u.from_tag, cseq = u.cseq, hard_state ="
    " u.hard_state, expires_at = case when u.expires_s < 0 then 'infinity' else now() +"
    " u.expires_s * interval '1 second' end, updated_at = now() from unnest($2, $3, $4, $5, $6,"
    " $7, $8, $9, $10, $11, $12, $13) as u(bucket, id, entity_tag, previous_tag, sequence,"
    " content_type, document, call_id, from_tag, cseq, hard_state, expires_s) where t.bucket ="
    " u.bucket and t.id = u.id"},

[UPDATE_SUBSCRIPTION] = {"update_subscription", "table=\"subscription\",change=\"update\"", "slttyttttybtsttlllblltttlbl",
    "update presence_state.subscription t set local_uri = u.local_uri, remote_uri = u.remote_uri,"
    " route_set = u.route_set, accept = u.accept, user_agent = u.user_agent, event_params ="
    " u.event_params, body_type = u.body_type, body = u.body, eventlist = u.eventlist, instance = u.instance, state ="
    " u.state, reason = u.reason, remote_target = u.remote_target, remote_cseq = u.remote_cseq,"
    " cseq_mark = u.cseq_mark, cseq_epoch = u.cseq_epoch, owed = u.owed, flow_node = u.flow_node,"
    " flow_incarnation = u.flow_incarnation, flow_transport = u.flow_transport, flow_local ="
    " u.flow_local, flow_remote = u.flow_remote, flow_connection = u.flow_connection, flow_bound ="
    " u.flow_bound, expires_at = now() + u.expires_s * interval '1 second', written_batch = $1,"
    " updated_at = now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
    " $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28) as u(bucket, id, local_uri,"
    " remote_uri, route_set, accept, user_agent, event_params, body_type, body, eventlist, instance, state,"
    " reason, remote_target, remote_cseq, cseq_mark, cseq_epoch, owed, flow_node,"
    " flow_incarnation, flow_transport, flow_local, flow_remote, flow_connection, flow_bound,"
    " expires_s) where t.bucket = u.bucket and t.id = u.id"},

[UPDATE_DEVICE] = {"update_device", "table=\"device\",change=\"update\"", "sltl",
    "update presence_state.device t set user_agent = u.user_agent, delivered_through ="
    " u.delivered_through, last_seen_at = now() from unnest($2, $3, $4, $5) as u(bucket, id,"
    " user_agent, delivered_through) where t.bucket = u.bucket and t.id = u.id"},

[REFRESH_BINDING] = {"refresh_binding", "table=\"binding\",change=\"refresh\"", "slstllltttlbl",
    "update presence_state.binding t set q_thousandths = u.q_thousandths, call_id = u.call_id,"
    " cseq = u.cseq, flow_node = u.flow_node, flow_incarnation = u.flow_incarnation,"
    " flow_transport = u.flow_transport, flow_local = u.flow_local, flow_remote = u.flow_remote,"
    " flow_connection = u.flow_connection, flow_bound = u.flow_bound, expires_at = now() +"
    " u.expires_s * interval '1 second', updated_at = now() from unnest($2, $3, $4, $5, $6, $7,"
    " $8, $9, $10, $11, $12, $13, $14) as u(bucket, id, q_thousandths, call_id, cseq, flow_node,"
    " flow_incarnation, flow_transport, flow_local, flow_remote, flow_connection, flow_bound,"
    " expires_s) where t.bucket = u.bucket and t.id = u.id"},

[REPEAT_BINDING] = {"repeat_binding", "table=\"binding\",change=\"repeat\"", "slll",
    "update presence_state.binding t set cseq = u.cseq, expires_at = now() + u.expires_s *"
    " interval '1 second', updated_at = now() from unnest($2, $3, $4, $5) as u(bucket, id, cseq,"
    " expires_s) where t.bucket = u.bucket and t.id = u.id"},

[REFRESH_PUBLICATION] = {"refresh_publication", "table=\"publication\",change=\"refresh\"", "slttttll",
    "update presence_state.publication t set entity_tag = u.entity_tag, previous_tag ="
    " u.previous_tag, call_id = u.call_id, from_tag = u.from_tag, cseq = u.cseq, expires_at ="
    " case when u.expires_s < 0 then 'infinity' else now() + u.expires_s * interval '1 second'"
    " end, updated_at = now() from unnest($2, $3, $4, $5, $6, $7, $8, $9) as u(bucket, id,"
    " entity_tag, previous_tag, call_id, from_tag, cseq, expires_s) where t.bucket = u.bucket"
    " and t.id = u.id"},

[REFRESH_SUBSCRIPTION] = {"refresh_subscription", "table=\"subscription\",change=\"refresh\"", "slsttlllblltttlbl",
    "update presence_state.subscription t set state = u.state, reason = u.reason, remote_target"
    " = u.remote_target, remote_cseq = u.remote_cseq, cseq_mark = u.cseq_mark, cseq_epoch ="
    " u.cseq_epoch, owed = u.owed, flow_node = u.flow_node, flow_incarnation ="
    " u.flow_incarnation, flow_transport = u.flow_transport, flow_local = u.flow_local,"
    " flow_remote = u.flow_remote, flow_connection = u.flow_connection, flow_bound ="
    " u.flow_bound, expires_at = now() + u.expires_s * interval '1 second', written_batch = $1,"
    " updated_at = now() from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
    " $15, $16, $17, $18) as u(bucket, id, state, reason, remote_target, remote_cseq, cseq_mark,"
    " cseq_epoch, owed, flow_node, flow_incarnation, flow_transport, flow_local, flow_remote,"
    " flow_connection, flow_bound, expires_s) where t.bucket = u.bucket and t.id = u.id"},

[REFRESH_DEVICE] = {"refresh_device", "table=\"device\",change=\"refresh\"", "sll",
    "update presence_state.device t set delivered_through = u.delivered_through from unnest($2,"
    " $3, $4) as u(bucket, id, delivered_through) where t.bucket = u.bucket and t.id = u.id"},

[PUT_RESOURCE] = {"put_resource", "table=\"resource\",change=\"insert\"", "stt",
    "insert into presence_state.resource (bucket, aor, event, changed_batch) select u.bucket,"
    " u.aor, u.event, $1 from unnest($2, $3, $4) as u(bucket, aor, event) on conflict (bucket,"
    " aor, event) do update set changed_batch = excluded.changed_batch"},
};

const char statement_fence[] =
    "with u as (update presence_state.node set batch = $3, notified_batch = greatest(notified_batch, $4),"
    " heartbeat_at = clock_timestamp() where id = $1 and epoch = $2 and owns and batch < $3 returning 1)"
    " select 1 / count(*) from u";

const char statement_heartbeat[] =
    "with u as (update presence_state.node set notified_batch = greatest(notified_batch, $3),"
    " heartbeat_at = clock_timestamp() where id = $1 and epoch = $2 and owns returning 1)"
    " select 1 / count(*) from u";
