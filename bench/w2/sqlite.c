/* SQLite in workload W2: the same posts, the same indexes, the same questions as copse.c. WAL,
 * synchronous=NORMAL (no fsync a commit), 64 MB of cache, prepared statements, as the harness has
 * it. The scan of an unindexed field reads documents as SQLite keeps documents: JSON text,
 * json_extract.
 *
 * usage: sqlite PEER N FILE
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "w2.h"

#include <sqlite3.h>
#include <sys/stat.h>

static sqlite3 *db;
static sqlite3_stmt *insert_post;
static sqlite3_stmt *insert_tag;

static void execute(const char *sql)
{
    char *problem = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK) {
        (void)fprintf(stderr, "%s: %s\n", sql, problem);
        exit(1);
    }
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "%s\n", sqlite3_errmsg(db));
        exit(1);
    }
    return statement;
}

/* The text behind `key` in a line that gen.mjs wrote; it has no escapes. */
static const char *field(const char *line, const char *key, const char *ends, int *ret_size)
{
    const char *start = strstr(line, key) + strlen(key);
    *ret_size = (int)strcspn(start, ends);
    return start;
}

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        (void)fprintf(stderr, "%s\n", sqlite3_errmsg(db));
        exit(1);
    }
    (void)sqlite3_reset(statement);
}

static void add_post(const char *line)
{
    int id_size;
    int author_size;
    int time_size;
    int text_size;
    int tags_size;
    const char *id = field(line, "\"_id\":\"", "\"", &id_size);
    const char *author = field(line, "\"author\":\"", "\"", &author_size);
    const char *text = field(line, "\"text\":\"", "\"", &text_size);
    const char *tags = field(line, "\"tags\":[", "]", &tags_size);
    long long time = atoll(field(line, "\"createdAt\":", ",}", &time_size));
    sqlite3_bind_text(insert_post, 1, id, id_size, SQLITE_STATIC);
    sqlite3_bind_text(insert_post, 2, author, author_size, SQLITE_STATIC);
    sqlite3_bind_int64(insert_post, 3, time);
    sqlite3_bind_text(insert_post, 4, text, text_size, SQLITE_STATIC);
    sqlite3_bind_text(insert_post, 5, tags - 1, tags_size + 2, SQLITE_STATIC);
    step(insert_post);
    for (const char *tag = tags; tag < tags + tags_size;) {
        const char *end = strchr(++tag, '"');
        sqlite3_bind_text(insert_tag, 1, tag, (int)(end - tag), SQLITE_STATIC);
        sqlite3_bind_int64(insert_tag, 2, time);
        sqlite3_bind_text(insert_tag, 3, id, id_size, SQLITE_STATIC);
        step(insert_tag);
        tag = end + 2;
    }
}

static void load(const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    long lines = 0;
    struct stat info;
    FILE *file = w2_open("posts");
    double started = w2_now();
    execute("BEGIN");
    while (getline(&line, &capacity, file) > 0) {
        add_post(line);
        lines++;
    }
    execute("COMMIT");
    w2_row("load", (double)lines / (w2_now() - started), "docs/s");
    w2_row("rss_load", w2_peak_mb(), "MB");
    execute("PRAGMA wal_checkpoint(TRUNCATE)");
    (void)stat(path, &info);
    w2_row("disk", (double)info.st_blocks * 512, "B");
    free(line);
    (void)fclose(file);
}

static long run(void *ctx)
{
    volatile long sink = 0;
    long rows = 0;
    while (sqlite3_step(ctx) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(ctx); i++) {
            sink += sqlite3_column_bytes(ctx, i) + *sqlite3_column_text(ctx, i);
        }
        rows++;
    }
    (void)sqlite3_reset(ctx);
    return rows;
}

static void query(const char *metric, const char *sql, long expected, int repeats)
{
    sqlite3_stmt *statement = prepare(sql);
    w2_measure(metric, run, statement, expected, repeats);
    (void)sqlite3_finalize(statement);
}

static void queries(void)
{
    char sql[256];
    query("q_tag",
          "SELECT p.* FROM post_tags t JOIN posts p ON p._id=t._id WHERE t.tag='cats' "
          "ORDER BY t.createdAt DESC, t._id DESC LIMIT 32",
          32, W2_REPEATS);
    query("q_tag_covered",
          "SELECT _id, createdAt FROM post_tags WHERE tag='cats' "
          "ORDER BY createdAt DESC, _id DESC LIMIT 32",
          32, W2_REPEATS);
    (void)snprintf(sql, sizeof sql, "SELECT * FROM posts WHERE createdAt>=%lld AND createdAt<%lld",
                   W2_MONTH_FROM, W2_MONTH_TO);
    query("q_month", sql, -1, W2_REPEATS);
    query("q_author",
          "SELECT * FROM posts WHERE author='user7' ORDER BY createdAt DESC, _id DESC LIMIT 20", 20,
          W2_REPEATS);
}

static void inserts(void)
{
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;
    FILE *file = w2_open("more");
    double written = w2_written();
    double started = w2_now();
    while (getline(&line, &capacity, file) > 0) {
        execute("BEGIN");
        add_post(line);
        execute("COMMIT");
        count++;
    }
    w2_row("insert", count / (w2_now() - started), "commits/s");
    w2_row("insert_wchar", (w2_written() - written) / count, "B/commit");
    free(line);
    (void)fclose(file);
}

static void updates(void)
{
    char id[W2_ID_SIZE];
    char author[32];
    int count = 0;
    FILE *file = w2_open("ids");
    sqlite3_stmt *statement = prepare("UPDATE posts SET author=? WHERE _id=?");
    double written = w2_written();
    double cpu = w2_cpu();
    double started = w2_now();
    while (w2_next_id(file, id)) {
        (void)snprintf(author, sizeof author, "writer%d", count++);
        sqlite3_bind_text(statement, 1, author, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
        execute("BEGIN");
        step(statement);
        if (sqlite3_changes(db) != 1) {
            exit(1);
        }
        execute("COMMIT");
    }
    w2_row("update", count / (w2_now() - started), "commits/s");
    w2_row("update_cpu", (w2_cpu() - cpu) / count * 1e6, "us/commit");
    w2_row("update_wchar", (w2_written() - written) / count, "B/commit");
    (void)sqlite3_finalize(statement);
    (void)fclose(file);
}

static void index_build(void)
{
    double started = w2_now();
    execute("CREATE INDEX p_t ON posts(text)");
    w2_row("index", w2_now() - started, "s");
}

/* Documents as JSON text, for the scan and the groups. */
static void scan(void)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = w2_open("posts");
    execute("CREATE TABLE documents(_id INTEGER PRIMARY KEY, document TEXT)");
    execute("BEGIN");
    sqlite3_stmt *insert = prepare("INSERT INTO documents(document) VALUES(?)");
    while (getline(&line, &capacity, file) > 0) {
        sqlite3_bind_text(insert, 1, line, (int)strlen(line) - 1, SQLITE_STATIC);
        step(insert);
    }
    execute("COMMIT");
    (void)sqlite3_finalize(insert);
    query("q_scan", "SELECT document FROM documents WHERE json_extract(document,'$.text') < 'b'",
          -1, 5);
    query("group", "SELECT json_extract(document,'$.author'), count(*) FROM documents GROUP BY 1",
          -1, 5);
    free(line);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        return 2;
    }
    w2_peer = argv[1];
    w2_posts = atol(argv[2]);
    if (sqlite3_open(argv[3], &db) != SQLITE_OK) {
        return 1;
    }
    execute("PRAGMA cache_size=-65536; PRAGMA mmap_size=1073741824; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=NORMAL;"
            "CREATE TABLE posts(_id TEXT PRIMARY KEY, author TEXT, createdAt INTEGER, text TEXT,"
            " tags TEXT) WITHOUT ROWID; CREATE INDEX p_c ON posts(createdAt);"
            "CREATE INDEX p_ac ON posts(author, createdAt);"
            "CREATE TABLE post_tags(tag TEXT, createdAt INTEGER, _id TEXT,"
            " PRIMARY KEY(tag, createdAt, _id)) WITHOUT ROWID;");
    insert_post = prepare("INSERT INTO posts VALUES(?,?,?,?,?)");
    insert_tag = prepare("INSERT INTO post_tags VALUES(?,?,?)");
    load(argv[3]);
    queries();
    inserts();
    updates();
    index_build();
    w2_row("rss_peak", w2_peak_mb(), "MB");
    scan();
    return 0;
}
