// JSON on demand, as C: one pass checks the grammar of a whole document and remembers where the values
// that were asked for stand, by JSON Pointer (RFC 6901). Only those are converted; what no pointer names
// may be any JSON value: a number of any size, a string whose escapes are no Unicode.
#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct json_parser json_parser;

typedef enum json_outcome {
    JSON_OK = 0,
    JSON_MALFORMED = 1,
    JSON_TOO_LARGE = 2,
    JSON_TOO_DEEP = 3,
} json_outcome;

typedef enum json_kind {
    JSON_MISSING = 0,
    JSON_NULL = 1,
    JSON_INTEGER = 2,
    JSON_UNSIGNED = 3,
    // An integer that 64 bits do not hold.
    JSON_BIG_INTEGER = 4,
    // Not finite where a double does not hold the number.
    JSON_REAL = 5,
    JSON_STRING = 6,
    // true, false, an object or an array.
    JSON_OTHER = 7,
    // A string with an escape that is no Unicode: half of a surrogate pair.
    JSON_BROKEN_STRING = 8,
} json_kind;

typedef struct json_value {
    json_kind kind;
    int64_t integer;
    uint64_t unsigned_integer;
    // Of reals and big integers.
    double real;
    // The text of a string; the digits of a number as they stand in the document.
    const char *text;
    size_t length;
} json_value;

// NULL where memory is short. Documents of at most `bytes_max` bytes, nested at most `depth_max` deep.
json_parser *json_parser_create(size_t bytes_max, int depth_max);
void json_parser_destroy(json_parser *parser);
// Adds a value to look for, before the first parse; false where memory is short. Pointers are numbered
// from 0 in the order in which they are added. Where a key comes twice the first one counts.
bool json_parser_add(json_parser *parser, const char *pointer, size_t length);
// Copies the document; an object must be its root. A byte order mark before it is passed over.
json_outcome json_parser_parse(json_parser *parser, const uint8_t *bytes, size_t count);
// After a parse that was OK. The text holds until the next call.
json_value json_parser_value(json_parser *parser, size_t number);

#ifdef __cplusplus
}
#endif

#endif
