// The little of simdjson that the event decoder needs, as C: parse one document, look values up by
// JSON Pointer (RFC 6901). Values point into the parser and hold until its next parse.
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
    JSON_REAL = 4,
    JSON_STRING = 5,
    JSON_OTHER = 6,
} json_kind;

typedef struct json_value {
    json_kind kind;
    int64_t integer;
    uint64_t unsigned_integer;
    double real;
    const char *text;
    size_t length;
} json_value;

// NULL where memory is short. Documents of at most `bytes_max` bytes, nested at most `depth_max` deep.
json_parser *json_parser_create(size_t bytes_max, size_t depth_max);
void json_parser_destroy(json_parser *parser);
// Copies the document; an object must be its root.
json_outcome json_parser_parse(json_parser *parser, const uint8_t *bytes, size_t count);
// After a parse that was OK.
json_value json_parser_value(const json_parser *parser, const char *pointer, size_t length);

#ifdef __cplusplus
}
#endif

#endif
