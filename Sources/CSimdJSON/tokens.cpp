#include "tokens.hpp"

namespace json {

static uint32_t code_unit(const char *digits) {
    uint32_t unit = 0;
    for (int place = 0; place < 4; ++place) unit = unit << 4 | static_cast<uint32_t>(hex_digit(digits[place]));
    return unit;
}

static char *put_utf8(uint32_t scalar, char *out) {
    if (scalar < 0x80) {
        *out++ = static_cast<char>(scalar);
    } else if (scalar < 0x800) {
        *out++ = static_cast<char>(0xC0 | scalar >> 6);
        *out++ = static_cast<char>(0x80 | (scalar & 0x3F));
    } else if (scalar < 0x10000) {
        *out++ = static_cast<char>(0xE0 | scalar >> 12);
        *out++ = static_cast<char>(0x80 | (scalar >> 6 & 0x3F));
        *out++ = static_cast<char>(0x80 | (scalar & 0x3F));
    } else {
        *out++ = static_cast<char>(0xF0 | scalar >> 18);
        *out++ = static_cast<char>(0x80 | (scalar >> 12 & 0x3F));
        *out++ = static_cast<char>(0x80 | (scalar >> 6 & 0x3F));
        *out++ = static_cast<char>(0x80 | (scalar & 0x3F));
    }
    return out;
}

char *unescape(const char *at, const char *end, char *out) {
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        const char escape = at[1];
        at += 2;
        switch (escape) {
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u': {
            uint32_t scalar = code_unit(at);
            at += 4;
            if (scalar >= 0xDC00 && scalar < 0xE000) return nullptr;
            if (scalar >= 0xD800 && scalar < 0xDC00) {
                if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return nullptr;
                const uint32_t low = code_unit(at + 2);
                if (low < 0xDC00 || low >= 0xE000) return nullptr;
                at += 6;
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00);
            }
            out = put_utf8(scalar, out);
            break;
        }
        default: *out++ = escape; // A quote, a backslash or a slash.
        }
    }
    return out;
}

} // namespace json
