/* hostile.h - values that try to break out of the document which they are put into. */
#ifndef UNIT_PIDF_HOSTILE_H
#define UNIT_PIDF_HOSTILE_H

#include "server/base/span.h"

#define HOSTILE(text)                                                                              \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct span hostile[] = {
    HOSTILE("\"><watcher id=\"x\" status=\"active\" event=\"approved\">"),
    HOSTILE("\" state=\"active\" event=\""),
    HOSTILE("]]><![CDATA[ <!-- -- --> <?xml?> &amp; &#0; &lt &undeclared;"),
    HOSTILE("'single' and \"double\""),
    HOSTILE("\0\x01\x02\x08\x0b\x0c\x0e\x1f\x7f"),
    HOSTILE("tab\tline\r\nfeed\nreturn\r"),
    HOSTILE("\xff\xfe\xfd \x80\xbf \xc0\x80 \xc1\xbf"),
    HOSTILE("\xe0\x80\x80 \xe0\x9f\xbf \xed\xa0\x80 \xed\xbf\xbf \xef\xbf\xbe \xef\xbf\xbf"),
    HOSTILE("\xf0\x80\x80\x80 \xf0\x8f\xbf\xbf \xf4\x90\x80\x80 \xf5\x80\x80\x80 \xf8\x88\x80\x80"),
    HOSTILE("cut short \xc3"),
    HOSTILE("cut short \xe2\x82"),
    HOSTILE("cut short \xf0\x9f\x98"),
    HOSTILE("lead after lead \xc3\xc3\xa9 \xe2\xc3\xa9"),
    HOSTILE("good: \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbd \xed\x9f\xbf \xee\x80\x80"),
    HOSTILE(""),
};

enum { HOSTILE_COUNT = sizeof(hostile) / sizeof(hostile[0]) };

#endif
