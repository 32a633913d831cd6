/* Names, IPNS records and key files, for tests/foreign/ipns_check.mjs. It prints a value a line;
 * what verifies or opens something prints the status if it is not OK.
 *
 *   ipns_driver texts SEED                  prints did:key, IPNS name, the same in base32, peer id
 *   ipns_driver make SEED VALUE SEQUENCE EOL_MS EOL_NS TTL_NS
 *                                           prints a record
 *   ipns_driver verify NAME TIME_MS         reads a record, prints its parts
 *   ipns_driver newer NAME                  reads two, prints 1 if the first is the newer, else -1
 *                                           or 0
 *   ipns_driver seal SEED PASSPHRASE        prints a key file
 *   ipns_driver open PASSPHRASE             reads one, prints the did:key of its key
 *
 * Seeds, records and files are hexadecimal, those that are read a line of stdin each.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ipns.h>
#include <copse/key_file.h>
#include <copse/sys/os.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVER_INPUT_SIZE_MAX = 1 << 15 };

static copse_env env;

static void driver_must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "ipns_driver: %s\n", what);
        exit(1);
    }
}

static void driver_print_hex(copse_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        (void)printf("%02x", bytes.ptr[i]);
    }
    (void)printf("\n");
}

static size_t driver_parse_hex(const char *text, uint8_t *ret_bytes, size_t size_max)
{
    size_t size = 0;
    unsigned byte = 0;
    while (size < size_max && sscanf(text + 2 * size, "%2x", &byte) == 1) {
        ret_bytes[size++] = (uint8_t)byte;
    }
    return size;
}

static copse_bytes driver_read_hex(uint8_t *bytes)
{
    char *text = calloc(1, DRIVER_INPUT_SIZE_MAX);
    driver_must(text != NULL && fgets(text, DRIVER_INPUT_SIZE_MAX, stdin) != NULL, "no input");
    size_t size = driver_parse_hex(text, bytes, DRIVER_INPUT_SIZE_MAX / 2);
    free(text);
    return (copse_bytes){bytes, size};
}

static copse_key *driver_key(const char *text)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    driver_must(driver_parse_hex(text, seed, sizeof seed) == sizeof seed, "no seed");
    driver_must(copse_key_from_seed(&env, seed, &key, NULL) == COPSE_OK, "no key");
    return key;
}

static void driver_texts(char **arguments)
{
    copse_key *key = driver_key(arguments[0]);
    copse_cid cid;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(copse_key_public(key), text);
    (void)printf("%s\n", text);
    (void)copse_public_key_to_name(copse_key_public(key), text);
    (void)printf("%s\n", text);
    copse_public_key_to_cid(copse_key_public(key), &cid);
    (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
    (void)printf("%s\n", text);
    (void)copse_public_key_to_peer_id(copse_key_public(key), text);
    (void)printf("%s\n", text);
    copse_key_free(key);
}

static void driver_make(char **arguments)
{
    copse_key *key = driver_key(arguments[0]);
    copse_ipns_record record = {.value = copse_bytes_of_text(arguments[1]),
                                .sequence = strtoull(arguments[2], NULL, 10),
                                .eol_ms = strtoull(arguments[3], NULL, 10),
                                .eol_ns = (uint32_t)strtoul(arguments[4], NULL, 10),
                                .ttl_ns = strtoull(arguments[5], NULL, 10)};
    copse_buf buf;
    copse_buf_init(&buf, &env, DRIVER_INPUT_SIZE_MAX);
    driver_must(copse_ipns_make(key, &record, &buf, NULL) == COPSE_OK, "no record");
    driver_print_hex(copse_buf_view(&buf));
    copse_buf_release(&buf);
    copse_key_free(key);
}

static void driver_verify(char **arguments)
{
    static uint8_t bytes[DRIVER_INPUT_SIZE_MAX / 2];
    copse_public_key name;
    copse_ipns_record record;
    driver_must(copse_public_key_from_name(copse_bytes_of_text(arguments[0]), &name, NULL) ==
                    COPSE_OK,
                "no name");
    copse_status status = copse_ipns_verify(&env, driver_read_hex(bytes), &name,
                                            strtoull(arguments[1], NULL, 10), &record, NULL);
    (void)printf("%s\n", copse_status_name(status));
    if (status == COPSE_OK) {
        (void)printf("%.*s\n%llu\n%llu\n%u\n%llu\n", (int)record.value.len,
                     (const char *)record.value.ptr, (unsigned long long)record.sequence,
                     (unsigned long long)record.eol_ms, (unsigned)record.eol_ns,
                     (unsigned long long)record.ttl_ns);
    }
}

static void driver_newer(char **arguments)
{
    static uint8_t bytes[2][DRIVER_INPUT_SIZE_MAX / 2];
    copse_public_key name;
    copse_ipns_record records[2];
    driver_must(copse_public_key_from_name(copse_bytes_of_text(arguments[0]), &name, NULL) ==
                    COPSE_OK,
                "no name");
    for (size_t i = 0; i < 2; i++) {
        driver_must(copse_ipns_verify(&env, driver_read_hex(bytes[i]), &name, 0, &records[i],
                                      NULL) == COPSE_OK,
                    "no record");
    }
    int order = copse_ipns_compare(&records[0], &records[1]);
    (void)printf("%d\n", (order > 0) - (order < 0));
}

static void driver_seal(char **arguments)
{
    copse_key *key = driver_key(arguments[0]);
    copse_key_file_cost cost;
    copse_buf buf;
    copse_key_file_cost_init(&cost);
    copse_buf_init(&buf, &env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    driver_must(copse_key_file_seal(&env, key, copse_bytes_of_text(arguments[1]), &cost, &buf,
                                    NULL) == COPSE_OK,
                "no key file");
    driver_print_hex(copse_buf_view(&buf));
    copse_buf_release(&buf);
    copse_key_free(key);
}

static void driver_open(char **arguments)
{
    static uint8_t bytes[DRIVER_INPUT_SIZE_MAX / 2];
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    copse_key *key = NULL;
    copse_status status = copse_key_file_open(&env, driver_read_hex(bytes),
                                              copse_bytes_of_text(arguments[0]), &key, NULL);
    if (status == COPSE_OK) {
        (void)copse_public_key_to_did(copse_key_public(key), text);
    }
    (void)printf("%s\n", status == COPSE_OK ? text : copse_status_name(status));
    copse_key_free(key);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        void (*run)(char **arguments);
    } commands[] = {{"texts", 1, driver_texts},   {"make", 6, driver_make},
                    {"verify", 2, driver_verify}, {"newer", 1, driver_newer},
                    {"seal", 2, driver_seal},     {"open", 1, driver_open}};
    copse_env_init(&env);
    copse_env_init_posix(&env);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (argc == commands[i].arguments + 2 && strcmp(argv[1], commands[i].name) == 0) {
            commands[i].run(argv + 2);
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: see the head of tests/foreign/ipns_driver.c\n");
    return 2;
}
