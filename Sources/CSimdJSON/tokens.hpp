// The tokens of JSON (RFC 8259). Every function takes the start of a token in bytes that end with a zero,
// which no token holds, and returns the end of the token, or nullptr where there is none.
#ifndef TOKENS_HPP
#define TOKENS_HPP

#include <cstddef>
#include <cstdint>

namespace json {

inline const char *skip_space(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') ++at;
    return at;
}

inline bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

inline const char *skip_digits(const char *at) {
    if (!is_digit(*at)) return nullptr;
    while (is_digit(*at)) ++at;
    return at;
}

// A number of any size; `is_integer` where it has neither fraction nor exponent.
inline const char *skip_number(const char *at, bool &is_integer) {
    is_integer = true;
    if (*at == '-') ++at;
    if (*at == '0') {
        ++at;
    } else if (!(at = skip_digits(at))) {
        return nullptr;
    }
    if (*at == '.') {
        is_integer = false;
        if (!(at = skip_digits(at + 1))) return nullptr;
    }
    if (*at == 'e' || *at == 'E') {
        is_integer = false;
        ++at;
        if (*at == '+' || *at == '-') ++at;
        at = skip_digits(at);
    }
    return at;
}

inline const char *skip_word(const char *at, const char *word) {
    while (*word) {
        if (*at++ != *word++) return nullptr;
    }
    return at;
}

// -1 where it is no hexadecimal digit.
inline int hex_digit(char byte) {
    if (is_digit(byte)) return byte - '0';
    const char lower = static_cast<char>(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// From behind the opening quote to the closing one; `has_escape` where the text is not as it stands.
inline const char *find_quote(const char *at, bool &has_escape) {
    has_escape = false;
    for (;; ++at) {
        const auto byte = static_cast<unsigned char>(*at);
        if (byte == '"') return at;
        if (byte < 0x20) return nullptr;
        if (byte != '\\') continue;
        has_escape = true;
        switch (*++at) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
            break;
        case 'u':
            for (int digit = 0; digit < 4; ++digit) {
                if (hex_digit(*++at) < 0) return nullptr;
            }
            break;
        default:
            return nullptr;
        }
    }
}

// Writes the text between two quotes, which find_quote has passed, to `out`, which has as much room as the
// escaped text. Returns its end, or nullptr where an escape is half of a surrogate pair.
char *unescape(const char *at, const char *end, char *out);

} // namespace json

#endif
