#include "CSimdJSON.h"
#include "tokens.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr uint32_t NOT_AN_ARRAY = std::numeric_limits<uint32_t>::max();
constexpr int SETTLED = -1;

// One step of a pointer: a key, and the place in an array where it is one.
struct step {
    std::string key;
    uint32_t index;
};

struct field {
    std::vector<step> steps;
    // So many steps led into the containers that are open now; SETTLED when the value was found, or
    // cannot be found any more, because the first value on its path has no such part.
    int matched;
    json_kind kind;
    bool has_escape;
    // The token without its quotes, in the copy of the document.
    const char *begin;
    const char *end;
};

// RFC 6901: an index has no leading zero.
uint32_t array_index(std::string_view key) {
    if (key.empty() || (key[0] == '0' && key.size() > 1)) return NOT_AN_ARRAY;
    uint32_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    return error == std::errc() && end == key.data() + key.size() ? index : NOT_AN_ARRAY;
}

std::vector<step> steps_of(std::string_view pointer) {
    std::vector<step> steps;
    while (!pointer.empty()) {
        const size_t end = std::min(pointer.find('/', 1), pointer.size());
        std::string key;
        for (size_t at = 1; at < end; ++at) {
            const bool is_tilde = pointer[at] == '~' && at + 1 < end;
            key += !is_tilde ? pointer[at] : pointer[++at] == '1' ? '/' : '~';
        }
        const uint32_t index = array_index(key);
        steps.push_back({std::move(key), index});
        pointer.remove_prefix(end);
    }
    return steps;
}

} // namespace

struct json_parser {
    size_t bytes_max;
    int depth_max;
    std::unique_ptr<char[]> bytes;
    // Room for one text whose escapes are read.
    std::unique_ptr<char[]> text;
    std::vector<field> fields;
    // For each open container the place in its array; NOT_AN_ARRAY for an object.
    std::unique_ptr<uint32_t[]> places;

    // The most that any field has matched: deeper containers are passed over.
    int watched;

    json_outcome parse(const char *at, const char *end);

private:
    const char *key(const char *at, int depth);
    void element(int depth, uint32_t place);
    const char *scalar(const char *at, int depth);
    void find(int depth, json_kind kind, bool has_escape, const char *begin, const char *end);
    void close(int depth);
    void watch();
};

// A key with its colon: the pointers that name it go one step on. Those that were led here by an earlier
// key of the same name are settled.
const char *json_parser::key(const char *at, int depth) {
    if (*at != '"') return nullptr;
    bool has_escape;
    const char *begin = at + 1;
    const char *end = json::find_quote(begin, has_escape);
    if (!end) return nullptr;
    const char *next = json::skip_space(end + 1);
    if (*next != ':') return nullptr;
    if (watched < depth - 1) return next + 1;
    if (has_escape) {
        end = json::unescape(begin, end, text.get());
        // No pointer names a key that is no Unicode.
        if (!end) return next + 1;
        begin = text.get();
    }
    const size_t length = static_cast<size_t>(end - begin);
    for (auto &field : fields) {
        if (field.matched != depth - 1) continue;
        const std::string &wanted = field.steps[depth - 1].key;
        if (wanted.size() == length && std::memcmp(wanted.data(), begin, length) == 0) field.matched = watched = depth;
    }
    return next + 1;
}

void json_parser::element(int depth, uint32_t place) {
    if (watched < depth - 1) return;
    for (auto &field : fields) {
        if (field.matched == depth - 1 && field.steps[depth - 1].index == place) field.matched = watched = depth;
    }
}

// The value before which `depth` containers are open is found: it is what the pointers that end here ask
// for, and nothing for those that go on.
void json_parser::find(int depth, json_kind kind, bool has_escape, const char *begin, const char *end) {
    if (watched < depth) return;
    for (auto &field : fields) {
        if (field.matched != depth) continue;
        if (field.steps.size() == static_cast<size_t>(depth)) {
            field.kind = kind;
            field.has_escape = has_escape;
            field.begin = begin;
            field.end = end;
            field.matched = SETTLED;
        } else if (begin) {
            field.matched = SETTLED;
        }
    }
    watch();
}

void json_parser::close(int depth) {
    if (watched < depth) return;
    for (auto &field : fields) {
        if (field.matched == depth) field.matched = SETTLED;
    }
    watch();
}

void json_parser::watch() {
    watched = SETTLED;
    for (const auto &field : fields) watched = std::max(watched, field.matched);
}

const char *json_parser::scalar(const char *at, int depth) {
    const char *end;
    bool has_escape = false;
    json_kind kind = JSON_OTHER;
    switch (*at) {
    case '"':
        if (!(end = json::find_quote(at + 1, has_escape))) return nullptr;
        find(depth, JSON_STRING, has_escape, at + 1, end);
        return end + 1;
    case 't': end = json::skip_word(at, "true"); break;
    case 'f': end = json::skip_word(at, "false"); break;
    case 'n':
        end = json::skip_word(at, "null");
        kind = JSON_NULL;
        break;
    default: {
        bool is_integer;
        end = json::skip_number(at, is_integer);
        kind = is_integer ? JSON_INTEGER : JSON_REAL;
    }
    }
    if (end) find(depth, kind, false, at, end);
    return end;
}

json_outcome json_parser::parse(const char *at, const char *end) {
    for (auto &field : fields) {
        field.matched = 0;
        field.kind = JSON_MISSING;
    }
    watched = 0;
    int depth = 0;
    at = json::skip_space(at);
    if (*at != '{') return JSON_MALFORMED;
    for (;;) {
        // A value begins.
        if (*at == '{' || *at == '[') {
            const bool is_object = *at == '{';
            find(depth, JSON_OTHER, false, nullptr, nullptr);
            if (depth == depth_max) return JSON_TOO_DEEP;
            places[depth++] = is_object ? NOT_AN_ARRAY : 0;
            at = json::skip_space(at + 1);
            if (*at != (is_object ? '}' : ']')) {
                if (is_object) {
                    if (!(at = key(at, depth))) return JSON_MALFORMED;
                    at = json::skip_space(at);
                } else {
                    element(depth, 0);
                }
                continue;
            }
        } else {
            if (!(at = scalar(at, depth))) return JSON_MALFORMED;
            at = json::skip_space(at);
        }
        // A value has ended, or an empty container stands before its end.
        for (;;) {
            const bool is_object = places[depth - 1] == NOT_AN_ARRAY;
            if (*at == ',') break;
            if (*at != (is_object ? '}' : ']')) return JSON_MALFORMED;
            close(--depth);
            at = json::skip_space(at + 1);
            if (depth == 0) return at == end ? JSON_OK : JSON_MALFORMED;
        }
        at = json::skip_space(at + 1);
        if (places[depth - 1] == NOT_AN_ARRAY) {
            if (!(at = key(at, depth))) return JSON_MALFORMED;
            at = json::skip_space(at);
        } else {
            element(depth, ++places[depth - 1]);
        }
    }
}

json_parser *json_parser_create(size_t bytes_max, int depth_max) {
    std::unique_ptr<json_parser> made(new (std::nothrow) json_parser);
    if (!made || depth_max < 1) return nullptr;
    made->bytes_max = bytes_max;
    made->depth_max = depth_max;
    made->bytes.reset(new (std::nothrow) char[bytes_max + 1]());
    made->text.reset(new (std::nothrow) char[bytes_max + 1]());
    made->places.reset(new (std::nothrow) uint32_t[depth_max]());
    return made->bytes && made->text && made->places ? made.release() : nullptr;
}

void json_parser_destroy(json_parser *parser) { delete parser; }

bool json_parser_add(json_parser *parser, const char *pointer, size_t length) {
    try {
        parser->fields.push_back({steps_of(std::string_view(pointer, length)), 0, JSON_MISSING, false, nullptr, nullptr});
        return true;
    } catch (const std::bad_alloc &) {
        return false;
    }
}

json_outcome json_parser_parse(json_parser *parser, const uint8_t *bytes, size_t count) {
    static constexpr uint8_t MARK[] = {0xEF, 0xBB, 0xBF};
    if (count >= sizeof(MARK) && std::memcmp(bytes, MARK, sizeof(MARK)) == 0) {
        bytes += sizeof(MARK);
        count -= sizeof(MARK);
    }
    if (count > parser->bytes_max) return JSON_TOO_LARGE;
    // The copy ends with a zero, the record does not.
    char *copy = parser->bytes.get();
    std::memcpy(copy, bytes, count);
    copy[count] = 0;
    if (!simdjson::validate_utf8(copy, count)) return JSON_MALFORMED;
    return parser->parse(copy, copy + count);
}

static double real_number(const char *begin, const char *end) {
    double real = 0;
    // What a double does not hold is left to strtod, which tells too large from too small.
    if (std::from_chars(begin, end, real).ec == std::errc::result_out_of_range) real = std::strtod(begin, nullptr);
    return real;
}

json_value json_parser_value(json_parser *parser, size_t number) {
    json_value value = {};
    if (number >= parser->fields.size()) return value;
    const field &field = parser->fields[number];
    value.kind = field.kind;
    if (field.kind == JSON_MISSING || field.kind == JSON_OTHER) return value;
    value.text = field.begin;
    value.length = static_cast<size_t>(field.end - field.begin);
    if (field.kind == JSON_STRING && field.has_escape) {
        value.text = parser->text.get();
        const char *end = json::unescape(field.begin, field.end, parser->text.get());
        if (!end) value.kind = JSON_BROKEN_STRING;
        value.length = end ? static_cast<size_t>(end - value.text) : 0;
    }
    if (field.kind == JSON_REAL) value.real = real_number(field.begin, field.end);
    if (field.kind != JSON_INTEGER) return value;
    if (std::from_chars(field.begin, field.end, value.integer).ec == std::errc()) return value;
    value.kind = JSON_UNSIGNED;
    if (std::from_chars(field.begin, field.end, value.unsigned_integer).ec == std::errc()) return value;
    value.kind = JSON_BIG_INTEGER;
    value.real = real_number(field.begin, field.end);
    return value;
}
