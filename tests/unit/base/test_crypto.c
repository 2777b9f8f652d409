#include "server/base/crypto.h"
#include "tests/unit/run.h"

static void digests_to(enum digest_algorithm algorithm, struct span text, const char *hex)
{
    char out[DIGEST_HEX_MAX];
    size_t len = digest_hex(algorithm, &text, 1, out);

    ck_assert_uint_eq(len, 2 * digest_size_bytes(algorithm));
    ck_assert(span_equal((struct span){out, len}, span_of(hex)));
}

START_TEST(digests_are_those_of_the_standards)
{
    /* RFC 1321 appendix A.5; FIPS 180-4 examples */
    digests_to(DIGEST_MD5, SPAN(""), "d41d8cd98f00b204e9800998ecf8427e");
    digests_to(DIGEST_MD5, SPAN("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    digests_to(DIGEST_SHA256, SPAN("abc"),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digests_to(DIGEST_SHA512_256, SPAN("abc"),
               "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
}
END_TEST

START_TEST(parts_digest_as_one_text_each_time_anew)
{
    const struct span parts[] = {SPAN("a"), {0}, SPAN("bc")};
    const struct span whole = SPAN("abc");
    char of_parts[DIGEST_HEX_MAX], of_whole[DIGEST_HEX_MAX];

    for (int round = 0; round < 3; round++) {
        for (int algorithm = DIGEST_MD5; algorithm <= DIGEST_SHA512_256; algorithm++) {
            size_t len = digest_hex((enum digest_algorithm)algorithm, parts, 3, of_parts);

            ck_assert_uint_eq(digest_hex((enum digest_algorithm)algorithm, &whole, 1, of_whole),
                              len);
            ck_assert_mem_eq(of_parts, of_whole, len);
        }
    }
}
END_TEST

static struct span first_bytes(char out[64], size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)i;
    return (struct span){out, len};
}

static const struct mac_key reference_key = {
    {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

START_TEST(siphash_2_4_is_that_of_the_paper)
{
    /* vectors_sip64 of the reference implementation, the bytes as a little-endian number */
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)},  {3, UINT64_C(0x85676696d7fb7e2d)},
        {4, UINT64_C(0xcf2794e0277187b7)},  {5, UINT64_C(0x18765564cd99a68d)},
        {6, UINT64_C(0xcbc9466e58fee3ce)},  {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)},  {15, UINT64_C(0xa129ca6149be45e5)},
        {63, UINT64_C(0x958a324ceb064572)},
    };
    char bytes[64];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        ck_assert_uint_eq(mac64(&reference_key, first_bytes(bytes, vectors[i].len)),
                          vectors[i].hash);
}
END_TEST

START_TEST(siphash_1_3_is_that_of_others)
{
    /* As Rust's core, which tests them too, computes for the same key and bytes. */
    static const uint64_t expected[] = {UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93),
                                        UINT64_C(0x82cb9b024dc7d44d)};
    char bytes[64];

    for (size_t len = 0; len < sizeof(expected) / sizeof(expected[0]); len++)
        ck_assert_uint_eq(hash64(reference_key.words, first_bytes(bytes, len)), expected[len]);
}
END_TEST

START_TEST(equal_means_same_length_and_same_octets)
{
    ck_assert(crypto_equal(SPAN("secret"), SPAN("secret")));
    ck_assert(!crypto_equal(SPAN("secret"), SPAN("secreT")));
    ck_assert(!crypto_equal(SPAN("secret"), SPAN("secre")));
    ck_assert(crypto_equal((struct span){0}, SPAN("")));
}
END_TEST

START_TEST(random_octets_fill_all_that_was_asked_for)
{
    static unsigned char octets[100000];
    int seen[256] = {0};

    crypto_random(octets, sizeof(octets));
    for (size_t i = 0; i < sizeof(octets); i++)
        seen[octets[i]]++;
    for (size_t i = 0; i < 256; i++) /* 390 expected, deviation 20 */
        ck_assert(seen[i] > 150 && seen[i] < 650);
    ck_assert_uint_ne(crypto_random_u64(), crypto_random_u64());
}
END_TEST

Suite *base_crypto_suite(void);

Suite *base_crypto_suite(void)
{
    Suite *suite = suite_create("base/crypto");
    TCase *digests = tcase_create("digests");
    TCase *siphash = tcase_create("siphash");
    TCase *octets = tcase_create("octets");

    tcase_add_test(digests, digests_are_those_of_the_standards);
    tcase_add_test(digests, parts_digest_as_one_text_each_time_anew);
    tcase_add_test(siphash, siphash_2_4_is_that_of_the_paper);
    tcase_add_test(siphash, siphash_1_3_is_that_of_others);
    tcase_add_test(octets, equal_means_same_length_and_same_octets);
    tcase_add_test(octets, random_octets_fill_all_that_was_asked_for);
    suite_add_tcase(suite, digests);
    suite_add_tcase(suite, siphash);
    suite_add_tcase(suite, octets);
    return suite;
}
