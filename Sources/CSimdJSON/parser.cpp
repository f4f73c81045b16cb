#include "CSimdJSON.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>

struct json_parser {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::unique_ptr<char[]> bytes;
    size_t bytes_max;
};

json_parser *json_parser_create(size_t bytes_max, size_t depth_max) {
    std::unique_ptr<json_parser> made(new (std::nothrow) json_parser);
    if (!made) return nullptr;
    made->bytes_max = bytes_max;
    made->bytes.reset(new (std::nothrow) char[bytes_max + simdjson::SIMDJSON_PADDING]());
    if (!made->bytes) return nullptr;
    if (made->parser.allocate(bytes_max, depth_max) != simdjson::SUCCESS) return nullptr;
    return made.release();
}

void json_parser_destroy(json_parser *parser) { delete parser; }

json_outcome json_parser_parse(json_parser *parser, const uint8_t *bytes, size_t count) {
    if (count > parser->bytes_max) return JSON_TOO_LARGE;
    // simdjson reads ahead of the end: the copy is padded, the record is not.
    std::memcpy(parser->bytes.get(), bytes, count);
    std::memset(parser->bytes.get() + count, 0, simdjson::SIMDJSON_PADDING);
    const auto result = parser->parser.parse(parser->bytes.get(), count, false).get(parser->root);
    if (result == simdjson::DEPTH_ERROR) return JSON_TOO_DEEP;
    if (result != simdjson::SUCCESS) return JSON_MALFORMED;
    return parser->root.is_object() ? JSON_OK : JSON_MALFORMED;
}

json_value json_parser_value(const json_parser *parser, const char *pointer, size_t length) {
    json_value value = {};
    simdjson::dom::element found;
    if (parser->root.at_pointer(std::string_view(pointer, length)).get(found) != simdjson::SUCCESS) return value;
    switch (found.type()) {
    case simdjson::dom::element_type::NULL_VALUE:
        value.kind = JSON_NULL;
        break;
    case simdjson::dom::element_type::INT64:
        value.kind = JSON_INTEGER;
        value.integer = found.get_int64().value_unsafe();
        break;
    case simdjson::dom::element_type::UINT64:
        value.kind = JSON_UNSIGNED;
        value.unsigned_integer = found.get_uint64().value_unsafe();
        break;
    case simdjson::dom::element_type::DOUBLE:
        value.kind = JSON_REAL;
        value.real = found.get_double().value_unsafe();
        break;
    case simdjson::dom::element_type::STRING: {
        const std::string_view text = found.get_string().value_unsafe();
        value.kind = JSON_STRING;
        value.text = text.data();
        value.length = text.size();
        break;
    }
    default:
        value.kind = JSON_OTHER;
    }
    return value;
}
