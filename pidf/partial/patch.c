/* patch.c - one operation after the other, each on what the one before has left. */
#include "pidf/partial/patch.h"

#include "pidf/partial/context.h"
#include "pidf/partial/graft.h"
#include "pidf/partial/operation.h"
#include "pidf/xml/value.h"

/* Nodes looked at and octets compared, for one body: some ten milliseconds. */
enum { WORK_MAX = 4000000 };

static enum status refuse(struct pidf_fault *fault, enum status status, const char *phrase,
                          unsigned line)
{
    if (fault != NULL)
        *fault = (struct pidf_fault){phrase, line};
    return status;
}

static enum status apply_all(struct patching *self, const struct tree_node *root,
                             struct pidf_fault *fault)
{
    for (const struct tree_node *patch = root->first; patch != NULL; patch = patch->next) {
        const char *phrase = NULL;

        if (patch->kind == TREE_ELEMENT)
            phrase = operation_apply(self, patch);
        else if (patch->kind == TREE_TEXT && !span_is_blank(patch->text))
            phrase = "Invalid Diff Format";
        if (self->work == 0)
            return refuse(fault, STATUS_LIMIT, "Patch Too Complex", patch->line);
        if (phrase != NULL)
            return refuse(fault, STATUS_MALFORMED, phrase, patch->line);
    }
    return STATUS_OK;
}

/* xs:unsignedInt */
static bool version_is_valid(const struct tree_node *root)
{
    const struct attribute *attribute = tree_node_attribute(root, "version");
    struct span version;
    uint64_t number = 0;

    if (attribute == NULL)
        return true;
    version = value_trim(attribute->value);
    for (size_t i = 0; i < version.len; i++) {
        if (version.at[i] < '0' || version.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(version.at[i] - '0');
        if (number > UINT32_MAX)
            return false;
    }
    return !span_empty(version);
}

static enum status apply_diff(struct pidf_partial *self, struct span stored,
                              const struct tree_node *root, struct tree_node **document,
                              struct pidf_fault *fault)
{
    struct patching patching = {
        .scratch = &self->scratch, .depth_max = self->limits.depth, .work = WORK_MAX};
    const struct attribute *ours, *theirs = tree_node_attribute(root, "entity");
    enum status status;

    if (span_empty(stored)) /* RFC 5264 section 4.3.2 */
        return refuse(fault, STATUS_MALFORMED, "Invalid Partial Publication", root->line);
    status = partial_read(self, stored, &patching.document, fault);
    if (status != STATUS_OK)
        return status;
    ours = tree_node_attribute(tree_root(patching.document), "entity");
    if (ours != NULL && theirs != NULL && !span_equal(ours->value, theirs->value))
        return refuse(fault, STATUS_MALFORMED, "Entity Does Not Match", root->line);
    *document = patching.document;
    return apply_all(&patching, root, fault);
}

/* Its name and its version are the format's own; everything else is the document. */
static void strip_full(struct tree_node *root, struct scratch *scratch)
{
    struct selection own = {.node = root};

    own.declaration =
        root->name.prefix == NULL ? NULL : tree_node_declaration(root, root->name.prefix);
    root->name.local = "presence";
    root->name.prefix =
        strcmp(tree_node_namespace(root, NULL), vocabulary_uri(VOCABULARY_PIDF)) == 0 ? NULL
                                                                                      : "pidf";
    name_put_uri(&root->name, vocabulary_uri(VOCABULARY_PIDF));
    graft_name(root, &root->name, false, root, scratch);
    if (own.declaration != NULL)
        (void)selection_remove_declaration(&own); /* it stays where a descendant uses it */
    for (own.attribute = root->attributes; own.attribute != NULL;
         own.attribute = own.attribute->next)
        if (name_is_of(&own.attribute->name, "", "version")) {
            selection_remove_attribute(&own);
            return;
        }
}

/* With the colon that RFC 3863 section 4.1.1 prints, parse.c takes it too. */
static bool is_presence(const struct tree_node *root)
{
    return name_is_of(&root->name, vocabulary_uri(VOCABULARY_PIDF), "presence") ||
           name_is_of(&root->name, "urn:ietf:params:xml:ns:pidf:", "presence");
}

/* What comes out must be as good as what may come in. */
static enum status put(struct pidf_partial *self, const struct tree_node *document,
                       struct buffer *out, struct pidf_fault *fault)
{
    size_t start = out->len;
    struct tree_node *again;
    enum status status = STATUS_OK;

    tree_write(document, out);
    if (out->overflowed || out->len - start > self->limits.bytes)
        status = refuse(fault, STATUS_LIMIT, "Document Too Large", 0);
    else
        status =
            partial_read(self, (struct span){out->at + start, out->len - start}, &again, fault);
    if (status == STATUS_OK && !is_presence(tree_root(again)))
        status = refuse(fault, STATUS_MALFORMED, "Not a PIDF Document", 0);
    if (status != STATUS_OK)
        buffer_cut(out, start);
    return status;
}

enum status pidf_patch(struct pidf_partial *self, struct span stored, struct span body,
                       struct buffer *out, struct pidf_fault *fault)
{
    struct tree_node *document, *root;
    enum status status;

    partial_begin(self);
    status = partial_read(self, body, &document, fault);
    if (status != STATUS_OK)
        return status;
    root = tree_root(document);
    if (!version_is_valid(root))
        return refuse(fault, STATUS_MALFORMED, "Invalid Version", root->line);
    if (name_is_of(&root->name, PARTIAL_NAMESPACE, "pidf-full"))
        strip_full(root, &self->scratch);
    else if (!name_is_of(&root->name, PARTIAL_NAMESPACE, "pidf-diff"))
        return refuse(fault, STATUS_MALFORMED, "Not a Partial PIDF Document", root->line);
    else
        status = apply_diff(self, stored, root, &document, fault);
    return status == STATUS_OK ? put(self, document, out, fault) : status;
}
