/* dialog_info_read.c - the schema of RFC 4235 section 4.4, and what publishers make of it. */
#include "pidf/dialog/dialog_info_read.h"

#include "pidf/schema.h"

#include <stdio.h>

enum { MADE_ID_BYTES = 24 };

/* clang-format off */

/* ---- RFC 4235 section 4.4 ---- */

static const struct attribute_shape state_attributes[] = {
    {VOCABULARY_ABSENT, "event", VALUE_DIALOG_EVENT, false},
    {VOCABULARY_ABSENT, "code", VALUE_SIP_CODE, false},
};
static const struct shape state_shape = {.text = VALUE_DIALOG_STATE, ATTRIBUTES(state_attributes)};

static const struct shape number = {.text = VALUE_COUNT};

static const struct attribute_shape replaces_attributes[] = {
    {VOCABULARY_ABSENT, "call-id", VALUE_TOKEN, true},
    {VOCABULARY_ABSENT, "local-tag", VALUE_TOKEN, true},
    {VOCABULARY_ABSENT, "remote-tag", VALUE_TOKEN, true},
};
static const struct shape replaces = {.empty = true, ATTRIBUTES(replaces_attributes)};

static const struct attribute_shape nameaddr_attributes[] = {
    {VOCABULARY_ABSENT, "display-name", VALUE_STRING, false},
};
static const struct shape nameaddr = {.text = VALUE_URI, ATTRIBUTES(nameaddr_attributes)};

static const struct slot route_set_slots[] = {
    {.names = "hop", .rank = 0, .shape = &schema_string, .required = true},
};
static const struct shape route_set = {SLOTS(route_set_slots)};

static const struct attribute_shape param_attributes[] = {
    {VOCABULARY_ABSENT, "pname", VALUE_STRING, true},
    {VOCABULARY_ABSENT, "pval", VALUE_STRING, true},
};
static const struct shape param = {.empty = true, ATTRIBUTES(param_attributes)};

static const struct attribute_shape target_attributes[] = {
    {VOCABULARY_ABSENT, "uri", VALUE_TOKEN, true},
};
static const struct slot target_slots[] = {{.names = "param", .rank = 0, .shape = &param}};
static const struct shape target = {SLOTS(target_slots), ATTRIBUTES(target_attributes)};

static const struct attribute_shape session_attributes[] = {
    {VOCABULARY_ABSENT, "type", VALUE_STRING, true},
};
static const struct shape session = {.text = VALUE_STRING, ATTRIBUTES(session_attributes)};

static const struct slot participant_slots[] = {
    {.names = "identity", .rank = 0, .max = 1, .shape = &nameaddr},
    {.names = "target", .rank = 1, .max = 1, .shape = &target},
    {.names = "session-description", .rank = 2, .max = 1, .shape = &session},
    {.names = "cseq", .rank = 3, .max = 1, .shape = &number},
    {.names = NULL, .rank = 4},
};
static const struct shape participant = {SLOTS(participant_slots)};

static const struct attribute_shape dialog_attributes[] = {
    {VOCABULARY_ABSENT, "id", VALUE_TOKEN, true},
    {VOCABULARY_ABSENT, "call-id", VALUE_TOKEN, false}, /* an empty one is as good as none */
    {VOCABULARY_ABSENT, "local-tag", VALUE_TOKEN, false},
    {VOCABULARY_ABSENT, "remote-tag", VALUE_TOKEN, false},
    {VOCABULARY_ABSENT, "direction", VALUE_DIRECTION, false},
};
static const struct slot dialog_slots[] = {
    {.names = "state", .rank = 0, .max = 1, .shape = &state_shape, .required = true},
    {.names = "duration", .rank = 1, .max = 1, .shape = &number},
    {.names = "replaces", .rank = 2, .max = 1, .shape = &replaces},
    {.names = "referred-by", .rank = 3, .max = 1, .shape = &nameaddr},
    {.names = "route-set", .rank = 4, .max = 1, .shape = &route_set},
    {.names = "local", .rank = 5, .max = 1, .shape = &participant},
    {.names = "remote", .rank = 6, .max = 1, .shape = &participant},
    {.names = NULL, .rank = 7},
};
static const struct shape dialog = {SLOTS(dialog_slots), ATTRIBUTES(dialog_attributes)};
/* clang-format on */

const struct shape *dialog_shape(const char *local)
{
    if (strcmp(local, "dialog") == 0)
        return &dialog;
    return strcmp(local, "state") == 0 ? &state_shape : NULL;
}

/* ---- mending that no table can say ---- */

static bool is_ours(const struct element *self, const char *local)
{
    return element_is(self, VOCABULARY_DIALOG_INFO, local);
}

/* Unless it is there under its right name already. */
static void rename_attribute(struct element *self, const char *from, const char *to)
{
    struct attribute *attribute = element_attribute(self, VOCABULARY_ABSENT, from);

    if (attribute != NULL && element_attribute(self, VOCABULARY_ABSENT, to) == NULL)
        attribute->name.local = to;
}

/* RFC 4235 section 4.1.6.2: a parameter without a value is written as "true". */
static void mend_param(struct element *self, struct scratch *scratch)
{
    rename_attribute(self, "pvalue", "pval"); /* as old FreeSWITCH has it */
    if (element_attribute(self, VOCABULARY_ABSENT, "pval") == NULL)
        element_attribute_add(self, scratch, VOCABULARY_ABSENT, "pval", SPAN("true"));
}

static void mend_params(struct element *self, struct scratch *scratch)
{
    for (struct element *child = self->first; child != NULL; child = child->next)
        if (is_ours(child, "param"))
            mend_param(child, scratch);
}

/* In RFC 4235 section 6.2 itself <param> follows a <target> that is closed too early. */
static void mend_participant(struct element *self, struct scratch *scratch)
{
    struct element *next, *open = NULL;

    for (struct element *child = element_take_children(self); child != NULL; child = next) {
        next = child->next;
        if (is_ours(child, "param") && open != NULL) {
            element_append(open, child);
            continue;
        }
        element_append(self, child);
        if (is_ours(child, "target"))
            open = child;
        else if (is_ours(child, "identity"))
            rename_attribute(child, "display", "display-name");
    }
    for (struct element *child = self->first; child != NULL; child = child->next)
        if (is_ours(child, "target"))
            mend_params(child, scratch);
}

static void mend_children(struct element *self, struct scratch *scratch)
{
    for (struct element *child = self->first; child != NULL; child = child->next) {
        if (is_ours(child, "state"))
            rename_attribute(child, "reason", "event");
        else if (is_ours(child, "referred-by"))
            rename_attribute(child, "display", "display-name");
        else if (is_ours(child, "local") || is_ours(child, "remote"))
            mend_participant(child, scratch);
    }
}

/* ---- one dialog ---- */

static struct span trimmed(const struct element *self, const char *local)
{
    const struct attribute *found = element_attribute(self, VOCABULARY_ABSENT, local);

    return found == NULL ? (struct span){0} : value_trim(found->value);
}

/* Without an id the call-id must do, and without that the place among those like it. */
static struct span made_id(const struct element *self, size_t *made_count, struct scratch *scratch)
{
    struct span call_id = trimmed(self, "call-id");
    char made[MADE_ID_BYTES];
    int length;

    if (!span_empty(call_id))
        return call_id;
    length = snprintf(made, sizeof(made), "#%zu", ++*made_count);
    return scratch_copy(scratch, (struct span){made, (size_t)length});
}

static void drop_attribute(struct element *self, enum vocabulary vocabulary, const char *local)
{
    const struct attribute *found = element_attribute(self, vocabulary, local);
    struct attribute **at = &self->attributes;

    while (*at != NULL)
        if (*at == found)
            *at = found->next;
        else
            at = &(*at)->next;
}

/* In a document no two may be equal, and parts are put together by who does not look inside. */
static void drop_xml_ids(struct element *self)
{
    drop_attribute(self, VOCABULARY_XML, "id");
    for (struct element *child = self->first; child != NULL; child = child->next)
        drop_xml_ids(child);
}

/* The id stands first, with a value: published or made up. */
static void settle_id(struct element *self, size_t *made_count, struct scratch *scratch)
{
    struct attribute *others;
    struct span id = trimmed(self, "id");

    if (span_empty(id))
        id = made_id(self, made_count, scratch);
    drop_attribute(self, VOCABULARY_ABSENT, "id");
    others = self->attributes;
    self->attributes = NULL;
    element_attribute_add(self, scratch, VOCABULARY_ABSENT, "id", id)->next = others;
}

static enum report_state state_of(const struct element *self, struct scratch *scratch)
{
    static const char *const words[] = {
        [REPORT_TERMINATED] = "terminated", [REPORT_TRYING] = "trying",
        [REPORT_PROCEEDING] = "proceeding", [REPORT_EARLY] = "early",
        [REPORT_CONFIRMED] = "confirmed",
    };
    struct span word =
        element_content(element_child(self, VOCABULARY_DIALOG_INFO, "state"), false, scratch);
    int state = REPORT_CONFIRMED;

    while (state > REPORT_TERMINATED && !span_equal(word, span_of(words[state])))
        state--;
    return (enum report_state)state;
}

static struct report *report_new(struct element *element, struct scratch *scratch)
{
    struct report *self = scratch_alloc(scratch, sizeof(*self));

    self->element = element;
    self->state = state_of(element, scratch);
    self->id = trimmed(element, "id");
    self->call_id = trimmed(element, "call-id");
    self->local_tag = trimmed(element, "local-tag");
    self->remote_tag = trimmed(element, "remote-tag");
    return self;
}

void report_append(struct report_list *self, struct report *report)
{
    report->next = NULL;
    if (self->last == NULL)
        self->first = report;
    else
        self->last->next = report;
    self->last = report;
}

bool report_same_leg(const struct report *a, const struct report *b)
{
    return span_equal(a->call_id, b->call_id) && span_equal(a->local_tag, b->local_tag) &&
           span_equal(a->remote_tag, b->remote_tag);
}

bool report_is_complete(const struct report *self)
{
    return !span_empty(self->call_id) && !span_empty(self->local_tag) &&
           !span_empty(self->remote_tag);
}

/* ---- the document ---- */

static enum status refuse(struct pidf_fault *fault, const char *phrase)
{
    if (fault != NULL)
        *fault = (struct pidf_fault){.phrase = phrase};
    return STATUS_MALFORMED;
}

/* Absent is usual; what stands there should mean something. */
static bool attribute_is(const struct element *self, const char *local, enum value_type type,
                         struct scratch *scratch)
{
    const struct attribute *found = element_attribute(self, VOCABULARY_ABSENT, local);
    struct span value;

    return found == NULL || value_mend(type, found->value, scratch, &value);
}

static enum status read_dialogs(const struct parsed *parsed,
                                const struct dialog_info_source *source, struct scratch *scratch,
                                struct report_list *out, struct pidf_fault *fault)
{
    struct element *next;
    size_t made_count = 0;

    for (struct element *child = parsed->root->first; child != NULL; child = next) {
        struct report *report;

        next = child->next;
        if (!is_ours(child, "dialog"))
            continue;
        if (element_child(child, VOCABULARY_DIALOG_INFO, "state") == NULL)
            return refuse(fault, "Dialog Without State");
        settle_id(child, &made_count, scratch);
        mend_children(child, scratch);
        if (!schema_mend(child, &dialog, scratch))
            return refuse(fault, "Unknown Dialog State");
        drop_xml_ids(child);
        report = report_new(child, scratch);
        report->source = source;
        report_append(out, report);
    }
    return STATUS_OK;
}

enum status dialog_info_read(const struct parsed *parsed, const struct dialog_info_source *source,
                             struct scratch *scratch, struct report_list *out,
                             struct pidf_fault *fault)
{
    if (!is_ours(parsed->root, "dialog-info"))
        return refuse(fault, "Not a dialog-info Document");
    if (!attribute_is(parsed->root, "version", VALUE_COUNT, scratch))
        return refuse(fault, "Bad Document Version");
    if (!attribute_is(parsed->root, "state", VALUE_FULL_PARTIAL, scratch))
        return refuse(fault, "Bad Document State");
    return read_dialogs(parsed, source, scratch, out, fault);
}
