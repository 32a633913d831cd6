/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sign.h"

#include "support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8032, 7.1: seed, public key, message, signature. */
static const char *const sign_vectors[][4] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "b"
     "bd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0"
     "303dca179c138ac17ad9bef1177331a704"},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sign_vectors / sizeof *sign_vectors; i++) {
        uint8_t bytes[4][64];
        uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES];
        copse_bytes parts[4];
        copse_sign_key key;
        for (size_t part = 0; part < 4; part++) {
            parts[part] = hex_parse(sign_vectors[i][part], bytes[part], sizeof bytes[part]);
        }
        copse_sign_key_from_seed(parts[0].ptr, &key);
        assert_memory_equal(key.seed, parts[0].ptr, sizeof key.seed);
        assert_memory_equal(key.public_key, parts[1].ptr, sizeof key.public_key);
        copse_sign_message(&key, parts[2], signature);
        assert_memory_equal(signature, parts[3].ptr, sizeof signature);
        assert_true(copse_sign_verify(key.public_key, parts[2], signature));
    }
}

static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    uint8_t message[] = "a head";
    uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES];
    copse_bytes view = {message, sizeof message};
    copse_sign_key key;
    copse_sign_key_from_seed((const uint8_t *)"0123456789abcdef0123456789abcdef", &key);
    copse_sign_message(&key, view, signature);
    uint8_t *const parts[] = {key.public_key, message, signature};
    const size_t sizes[] = {sizeof key.public_key, sizeof message, sizeof signature};
    for (size_t part = 0; part < 3; part++) {
        for (size_t bit = 0; bit < 8 * sizes[part]; bit++) {
            parts[part][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(copse_sign_verify(key.public_key, view, signature));
            parts[part][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(copse_sign_verify(key.public_key, view, signature));
}

/* With the identity as key, R the identity and S zero, the equation holds for each message; and
 * with S + L in place of S it would hold for any key. */
static void test_what_anybody_could_make_is_refused(void **state)
{
    (void)state;
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    uint8_t identity[COPSE_SIGN_PUBLIC_SIZE_BYTES] = {1};
    uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES] = {1};
    uint8_t bytes[32];
    copse_bytes message = copse_bytes_of_text("a head");
    copse_sign_key key;
    assert_false(copse_sign_verify(identity, message, signature));
    copse_bytes order_bytes = hex_parse(order, bytes, sizeof bytes);
    copse_sign_key_from_seed((const uint8_t *)"0123456789abcdef0123456789abcdef", &key);
    copse_sign_message(&key, message, signature);
    unsigned carry = 0;
    for (size_t i = 0; i < order_bytes.len; i++) {
        carry += (unsigned)signature[32 + i] + order_bytes.ptr[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_false(copse_sign_verify(key.public_key, message, signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_what_anybody_could_make_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
