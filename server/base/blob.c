/* blob.c - the bytes lie behind their count of references. */
#include "server/base/blob.h"

#include "server/base/must.h"

struct blob {
    size_t references;
    size_t len;
    char bytes[];
};

struct blob *blob_new(struct span bytes)
{
    struct blob *self = malloc(sizeof(*self) + bytes.len);

    must(self != NULL);
    self->references = 1;
    self->len = bytes.len;
    if (bytes.len > 0)
        memcpy(self->bytes, bytes.at, bytes.len);
    return self;
}

struct blob *blob_ref(struct blob *self)
{
    if (self != NULL)
        self->references++;
    return self;
}

void blob_unref(struct blob *self)
{
    if (self == NULL)
        return;
    must(self->references > 0);
    if (--self->references == 0)
        free(self);
}

struct span blob_span(const struct blob *self)
{
    return self == NULL ? (struct span){0} : (struct span){self->bytes, self->len};
}
