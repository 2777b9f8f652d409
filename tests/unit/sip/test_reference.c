/* test_reference.c - the very octets of RFC 4475, RFC 5118 and of the RFCs' printed flows. */
#include "server/sip/compose.h"
#include "tests/unit/run.h"
#include "tests/unit/sip/sample.h"

#include <dirent.h>
#include <stdlib.h>

/* `status` 0: the RFC wants it taken; else the fault with which it is refused. */
struct expectation {
    const char *file;
    int status;
    const char *phrase;
};

/* clang-format off */
static const struct expectation torture[] = {
    /* RFC 4475 section 3.1.1: valid */
    {"rfc4475/wsinv.dat", 0, NULL},
    {"rfc4475/intmeth.dat", 0, NULL},
    {"rfc4475/esc01.dat", 0, NULL},
    {"rfc4475/escnull.dat", 0, NULL},
    {"rfc4475/esc02.dat", 0, NULL},
    {"rfc4475/lwsdisp.dat", 0, NULL},
    {"rfc4475/longreq.dat", 0, NULL},
    {"rfc4475/dblreq.dat", 0, NULL},
    {"rfc4475/semiuri.dat", 0, NULL},
    {"rfc4475/transports.dat", 0, NULL},
    {"rfc4475/mpart01.dat", 0, NULL},
    {"rfc4475/unreason.dat", 0, NULL},
    {"rfc4475/noreason.dat", 0, NULL},
    /* section 3.1.2: invalid */
    {"rfc4475/badinv01.dat", 400, "Malformed Via"},
    {"rfc4475/clerr.dat", 400, "Body Shorter Than Content-Length"},
    {"rfc4475/ncl.dat", 400, "Malformed Content-Length"},
    {"rfc4475/scalar02.dat", 400, "Malformed CSeq"},
    {"rfc4475/scalarlg.dat", 400, "Malformed CSeq"},
    {"rfc4475/quotbal.dat", 400, "Malformed To"},
    {"rfc4475/ltgtruri.dat", 400, "Malformed Request-URI"},
    {"rfc4475/lwsruri.dat", 400, "Malformed Start Line"},
    {"rfc4475/lwsstart.dat", 400, "Malformed Start Line"},
    {"rfc4475/trws.dat", 400, "Malformed Start Line"},
    {"rfc4475/escruri.dat", 400, "Header Fields in Request-URI"},
    {"rfc4475/baddate.dat", 0, NULL}, /* Date is ignored where it is not needed */
    {"rfc4475/regbadct.dat", 400, "Malformed Contact"},
    {"rfc4475/badaspec.dat", 400, "Malformed To"},
    {"rfc4475/baddn.dat", 400, "Missing Empty Line"},
    {"rfc4475/wire/baddn.sip", 400, "Malformed From"},
    {"rfc4475/badvers.dat", 505, "Version Not Supported"},
    {"rfc4475/mismatch01.dat", 400, "CSeq Method Does Not Match"},
    {"rfc4475/mismatch02.dat", 400, "CSeq Method Does Not Match"},
    {"rfc4475/bigcode.dat", 400, "Malformed Status Line"},
    /* sections 3.2 to 3.4: well formed, or refused by another layer */
    {"rfc4475/badbranch.dat", 0, NULL},
    {"rfc4475/insuf.dat", 400, "Missing From"},
    {"rfc4475/unkscm.dat", 0, NULL},
    {"rfc4475/novelsc.dat", 0, NULL},
    {"rfc4475/unksm2.dat", 0, NULL},
    {"rfc4475/bext01.dat", 0, NULL},
    {"rfc4475/invut.dat", 0, NULL},
    {"rfc4475/regaut01.dat", 0, NULL},
    {"rfc4475/multi01.dat", 400, "Multiple From"},
    {"rfc4475/mcl01.dat", 400, "Multiple Content-Length"},
    {"rfc4475/bcast.dat", 0, NULL},
    {"rfc4475/zeromf.dat", 0, NULL},
    {"rfc4475/cparam01.dat", 0, NULL},
    {"rfc4475/cparam02.dat", 0, NULL},
    {"rfc4475/regescrt.dat", 0, NULL},
    {"rfc4475/sdp01.dat", 0, NULL},
    {"rfc4475/inv2543.dat", 0, NULL},
    {"rfc4475/test.dat", 400, "Malformed Request Line"},
    {"rfc5118/wire/ipv6-good.sip", 0, NULL},
    {"rfc5118/wire/ipv6-bad.sip", 400, "Malformed Request-URI"},
    {"rfc5118/wire/port-ambiguous.sip", 0, NULL},
    {"rfc5118/wire/port-unambiguous.sip", 0, NULL},
    {"rfc5118/wire/via-received-param-with-delim.sip", 0, NULL},
    {"rfc5118/wire/via-received-param-no-delim.sip", 0, NULL},
    {"rfc5118/wire/ipv6-in-sdp.sip", 0, NULL},
    {"rfc5118/wire/mult-ip-in-header.sip", 0, NULL},
    {"rfc5118/wire/mult-ip-in-sdp.sip", 0, NULL},
    {"rfc5118/wire/ipv4-mapped-ipv6.sip", 0, NULL},
    {"rfc5118/wire/ipv6-bug-abnf-3-colons.sip", 0, NULL},
    {"rfc5118/wire/ipv6-correct-abnf-2-colons.sip", 0, NULL},
};

/* Excerpts, and what is no SIP as the RFC prints it: what is wrong there is the fault. All other
   captures are good. */
static const struct expectation excerpts[] = {
    {"rfc3842/", 400, "Missing Via"},
    {"rfc5628/", 400, "Missing Via"},
    {"rfc3428/s10-03-", 400, "Malformed Via"},          /* ";;" */
    {"rfc3428/s10-04-", 400, "Malformed From"},         /* ";;" */
    {"rfc4028/s13-05-", 400, "Malformed Record-Route"}, /* without <> */
    {"rfc4028/s13-06-", 400, "Malformed Route"},        /* without <> */
    {"rfc5626/s3.2-01-", 400, "Malformed Contact"},     /* ";" at two line ends */
    {"rfc5626/s9.1-02-", 400, "Malformed To"},          /* a URI without scheme */
    {"rfc7118/s8.2-F06-", 400, "Malformed Route"},      /* a comma at the end */
    /* " . . ." stands for more, and continues the field above it */
    {"rfc3327/s5.5.1-F02-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F03-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F04-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F06-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F07-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F08-", 400, "Malformed Path"},
    {"rfc3327/s5.5.1-F09-", 400, "Malformed Path"},
    {"rfc3608/s6.4.1-F01-", 400, "Malformed Contact"},
    {"rfc3608/s6.4.1-F02-", 400, "Malformed Contact"},
    {"rfc3608/s6.4.1-F03-", 400, "Malformed Contact"},
    {"rfc3608/s6.4.2-F01-", 400, "Malformed Route"},
    {"rfc3608/s6.4.2-F02-", 400, "Malformed Route"},
    {"rfc3608/s6.4.2-F03-", 400, "Malformed Route"},
    {"rfc3608/s6.4.2-F05-", 400, "Malformed Record-Route"},
};
/* clang-format on */

static char octets[SAMPLE_BYTES_MAX];
static struct sample sample;

static bool reference_read(const char *folder, const char *file, struct span *out)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s/%s/%s", REFERENCE_DIR, folder, file);
    if (sample_read(path, octets, out))
        return true;
    printf("skipped: %s is not here\n", file);
    return false;
}

/* As the server does: parse, then check the fields that it acts on. */
static void judge(struct span bytes)
{
    sample_parse(&sample, bytes);
    if (sample.result == SIP_PARSED && !sip_check_fields(&sample.message, &sample.fault))
        sample.result = SIP_MALFORMED;
}

static void check(const char *file, int status, const char *phrase)
{
    const char *got = sample.fault.phrase == NULL ? "(good)" : sample.fault.phrase;

    ck_assert_msg(sample.fault.status == status, "%s: %d %s", file, sample.fault.status, got);
    if (status != 0)
        ck_assert_msg(strcmp(got, phrase) == 0, "%s: %s, not %s", file, got, phrase);
}

START_TEST(a_torture_message_gets_the_reaction_that_its_rfc_names)
{
    struct span bytes;

    if (!reference_read("torture", torture[_i].file, &bytes))
        return;
    judge(bytes);
    check(torture[_i].file, torture[_i].status, torture[_i].phrase);
}
END_TEST

START_TEST(a_malformed_torture_request_can_be_answered)
{
    const struct sip_source source = {SPAN("192.0.2.99"), 5099};
    struct span bytes;
    struct buffer buffer;

    if (!reference_read("torture", torture[_i].file, &bytes))
        return;
    sample_parse(&sample, bytes);
    if (sample.result == SIP_PARSED)
        return;
    if (strstr(torture[_i].file, "test.dat") != NULL || !sample.message.request) {
        ck_assert(!sample.message.answerable);
        return;
    }
    ck_assert_msg(sample.message.answerable, "%s", torture[_i].file);
    buffer_init(&buffer, SAMPLE_BYTES_MAX);
    sip_compose_response_head(&buffer, &sample.message, sample.fault.status,
                              span_of(sample.fault.phrase), SPAN("t"), &source, false);
    sip_compose_body(&buffer, (struct span){0}, (struct span){0});
    ck_assert(!buffer.overflowed);
    ck_assert(span_begins(buffer_span(&buffer), SPAN("SIP/2.0 ")));
    buffer_deinit(&buffer);
}
END_TEST

static void check_stream(const char *path, struct span bytes)
{
    struct sip_frame frame = {0};
    struct sip_fault fault;
    size_t arrived = 0;

    /* one octet more at a time: it is complete with the last and not before */
    while (sip_frame_stream((struct span){bytes.at, ++arrived}, &sip_limits_default, &frame,
                            &fault) == SIP_INCOMPLETE)
        ck_assert_msg(arrived < bytes.len, "%s", path);
    ck_assert_msg(frame.message_bytes == bytes.len && arrived == bytes.len, "%s", path);
}

static void check_answer(const char *path)
{
    const struct sip_source source = {SPAN("192.0.2.99"), 5099};
    static struct sample answer;
    struct buffer buffer;

    buffer_init(&buffer, SAMPLE_BYTES_MAX);
    sip_compose_response_head(&buffer, &sample.message, 200, (struct span){0}, SPAN("our-tag"),
                              &source, true);
    sip_compose_body(&buffer, SPAN("text/plain"), SPAN("hello"));
    sample_parse(&answer, buffer_span(&buffer));
    ck_assert_msg(answer.result == SIP_PARSED, "%s: %s", path, answer.fault.phrase);
    ck_assert_int_eq(answer.message.status, 200);
    ck_assert(span_equal(answer.message.call_id, sample.message.call_id));
    ck_assert(span_equal(answer.message.via.branch, sample.message.via.branch));
    ck_assert(span_equal(answer.message.from.tag, sample.message.from.tag));
    ck_assert(!span_empty(answer.message.to.tag));
    ck_assert_uint_eq(sip_count(&answer.message, SIP_RECORD_ROUTE),
                      sip_count(&sample.message, SIP_RECORD_ROUTE));
    buffer_deinit(&buffer);
}

static void check_capture(const char *folder, const char *name)
{
    char path[600], place[620];
    struct span bytes;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    snprintf(place, sizeof(place), "captures/%s", folder);
    ck_assert(reference_read(place, name, &bytes));
    judge(bytes);
    for (size_t i = 0; i < sizeof(excerpts) / sizeof(excerpts[0]); i++) {
        if (strncmp(path, excerpts[i].file, strlen(excerpts[i].file)) == 0) {
            check(path, excerpts[i].status, excerpts[i].phrase);
            return;
        }
    }
    check(path, 0, NULL);
    ck_assert_uint_eq(sample.message.bytes.len, bytes.len);
    check_stream(path, bytes);
    if (sample.message.request)
        check_answer(path);
}

static size_t check_folder(const char *folder)
{
    char path[1024];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/captures/%s", REFERENCE_DIR, folder);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len < 4 || strcmp(entry->d_name + len - 4, ".sip") != 0)
            continue;
        check_capture(folder, entry->d_name);
        count++;
    }
    closedir(dir);
    return count;
}

START_TEST(every_printed_message_parses_or_lacks_what_the_rfc_left_out)
{
    struct dirent *entry;
    size_t count = 0;
    DIR *dir = opendir(REFERENCE_DIR "/captures");

    if (dir == NULL) {
        printf("skipped: the printed flows are not here\n");
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            count += check_folder(entry->d_name);
    closedir(dir);
    ck_assert_uint_gt(count, 300);
}
END_TEST

suite_fn sip_reference_suite;

Suite *sip_reference_suite(void)
{
    Suite *suite = suite_create("sip/reference");
    TCase *tcase = tcase_create("RFC 4475, RFC 5118");

    tcase_add_loop_test(tcase, a_torture_message_gets_the_reaction_that_its_rfc_names, 0,
                        sizeof(torture) / sizeof(torture[0]));
    tcase_add_loop_test(tcase, a_malformed_torture_request_can_be_answered, 0,
                        sizeof(torture) / sizeof(torture[0]));
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("captures");
    tcase_add_test(tcase, every_printed_message_parses_or_lacks_what_the_rfc_left_out);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
