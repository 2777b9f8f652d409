/* hot.c - moves versions from newest to writing to committed, or back; frees each exactly once. */
#include "server/state/hot.h"

bool hot_is_dirty(const struct hot *self)
{
    return self->newest != (self->writing != NULL ? self->writing : self->committed);
}

bool hot_is_settled(const struct hot *self)
{
    return self->newest == self->committed;
}

static void discard(const struct hot *self, struct hot_version *version)
{
    if (version != NULL)
        self->kind->discard(version);
}

static void discard_unwritten(struct hot *self)
{
    if (hot_is_dirty(self))
        discard(self, self->newest);
}

static void end_if_nothing_left(struct hot *self)
{
    if (hot_is_settled(self) && (self->committed == NULL || self->committed->removed))
        self->kind->gone(self);
}

void hot_stage(struct hot *self, struct hot_version *version)
{
    /* What is overtaken before it was written still has to reach the row. */
    if (hot_is_dirty(self)) {
        version->partial = version->partial && self->newest->partial;
        version->repeats = version->repeats && self->newest->repeats;
    }
    discard_unwritten(self);
    self->newest = version;
}

void hot_load(struct hot *self, struct hot_version *version)
{
    self->committed = version;
    self->newest = version;
}

void hot_deinit(struct hot *self)
{
    discard_unwritten(self);
    discard(self, self->writing);
    discard(self, self->committed);
}

void hot_take(struct hot *self)
{
    if (hot_is_dirty(self))
        self->writing = self->newest;
}

void hot_put(struct hot *self, struct storage *storage)
{
    const struct hot_version *version = self->writing;
    enum storage_change change = version->repeats   ? STORAGE_REPEAT
                                 : version->partial ? STORAGE_REFRESH
                                                    : STORAGE_UPDATE;

    /* A removal that has committed while this version waited has taken the row with it. */
    bool stored = self->committed != NULL && !self->committed->removed;

    if (!stored && version->removed)
        return; /* came and went within one batch: no row ever */
    if (!stored)
        change = STORAGE_INSERT;
    else if (version->removed)
        change = STORAGE_DELETE;
    self->kind->write(self, version, change, storage);
}

void hot_commit(struct hot *self)
{
    struct hot_version *before = self->committed;

    if (self->writing == NULL)
        return;
    self->committed = self->writing;
    self->writing = NULL;
    self->kind->committed(self, before);
    discard(self, before);
    end_if_nothing_left(self);
}

void hot_forget(struct hot *self)
{
    if (!hot_is_dirty(self))
        return;
    discard(self, self->newest);
    self->newest = self->writing != NULL ? self->writing : self->committed;
    if (hot_is_settled(self) && self->committed != NULL && !self->committed->removed)
        self->kind->dropped(self);
    end_if_nothing_left(self);
}

void hot_drop(struct hot *self)
{
    if (hot_is_settled(self))
        return;
    discard_unwritten(self);
    discard(self, self->writing);
    self->writing = NULL;
    self->newest = self->committed;
    if (self->committed != NULL && !self->committed->removed)
        self->kind->dropped(self);
    end_if_nothing_left(self);
}
